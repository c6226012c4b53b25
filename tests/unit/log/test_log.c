/* Every line is one JSON object, written whole, whatever is in it and however many threads write. jansson is
 * the judge. */
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Standard output goes to a file until caught() is called. */
static int saved = -1;
static FILE *file;

static void catch_output(void)
{
    fflush(stdout);
    file = tmpfile();
    cr_assert_not_null(file);
    saved = dup(STDOUT_FILENO);
    /* O_APPEND, as a supervisor would open it */
    fcntl(fileno(file), F_SETFL, O_APPEND);
    dup2(fileno(file), STDOUT_FILENO);
}

static char *caught(void)
{
    static char text[8 * 1024 * 1024];
    ssize_t n;

    dup2(saved, STDOUT_FILENO);
    close(saved);
    n = pread(fileno(file), text, sizeof text - 1, 0);
    cr_assert_geq(n, 0);
    text[n] = 0;
    fclose(file);
    return text;
}

static json_t *parse(const char *line)
{
    json_error_t error;
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

    cr_assert_not_null(object, "%s: %s", error.text, line);
    return object;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

Test(log, a_line_has_its_members_in_order)
{
    char *line;
    json_t *object;
    static const char *const order[] = {"ts",     "level", "msg",   "svc",  "region", "instance",
                                        "ticket", "epoch", "share", "none", "slice"};
    size_t i = 0;
    const char *key;
    json_t *value;

    clock_fake(1795402260123000);
    log_open("router", "eu", "router-eu-1", LOG_INFO);
    catch_output();
    log_info("claimed", L_TEXT("ticket", "EU-1048576"), L_INT("epoch", 3), L_REAL("share", 0.25),
             L_TEXT("none", NULL), L_STR("slice", STR("\xe6\x89\x93\xe5\x8d\xb0")));
    line = caught();
    cr_assert_eq(line[strlen(line) - 1], '\n');
    object = parse(line);
    json_object_foreach(object, key, value) cr_assert_str_eq(key, order[i++]);
    cr_assert_eq(i, sizeof order / sizeof order[0]);
    cr_assert_str_eq(text_of(object, "ts"), "2026-11-23T02:51:00.123Z");
    cr_assert_str_eq(text_of(object, "level"), "info");
    cr_assert_str_eq(text_of(object, "msg"), "claimed");
    cr_assert_str_eq(text_of(object, "svc"), "router");
    cr_assert_str_eq(text_of(object, "instance"), "router-eu-1");
    cr_assert_eq(json_integer_value(json_object_get(object, "epoch")), 3);
    cr_assert_float_eq(json_real_value(json_object_get(object, "share")), 0.25, 0);
    cr_assert(json_is_null(json_object_get(object, "none")));
    cr_assert_str_eq(text_of(object, "slice"), "\xe6\x89\x93\xe5\x8d\xb0");
    json_decref(object);
}

Test(log, without_log_open_and_without_fields)
{
    json_t *object;

    catch_output();
    log_error("early");
    object = parse(caught());
    cr_assert_eq(json_object_size(object), 3);
    json_decref(object);
}

Test(log, hostile_values_stay_inside_their_strings)
{
    json_t *object;

    log_open("a\"b", "\n", "\xff", LOG_DEBUG);
    catch_output();
    log_debug("x\"},{\"level\":\"error", L_TEXT("k\"ey", "a\nb\\\"\x01"),
              L_STR("raw", ((struct str){"\xff\0z", 3})), L_REAL("inf", INFINITY), L_REAL("nan", NAN));
    object = parse(caught());
    cr_assert_str_eq(text_of(object, "svc"), "a\"b");
    cr_assert_str_eq(text_of(object, "instance"), "\xef\xbf\xbd");
    cr_assert_str_eq(text_of(object, "k\"ey"), "a\nb\\\"\x01");
    cr_assert(json_is_null(json_object_get(object, "inf")));
    cr_assert(json_is_null(json_object_get(object, "nan")));
    json_decref(object);
}

Test(log, level_filters)
{
    enum log_level level = LOG_WARN;

    cr_assert_eq(log_level_parse("debug", &level), 0);
    cr_assert_eq(level, LOG_DEBUG);
    cr_assert_eq(log_level_parse("error", &level), 0);
    cr_assert_eq(level, LOG_ERROR);
    cr_assert_eq(log_level_parse("ERROR", &level), -E_CONFIG);
    cr_assert_eq(log_level_parse("", &level), -E_CONFIG);
    cr_assert_eq(log_level_parse(NULL, &level), -E_CONFIG);
    cr_assert_eq(level, LOG_ERROR);
    log_open("a", "b", "c", LOG_WARN);
    catch_output();
    log_debug("no");
    log_info("no");
    log_set_level(LOG_ERROR);
    log_warn("no");
    cr_assert_str_eq(caught(), "");
}

Test(log, long_values_are_cut_at_a_code_point)
{
    char *longer = mem_alloc(4000), *line;
    json_t *object;
    const char *value;

    for (int i = 0; i < 3000; i += 3)
        memcpy(longer + i, "\xe6\x89\x93", 3);
    catch_output();
    log_info("cut", L_TEXT("long", longer));
    line = caught();
    cr_assert_leq(strlen(line), PIPE_BUF);
    object = parse(line);
    value = text_of(object, "long");
    cr_assert_eq(strlen(value), 1023 + 3, "%zu", strlen(value));
    cr_assert_str_eq(value + 1020, "\xe6\x89\x93...");
    json_decref(object);
    free(longer);
}

Test(log, a_line_never_grows_past_a_pipe)
{
    char value[1001] = {0};
    char *line;
    json_t *object;

    memset(value, '\x01', 1000); /* each becomes six bytes */
    catch_output();
    log_info("big", L_TEXT("a", value), L_TEXT("b", "kept"), L_TEXT("c", value), L_INT("d", 4));
    line = caught();
    cr_assert_leq(strlen(line), PIPE_BUF);
    object = parse(line);
    cr_assert_null(json_object_get(object, "a"));
    cr_assert_str_eq(text_of(object, "b"), "kept");
    cr_assert_eq(json_integer_value(json_object_get(object, "d")), 4);
    cr_assert(json_is_true(json_object_get(object, "cut")));
    json_decref(object);
}

Test(log, failures_show_their_name)
{
    json_t *object;

    catch_output();
    log_error("failed", L_ERROR(-E_DB_UNCERTAIN));
    object = parse(caught());
    cr_assert_str_eq(text_of(object, "error"), "E_DB_UNCERTAIN");
    json_decref(object);
}

Test(log, lost_lines_are_counted_and_harm_nobody)
{
    int full = open("/dev/full", O_WRONLY), out = dup(STDOUT_FILENO), ends[2];

    cr_assert_eq(log_dropped(), 0);
    dup2(full, STDOUT_FILENO);
    errno = 42;
    log_info("lost");
    cr_assert_eq(errno, 42, "logging leaves errno alone");
    cr_assert_eq(log_dropped(), 1);
    cr_assert_eq(pipe(ends), 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    dup2(ends[1], STDOUT_FILENO);
    while (log_dropped() < 2) /* until the pipe is full and stays so */
        log_info("nobody reads this");
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    log_info("and now nobody ever will");
    cr_assert_eq(log_dropped(), 3);
    dup2(out, STDOUT_FILENO);
}

enum { THREADS = 4, LINES = 2000 };

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_info("from a thread", L_TEXT("thread", arg), L_INT("i", i),
                 L_TEXT("fill", "----------------------------------------"));
    return NULL;
}

Test(log, lines_of_many_threads_stay_whole)
{
    static char *const names[THREADS] = {"0", "1", "2", "3"};
    pthread_t threads[THREADS];
    int next[THREADS] = {0};
    char *line;

    log_open("svc", "eu", "i", LOG_INFO);
    catch_output();
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    line = caught();
    for (int n = 0; n < THREADS * LINES; n++) {
        char *end = strchr(line, '\n');
        cr_assert_not_null(end);
        *end = 0;
        json_t *object = parse(line);
        int thread = text_of(object, "thread")[0] - '0';
        cr_assert_eq(json_integer_value(json_object_get(object, "i")), next[thread]++);
        json_decref(object);
        line = end + 1;
    }
    cr_assert_str_eq(line, "");
}
