/* Rendering for terminals. Texts of other people are printed without control characters, so that nobody can
 * move the reader's cursor. */
#include "deskctl/output.h"
#include "base/buf.h"
#include "base/clock.h"
#include "deskctl/cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Decodes one UTF-8 character (input is valid UTF-8, as jansson gives it). */
static const char *next_point(const char *p, unsigned *ret_point)
{
    unsigned char c = (unsigned char)*p++;
    int extra = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    unsigned point = extra == 3 ? c & 7u : extra == 2 ? c & 15u : extra == 1 ? c & 31u : c;

    while (extra-- && *p)
        point = point << 6 | ((unsigned char)*p++ & 63u);
    *ret_point = point;
    return p;
}

/* Columns of a character on a terminal: East Asian wide ranges count two (Unicode 15, EastAsianWidth W and F,
 * main blocks). */
static int point_width(unsigned c)
{
    if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
        (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
        (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd))
        return 2;
    return 1;
}

/* Marks that turn the direction of what follows around, and line ends of Unicode. */
static bool point_is_unsafe(unsigned c)
{
    return c < 32 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Copies a text as one safe line, cut to `max` columns with an ellipsis; returns its width. */
static int cell(struct buf *out, const char *text, int max)
{
    int width = 0;

    while (*text) {
        unsigned point;
        const char *next = next_point(text, &point);
        int w = point_width(point);
        if (max && width + w > max - (*next ? 1 : 0)) {
            buf_add_text(out, "…");
            return width + 1;
        }
        if (point_is_unsafe(point))
            buf_add_char(out, ' ');
        else
            buf_add(out, text, (size_t)(next - text));
        width += w;
        text = next;
    }
    return width;
}

void output_line(struct buf *out, const char *text)
{
    (void)cell(out, text, 0);
}

const char *output_at(const json_t *json, const char *path)
{
    static struct buf ring[8];
    static unsigned turn;
    struct buf *text = &ring[turn++ % 8];
    struct str rest = str_from(path), name;
    char key[64];
    bool more = true;

    buf_reset(text);
    while (more && json) {
        more = str_cut(rest, '.', &name, &rest);
        snprintf(key, sizeof key, "%.*s", (int)name.n, name.p);
        json = json_object_get(json, key);
    }
    if (json_is_string(json))
        buf_add_text(text, json_string_value(json));
    else if (json_is_integer(json))
        buf_add_i64(text, json_integer_value(json));
    else if (json_is_real(json))
        buf_printf(text, "%.1f", json_real_value(json));
    else if (json_is_boolean(json))
        buf_add_text(text, json_is_true(json) ? T("yes", "是") : T("no", "否"));
    return buf_text(text);
}

const char *output_state(const char *state)
{
    static const char *const names[][2] = {
        {"new", "新建"},        {"open", "处理中"},   {"pending", "挂起"},
        {"resolved", "已解决"}, {"closed", "已关闭"}, {"cancelled", "已取消"},
        {"running", "计时中"},  {"paused", "暂停"},   {"met", "已完成"}};

    for (size_t i = 0; cli_chinese && i < ARRAY_SIZE(names); i++) {
        if (strcmp(state, names[i][0]) == 0)
            return names[i][1];
    }
    return state;
}

const char *output_mib(const char *bytes)
{
    static char text[32];

    if (!*bytes)
        return "";
    snprintf(text, sizeof text, "%.1f", strtod(bytes, NULL) / (1 << 20));
    return text;
}

/* "2 d 3 h", "7 h 59 min", "12 min", "40 s": two units at most. */
static void add_duration(struct buf *out, const char *seconds_text)
{
    int64_t s;

    if (str_to_i64(str_from(seconds_text), INT64_MIN, INT64_MAX, &s) < 0)
        s = 0;
    if (s < 0) {
        buf_add_char(out, '-');
        s = s == INT64_MIN ? INT64_MAX : -s;
    }
    if (s < 60)
        buf_printf(out, T("%lld s", "%lld 秒"), (long long)s);
    else if (s < 3600)
        buf_printf(out, T("%lld min", "%lld 分钟"), (long long)(s / 60));
    else if (s < 86400)
        buf_printf(out, T("%lld h %lld min", "%lld 小时 %lld 分钟"), (long long)(s / 3600),
                   (long long)(s / 60 % 60));
    else
        buf_printf(out, T("%lld d %lld h", "%lld 天 %lld 小时"), (long long)(s / 86400),
                   (long long)(s / 3600 % 24));
}

void output_table(const json_t *items, const struct column *columns, int ncolumns, const char *empty)
{
    enum { MAX_COLUMNS = 16 };
    int widths[MAX_COLUMNS] = {0};
    const json_t *item;
    size_t i;

    if (!json_array_size(items)) {
        fprintf(stderr, "%s\n", empty);
        return;
    }
    for (int pass = 0; pass < 2; pass++) {
        _cleanup_buf_ struct buf line = BUF_INIT;
        for (int c = 0; c < ncolumns; c++) {
            int w = cell(&line, columns[c].title, 0);
            if (pass == 0 && w > widths[c])
                widths[c] = w;
            for (; pass && c + 1 < ncolumns && w < widths[c] + 2; w++)
                buf_add_char(&line, ' ');
        }
        if (pass)
            puts(buf_text(&line));
        json_array_foreach((json_t *)items, i, item)
        {
            buf_reset(&line);
            for (int c = 0; c < ncolumns; c++) {
                const char *value = output_at(item, columns[c].path);
                int w = cell(&line, columns[c].show ? columns[c].show(value) : value, columns[c].max);
                if (pass == 0 && w > widths[c])
                    widths[c] = w;
                for (; pass && c + 1 < ncolumns && w < widths[c] + 2; w++)
                    buf_add_char(&line, ' ');
            }
            while (line.n && line.p[line.n - 1] == ' ')
                line.p[--line.n] = 0; /* of cells that are empty at the end */
            if (pass)
                puts(buf_text(&line));
        }
    }
}

void output_json(const json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
}

/* A text of several lines, indented, without control characters. */
static void print_block(const char *text)
{
    struct str rest = str_from(text), line;
    bool more = true;

    while (more) {
        _cleanup_buf_ struct buf safe = BUF_INIT;
        _cleanup_(freep) char *copy = NULL;
        more = str_cut(rest, '\n', &line, &rest);
        copy = strndup(line.p, line.n);
        cell(&safe, copy ? copy : "", 0);
        printf("    %s\n", buf_text(&safe));
    }
}

static void print_field(const char *label, const char *value)
{
    _cleanup_buf_ struct buf line = BUF_INIT;
    int width;

    if (!*value)
        return;
    width = cell(&line, label, 0);
    do
        buf_add_char(&line, ' ');
    while (++width < 12);
    cell(&line, value, 0);
    puts(buf_text(&line));
}

/* Other targets are called what their plan calls them. */
static const char *target_label(const char *target)
{
    if (strcmp(target, "first_response") == 0)
        return T("first reply", "首次答复");
    if (strcmp(target, "next_reply") == 0)
        return T("next reply", "下次答复");
    if (strcmp(target, "update") == 0)
        return T("next update", "进展更新");
    return strcmp(target, "resolve") == 0 ? T("solution by", "解决时限") : target;
}

static void print_clocks(const json_t *clocks)
{
    const json_t *clock;
    size_t i;

    json_array_foreach((json_t *)clocks, i, clock)
    {
        _cleanup_buf_ struct buf line = BUF_INIT;
        const char *state = output_at(clock, "state"), *due = output_at(clock, "due_at"),
                   *remaining = output_at(clock, "remaining_s");
        buf_add_text(&line, output_state(state));
        if (*due)
            buf_printf(&line, T(", due %s", "，截止 %s"), due);
        else if (*remaining) {
            buf_add_text(&line, T(", left: ", "，剩余 "));
            add_duration(&line, remaining);
        }
        if (*output_at(clock, "breached_at"))
            buf_add_text(&line, T(", BREACHED", "，已违约"));
        else if (*output_at(clock, "warned_at"))
            buf_add_text(&line, T(", warned", "，已预警"));
        print_field(target_label(output_at(clock, "target")), buf_text(&line));
    }
}

static void print_messages(const json_t *messages, const char *title)
{
    const json_t *message;
    size_t i;

    json_array_foreach((json_t *)messages, i, message)
    {
        const json_t *into = json_object_get(message, "split_into"), *number;
        size_t k;

        printf("\n%s %s, %s (%s)\n", title, output_at(message, "author"), output_at(message, "at"),
               output_at(message, "seq"));
        json_array_foreach(into, k, number)
            printf("  %s %s\n", T("split into", "拆分为"), json_string_value(number));
        print_block(output_at(message, "body"));
    }
}

/* A note of whoever had it, or has it and will go. */
static void print_handover(const json_t *handover, const char *title)
{
    const char *const parts[][2] = {{"note.state", T("state", "当前情况")},
                                    {"note.tried", T("tried", "已尝试")},
                                    {"note.last_contact", T("last contact", "最近联系")},
                                    {"note.next_step", T("next step", "下一步")},
                                    {"note.next_step_at", T("by", "时限")}};

    if (!json_is_object(handover))
        return;
    printf("\n%s, %s\n", title, output_at(handover, "at"));
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        print_field(parts[i][1], output_at(handover, parts[i][0]));
}

static void print_handovers(const json_t *ticket)
{
    const json_t *pinned = json_object_get(ticket, "handover");
    _cleanup_buf_ struct buf title = BUF_INIT;

    buf_printf(&title, T("handed over by %s", "%s 交接"), output_at(pinned, "from"));
    if (!*output_at(pinned, "author"))
        buf_add_text(&title, T(" (from the record)", "（根据记录生成）"));
    print_handover(pinned, buf_text(&title));
    print_handover(json_object_get(ticket, "prepared_handover"),
                   T("prepared for when my desk closes", "已备好的下班交接说明"));
}

/* One line each: links by their kind, what has gone up in the ticket by `name`. */
static void print_related(const json_t *items, const char *name)
{
    const json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
    {
        _cleanup_buf_ struct buf line = BUF_INIT;

        buf_printf(&line, "%s  %s", output_at(item, "number"), output_at(item, "subject"));
        print_field(name ? name : output_at(item, "kind"), buf_text(&line));
    }
}

/* How often what has happened; nothing of what has not. */
static void print_journey(const json_t *ticket)
{
    const char *const counts[][2] = {
        {"journey.hops", T("to another team", "转交")},
        {"journey.raised", T("to a higher tier", "升到更高层级")},
        {"journey.bounces", T("back to a team", "其中退回")},
        {"journey.owners", T("owners", "负责人")},
        {"journey.handovers", T("between regions", "跨区域交接")},
        {"journey.holds", T("held", "挂起")},
        {"journey.reopened", T("reopened", "重新打开")},
        {"nudges.count", T("nudged", "催办")},
    };
    _cleanup_buf_ struct buf line = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        const char *n = output_at(ticket, counts[i][0]);

        if (!*n || strcmp(n, "0") == 0)
            continue;
        if (line.n)
            buf_add_text(&line, T(", ", "，"));
        buf_printf(&line, "%s %s", counts[i][1], n);
    }
    print_field(T("journey", "流转"), buf_text(&line));
}

void output_ticket(const json_t *ticket)
{
    _cleanup_buf_ struct buf line = BUF_INIT;

    buf_printf(&line, "%s  P%s  %s", output_at(ticket, "number"), output_at(ticket, "priority"),
               output_state(output_at(ticket, "state")));
    if (*output_at(ticket, "pending_reason"))
        buf_printf(&line, " (%s)", output_at(ticket, "pending_reason"));
    puts(buf_text(&line));
    print_field(T("subject", "主题"), output_at(ticket, "subject"));
    print_field(T("requester", "请求人"), output_at(ticket, "requester.login"));
    print_field(T("team", "团队"),
                *output_at(ticket, "team.slug") ? output_at(ticket, "team.slug") : output_at(ticket, "team"));
    print_field(T("owner", "负责人"), *output_at(ticket, "owner.login") ? output_at(ticket, "owner.login")
                                                                        : T("nobody yet", "暂无"));
    print_field("epoch", output_at(ticket, "epoch"));
    print_field(T("service", "服务"), output_at(ticket, "service"));
    print_field(T("accepted", "受理时间"), output_at(ticket, "accepted_at"));
    print_field(T("who", "谁在处理"), output_at(ticket, "who"));
    print_field(T("stage", "阶段"), output_at(ticket, "stage"));
    print_field(T("waits for", "等待"), output_at(ticket, "waits_for"));
    print_field(T("next", "下一步"), output_at(ticket, "next_step.what"));
    print_field(T("by", "预计"), output_at(ticket, "next_step.by"));
    print_field(T("reopen until", "可重新打开至"), output_at(ticket, "reopen_until"));
    print_journey(ticket);
    print_clocks(json_object_get(ticket, "clocks"));
    if (json_array_size(json_object_get(ticket, "aliases")))
        print_field(T("also", "别名"),
                    json_string_value(json_array_get(json_object_get(ticket, "aliases"), 0)));
    print_related(json_object_get(ticket, "links"), NULL);
    print_related(json_object_get(ticket, "merged"), T("merged", "已并入"));
    print_handovers(ticket);
    if (*output_at(ticket, "description")) {
        putchar('\n');
        print_block(output_at(ticket, "description"));
    }
    print_messages(json_object_get(ticket, "thread"), T("reply by", "回复："));
    print_messages(json_object_get(ticket, "notes"), T("internal note by", "内部备注："));
    if (json_is_object(json_object_get(ticket, "resolution"))) {
        putchar('\n');
        print_field(T("cause", "原因"), output_at(ticket, "resolution.cause"));
        print_field(T("solution", "解决方案"), output_at(ticket, "resolution.solution"));
        print_field(T("prevention", "预防措施"), output_at(ticket, "resolution.prevention"));
    }
}
