/* Takes the step of an escalation that is due: finds out whom it tells at this moment and writes them into
 * the event, which is both what the notifier sends and what is remembered of the step. Called by timers.c.
 *
 * Of those a plan names, only they are told who exist, can be written to and may see the ticket. When nobody
 * is left, the event says so, and the notifier tells the team's leads instead. */
#include "router/escalate.h"
#include "base/clock.h"
#include "base/memory.h"
#include "domain/escalation.h"
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

int escalate_plan(struct db_conn *conn, const struct ticket_row *row, const struct ticket_clocks *clocks,
                  struct buf *details, struct ticket_plan *ret_plan)
{
    const struct escalation_next next =
        escalation_next(clocks->history.steps, clocks->history.n, &clocks->fold);
    const struct escalation_step *step;
    struct ticket_raise raise = {0};
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
    ticket_rules_plan_escalate(row, buf_text(details), &raise, ret_plan);
    return 0;
}
