/* Lines of an incident become events, events become clocks, as for any ticket. The log has one line per
 * update: state, priority and group as they were after it. What it calls "Awaiting ..." waits for somebody
 * else and is pending; the time of a resolution is the one that the line states. */
#include "deskctl/sla_compare.h"
#include "base/civil.h"
#include "base/clock.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/replay.h"
#include "domain/sla_fold.h"
#include "meridian/errors.h"
#include "plan/sla_history.h"

enum column { NUMBER, STATE, MADE, OPENED, UPDATED, PRIORITY, GROUP, RESOLVED, CLOSED };

struct line {
    char state[32], group[40];
    int priority;
    int64_t updated_s, resolved_s, closed_s; /* 0: missing */
};

struct reader {
    struct sla_comparison *comparison;
    const struct zone *zone;
    const struct sla_plan *plan, *around;
    int limit;
    char number[40]; /* of the incident that is being read; empty at first */
    int64_t opened_s;
    bool made; /* its sla, as its last line says */
    struct line *lines;
    size_t n;
    int code; /* of a fault, which has been printed */
};

const char *sla_explanation_name(enum sla_explanation explanation)
{
    static const char *const names[] = {
#define X(constant, name) name,
        SLA_EXPLANATIONS(X)
#undef X
    };

    return names[explanation];
}

/* "29/2/2016 01:16"; 0 for what is none. */
static int64_t time_of(const struct zone *zone, const char *text)
{
    int day, month, year, hour, minute;

    if (sscanf(text, "%d/%d/%d %d:%d", &day, &month, &year, &hour, &minute) != 5 || hour > 23 ||
        minute > 59 || !civil_valid((struct civil){year, (int8_t)month, (int8_t)day}))
        return 0;
    return zone_first_s(zone, civil_to_days((struct civil){year, (int8_t)month, (int8_t)day}) * DAY_S +
                                  hour * 3600 + minute * 60);
}

/* ---- events ---- */

struct story {
    const struct reader *reader;
    enum sla_explanation assumption;
    struct sla_history history;
    int64_t last_s; /* time never goes back */
    bool resolved;
};

static const char *state_of(const struct story *story, const struct line *line)
{
    bool closing = story->assumption == SLA_TO_CLOSURE;

    if (strcmp(line->state, "Closed") == 0)
        return "closed";
    if (strcmp(line->state, "Resolved") == 0)
        return closing ? "open" : "resolved";
    if (story->resolved && story->assumption == SLA_TO_FIRST_RESOLUTION)
        return "resolved";
    if (strncmp(line->state, "Awaiting", 8) == 0)
        return story->assumption == SLA_WITHOUT_PAUSES ? "open" : "pending";
    return strcmp(line->state, "New") == 0 ? "new" : "open";
}

static int priority_in(const struct story *story, const struct line *line)
{
    const struct reader *r = story->reader;

    if (story->assumption == SLA_FIRST_PRIORITY)
        return r->lines[0].priority;
    return story->assumption == SLA_LAST_PRIORITY ? r->lines[r->n - 1].priority : line->priority;
}

static int64_t when(const struct line *line, const char *state)
{
    if (strcmp(state, "resolved") == 0 && line->resolved_s)
        return line->resolved_s;
    return strcmp(state, "closed") == 0 && line->closed_s ? line->closed_s : line->updated_s;
}

static int add_event(struct story *story, const struct line *line, bool first)
{
    const char *state = first ? "new" : state_of(story, line);
    int64_t at_s = first ? story->reader->opened_s : when(line, state);
    _cleanup_(json_decrefp) json_t *data = json_pack("{s:s, s:i, s:s}", "state", state, "priority",
                                                     priority_in(story, line), "team", line->group);

    if (at_s < story->last_s)
        at_s = story->last_s;
    story->last_s = at_s;
    story->resolved = story->resolved || strcmp(state, "resolved") == 0;
    return sla_history_add(&story->history, first ? "ticket.created" : "ticket.updated",
                           (struct instant){at_s * US_PER_S}, "agent", data);
}

static const struct sla_plan *find_plan(void *ctx, int64_t version)
{
    (void)version;
    return ctx;
}

/* Whether the time to resolve was kept: 1, or 0; -1 when there is no clock that has ended. */
static int kept(const struct reader *r, enum sla_explanation assumption)
{
    const struct sla_plan *plan = assumption == SLA_AROUND_THE_CLOCK ? r->around : r->plan;
    struct story story = {.reader = r, .assumption = assumption};
    _cleanup_sla_fold_ struct sla_fold fold = {0};
    const struct sla_run *run;
    int rc, verdict = -1;

    sla_history_init(&story.history, find_plan, (void *)plan);
    rc = add_event(&story, &r->lines[0], true);
    for (size_t i = 0; i < r->n && rc == 0; i++)
        rc = add_event(&story, &r->lines[i], false);
    if (rc == 0) {
        sla_fold(story.history.steps, story.history.n, &fold);
        run = sla_fold_find(&fold, "resolve", 1);
        if (run && run->clock.state == SLA_CLOCK_MET)
            verdict = run->clock.remaining_s >= 0;
    }
    sla_history_fini(&story.history);
    return verdict;
}

/* ---- verdicts ---- */

static void judge(struct reader *r)
{
    struct sla_comparison *c = r->comparison;
    int ours = kept(r, SLA_AS_IT_IS);
    enum sla_explanation why = SLA_WITHOUT_PAUSES;

    c->incidents++;
    if (ours < 0) {
        c->unclocked++;
        return;
    }
    c->kept += ours;
    c->breached += !ours;
    if (ours == r->made) {
        c->agree_kept += ours;
        c->agree_breached += !ours;
        return;
    }
    while (why < SLA_UNEXPLAINED && kept(r, why) != r->made)
        why++;
    ++(ours ? c->only_log_breached : c->only_plan_breached)[why];
}

static int on_row(void *ctx, char *const *v)
{
    struct reader *r = ctx;
    struct line *line;

    if (strcmp(r->number, v[NUMBER]) != 0) {
        if (r->n)
            judge(r);
        r->n = 0;
        if (r->limit && r->comparison->incidents == r->limit)
            return 1;
        snprintf(r->number, sizeof r->number, "%s", v[NUMBER]);
        r->opened_s = time_of(r->zone, v[OPENED]);
        if (!r->opened_s) {
            r->code = cli_fail(EXIT_ERROR, T("%s: opened_at is no time: %s", "%s：opened_at 不是时间：%s"),
                               v[NUMBER], v[OPENED]);
            return 1;
        }
    }
    r->made = strcmp(v[MADE], "true") == 0;
    r->lines = mem_more(r->lines, r->n, sizeof *r->lines);
    line = &r->lines[r->n++];
    *line = (struct line){.priority = atoi(v[PRIORITY]),
                          .updated_s = time_of(r->zone, v[UPDATED]),
                          .resolved_s = time_of(r->zone, v[RESOLVED]),
                          .closed_s = time_of(r->zone, v[CLOSED])};
    snprintf(line->state, sizeof line->state, "%s", v[STATE]);
    snprintf(line->group, sizeof line->group, "%s", v[GROUP]);
    return 0;
}

int sla_compare(const char *file, int limit, const struct zone *zone, const struct sla_plan *plan,
                const struct sla_plan *around, struct sla_comparison *ret_comparison)
{
    static const char *const columns[] = {
        "number",   "incident_state",   "made_sla",    "opened_at", "sys_updated_at",
        "priority", "assignment_group", "resolved_at", "closed_at", NULL};
    struct sla_comparison comparison = {0};
    struct reader reader = {
        .comparison = &comparison, .zone = zone, .plan = plan, .around = around, .limit = limit};
    int code = csv_read(file, columns, on_row, &reader);

    if (!code)
        code = reader.code;
    if (!code && reader.n)
        judge(&reader);
    free(reader.lines);
    if (!code)
        *ret_comparison = comparison;
    return code;
}
