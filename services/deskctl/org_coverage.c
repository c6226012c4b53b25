/* Walks the spans of a team from now on. A gap is a time without any agent on shift; it is thin while there
 * are fewer than the team's minimum. */
#include "deskctl/org_coverage.h"
#include "base/civil.h"
#include "base/clock.h"
#include "deskctl/output.h"
#include <stdio.h>

enum { HOUR_S = 3600, WEEK_S = WEEK_DAYS * DAY_S, LISTED_MAX = 1000, SHOWN_MAX = 10, CELLS = 48 };

enum cover { GAP, THIN, COVERED };

static enum cover cover_of(const struct org_team *team, const struct org_span *span)
{
    if (!span->agents)
        return GAP;
    return span->agents < team->minimum ? THIN : COVERED;
}

struct report {
    int64_t gap_s, thin_s, total_s;
    size_t ngaps, nthin;
    json_t *gaps, *thin; /* the first LISTED_MAX of each: {"from", "to", "agents"} */
};

static void set_at(json_t *item, const char *name, int64_t at_s)
{
    char text[CLOCK_TEXT_SIZE];

    json_object_set_new(item, name, json_string(clock_format(at_s * US_PER_S, text)));
}

static void add(json_t *list, size_t *n, const struct org_span *span)
{
    json_t *item;

    ++*n;
    if (json_array_size(list) == LISTED_MAX)
        return;
    item = json_object();
    set_at(item, "from", span->from_s);
    set_at(item, "to", span->to_s);
    json_object_set_new(item, "agents", json_integer(span->agents));
    json_array_append_new(list, item);
}

static void count(struct report *report, enum cover cover, const struct org_span *span)
{
    int64_t length_s = span->to_s - span->from_s;

    report->total_s += length_s;
    if (cover == GAP) {
        report->gap_s += length_s;
        add(report->gaps, &report->ngaps, span);
    } else if (cover == THIN) {
        report->thin_s += length_s;
        add(report->thin, &report->nthin, span);
    }
}

/* Adjacent spans that are covered alike are one. */
static void walk(const struct organisation *o, size_t team, int64_t from_s, int64_t to_s,
                 struct report *report)
{
    struct org_span whole = {.from_s = from_s, .to_s = from_s};
    enum cover cover = COVERED;

    while (whole.to_s < to_s) {
        struct org_span span = organisation_span(o, team, whole.to_s);
        enum cover is = cover_of(&o->teams[team], &span);

        if (span.to_s > to_s)
            span.to_s = to_s;
        if (whole.to_s > whole.from_s && is == cover && (is == COVERED || span.agents == whole.agents)) {
            whole.to_s = span.to_s;
            continue;
        }
        if (whole.to_s > whole.from_s)
            count(report, cover, &whole);
        whole = span;
        cover = is;
    }
    count(report, cover, &whole);
}

/* ---- the picture ---- */

/* A line a day of UTC, a cell half an hour: the worst of it. */
static void picture(const struct organisation *o, size_t team, int64_t from_s)
{
    int64_t day_s = from_s - from_s % DAY_S;

    fputs("            0     3     6     9     12    15    18    21    24 UTC\n", stdout);
    for (int day = 0; day < WEEK_DAYS; day++, day_s += DAY_S) {
        struct civil date = civil_from_days(day_s / DAY_S);

        printf("%04d-%02d-%02d  ", (int)date.year, date.month, date.day);
        for (int cell = 0; cell < CELLS; cell++) {
            int64_t at_s = day_s + cell * (DAY_S / CELLS), end_s = at_s + DAY_S / CELLS;
            enum cover worst = COVERED;

            while (at_s < end_s) {
                struct org_span span = organisation_span(o, team, at_s);
                enum cover cover = cover_of(&o->teams[team], &span);

                worst = cover < worst ? cover : worst;
                at_s = span.to_s;
            }
            fputs(worst == GAP ? "\xC2\xB7" : worst == THIN ? "\xE2\x96\x92" : "\xE2\x96\x88", stdout);
        }
        putchar('\n');
    }
}

/* ---- the report ---- */

static void print_list(const json_t *list, size_t n, const char *what)
{
    for (size_t i = 0; i < json_array_size(list) && i < SHOWN_MAX; i++) {
        const json_t *item = json_array_get(list, i);

        printf("  %s  %s - %s  (%s)\n", what, output_at(item, "from"), output_at(item, "to"),
               output_at(item, "agents"));
    }
    if (n > SHOWN_MAX)
        printf(T("  %s  and %zu more; -o json has them\n", "  %s  另有 %zu 处；-o json 可列出\n"), what,
               n - SHOWN_MAX);
}

static void print_team(const struct organisation *o, size_t team, const struct report *report, int64_t now_s)
{
    const struct org_team *t = &o->teams[team];

    printf(T("%s: %.1f h without anybody (%zu gaps), %.1f h with fewer than %d (%zu times), of %.0f h\n",
             "%s：%.1f 小时无人值守（%zu 处空档），%.1f 小时不足 %d 人（%zu 次），共 %.0f 小时\n"),
           t->name, (double)report->gap_s / HOUR_S, report->ngaps, (double)report->thin_s / HOUR_S,
           t->minimum, report->nthin, (double)report->total_s / HOUR_S);
    print_list(report->gaps, report->ngaps, T("gap ", "空档"));
    print_list(report->thin, report->nthin, T("thin", "人少"));
    picture(o, team, now_s);
}

static json_t *json_of(const struct org_team *team, const struct report *report)
{
    return json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:O, s:O}", "team", team->name, "minimum",
                     team->minimum, "total_s", (json_int_t)report->total_s, "gap_s",
                     (json_int_t)report->gap_s, "thin_s", (json_int_t)report->thin_s, "gap_count",
                     (json_int_t)report->ngaps, "thin_count", (json_int_t)report->nthin, "gaps", report->gaps,
                     "thin", report->thin);
}

int org_coverage(const struct cli *cli, const struct organisation *o, const struct org_coverage_ask *ask)
{
    int64_t now_s = clock_now_us() / US_PER_S;
    _cleanup_(json_decrefp) json_t *result = json_array();

    for (size_t i = 0; i < o->nteams; i++) {
        struct report report = {.gaps = json_array(), .thin = json_array()};

        if (ask->team == ORG_NONE || ask->team == i) {
            walk(o, i, now_s, now_s + (int64_t)ask->weeks * WEEK_S, &report);
            json_array_append_new(result, json_of(&o->teams[i], &report));
            if (!cli->json)
                print_team(o, i, &report, now_s);
        }
        json_decref(report.gaps);
        json_decref(report.thin);
    }
    if (cli->json)
        output_json(result);
    return EXIT_OK_;
}
