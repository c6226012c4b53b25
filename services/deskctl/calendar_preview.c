/* Makes rows of texts and leaves their printing to output.h, which knows widths and what must not reach a
 * terminal. */
#include "deskctl/calendar_preview.h"
#include "base/civil.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/output.h"
#include "holiday/holidays.h"
#include <stdio.h>

/* "09:00-12:00 13:00-18:00" */
static char *hours_text(const json_t *windows)
{
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < json_array_size(windows); i++) {
        const json_t *window = json_array_get(windows, i);

        buf_printf(&text, "%s%s-%s", i ? " " : "", json_string_value(json_array_get(window, 0)),
                   json_string_value(json_array_get(window, 1)));
    }
    return buf_take(&text);
}

/* The hours of a day of a source, or that it has none. */
static char *day_text(const json_t *day)
{
    const json_t *open = json_object_get(day, "open");

    return open ? hours_text(open) : mem_str(T("closed", "休"));
}

/* ---- import ---- */

static const char *hand_text(const char *hand)
{
    return strcmp(hand, "open") == 0     ? T("by hand: open", "手工：开放")
           : strcmp(hand, "closed") == 0 ? T("by hand: closed", "手工：休")
                                         : T("by hand: closed every year", "手工：每年休");
}

static const char *reason_text(const char *reason)
{
#define X(constant, name, en, zh)                                                                            \
    if (strcmp(reason, name) == 0)                                                                           \
        return T(en, zh);
    HOLIDAY_REASONS(X)
#undef X
    return reason;
}

static void add_row(json_t *rows, const char *sign, const json_t *day, const char *what, const char *note)
{
    const char *name = json_string_value(json_object_get(day, "name"));

    json_array_append_new(rows, json_pack("{s:s, s:O, s:s, s:s, s:s}", "sign", sign, "date",
                                          json_object_get(day, "date"), "what", what, "name",
                                          name ? name : "", "note", note));
}

/* What a day was before: its hours, or else its name, which has changed then. */
static char *was_text(const json_t *day, const json_t *was)
{
    _cleanup_(freep) char *hours = day_text(was);
    const json_t *open = json_object_get(day, "open"), *before = json_object_get(was, "open");
    const char *name = json_string_value(json_object_get(was, "name"));

    if (!name || !open != !before || (open && !json_equal(open, before)))
        return mem_printf(T("was %s", "原为 %s"), hours);
    return mem_printf(T("was named %s", "原名 %s"), name);
}

static void add_rows(json_t *rows, const json_t *source, const char *list, const char *sign)
{
    const json_t *days = json_object_get(source, list);

    for (size_t i = 0; i < json_array_size(days); i++) {
        const json_t *day = json_array_get(days, i), *was = json_object_get(day, "was");
        const char *hand = json_string_value(json_object_get(day, "by_hand"));
        _cleanup_(freep) char *what = day_text(day), *note = was ? was_text(day, was) : NULL;

        add_row(rows, sign, day, what, hand ? hand_text(hand) : note ? note : "");
    }
}

/* Of those left out, the ones that somebody has to look at. */
static void add_parts(json_t *rows, const json_t *source)
{
    const json_t *days = json_object_get(source, "left_out");

    for (size_t i = 0; i < json_array_size(days); i++) {
        const json_t *day = json_array_get(days, i);
        const char *reason = json_string_value(json_object_get(day, "reason"));

        if (strcmp(reason, "part_of_a_day") == 0)
            add_row(rows, "?", day, "", T("part of a day: give its hours by hand", "非全天：请手工填写时间"));
    }
}

static void print_left_out(const json_t *source)
{
    const json_t *days = json_object_get(source, "left_out");
#define X(constant, name, en, zh) {name, 0},
    struct {
        const char *reason;
        int n;
    } counts[] = {HOLIDAY_REASONS(X)};
#undef X

    for (size_t i = 0; i < json_array_size(days); i++)
        for (size_t k = 0; k < ARRAY_SIZE(counts); k++)
            counts[k].n += strcmp(json_string_value(json_object_get(json_array_get(days, i), "reason")),
                                  counts[k].reason) == 0;
    for (size_t k = 0; k < ARRAY_SIZE(counts); k++)
        if (counts[k].n)
            printf(T("  left out: %d, %s\n", "  未导入：%d，%s\n"), counts[k].n,
                   reason_text(counts[k].reason));
    if (json_integer_value(json_object_get(source, "outside")))
        printf(T("  left out: %lld, of other years\n", "  未导入：%lld，不在年份范围内\n"),
               (long long)json_integer_value(json_object_get(source, "outside")));
}

static int count(const json_t *source, const char *list)
{
    return (int)json_array_size(json_object_get(source, list));
}

void calendar_preview_source(const json_t *source)
{
    const struct column columns[] = {
        {"", "sign", 0, NULL},
        {T("DATE", "日期"), "date", 0, NULL},
        {T("HOURS", "时间"), "what", 0, NULL},
        {T("NAME", "名称"), "name", 60, NULL},
        {T("NOTE", "备注"), "note", 0, NULL},
    };
    json_auto_t *rows = json_array();

    printf(T("%s: %d added, %d removed, %d changed, %d kept, %d overridden by hand\n",
             "%s：新增 %d，删除 %d，变更 %d，不变 %d，手工覆盖 %d\n"),
           json_string_value(json_object_get(source, "source")), count(source, "added"),
           count(source, "removed"), count(source, "changed"), count(source, "kept"),
           count(source, "overridden"));
    print_left_out(source);
    add_rows(rows, source, "added", "+");
    add_rows(rows, source, "removed", "-");
    add_rows(rows, source, "changed", "~");
    add_rows(rows, source, "overridden", "!");
    add_parts(rows, source);
    if (json_array_size(rows))
        output_table(rows, columns, ARRAY_SIZE(columns), "");
}

void calendar_preview(const json_t *result)
{
    const json_t *sources = json_object_get(result, "sources");
    const char *path = json_string_value(json_object_get(result, "calendar"));

    for (size_t i = 0; i < json_array_size(sources); i++)
        calendar_preview_source(json_array_get(sources, i));
    if (json_is_true(json_object_get(result, "written")))
        printf(T("%s: written\n", "%s：已写入\n"), path);
    else
        printf(T("%s: not written\n", "%s：未写入\n"), path);
}

/* ---- show ---- */

static const char *weekday_text(const char *date)
{
    static const struct text names[WEEK_DAYS] = {{"Mon", "周一"}, {"Tue", "周二"}, {"Wed", "周三"},
                                                 {"Thu", "周四"}, {"Fri", "周五"}, {"Sat", "周六"},
                                                 {"Sun", "周日"}};
    struct str text = str_from(date);
    struct civil day = {0};

    (void)!civil_take(&text, &day);
    return text_pick(names[civil_weekday(civil_to_days(day))]);
}

/* Hours and minutes, "8:00"; seconds when there are any. */
static char *amount_text(int64_t s)
{
    return s % 60 ? mem_printf("%lld:%02d:%02d", (long long)(s / 3600), (int)(s / 60 % 60), (int)(s % 60))
                  : mem_printf("%lld:%02d", (long long)(s / 3600), (int)(s / 60 % 60));
}

static const char *why_text(const json_t *day)
{
    const char *hand = json_string_value(json_object_get(day, "by_hand"));
    const char *source = json_string_value(json_object_get(day, "source"));

    return hand ? hand_text(hand) : source ? source : "";
}

void calendar_print(const json_t *shown)
{
    const json_t *days = json_object_get(shown, "days");
    const struct column columns[] = {
        {T("DATE", "日期"), "date", 0, NULL},  {"", "weekday", 0, NULL},
        {T("HOURS", "时间"), "open", 0, NULL}, {T("TOTAL", "合计"), "total", 0, NULL},
        {T("NAME", "名称"), "name", 60, NULL}, {T("WHY", "来源"), "why", 0, NULL},
    };
    json_auto_t *rows = json_array();
    _cleanup_(freep) char *total = amount_text(json_integer_value(json_object_get(shown, "total_s")));

    for (size_t i = 0; i < json_array_size(days); i++) {
        const json_t *day = json_array_get(days, i), *open = json_object_get(day, "open");
        const char *date = json_string_value(json_object_get(day, "date"));
        const char *name = json_string_value(json_object_get(day, "name"));
        _cleanup_(freep) char *hours = json_array_size(open) ? hours_text(open) : mem_str(T("closed", "休"));
        _cleanup_(freep) char *amount = amount_text(json_integer_value(json_object_get(day, "open_s")));

        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "date", date, "weekday",
                                              weekday_text(date), "open", hours, "total",
                                              json_array_size(open) ? amount : "", "name", name ? name : "",
                                              "why", why_text(day)));
    }
    output_table(rows, columns, ARRAY_SIZE(columns), "");
    printf(T("%s of working time from %s to %s, on the clock of %s\n", "工时合计 %s，自 %s 至 %s，时区 %s\n"),
           total, json_string_value(json_object_get(shown, "from")),
           json_string_value(json_object_get(shown, "to")),
           json_string_value(json_object_get(shown, "zone")));
}
