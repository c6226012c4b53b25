/* JSON lines on file descriptor 1. Owns the prefix every line carries and the level; nothing else.
 *
 * Any thread calls log_write; there is no lock, because a line is built in the caller's own memory and leaves
 * with one write(2) of at most PIPE_BUF bytes, which the kernel does not interleave with others. The line
 * ends with a newline or was not written at all: a short write (a full disk) can only cut the last line of a
 * file. Nothing here can fail for the caller: a line that does not go out is counted and forgotten, since a
 * service desk must not stop because nobody reads its log.
 */
#include "log/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum {
    VALUE_MAX = 1024,
    LINE_MAX_BYTES = PIPE_BUF, /* what a pipe takes in one piece */
    TAIL = sizeof ",\"cut\":true}\n" - 1,
    PREFIX_MAX = 512,
    PATIENCE_MS = 100, /* how long a full pipe may hold up the caller */
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static _Atomic int least_level = LOG_INFO;
static _Atomic uint64_t dropped;
/* Members that follow msg, rendered once by log_open before threads start: ,"svc":"intake",... */
static char prefix[PREFIX_MAX];

static struct str cut(struct str value, const char **ret_dots)
{
    *ret_dots = NULL;
    if (value.n <= VALUE_MAX)
        return value;
    value.n = VALUE_MAX;
    while (value.n && ((unsigned char)value.p[value.n] & 0xc0) == 0x80)
        value.n--;
    *ret_dots = "...";
    return value;
}

static void add_text(struct buf *line, struct str value)
{
    const char *dots;

    value = cut(value, &dots);
    buf_json_str(line, value);
    if (dots) {
        line->n--; /* the closing quote */
        buf_add_text(line, dots);
        buf_add_char(line, '"');
    }
}

static void add_field(struct buf *line, const struct log_field *field)
{
    buf_add_char(line, ',');
    buf_json_text(line, field->key);
    buf_add_char(line, ':');
    switch (field->kind) {
    case LOG_TEXT:
        if (field->text)
            add_text(line, str_from(field->text));
        else
            buf_add_text(line, "null");
        break;
    case LOG_STR:
        add_text(line, field->str);
        break;
    case LOG_INTEGER:
        buf_add_i64(line, field->integer);
        break;
    case LOG_DOUBLE:
        if (isfinite(field->real))
            buf_printf(line, "%.9g", field->real);
        else
            buf_add_text(line, "null"); /* JSON has no infinity */
        break;
    }
}

void log_open(const char *service, const char *region, const char *instance, enum log_level least)
{
    _cleanup_buf_ struct buf members = BUF_INIT;
    const struct log_field fields[] = {L_TEXT("svc", service), L_TEXT("region", region),
                                       L_TEXT("instance", instance)};

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        size_t before = members.n;
        add_field(&members, &fields[i]);
        if (members.n >= PREFIX_MAX)
            members.n = before;
    }
    if (members.n)
        memcpy(prefix, members.p, members.n);
    prefix[members.n] = 0;
    log_set_level(least);
}

void log_set_level(enum log_level least)
{
    atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
        if (text && strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -E_CONFIG;
}

/* One write. A pipe that somebody made non-blocking may be full for a moment; a line is worth a short wait,
 * not a long one. */
static bool write_line(const struct buf *line)
{
    for (;;) {
        ssize_t n = write(STDOUT_FILENO, line->p, line->n);
        if (n >= 0)
            return (size_t)n == line->n;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return false;
        struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
        if (poll(&out, 1, PATIENCE_MS) <= 0)
            return false;
    }
}

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
    _cleanup_buf_ struct buf line = BUF_INIT;
    char ts[CLOCK_TEXT_SIZE];
    int saved_errno = errno;
    bool left_out = false;

    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    buf_reserve(&line, 512);
    buf_printf(&line, "{\"ts\":\"%s\",\"level\":\"%s\",\"msg\":", clock_format(clock_now_us(), ts),
               level_names[level]);
    add_text(&line, str_from(message));
    buf_add_text(&line, prefix);
    for (size_t i = 0; i < n; i++) {
        size_t before = line.n;
        add_field(&line, &fields[i]);
        if (line.n + TAIL > LINE_MAX_BYTES) {
            line.n = before;
            left_out = true;
        }
    }
    buf_add_text(&line, left_out ? ",\"cut\":true}\n" : "}\n");
    if (!write_line(&line))
        atomic_fetch_add(&dropped, 1);
    errno = saved_errno;
}

uint64_t log_dropped(void)
{
    return atomic_load(&dropped);
}
