/* deskctl calendar: holidays into a calendar, and a look at it. No server, no sign-in.
 *
 * An import reads all its files, merges them into the document in memory, lets the engine judge the result,
 * and only then writes, once. What fails on the way leaves the file as it was. */
#include "base/clock.h"
#include "base/memory.h"
#include "deskctl/calendar_file.h"
#include "deskctl/calendar_preview.h"
#include "deskctl/calendar_show.h"
#include "deskctl/commands.h"
#include "deskctl/output.h"
#include "domain/wall_text.h"
#include "holiday/calendar_merge.h"
#include "ics/holiday_text.h"
#include "plan/calendar_json.h"

const struct flag calendar_import_flags[] = {
    {"into", 0, "CALENDAR.json", {"the calendar that takes them (required)", "要写入的日历文件（必填）"}},
    {"dry-run", 0, NULL, {"only show what would change", "仅预览变化，不写入"}},
    {"country", 0, "NAME", {"goes in front of the files' names in the calendar", "作为来源名称的前缀"}},
    {"from", 0, "YEAR", {"first year (default: the last one)", "起始年份（默认：去年）"}},
    {"to", 0, "YEAR", {"last year (default: in three years)", "结束年份（默认：三年后）"}},
    {"hours",
     0,
     "HOURS",
     {"hours of make-up working days, as 09:00-12:00,13:00-18:00 (default: Monday's)",
      "调休上班日的工作时间，如 09:00-12:00,13:00-18:00（默认：周一的时间）"}},
    {"except",
     0,
     "TEXT",
     {"no days whose name contains this; may be given again", "排除名称包含该文本的日期；可重复使用"}},
    {0},
};

enum { SHOW_DAYS = 30 };

static int64_t today(const struct zone *zone)
{
    int64_t now_s = clock_now_us() / US_PER_S;

    return civil_day_of(zone ? zone_wall_s(zone, now_s) : now_s);
}

/* ---- import: what is asked ---- */

struct import {
    struct cli *cli;
    struct calendar_file file;
    struct holiday_filter filter;
    long from, to;
    const char *except[CLI_MAX_FLAGS];
    json_t *hours;  /* of working days; NULL when nobody gave any */
    json_t *result; /* see calendar_preview.h */
};

static void import_fini(struct import *import)
{
    calendar_file_close(&import->file);
    json_decref(import->hours);
    json_decref(import->result);
}

static int read_years(struct import *import)
{
    int32_t from, to;

    holiday_years(today(import->file.zone), &from, &to);
    import->from = cli_flag_number(import->cli, "from", from, CALENDAR_FIRST_YEAR, CALENDAR_LAST_YEAR);
    import->to = cli_flag_number(import->cli, "to", to, CALENDAR_FIRST_YEAR, CALENDAR_LAST_YEAR);
    if (import->from < 0 || import->to < 0)
        return EXIT_USAGE;
    if (import->to < import->from)
        return cli_fail(EXIT_USAGE, "%s", T("--to lies before --from", "--to 早于 --from"));
    import->filter = holiday_filter_of((int32_t)import->from, (int32_t)import->to);
    return EXIT_OK_;
}

static void read_except(struct import *import)
{
    for (int i = 0; i < import->cli->nflags; i++)
        if (strcmp(import->cli->flags[i].name, "except") == 0 && *import->cli->flags[i].value)
            import->except[import->filter.nexcept++] = import->cli->flags[i].value;
    import->filter.except = import->except;
}

/* "09:00-12:00,13:00-18:00" as windows. */
static json_t *windows_of(const char *text)
{
    json_t *windows = json_array();
    struct str rest = str_from(text), window, from, to;
    bool more = true;

    while (more) {
        more = str_cut(rest, ',', &window, &rest);
        (void)str_cut(window, '-', &from, &to);
        from = str_trim(from);
        to = str_trim(to);
        json_array_append_new(windows, json_pack("[s%, s%]", from.p, from.n, to.p, to.n));
    }
    return windows;
}

/* The engine says whether windows are right, as if they were those of every Monday. */
static int check_hours(struct import *import, const char *text)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_calendar_ struct calendar *calendar = NULL;
    json_auto_t *document = json_pack("{s:s, s:{s:O}}", "zone", "UTC", "weekly", "mon", import->hours);
    const struct plan_node root = plan_root(document);

    if (calendar_json_read(&root, &import->file.zones, &calendar, &fault) == 0)
        return EXIT_OK_;
    return cli_fail(EXIT_USAGE, "--hours \"%s\", %s: %s", text, buf_text(&fault.at) + strlen("/weekly/mon"),
                    buf_text(&fault.reason));
}

static int read_hours(struct import *import)
{
    const char *text = cli_flag(import->cli, "hours");

    if (text) {
        import->hours = windows_of(text);
        return check_hours(import, text);
    }
    import->hours = json_incref(json_object_get(json_object_get(import->file.document, "weekly"), "mon"));
    if (json_array_size(import->hours) == 0) {
        json_decref(import->hours);
        import->hours = NULL;
    }
    return EXIT_OK_;
}

/* ---- import: what is done ---- */

/* The name of a file without folders and ending, behind the country. */
static char *source_name(const char *path, const char *country)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    size_t n = dot && dot != base ? (size_t)(dot - base) : strlen(base);

    return mem_printf("%s%s%.*s", country ? country : "", country ? "/" : "", (int)n, base);
}

static int read_holidays(struct import *import, const char *path, struct holidays *holidays)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    int code = calendar_file_text(path, &text);

    if (code != EXIT_OK_)
        return code;
    if (holiday_text_read(buf_str(&text), import->file.zone, &import->file.zones, &import->filter, holidays,
                          &fault) < 0)
        return calendar_file_fault(path, &fault);
    return EXIT_OK_;
}

static bool was_imported(const struct import *import, const char *source)
{
    const json_t *sources = json_object_get(import->result, "sources");

    for (size_t i = 0; i < json_array_size(sources); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(sources, i), "source")), source) == 0)
            return true;
    return false;
}

static int import_file(struct import *import, const char *path)
{
    _cleanup_(freep) char *source = source_name(path, cli_flag(import->cli, "country"));
    _cleanup_holidays_ struct holidays holidays = {0};
    json_t *changes;
    int code = read_holidays(import, path, &holidays);

    if (code != EXIT_OK_)
        return code;
    holidays_seal(&holidays);
    if (was_imported(import, source))
        return cli_fail(
            EXIT_USAGE,
            T("%s: another file is named \"%s\", too; import it by itself, with another --country",
              "%s：另有文件同名 \"%s\"；请用不同的 --country 分别导入"),
            path, source);
    for (size_t i = 0; !import->hours && i < holidays.n; i++)
        if (holidays.items[i].working)
            return cli_fail(EXIT_USAGE,
                            T("%s has make-up working days and %s no hours of Monday; give --hours",
                              "%s 含调休上班日，而 %s 没有周一的工作时间；请给出 --hours"),
                            path, import->file.file.path);
    changes = calendar_merge(import->file.document, source, &holidays, &import->filter, import->hours);
    json_object_set_new(changes, "source", json_string(source));
    json_object_set_new(changes, "file", json_string(path));
    json_object_set_new(changes, "outside", json_integer((json_int_t)holidays.outside));
    json_array_append_new(json_object_get(import->result, "sources"), changes);
    return EXIT_OK_;
}

static bool anything_changes(const struct import *import)
{
    const json_t *sources = json_object_get(import->result, "sources");

    for (size_t i = 0; i < json_array_size(sources); i++)
        if (calendar_merge_changes(json_array_get(sources, i)))
            return true;
    return false;
}

static int finish(struct import *import)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    bool write = anything_changes(import) && !cli_flag(import->cli, "dry-run");
    int code;

    if (calendar_file_check(&import->file, &fault) < 0)
        return document_file_fault(&import->file.file, &fault);
    code = write ? calendar_file_save(&import->file) : EXIT_OK_;
    if (code != EXIT_OK_)
        return code;
    json_object_set_new(import->result, "written", json_boolean(write));
    if (import->cli->json)
        output_json(import->result);
    else
        calendar_preview(import->result);
    return EXIT_OK_;
}

static int prepare(struct import *import, const char *into)
{
    int code = calendar_file_open(&import->file, into);

    if (code != EXIT_OK_)
        return code;
    if (!import->file.zone)
        return cli_fail(EXIT_ERROR,
                        T("%s: holidays go into a calendar with a zone of its own, not into joined ones",
                          "%s：节假日只能导入带有时区的单个日历，而不是组合日历"),
                        into);
    code = read_years(import);
    if (code == EXIT_OK_)
        code = read_hours(import);
    read_except(import);
    import->result = json_pack("{s:s, s:i, s:i, s:[]}", "calendar", into, "from", (int)import->from, "to",
                               (int)import->to, "sources");
    return code;
}

int command_calendar_import(struct cli *cli)
{
    _cleanup_(import_fini) struct import import = {.cli = cli};
    const char *into = cli_flag(cli, "into");
    int code;

    if (!into)
        return cli_fail(
            EXIT_USAGE, "%s",
            T("--into CALENDAR.json: which calendar takes them?", "请用 --into 指定要写入的日历文件"));
    code = prepare(&import, into);
    for (int i = 0; code == EXIT_OK_ && i < cli->nargs; i++)
        code = import_file(&import, cli->args[i]);
    return code == EXIT_OK_ ? finish(&import) : code;
}

/* ---- show ---- */

/* A date of a flag, or the default. False after printing a fault. */
static bool flag_date(const struct cli *cli, const char *name, int64_t fallback, int64_t *ret_day)
{
    struct str text = str_from(cli_flag(cli, name));
    struct civil date = civil_from_days(fallback);

    if (text.p && (!civil_take(&text, &date) || text.n || date.year < CALENDAR_FIRST_YEAR ||
                   date.year > CALENDAR_LAST_YEAR)) {
        cli_fail(EXIT_USAGE,
                 T("--%s must be a date from %d to %d, as 2026-04-03",
                   "--%s 必须是 %d 至 %d 年的日期，如 2026-04-03"),
                 name, CALENDAR_FIRST_YEAR, CALENDAR_LAST_YEAR);
        return false;
    }
    *ret_day = civil_to_days(date);
    return true;
}

int command_calendar_show(struct cli *cli)
{
    _cleanup_calendar_file_ struct calendar_file file = {0};
    const struct zone *zone;
    json_auto_t *days = NULL;
    int64_t first, last;
    int code = calendar_file_open(&file, cli->args[0]);

    if (code != EXIT_OK_)
        return code;
    zone = file.zone ? file.zone : zone_book_get(&file.zones, "UTC");
    if (!zone)
        return cli_fail(EXIT_ERROR, "%s", T("this machine has no time zones", "本机没有时区数据"));
    if (!flag_date(cli, "from", today(zone), &first) || !flag_date(cli, "to", first + SHOW_DAYS, &last))
        return EXIT_USAGE;
    if (last < first || last - first >= CALENDAR_SHOW_DAYS_MAX)
        return cli_fail(
            EXIT_USAGE,
            T("--to must be a day from --from to %d days later", "--to 必须在 --from 之后 %d 天以内"),
            CALENDAR_SHOW_DAYS_MAX - 1);
    days = calendar_show(file.document, file.calendar, zone, first, last);
    if (cli->json)
        output_json(days);
    else
        calendar_print(days);
    return EXIT_OK_;
}
