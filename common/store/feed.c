/* Reading the feed.
 *
 * A position is (transaction id << 20 | ordinal). Transactions commit out of order, so a reader that
 * remembered the largest position it saw would miss a slow one; it therefore never reads past the horizon,
 * the oldest transaction still running (on a standby: as far as replayed). Everything is read as "system";
 * the caller hides what its subscribers may not see.
 */
#include "store/feed.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "store_sql.h"
#include <stdio.h>

static const struct db_visibility all = {.kind = "system"};

void feed_event_fini(struct feed_event *event)
{
    free(event->type);
    free(event->actor);
    free(event->number);
    free(event->region);
    free(event->data);
    free(event->data_for_requesters);
    *event = (struct feed_event){0};
}

static void read_event(const struct db_result *result, int row, struct feed_event *ret_event)
{
    struct feed_event e = {
        .position = db_int(result, row, 0),
        .type = mem_str(db_text(result, row, 2)),
        .at_us = db_int(result, row, 3),
        .actor = mem_str(db_text(result, row, 4)),
        .public = db_bool(result, row, 5),
        .data = mem_str(db_text(result, row, 6)),
        .seq = (int32_t)db_int(result, row, 7),
        .number = mem_str(db_text(result, row, 8)),
        .team = (uint32_t)db_int(result, row, 12),
        .restricted = db_bool(result, row, 13),
        .region = mem_str(db_text(result, row, 14)),
        .data_for_requesters = db_is_null(result, row, 15) ? NULL : mem_str(db_text(result, row, 15)),
    };

    snprintf(e.ticket_id, sizeof e.ticket_id, "%s", db_text(result, row, 9));
    snprintf(e.requester_id, sizeof e.requester_id, "%s", db_text(result, row, 10));
    snprintf(e.submitter_id, sizeof e.submitter_id, "%s", db_text(result, row, 11));
    *ret_event = e;
}

static int read_bounds(struct db_conn *conn, int64_t position, struct feed_bounds *ret_bounds)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_int(&params, position);
    r = db_exec(conn, &sql_store_feed_bounds, &params, &result);
    if (r < 0)
        return r;
    *ret_bounds =
        (struct feed_bounds){db_int(&result, 0, 0) - 1, db_int(&result, 0, 1), db_bool(&result, 0, 2)};
    return 0;
}

int store_feed_read(struct db_conn *conn, int64_t position, size_t max, struct feed_event *ret_events,
                    size_t *ret_n, int64_t *ret_horizon)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct feed_bounds bounds;
    int r;

    db_param_int(&params, position);
    db_param_int(&params, (int64_t)max);
    r = db_begin_visible(conn, NULL, &all);
    if (r >=
        0) /* before the rows: each statement has its own snapshot, and a horizon is only ever too early */
        r = read_bounds(conn, position, &bounds);
    if (r >= 0)
        r = db_exec(conn, &sql_store_feed_read, &params, &result);
    if (r < 0) {
        db_rollback(conn);
        return r;
    }
    r = db_commit(conn, NULL);
    if (r < 0)
        return r;
    *ret_horizon = bounds.end;
    *ret_n = (size_t)db_rows(&result);
    for (size_t i = 0; i < *ret_n; i++)
        read_event(&result, (int)i, &ret_events[i]);
    return 0;
}

int store_feed_bounds(struct db_conn *conn, int64_t position, struct feed_bounds *ret_bounds)
{
    int r = db_begin_visible(conn, NULL, &all);

    if (r >= 0)
        r = read_bounds(conn, position, ret_bounds);
    if (r >= 0)
        return db_commit(conn, NULL);
    db_rollback(conn);
    return r;
}
