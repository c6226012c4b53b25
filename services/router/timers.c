/* Timers: which there are, when a change arms or cancels one, and what each does when it is due.
 *
 * The table of kinds is the only list: a new kind is one entry with two functions. ticket_write.c asks for
 * `due` after every change; a scheduler sends TimerDue when the time has come, as often as it likes. Then the
 * ticket is locked, the row is taken by generation and database time, and what the kind plans is written as
 * any other change, all in one transaction: so it happens once or not at all, and whoever comes too early,
 * too late or twice is told that all is well. A ticket that somebody else has locked is not waited for, which
 * would cost a worker: it is unavailable, and the scheduler comes again. A timer whose name this release does
 * not know stays for one that does.
 */
#include "router/timers.h"
#include "base/clock.h"
#include "domain/escalation.h"
#include "meridian/errors.h"
#include "router/escalate.h"
#include "router/job.h"
#include "router/overflow.h"
#include "router/robots.h"
#include "router/ticket_duty.h"
#include "router/ticket_write.h"
#include "router_sql.h"

enum { AS_IS = -1, NEVER = 0 };

struct timer_kind {
    const char *name;
    /** When the ticket has to be woken after this change, which happens at before->now_us: an instant in
     * microseconds, AS_IS or NEVER. */
    int64_t (*due)(const struct ticket_row *before, const struct ticket_change *after,
                   const struct ticket_clocks *clocks);
    /** It is due: the changes that it means; none when there is nothing left to do. */
    void (*plan)(const struct ticket_row *row, struct ticket_plan *ret_plan);
    /** Instead, where clocks decide: then it is also asked when only clocks have moved, with no change. The
     * plan may borrow from `text`. Database failures. */
    int (*plan_by_clocks)(struct db_conn *conn, const struct ticket_row *row,
                          const struct ticket_clocks *clocks, struct buf *text, struct ticket_plan *ret_plan);
    /** Instead, where the database has to be asked; it may borrow from `text`, too. */
    int (*plan_by_look)(struct db_conn *conn, const struct ticket_row *row, struct buf *text,
                        struct ticket_plan *ret_plan);
    /** NULL, or: it was due and meant nothing yet; when it will (NEVER: not any more). */
    int64_t (*again)(const struct ticket_row *row);
};

/* ---- the kinds ---- */

/* What the ticket's plan of service levels says of the end. */
static const struct sla_closing *closing_of(const struct ticket_clocks *clocks)
{
    return &ticket_clocks_plan(clocks)->closing;
}

static int64_t pending_end_due(const struct ticket_row *before, const struct ticket_change *after,
                               const struct ticket_clocks *clocks)
{
    int64_t until_us = after->state == TICKET_PENDING ? after->pending_until_us : NEVER;

    (void)clocks;
    return until_us == before->pending_until_us ? AS_IS : until_us;
}

static int64_t pending_end_again(const struct ticket_row *row)
{
    return row->state == TICKET_PENDING ? row->pending_until_us : NEVER;
}

/* Again and again while it waits; each reminder arms the next one. */
static int64_t pending_reminder_due(const struct ticket_row *before, const struct ticket_change *after,
                                    const struct ticket_clocks *clocks)
{
    bool was = before->state == TICKET_PENDING, is = after->state == TICKET_PENDING;

    if (!is)
        return was ? NEVER : AS_IS;
    if (was && strcmp(after->event, TICKET_REMINDED) != 0)
        return AS_IS;
    return closing_of(clocks)->remind_s ? before->now_us + closing_of(clocks)->remind_s * US_PER_S : NEVER;
}

static bool is_resolution(const struct ticket_row *before, const struct ticket_change *after)
{
    return after->state == TICKET_RESOLVED && before->state != TICKET_RESOLVED;
}

static int64_t auto_close_due(const struct ticket_row *before, const struct ticket_change *after,
                              const struct ticket_clocks *clocks)
{
    if (is_resolution(before, after))
        return sla_closing_due(closing_of(clocks), (struct instant){before->now_us}).us;
    return before->state == TICKET_RESOLVED && after->state != TICKET_RESOLVED ? NEVER : AS_IS;
}

/* Asked of whoever was helped, also when they have confirmed meanwhile; not when it was not solved after all.
 */
static int64_t survey_due(const struct ticket_row *before, const struct ticket_change *after,
                          const struct ticket_clocks *clocks)
{
    if (is_resolution(before, after))
        return closing_of(clocks)->survey_s ? before->now_us + closing_of(clocks)->survey_s * US_PER_S
                                            : NEVER;
    return (before->state == TICKET_RESOLVED || before->state == TICKET_CLOSED) && after->state == TICKET_OPEN
               ? NEVER
               : AS_IS;
}

/* What comes next follows from all events; where no plan has escalations, there is nothing to look for. */
static int64_t escalation_due(const struct ticket_row *before, const struct ticket_change *after,
                              const struct ticket_clocks *clocks)
{
    (void)before;
    (void)after;
    return escalation_any(clocks->history.steps, clocks->history.n) ? escalate_next_us(clocks) : AS_IS;
}

static int64_t offer_end_due(const struct ticket_row *before, const struct ticket_change *after,
                             const struct ticket_clocks *clocks)
{
    (void)clocks;
    return after->offered_until_us == before->offered_until_us ? AS_IS : after->offered_until_us;
}

static int64_t offer_end_again(const struct ticket_row *row)
{
    return row->offered_until_us;
}

/* Which team has whom on duty is known to the database: ticket_duty_arm. What waits for a person's decision
 * to grow old is armed by who held off: robots.c. Triggers of the queue arm and cancel the overflow, as
 * claims leave the queue without a look at timers. */
static int64_t kept_elsewhere(const struct ticket_row *before, const struct ticket_change *after,
                              const struct ticket_clocks *clocks)
{
    (void)before;
    (void)after;
    (void)clocks;
    return AS_IS;
}

static const struct timer_kind kinds[] = {
    {"pending_end", pending_end_due, .plan = ticket_rules_plan_resume, .again = pending_end_again},
    {"pending_reminder", pending_reminder_due, .plan = ticket_rules_plan_remind},
    {"auto_close", auto_close_due, .plan = ticket_rules_plan_close},
    {"survey", survey_due, .plan = ticket_rules_plan_survey},
    {"escalation", escalation_due, .plan_by_clocks = escalate_plan},
    {ROBOTS_ESCALATION_LATE, kept_elsewhere, .plan_by_look = escalate_plan_late},
    {"duty_main", kept_elsewhere, .plan_by_look = ticket_duty_plan_main},
    {"duty_backup", kept_elsewhere, .plan_by_look = ticket_duty_plan_backup},
    {ROBOTS_OVERFLOW, kept_elsewhere, .plan_by_look = overflow_plan},
    {"offer_end", offer_end_due, .plan = ticket_rules_plan_offer_end, .again = offer_end_again},
};

static const struct timer_kind *kind_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* ---- with every change ---- */

/* 1: it moved; 0: it was there already. */
static int arm(struct db_conn *conn, const struct ticket_row *row, const char *name, int64_t at_us)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_uuid(&params, &row->id);
    db_param_text(&params, name);
    db_param_int(&params, at_us);
    db_param_int(&params, row->version);
    r = db_exec(conn, &sql_router_timer_arm, &params, &result);
    return r < 0 ? r : db_rows(&result);
}

/* 1: it went; 0: there was none. */
static int cancel(struct db_conn *conn, const struct ticket_row *row, const char *name)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_uuid(&params, &row->id);
    db_param_text(&params, name);
    r = db_exec(conn, &sql_router_timer_cancel, &params, &result);
    return r < 0 ? r : db_rows(&result);
}

int timers_follow(struct db_conn *conn, const struct ticket_row *row, const struct ticket_change *change,
                  const struct ticket_clocks *clocks, bool *ret_changed)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        int64_t at_us = change || kinds[i].plan_by_clocks ? kinds[i].due(row, change, clocks) : AS_IS;
        int r;

        if (at_us == AS_IS)
            continue;
        r = at_us == NEVER ? cancel(conn, row, kinds[i].name) : arm(conn, row, kinds[i].name, at_us);
        if (r < 0)
            return r;
        *ret_changed = *ret_changed || r;
    }
    if (change && change->rearm) {
        int r = arm(conn, row, change->rearm, change->rearm_at_us);

        *ret_changed = *ret_changed || r > 0;
        return r < 0 ? r : 0;
    }
    return 0;
}

/* ---- when one is due ---- */

static void add_key(struct db_params *params, const struct uuid *ticket, const Meridian__TimerDue *due)
{
    db_param_uuid(params, ticket);
    db_param_text(params, due->name);
    db_param_int(params, due->generation);
}

/* 1: still to be done, and the ticket is locked; 0: not, or not yet; -E_UNAVAILABLE: somebody else has it
 * locked. */
static int find_ticket(struct db_conn *conn, const struct uuid *ticket, struct job *job,
                       struct db_result *ret_number)
{
    _cleanup_params_ struct db_params params = {0};
    int r;

    add_key(&params, ticket, job->request->timer_due);
    r = db_exec(conn, &sql_router_timer_find, &params, ret_number);
    if (r < 0 || !db_rows(ret_number))
        return r;
    if (db_is_null(ret_number, 0, 0))
        return outcome_refuse(&job->out, -E_UNAVAILABLE, "The ticket is being changed; come again");
    return 1;
}

/* 1: it is ours. */
static int take(struct db_conn *conn, const struct ticket_row *row, const Meridian__TimerDue *due)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    add_key(&params, &row->id, due);
    r = db_exec(conn, &sql_router_timer_take, &params, &result);
    return r < 0 ? r : db_rows(&result);
}

/* What follows from the clocks as they are now: those that are due fire first. */
static int plan_by_clocks(struct db_conn *conn, const struct timer_kind *kind, struct ticket_row *row,
                          struct ticket_writer *writer, struct buf *text, struct ticket_plan *ret_plan)
{
    _cleanup_ticket_clocks_ struct ticket_clocks clocks = {0};
    int before = row->version, r;

    r = ticket_clocks_read(conn, row, &writer->ordinal, &clocks);
    if (row->version != before)
        writer->clocks_changed = true;
    if (!r)
        r = ticket_clocks_fold(conn, writer->plans, row, NULL, &clocks);
    if (!r)
        r = kind->plan_by_clocks(conn, row, &clocks, text, ret_plan);
    if (!r && !ret_plan->n) /* it was taken for nothing: whatever comes later needs it again */
        r = timers_follow(conn, row, NULL, &clocks, &writer->clocks_changed);
    return r;
}

/* Nothing was to be done, and the timer is taken: when it is needed again it comes back. */
static int arm_again(struct db_conn *conn, const struct timer_kind *kind, const struct ticket_row *row,
                     bool *ret_changed)
{
    int64_t at_us = kind->again ? kind->again(row) : NEVER;
    int r = at_us == NEVER ? 0 : arm(conn, row, kind->name, at_us);

    *ret_changed = *ret_changed || r > 0;
    return r < 0 ? r : 0;
}

static int act(struct db_conn *conn, struct job *job, const struct timer_kind *kind, const char *number)
{
    _cleanup_ticket_row_ struct ticket_row row = {0};
    struct ticket_writer writer = {.plans = job->plans,
                                   .login = "system:sla",
                                   .trace_id = job->request->trace_id,
                                   .answer = &job->out.json};
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct ticket_plan plan = {0};
    int r = ticket_row_lock(conn, number, false, &row), before = row.version;

    if (!r)
        r = job_check_epoch(job, row.cluster_epoch);
    if (!r)
        r = take(conn, &row, job->request->timer_due);
    if (r <= 0)
        return r;
    r = 0;
    if (kind->plan)
        kind->plan(&row, &plan);
    else if (kind->plan_by_look)
        r = kind->plan_by_look(conn, &row, &text, &plan);
    else
        r = plan_by_clocks(conn, kind, &row, &writer, &text, &plan);
    for (int i = 0; i < plan.n && !r; i++)
        r = ticket_write(conn, &row, &plan.steps[i], &writer, i == plan.n - 1);
    if (!plan.n && !r)
        r = arm_again(conn, kind, &row, &writer.clocks_changed);
    if (r < 0)
        return r;
    if (row.version != before)
        job_hint_ticket(job);
    job_hint_timers(job, &row.id, writer.clocks_changed);
    return 0;
}

static int timer_due_work(struct db_conn *conn, struct job *job)
{
    const Meridian__TimerDue *due = job->request->timer_due;
    const struct timer_kind *kind = kind_of(due->name);
    _cleanup_result_ struct db_result number = {0};
    struct uuid ticket;
    int r;

    if (!kind || due->ticket_id.len != sizeof ticket.bytes)
        return outcome_refuse(&job->out, -E_BAD_REQUEST, "There is no such kind of timer");
    memcpy(ticket.bytes, due->ticket_id.data, sizeof ticket.bytes);
    r = db_begin(conn);
    if (!r)
        r = find_ticket(conn, &ticket, job, &number);
    if (r > 0)
        r = act(conn, job, kind, db_text(&number, 0, 0));
    if (r < 0) {
        db_rollback(conn);
        return r;
    }
    return db_commit(conn, &job->lsn);
}

const struct job_kind timer_due_kind = {.name = "timer_due", .repeatable = true, .work = timer_due_work};
