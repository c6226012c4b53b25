/* Lays out who is on duty. Called by whoever changes what it follows from, and by the janitor once a day.
 *
 * What must stay true: desk.duty is what organisation, plan and swaps say together. So everybody who changes
 * one of them takes a lock, looks at the others only then, and writes in the same transaction. A schedule
 * that a later plan has not is nobody's duty: the plan was applied with a warning. */
#include "router/duty.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "domain/oncall_window.h"
#include "meridian/errors.h"
#include "router/plan_book.h"
#include "router/swapped.h"
#include "router_sql.h"

enum { SHIFTS_MAX = 5000 };
#define BACK_S  ((int64_t)DAY_S) /* so that a clock that is ahead of the database's leaves no gap */
#define AHEAD_S (8 * (int64_t)DAY_S)

static int plan_in_force(struct db_conn *conn, struct plan_book *plans, const struct sla_plan **ret_plan)
{
    int64_t version;
    int r = plan_newest(conn, &version);

    return r < 0 ? r : plan_book_get(plans, conn, version, ret_plan);
}

static int lock(struct db_conn *conn)
{
    _cleanup_result_ struct db_result result = {0};

    return db_exec(conn, &sql_router_duty_lock, NULL, &result);
}

/* ---- what is wrong ---- */

static int judge_one(struct job *job, const struct sla_plan *plan, const char *team, const char *role,
                     const char *schedule)
{
    _cleanup_buf_ struct buf pointer = BUF_INIT, reason = BUF_INIT;
    const char *near, **names;

    if (!schedule || sla_plan_schedule(plan, schedule))
        return 0;
    names = NEW_ARRAY(const char *, plan->nschedules + 1);
    for (size_t i = 0; i < plan->nschedules; i++)
        names[i] = plan->schedules[i].name;
    near = plan_nearest(schedule, names, plan->nschedules);
    buf_printf(&pointer, "/document/teams/%s/on_duty/%s", team, role);
    buf_add_text(&reason, "names no schedule of the plan of service levels in force");
    if (near)
        buf_printf(&reason, "; did you mean \"%s\"?", near);
    free(names);
    return outcome_refuse_field(&job->out, buf_text(&pointer), buf_text(&reason));
}

int duty_judge(struct db_conn *conn, struct job *job, const struct organisation *o)
{
    const struct sla_plan *plan;
    int r = lock(conn);

    if (!r)
        r = plan_in_force(conn, job->plans, &plan);
    for (size_t i = 0; i < o->nteams && !r; i++) {
        r = judge_one(job, plan, o->teams[i].name, "main", o->teams[i].duty_main);
        if (!r)
            r = judge_one(job, plan, o->teams[i].name, "backup", o->teams[i].duty_backup);
    }
    return r;
}

int duty_warn(struct db_conn *conn, const struct sla_plan *plan, struct buf *json)
{
    _cleanup_result_ struct db_result named = {0};
    int r = lock(conn);
    bool any = false;

    if (!r)
        r = db_exec(conn, &sql_router_duty_schedules, NULL, &named);
    for (int i = 0; i < db_rows(&named) && !r; i++) {
        _cleanup_buf_ struct buf text = BUF_INIT;

        if (sla_plan_schedule(plan, db_text(&named, i, 3)))
            continue;
        buf_printf(&text, "team %s has nobody on duty (%s): the plan has no schedule \"%s\"",
                   db_text(&named, i, 1), db_text(&named, i, 2), db_text(&named, i, 3));
        buf_add_text(json, any ? "," : ",\"warnings\":[");
        buf_json_text(json, buf_text(&text));
        any = true;
    }
    if (any)
        buf_add_char(json, ']');
    return r;
}

/* ---- laying out ---- */

static void add_shift(struct buf *json, const struct db_result *named, int row, const char *login,
                      int64_t from_s, int64_t to_s)
{
    buf_printf(json, "%s{\"team\":%lld,\"role\":\"%s\",\"login\":", json->n > 1 ? "," : "",
               (long long)db_int(named, row, 0), db_text(named, row, 2));
    buf_json_text(json, login);
    buf_printf(json, ",\"from\":%lld", (long long)(from_s * US_PER_S));
    if (to_s != INT64_MAX)
        buf_printf(json, ",\"to\":%lld", (long long)(to_s * US_PER_S));
    buf_add_char(json, '}');
}

/* As far ahead as a reasonable number of shifts reaches. */
static int add_schedule(struct db_conn *conn, const struct db_result *named, int row,
                        const struct escalation_schedule *schedule, int64_t now_s, struct buf *json)
{
    int64_t from_s = now_s - BACK_S;
    _cleanup_swapped_ struct swapped swapped = {0};
    _cleanup_oncall_shifts_ struct oncall_shifts shifts = {0};
    int64_t until_s = now_s + AHEAD_S;
    int r = swapped_read(conn, schedule, from_s, until_s, &swapped);

    if (r < 0)
        return r;
    while (oncall_shifts(&swapped.schedule, from_s, until_s, SHIFTS_MAX, &shifts) == ONCALL_TOO_MANY)
        until_s -= (until_s - from_s) / 2;
    for (size_t i = 0; i < shifts.n; i++)
        add_shift(json, named, row, schedule->people[shifts.items[i].person], shifts.items[i].from_s,
                  shifts.items[i].to_s == until_s ? INT64_MAX : shifts.items[i].to_s);
    return 0;
}

int duty_renew(struct db_conn *conn, struct plan_book *plans, const struct sla_plan *plan)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result named = {0}, laid = {0};
    _cleanup_buf_ struct buf json = BUF_INIT;
    int r = lock(conn);

    if (!r && !plan)
        r = plan_in_force(conn, plans, &plan);
    if (!r)
        r = db_exec(conn, &sql_router_duty_schedules, NULL, &named);
    buf_add_char(&json, '[');
    for (int i = 0; i < db_rows(&named) && !r; i++) {
        const struct escalation_schedule *schedule = sla_plan_schedule(plan, db_text(&named, i, 3));

        if (schedule)
            r = add_schedule(conn, &named, i, schedule, clock_now_us() / US_PER_S, &json);
    }
    buf_add_char(&json, ']');
    if (r < 0)
        return r;
    db_param_text(&params, buf_text(&json));
    return db_exec(conn, &sql_router_duty_lay, &params, &laid);
}

int duty_renew_alone(struct db_conn *conn, struct plan_book *plans)
{
    int r = db_begin(conn);

    if (!r)
        r = duty_renew(conn, plans, NULL);
    if (!r)
        r = db_commit(conn, NULL);
    if (r < 0)
        db_rollback(conn);
    return r;
}
