/* From rows to clocks and back. What a clock does is decided by the fold (domain/sla_fold.h); this file finds
 * the events it needs and writes what differs from the rows. Called by ticket_write.c.
 *
 * What must stay true: the rows are what the fold of the stored events gives, so that `deskctl sla replay`
 * finds no difference; a row never goes, it ends. */
#include "router/ticket_clocks.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "router/timers.h"
#include "router_sql.h"

void ticket_clocks_fini(struct ticket_clocks *clocks)
{
    sla_fold_fini(&clocks->fold);
    sla_history_fini(&clocks->history);
    free(clocks->rows);
    db_result_fini(&clocks->result);
    *clocks = (struct ticket_clocks){0};
}

/* ---- what is stored ---- */

static struct instant instant_at(const struct db_result *result, int i, int column)
{
    return (struct instant){db_int(result, i, column)};
}

static int read_rows(struct db_conn *conn, const struct ticket_row *row, struct ticket_clocks *clocks)
{
    _cleanup_params_ struct db_params params = {0};
    struct db_result *result = &clocks->result;
    int r;

    ticket_clocks_fini(clocks);
    db_param_uuid(&params, &row->id);
    r = db_exec(conn, &sql_router_clock_list, &params, result);
    if (r < 0)
        return r;
    clocks->n = db_rows(result);
    clocks->rows = NEW_ARRAY(struct clock_row, (size_t)clocks->n + 1);
    for (int i = 0; i < clocks->n; i++) {
        struct clock_row *read = &clocks->rows[i];
        struct sla_clock *c = &read->clock;

        read->target = db_text(result, i, 0);
        read->cycle = (int)db_int(result, i, 1);
        if (sla_clock_state_parse(db_str(result, i, 2), &c->state) < 0)
            return -E_INTERNAL;
        c->started = instant_at(result, i, 3);
        c->target_s = db_int(result, i, 4);
        c->warn_percent = (int)db_int(result, i, 5);
        c->due = instant_at(result, i, 6);
        c->warn = instant_at(result, i, 7);
        c->remaining_s = db_int(result, i, 8);
        c->stopped = instant_at(result, i, 9);
        c->fire = instant_at(result, i, 10);
    }
    return 0;
}

static bool is_due(const struct ticket_clocks *clocks, int64_t now_us)
{
    for (int i = 0; i < clocks->n; i++)
        if (clocks->rows[i].clock.fire.us && clocks->rows[i].clock.fire.us <= now_us)
            return true;
    return false;
}

/* Each event that is written moves the ticket on by one version. */
static int fire_due(struct db_conn *conn, struct ticket_row *row, int *ordinal)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_uuid(&params, &row->id);
    db_param_text(&params, "system:router");
    db_param_int(&params, *ordinal);
    r = db_exec(conn, &sql_router_clock_fire, &params, &result);
    if (r < 0)
        return r;
    *ordinal += db_rows(&result);
    for (int i = 0; i < db_rows(&result); i++) {
        if (!str_starts(db_str(&result, i, 0), STR("sla.")))
            continue; /* a clock that moved meanwhile has nothing to fire */
        row->version++;
        row->now_us = db_int(&result, i, 1);
    }
    return 0;
}

int ticket_clocks_read(struct db_conn *conn, struct ticket_row *row, int *ordinal,
                       struct ticket_clocks *clocks)
{
    int r = read_rows(conn, row, clocks);

    if (r < 0 || !is_due(clocks, row->now_us))
        return r;
    r = fire_due(conn, row, ordinal);
    return r < 0 ? r : read_rows(conn, row, clocks);
}

/* ---- what follows from the events ---- */

struct finder {
    struct plan_book *plans;
    struct db_conn *conn;
    int failure;
};

static const struct sla_plan *find_plan(void *ctx, int64_t version)
{
    struct finder *finder = ctx;
    const struct sla_plan *plan = NULL;

    finder->failure = plan_book_get(finder->plans, finder->conn, version, &plan);
    if (finder->failure == -E_NOT_FOUND)
        finder->failure = -E_INTERNAL; /* or it would be said that there is no such ticket */
    return plan;
}

static int add_event(struct sla_history *history, const char *type, int64_t at_us, const char *actor,
                     const char *text)
{
    _cleanup_(json_decrefp) json_t *data = json_loads(text, 0, NULL);

    return data ? sla_history_add(history, type, (struct instant){at_us}, actor, data) : -E_INTERNAL;
}

int ticket_clocks_fold(struct db_conn *conn, struct plan_book *plans, const struct ticket_row *row,
                       const struct clock_event *event, struct ticket_clocks *clocks)
{
    struct finder finder = {plans, conn, 0};
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_uuid(&params, &row->id);
    r = db_exec(conn, &sql_router_event_list, &params, &result);
    if (r < 0)
        return r;
    sla_history_init(&clocks->history, find_plan, &finder);
    for (int i = 0; i < db_rows(&result) && !r; i++)
        r = add_event(&clocks->history, db_text(&result, i, 0), db_int(&result, i, 1), db_text(&result, i, 2),
                      db_text(&result, i, 3));
    if (!r && event)
        r = add_event(&clocks->history, event->type, row->now_us, event->actor, event->data);
    if (r < 0)
        return finder.failure < 0 ? finder.failure : -E_INTERNAL;
    sla_fold(clocks->history.steps, clocks->history.n, &clocks->fold);
    return 0;
}

const struct sla_plan *ticket_clocks_plan(const struct ticket_clocks *clocks)
{
    return clocks->history.steps[clocks->history.n - 1].plan;
}

static int64_t earlier(int64_t due_us, const struct sla_clock *clock)
{
    return clock->due.us && (!due_us || clock->due.us < due_us) ? clock->due.us : due_us;
}

int64_t ticket_clocks_due_us(const struct ticket_clocks *clocks)
{
    int64_t due_us = 0;

    for (size_t i = 0; i < clocks->fold.n; i++)
        due_us = earlier(due_us, &clocks->fold.runs[i].clock);
    return due_us;
}

int64_t ticket_clocks_stored_due_us(const struct ticket_clocks *clocks)
{
    int64_t due_us = 0;

    for (int i = 0; i < clocks->n; i++)
        due_us = earlier(due_us, &clocks->rows[i].clock);
    return due_us;
}

/* ---- what has moved ---- */

static bool same(const struct sla_clock *a, const struct sla_clock *b)
{
    return a->state == b->state && a->started.us == b->started.us && a->target_s == b->target_s &&
           a->warn_percent == b->warn_percent && a->due.us == b->due.us && a->warn.us == b->warn.us &&
           a->remaining_s == b->remaining_s && a->stopped.us == b->stopped.us && a->fire.us == b->fire.us;
}

static bool is_stored(const struct ticket_clocks *clocks, const struct sla_run *run)
{
    for (int i = 0; i < clocks->n; i++)
        if (clocks->rows[i].cycle == run->cycle && strcmp(clocks->rows[i].target, run->name) == 0)
            return same(&clocks->rows[i].clock, &run->clock);
    return false;
}

static void add_instant(struct db_params *params, struct instant at)
{
    if (at.us)
        db_param_int(params, at.us);
    else
        db_param_null(params);
}

static int write_run(struct db_conn *conn, const struct ticket_row *row, const struct sla_run *run)
{
    _cleanup_params_ struct db_params params = {0};
    const struct sla_clock *c = &run->clock;

    db_param_uuid(&params, &row->id);
    db_param_text(&params, run->name);
    db_param_int(&params, run->cycle);
    db_param_text(&params, sla_clock_state_name(c->state));
    db_param_int(&params, c->started.us);
    db_param_int(&params, c->target_s);
    db_param_int(&params, c->warn_percent);
    add_instant(&params, c->due);
    add_instant(&params, c->warn);
    if (c->state == SLA_CLOCK_RUNNING)
        db_param_null(&params);
    else
        db_param_int(&params, c->remaining_s);
    add_instant(&params, c->stopped);
    add_instant(&params, c->fire);
    return db_exec(conn, &sql_router_clock_write, &params, NULL);
}

int ticket_clocks_write(struct db_conn *conn, const struct ticket_row *row,
                        const struct ticket_clocks *clocks, bool *ret_changed)
{
    int r = 0;

    for (size_t i = 0; i < clocks->fold.n && !r; i++) {
        if (is_stored(clocks, &clocks->fold.runs[i]))
            continue;
        *ret_changed = true;
        r = write_run(conn, row, &clocks->fold.runs[i]);
    }
    return r;
}

int ticket_clocks_follow(struct db_conn *conn, struct plan_book *plans, const char *number, int *ordinal)
{
    _cleanup_ticket_clocks_ struct ticket_clocks clocks = {0};
    _cleanup_ticket_row_ struct ticket_row row = {0};
    bool changed = false;
    int r = ticket_row_lock(conn, number, false, &row);

    if (!r)
        r = ticket_clocks_read(conn, &row, ordinal, &clocks);
    if (!r)
        r = ticket_clocks_fold(conn, plans, &row, NULL, &clocks);
    if (!r)
        r = ticket_clocks_write(conn, &row, &clocks, &changed);
    return r < 0 ? r : timers_follow(conn, &row, NULL, &clocks, &changed);
}
