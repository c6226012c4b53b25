/* Reads ticket_lock.sql. Called by the commands and timers; the lock is what makes everything decided from
 * the row true until the commit.
 *
 * Whether a ticket is merged follows from another table, which the statement that waits for the lock reads as
 * it was before. Only whoever holds the locks of a ticket and of its root changes that, so a second look
 * after the locks decides. A merged ticket is cancelled: all others, which are nearly all, need no second
 * look. */
#include "router/ticket_row.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "router_sql.h"

enum column {
    ID,
    NUMBER,
    STATE,
    PRIORITY,
    EPOCH,
    VERSION,
    REQUESTER,
    SUBMITTER,
    TEAM,
    TEAM_SLUG,
    RESTRICTED,
    OWNER,
    OWNER_LOGIN,
    OWNER_NAME,
    OWNER_REGION,
    OWNED_AT,
    RESPONDED,
    UPDATED_AT,
    NOW,
    CLUSTER_EPOCH,
    PENDING_REASON,
    PENDING_UNTIL,
    TIER,
    IMPACT,
    URGENCY,
    NUDGED_AT,
    CAME_FROM,
    OFFERED_TO,
    OFFERED_LOGIN,
    OFFERED_NAME,
    OFFERED_UNTIL,
    NAMED,
    REOPEN_UNTIL,
};

static bool same(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Texts are borrowed from `result`. */
static int read_row(const struct db_result *result, int i, struct ticket_row *ret_row)
{
    struct ticket_row row = {0};
    int r = db_uuid(result, i, ID, &row.id);

    if (!r)
        r = db_uuid(result, i, NAMED, &row.named);
    if (!r)
        r = ticket_state_parse(db_str(result, i, STATE), &row.state);
    if (r < 0)
        return -E_INTERNAL;
    row.number = db_text(result, i, NUMBER);
    row.priority = (int)db_int(result, i, PRIORITY);
    row.epoch = db_int(result, i, EPOCH);
    row.version = (int)db_int(result, i, VERSION);
    row.requester_id = db_text(result, i, REQUESTER);
    row.submitter_id = db_text(result, i, SUBMITTER);
    row.team = (int)db_int(result, i, TEAM);
    row.team_slug = db_text(result, i, TEAM_SLUG);
    row.restricted = db_bool(result, i, RESTRICTED);
    row.owner_id = db_text(result, i, OWNER);
    row.owner_login = db_text(result, i, OWNER_LOGIN);
    row.owner_name = db_text(result, i, OWNER_NAME);
    row.owner_region = db_text(result, i, OWNER_REGION);
    row.owned_at_us = db_int(result, i, OWNED_AT);
    row.responded = db_bool(result, i, RESPONDED);
    row.updated_at_us = db_int(result, i, UPDATED_AT);
    row.now_us = db_int(result, i, NOW);
    row.cluster_epoch = db_int(result, i, CLUSTER_EPOCH);
    row.pending_reason = db_text(result, i, PENDING_REASON);
    row.pending_until_us = db_int(result, i, PENDING_UNTIL);
    row.tier = (int)db_int(result, i, TIER);
    row.impact = (int)db_int(result, i, IMPACT);
    row.urgency = (int)db_int(result, i, URGENCY);
    row.nudged_at_us = db_int(result, i, NUDGED_AT);
    row.came_from = db_text(result, i, CAME_FROM);
    row.offered_to = db_text(result, i, OFFERED_TO);
    row.offered_login = db_text(result, i, OFFERED_LOGIN);
    row.offered_name = db_text(result, i, OFFERED_NAME);
    row.offered_until_us = db_int(result, i, OFFERED_UNTIL);
    row.reopen_until_us = db_int(result, i, REOPEN_UNTIL);
    *ret_row = row;
    return 0;
}

/* ---- where a number leads ---- */

static int find_place(struct db_conn *conn, const char *number, const struct uuid *id,
                      struct ticket_place *ret_place)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, number);
    db_param_uuid(&params, id);
    r = db_exec(conn, &sql_router_ticket_find, &params, &result);
    if (r < 0)
        return r;
    if (db_rows(&result) != 1)
        return -E_NOT_FOUND;
    ret_place->merged_at_us = db_int(&result, 0, 2);
    ret_place->was_new = db_bool(&result, 0, 3);
    r = db_uuid(&result, 0, 0, &ret_place->id);
    return r ? r : db_uuid(&result, 0, 1, &ret_place->root);
}

int ticket_place_find(struct db_conn *conn, const char *number, struct ticket_place *ret_place)
{
    return find_place(conn, number, NULL, ret_place);
}

int ticket_place_check(struct db_conn *conn, const struct ticket_place *place)
{
    struct ticket_place now;
    int r = find_place(conn, NULL, &place->id, &now);

    if (r < 0)
        return r;
    return same(&now.root, &place->root) && now.merged_at_us == place->merged_at_us ? 0 : -E_DB_RETRY;
}

/* ---- locks ---- */

int ticket_row_lock(struct db_conn *conn, const char *number, bool follow, struct ticket_row *ret_row)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct ticket_place place;
    struct ticket_row row;
    int r;

    db_param_text(&params, number);
    db_param_bool(&params, follow);
    db_param_null(&params);
    r = db_exec(conn, &sql_router_ticket_lock, &params, &result);
    if (r < 0)
        return r;
    if (db_rows(&result) != 1)
        return -E_NOT_FOUND;
    r = read_row(&result, 0, &row);
    if (!r && follow && (row.state == TICKET_CANCELLED || !same(&row.id, &row.named))) {
        r = find_place(conn, NULL, &row.named, &place);
        if (!r && !same(&place.root, &row.id))
            r = -E_DB_RETRY;
    }
    if (r < 0)
        return r;
    row.result = result;
    result.pg = NULL;
    *ret_row = row;
    return 0;
}

int ticket_rows_lock(struct db_conn *conn, const struct uuid *ids, int n, struct ticket_rows *ret_rows)
{
    _cleanup_ticket_rows_ struct ticket_rows rows = {0};
    _cleanup_params_ struct db_params params = {0};
    _cleanup_buf_ struct buf list = BUF_INIT;
    char text[UUID_TEXT_SIZE];
    int r;

    for (int i = 0; i < n; i++)
        buf_printf(&list, "%c%s", i ? ',' : '{', uuid_format(&ids[i], text));
    buf_add_text(&list, n ? "}" : "{}");
    db_param_null(&params);
    db_param_bool(&params, false);
    db_param_text(&params, buf_text(&list));
    r = db_exec(conn, &sql_router_ticket_lock, &params, &rows.result);
    if (r < 0)
        return r;
    rows.n = db_rows(&rows.result);
    rows.rows = NEW_ARRAY(struct ticket_row, (size_t)rows.n + 1);
    for (int i = 0; i < rows.n && !r; i++)
        r = read_row(&rows.result, i, &rows.rows[i]);
    if (r < 0)
        return r;
    *ret_rows = rows;
    rows = (struct ticket_rows){0};
    return 0;
}

struct ticket_row *ticket_rows_find(const struct ticket_rows *rows, const struct uuid *id)
{
    for (int i = 0; i < rows->n; i++)
        if (same(&rows->rows[i].id, id))
            return &rows->rows[i];
    return NULL;
}

void ticket_rows_fini(struct ticket_rows *rows)
{
    free(rows->rows);
    db_result_fini(&rows->result);
}

void ticket_row_fini(struct ticket_row *row)
{
    db_result_fini(&row->result);
}
