/* Takes the step of an escalation that is due: finds out whom it tells at this moment and writes them into
 * the event, which is both what the notifier sends and what is remembered of the step. Called by timers.c.
 *
 * Of those a plan names, only they are told who exist, can be written to and may see the ticket. When nobody
 * is left, the event says so, and the notifier tells the team's leads instead.
 *
 * People are told at once; a rise or a move that would overwrite what a person has just decided waits
 * (robots.c). What waits is in the event that says so, which the timer finds when it rings. */
#include "router/escalate.h"
#include "base/clock.h"
#include "base/memory.h"
#include "domain/escalation.h"
#include "router/robots.h"
#include "router/swapped.h"
#include "router_sql.h"

int64_t escalate_next_us(const struct ticket_clocks *clocks)
{
    return escalation_next(clocks->history.steps, clocks->history.n, &clocks->fold).at.us;
}

/* ---- whom ---- */

static void add_login(struct buf *logins, const char *login)
{
    if (logins->n > 1)
        buf_add_char(logins, ',');
    buf_json_text(logins, login);
}

/* The one evaluator of schedules, asked about now. */
static int add_on_call(struct db_conn *conn, struct buf *logins, const struct escalation_schedule *schedule,
                       int64_t now_us)
{
    _cleanup_swapped_ struct swapped swapped = {0};
    int64_t now_s = instant_second((struct instant){now_us});
    size_t n = schedule->schedule->people;
    _cleanup_(freep) bool *on = NEW_ARRAY(bool, n + 1);
    int r = swapped_read(conn, schedule, now_s, now_s + 1, &swapped);

    if (r < 0)
        return r;
    oncall_at(&swapped.schedule, now_s, on);
    for (size_t i = 0; i < n; i++)
        if (on[i])
            add_login(logins, schedule->people[i]);
    return 0;
}

/* The logins that a step names, as a JSON array; leads are found by the database. */
static int name_people(struct db_conn *conn, const struct escalation_step *step, const struct ticket_row *row,
                       struct buf *logins, bool *ret_leads)
{
    int r = 0;

    *ret_leads = false;
    buf_add_char(logins, '[');
    for (size_t i = 0; i < step->nrecipients && !r; i++) {
        const struct escalation_recipient *recipient = &step->recipients[i];

        switch (recipient->whom) {
        case ESCALATION_USER:
            add_login(logins, recipient->login);
            break;
        case ESCALATION_SCHEDULE:
            r = add_on_call(conn, logins, recipient->schedule, row->now_us);
            break;
        case ESCALATION_OWNER:
            if (row->owner_login)
                add_login(logins, row->owner_login);
            break;
        case ESCALATION_LEADS:
            *ret_leads = true;
            break;
        }
    }
    buf_add_char(logins, ']');
    return r;
}

int escalate_tell(struct db_conn *conn, const struct ticket_row *row, const char *logins, bool leads,
                  struct buf *json)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, logins);
    db_param_int(&params, row->team);
    db_param_bool(&params, leads);
    r = db_exec(conn, &sql_router_escalation_people, &params, &result);
    if (r < 0)
        return r;
    buf_add_text(json, ",\"to\":[");
    for (int i = 0; i < db_rows(&result); i++) {
        if (i)
            buf_add_char(json, ',');
        buf_json_text(json, db_text(&result, i, 0));
    }
    buf_add_text(json, db_rows(&result) ? "]" : "],\"reason\":\"nobody-to-tell\"");
    return 0;
}

static int add_people(struct db_conn *conn, const struct ticket_row *row, const struct escalation_step *step,
                      struct buf *json)
{
    _cleanup_buf_ struct buf logins = BUF_INIT;
    bool leads;
    int r = name_people(conn, step, row, &logins, &leads);

    return r < 0 ? r : escalate_tell(conn, row, buf_text(&logins), leads, json);
}

/* ---- the step ---- */

static void add_text(struct buf *json, const char *name, const char *text)
{
    buf_printf(json, ",\"%s\":", name);
    buf_json_text(json, text);
}

/* What of a step has to wait. */
struct late {
    struct ticket_raise raise;
    const char *fields;
    struct robots_decision decision; /* the one that lasts longest */
};

static void late_fini(struct late *late)
{
    robots_decision_fini(&late->decision);
}

static int hold_off(struct db_conn *conn, const struct ticket_row *row, struct ticket_raise *raise,
                    struct late *late)
{
    _cleanup_decision_ struct robots_decision moved = {0};
    int r = 0;

    if (ticket_rules_raises(row, raise))
        r = robots_decided(conn, row, "{priority}", &late->decision);
    if (!r && late->decision.until_us) {
        late->fields = "priority";
        late->raise.impact = raise->impact;
        late->raise.urgency = raise->urgency;
        raise->impact = raise->urgency = 0;
    }
    if (!r && ticket_rules_moves(row, raise))
        r = robots_decided(conn, row, row->owner_id ? "{team,owner}" : "{team}", &moved);
    if (r < 0 || !moved.until_us)
        return r;
    late->fields = late->fields ? "priority,team" : "team";
    late->raise.team = raise->team;
    late->raise.even_if_owned = raise->even_if_owned;
    raise->team.id = 0;
    if (moved.until_us > late->decision.until_us) {
        struct robots_decision longer = moved;

        moved = late->decision;
        late->decision = longer;
    }
    return 0;
}

/* The last thing that was left for later; `team` is in `found`. */
static int find_waiting(struct db_conn *conn, const struct ticket_row *row, struct db_result *found,
                        struct ticket_raise *ret_raise, bool *ret_waits)
{
    _cleanup_params_ struct db_params params = {0};
    int r;

    *ret_raise = (struct ticket_raise){0};
    *ret_waits = false;
    db_param_uuid(&params, &row->id);
    r = db_exec(conn, &sql_router_robots_waiting, &params, found);
    if (r < 0 || !db_rows(found))
        return r;
    ret_raise->impact = (int)db_int(found, 0, 0);
    ret_raise->urgency = (int)db_int(found, 0, 1);
    ret_raise->team.slug = db_text(found, 0, 2);
    ret_raise->even_if_owned = db_bool(found, 0, 3);
    *ret_waits = db_bool(found, 0, 4);
    return 0;
}

static int least(int a, int b)
{
    return a && (!b || a < b) ? a : b;
}

/* What an earlier step left, and is still to come, waits on with it. */
static int add_earlier(struct db_conn *conn, const struct ticket_row *row, struct db_result *found,
                       struct late *late)
{
    struct ticket_raise earlier;
    bool waits;
    int r = find_waiting(conn, row, found, &earlier, &waits);

    if (r < 0 || !waits)
        return r;
    late->raise.impact = least(late->raise.impact, earlier.impact);
    late->raise.urgency = least(late->raise.urgency, earlier.urgency);
    if (late->raise.team.id || !earlier.team.slug)
        return 0;
    late->raise.even_if_owned = earlier.even_if_owned;
    return ticket_team_find(conn, earlier.team.slug, &late->raise.team);
}

/* From `from` on: what the event says. */
static void describe_late(const struct late *late, struct buf *details)
{
    const struct ticket_raise *raise = &late->raise;

    robots_describe("escalation", late->fields, &late->decision, details);
    buf_add_text(details, ",\"raise\":{\"even_if_owned\":");
    buf_add_text(details, raise->even_if_owned ? "true" : "false");
    if (raise->impact)
        buf_printf(details, ",\"impact\":%d", raise->impact);
    if (raise->urgency)
        buf_printf(details, ",\"urgency\":%d", raise->urgency);
    if (raise->team.id)
        add_text(details, "team", raise->team.slug);
    buf_add_char(details, '}');
}

int escalate_plan_late(struct db_conn *conn, const struct ticket_row *row, struct buf *text,
                       struct ticket_plan *ret_plan)
{
    _cleanup_result_ struct db_result found = {0};
    _cleanup_(late_fini) struct late late = {0};
    struct ticket_raise raise;
    size_t held;
    bool waits;
    int r = find_waiting(conn, row, &found, &raise, &waits);

    *ret_plan = (struct ticket_plan){0};
    if (!r && raise.team.slug)
        r = ticket_team_find(conn, raise.team.slug, &raise.team);
    if (!r)
        r = hold_off(conn, row, &raise, &late);
    if (r < 0)
        return r;
    if (raise.team.slug) { /* the plan outlives the result */
        buf_add_text(text, raise.team.slug);
        buf_add_char(text, 0);
    }
    held = text->n;
    if (late.fields)
        describe_late(&late, text);
    if (raise.team.slug)
        raise.team.slug = text->p;
    ticket_rules_plan_raise(row, &raise, ret_plan);
    if (late.fields)
        robots_plan_held_off(row, ROBOTS_ESCALATION_LATE, late.decision.until_us, text->p + held, ret_plan);
    return 0;
}

int escalate_plan(struct db_conn *conn, const struct ticket_row *row, const struct ticket_clocks *clocks,
                  struct buf *details, struct ticket_plan *ret_plan)
{
    const struct escalation_next next =
        escalation_next(clocks->history.steps, clocks->history.n, &clocks->fold);
    const struct escalation_step *step;
    _cleanup_result_ struct db_result earlier = {0};
    _cleanup_(late_fini) struct late late = {0};
    struct ticket_raise raise = {0};
    size_t held;
    char due[CLOCK_TEXT_SIZE];
    int r;

    *ret_plan = (struct ticket_plan){0};
    if (!next.escalation || next.at.us > row->now_us)
        return 0;
    step = &next.escalation->steps[next.step];
    add_text(details, "name", next.escalation->name);
    add_text(details, "target", next.run->name);
    add_text(details, "due_at", clock_format(next.run->clock.due.us, due));
    buf_printf(details, ",\"cycle\":%d,\"step\":%zu,\"loop\":%d", next.run->cycle, next.step + 1, next.loop);
    r = add_people(conn, row, step, details);
    if (!r)
        r = ticket_team_find(conn, step->team, &raise.team);
    if (r < 0)
        return r;
    if (step->team && !raise.team.id)
        add_text(details, "unknown_team", step->team);
    raise.impact = step->impact;
    raise.urgency = step->urgency;
    raise.even_if_owned = step->even_if_owned;
    r = hold_off(conn, row, &raise, &late);
    if (!r && late.fields)
        r = add_earlier(conn, row, &earlier, &late);
    if (r < 0)
        return r;
    buf_add_char(details, 0);
    held = details->n;
    if (late.fields)
        describe_late(&late, details);
    ticket_rules_plan_escalate(row, details->p, &raise, ret_plan);
    if (late.fields)
        robots_plan_held_off(row, ROBOTS_ESCALATION_LATE, late.decision.until_us, details->p + held,
                             ret_plan);
    return 0;
}
