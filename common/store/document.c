/* Documents: one table of names and statements, one function that runs them.
 *
 * Each read is one read-only transaction in which row-level security sees the viewer (db_begin_visible), so a
 * statement cannot leak what the viewer may not see, whatever its WHERE says. Freshness is asked first in the
 * same transaction, so that it never claims more than the document shows. Shaping happens in SQL; the only
 * JSON written here is the tail that tells the age.
 */
#include "store/document.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include "meridian/ticket.h"
#include "store_sql.h"

static const struct document {
    const char *name;
    const struct db_statement *statement;
    size_t nargs;
    enum {
        AS_VIEWER, /* with the viewer's eyes, as the reader */
        AS_SELF,   /* with the rights of this connection */
        BARE, /* no viewer, no age, no transaction: one round trip, for what is asked with every submission */
    } how;
} documents[] = {
    {"ticket", &sql_store_document_ticket, 2, AS_VIEWER},
    {"tickets", &sql_store_document_tickets, 8, AS_VIEWER},
    {"tickets-of-requester", &sql_store_document_tickets_of_requester, 8, AS_VIEWER},
    {"tickets-of-owner", &sql_store_document_tickets_of_owner, 8, AS_VIEWER},
    {"events", &sql_store_document_events, 3, AS_VIEWER},
    {"links", &sql_store_document_links, 1, AS_VIEWER},
    {"eligibility", &sql_store_document_eligibility, 3, AS_VIEWER},
    {"queue", &sql_store_document_queue, 3, AS_VIEWER},
    {"submission", &sql_store_document_submission, 1, BARE},
    {"dead-letters", &sql_store_document_dead_letters, 2, AS_VIEWER},
    {"audit", &sql_store_document_audit, 2, AS_VIEWER},
    {"sla-history", &sql_store_document_sla_history, 3, AS_VIEWER},
    {"sla-ticket", &sql_store_document_sla_ticket, 1, AS_VIEWER},
    {"sla-plan", &sql_store_document_sla_plan, 1, AS_VIEWER},
    {"sla-feeds", &sql_store_document_sla_feeds, 2, AS_VIEWER},
    {"tzdata", &sql_store_document_tzdata, 2, AS_VIEWER},
    {"organisation", &sql_store_document_organisation, 1, AS_VIEWER},
    {"oncall-swaps", &sql_store_document_oncall_swaps, 5, AS_VIEWER},
    {"teams", &sql_store_document_teams, 0, AS_VIEWER},
    {"agents", &sql_store_document_agents, 3, AS_VIEWER},
    {"dispatch", &sql_store_document_dispatch, 3, AS_VIEWER},
    {"offers", &sql_store_document_offers, 2, AS_VIEWER},
    {"presence", &sql_store_document_presence, 0, AS_VIEWER},
    {"me", &sql_store_document_me, 0, AS_VIEWER},
    {"user", &sql_store_document_user, 1, AS_VIEWER},
    {"status", &sql_store_document_status, 0, AS_VIEWER},
    {"replication", &sql_store_document_replication, 0, AS_SELF},
};

struct db_visibility store_visibility(const Meridian__Principal *principal)
{
    static const char *const kinds[] = {
#define X(name, number, text) [number] = text,
        USER_ROLES(X)
#undef X
    };

    if (!principal)
        return (struct db_visibility){.kind = "system"};
    return (struct db_visibility){
        .kind =
            principal->role < ARRAY_SIZE(kinds) && kinds[principal->role] ? kinds[principal->role] : "none",
        .user_id = principal->user_id,
        .teams = principal->teams,
        .nteams = principal->n_teams,
    };
}

int store_freshness(struct db_conn *conn, struct store_freshness *ret_freshness)
{
    _cleanup_result_ struct db_result result = {0};
    int r = db_exec(conn, &sql_store_freshness, NULL, &result);

    if (r < 0)
        return r;
    *ret_freshness = (struct store_freshness){
        .now_us = db_int(&result, 0, 0),
        .standby = db_bool(&result, 0, 1),
        .as_of_us = db_int(&result, 0, 2),
        .lsn = (uint64_t)db_int(&result, 0, 3),
    };
    return 0;
}

static const struct document *document_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++)
        if (strcmp(documents[i].name, name) == 0)
            return &documents[i];
    return NULL;
}

static void add_tail(struct buf *json, struct str text, const struct store_freshness *fresh)
{
    char as_of[CLOCK_TEXT_SIZE];
    int64_t lag_ms = fresh->standby ? (fresh->now_us - fresh->as_of_us) / US_PER_MS : 0;

    buf_add(json, text.p, text.n - 1); /* without the brace */
    buf_printf(json, ",\"as_of\":\"%s\",\"lag_ms\":%lld}", clock_format(fresh->as_of_us, as_of),
               (long long)(lag_ms > 0 ? lag_ms : 0));
}

int store_document(struct db_conn *conn, const char *role, const char *name, const struct db_visibility *who,
                   const char *const *args, size_t nargs, struct buf *ret_json)
{
    const struct document *document = document_find(name);
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct store_freshness fresh;
    struct str text;
    int r = 0;

    if (!document || nargs != document->nargs)
        return -E_BAD_REQUEST;
    for (size_t i = 0; i < nargs; i++)
        db_param_text(&params, args[i] && args[i][0] ? args[i] : NULL);
    if (document->how != BARE)
        r = db_begin_visible(conn, document->how == AS_SELF ? NULL : role, who);
    if (r >= 0 && document->how != BARE)
        r = store_freshness(conn, &fresh);
    if (r >= 0)
        r = db_exec(conn, document->statement, &params, &result);
    if (r >= 0 && document->how != BARE)
        r = db_commit(conn, NULL);
    if (r < 0) {
        db_rollback(conn);
        return r == -E_VALIDATION ? -E_BAD_REQUEST : r;
    }
    text = db_rows(&result) ? db_str(&result, 0, 0) : (struct str){0};
    if (!text.p)
        return -E_NOT_FOUND;
    if (text.n < 2 || text.p[text.n - 1] != '}')
        return -E_INTERNAL;
    if (document->how == BARE)
        buf_add_str(ret_json, text);
    else
        add_tail(ret_json, text, &fresh);
    return 0;
}
