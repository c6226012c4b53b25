/* Fires, and reads what came of it. desk.sla_fire decides by generation and database time, so it does not
 * matter how many do this at once, or whether a batch whose connection died was committed: the next pass
 * finds out. A pass that is refused with one clock alone steps over it; the sweeper narrows it down to that.
 */
#include "sla/batch.h"
#include "sla_sql.h"
#include <stdio.h>

static void add_cursor(struct db_params *params, const struct batch_cursor *cursor)
{
    if (!cursor->fire_us) {
        db_param_null(params);
        db_param_null(params);
        db_param_null(params);
        return;
    }
    db_param_int(params, cursor->fire_us);
    db_param_text(params, cursor->ticket);
    db_param_text(params, cursor->target);
}

static void read_cursor(const struct db_result *result, int row, struct batch_cursor *ret_cursor)
{
    ret_cursor->fire_us = db_int(result, row, 0);
    snprintf(ret_cursor->ticket, sizeof ret_cursor->ticket, "%s", db_text(result, row, 1));
    snprintf(ret_cursor->target, sizeof ret_cursor->target, "%s", db_text(result, row, 2));
}

/* A warning is followed by the breach of the next generation, at the due time. */
static int read_fired(const struct db_result *result, int row, struct batch_fired *ret_fired)
{
    struct wheel_timer *next = &ret_fired->next;

    *ret_fired = (struct batch_fired){.breached = strcmp(db_text(result, row, 3), "sla.breached") == 0,
                                      .late_us = db_int(result, row, 4)};
    if (ret_fired->breached)
        return 0;
    next->due_us = db_int(result, row, 5);
    next->generation = (int)db_int(result, row, 6) + 1;
    snprintf(next->name, sizeof next->name, "%s", db_text(result, row, 2));
    return db_uuid(result, row, 1, &next->ticket);
}

static int read_outcomes(struct batch *batch, const struct db_result *result)
{
    int r = 0;

    batch->candidates = db_rows(result);
    for (int row = 0; row < batch->candidates && !r; row++) {
        const char *outcome = db_text(result, row, 3);

        if (strcmp(outcome, "busy") == 0)
            batch->busy++;
        else if (strcmp(outcome, "stale") != 0)
            r = read_fired(result, row, &batch->fired[batch->nfired++]);
        read_cursor(result, row, &batch->next);
    }
    return r;
}

static void add_until(struct db_params *params, const struct batch *batch)
{
    db_param_int(params, batch->grace_us);
    if (batch->until_us)
        db_param_int(params, batch->until_us);
    else
        db_param_null(params);
}

static int step_over(struct db_conn *conn, struct batch *batch)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    add_cursor(&params, &batch->cursor);
    db_param_int(&params, (int64_t)batch->shards);
    add_until(&params, batch);
    r = db_exec(conn, &sql_sla_clock_candidate, &params, &result);
    if (r < 0)
        return r;
    batch->candidates = db_rows(&result);
    if (db_rows(&result)) {
        read_cursor(&result, 0, &batch->next);
        batch->stepped_over = true;
    }
    return 0;
}

static int fire_due(struct db_conn *conn, struct batch *batch, struct db_result *ret_result)
{
    _cleanup_params_ struct db_params params = {0};

    add_cursor(&params, &batch->cursor);
    db_param_int(&params, batch->limit);
    db_param_text(&params, batch->actor);
    db_param_int(&params, (int64_t)batch->shards);
    add_until(&params, batch);
    return db_exec_lsn(conn, &sql_sla_clock_fire, &params, ret_result, &batch->lsn);
}

static int fire_named(struct db_conn *conn, struct batch *batch, struct db_result *ret_result)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_buf_ struct buf tickets = BUF_INIT, targets = BUF_INIT, generations = BUF_INIT, due = BUF_INIT;
    char uuid[UUID_TEXT_SIZE];

    for (int i = 0; i < batch->nnamed; i++) {
        const struct wheel_timer *timer = &batch->named_timers[i];
        char comma = i ? ',' : '{';

        buf_printf(&tickets, "%c%s", comma, uuid_format(&timer->ticket, uuid));
        buf_printf(&targets, "%c%s", comma, timer->name);
        buf_printf(&generations, "%c%d", comma, timer->generation);
        buf_printf(&due, "%c%lld", comma, (long long)timer->due_us);
    }
    buf_add_char(&tickets, '}');
    buf_add_char(&targets, '}');
    buf_add_char(&generations, '}');
    buf_add_char(&due, '}');
    db_param_text(&params, buf_text(&tickets));
    db_param_text(&params, buf_text(&targets));
    db_param_text(&params, buf_text(&generations));
    db_param_text(&params, buf_text(&due));
    db_param_text(&params, batch->actor);
    return db_exec_lsn(conn, &sql_sla_clock_fire_named, &params, ret_result, &batch->lsn);
}

int batch_run(struct db_conn *conn, void *job)
{
    _cleanup_result_ struct db_result result = {0};
    struct batch *batch = job;
    int r;

    batch->candidates = batch->nfired = batch->busy = 0;
    batch->stepped_over = batch->poison = false;
    batch->next = batch->cursor;
    r = batch->named ? fire_named(conn, batch, &result) : fire_due(conn, batch, &result);
    if (r == 0)
        return read_outcomes(batch, &result);
    batch->poison = db_refused(conn);
    return batch->poison && !batch->named && batch->limit == 1 ? step_over(conn, batch) : r;
}
