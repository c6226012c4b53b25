/* A locked ticket, as the decisions about it see it. */
#pragma once
#include "base/uuid.h"
#include "db/db.h"
#include "domain/ticket_state.h"

struct ticket_row {
    struct uuid id;
    enum ticket_state state;
    int priority, impact, urgency;
    int64_t epoch;
    int version; /* event_seq */
    int team, tier;
    bool restricted;
    bool responded;      /* the first public reply of an agent has been */
    int64_t owned_at_us; /* 0: nobody owns it */
    int64_t updated_at_us;
    int64_t now_us; /* the database's time after the lock, never before the last event */
    int64_t cluster_epoch;
    int64_t pending_until_us;
    int64_t nudged_at_us; /* the last time; 0: never */
    /* Texts belong to `result`. */
    const char *came_from; /* slug of the team that had it before; NULL: none */
    const char *number, *team_slug, *requester_id, *submitter_id;
    const char *pending_reason;                                     /* NULL unless pending */
    const char *owner_id, *owner_login, *owner_name, *owner_region; /* NULL: nobody */
    struct db_result result;
};

/** Locks the ticket that `number` leads to, in the connection's transaction. 0, -E_NOT_FOUND or a database
 * failure. */
int ticket_row_lock(struct db_conn *conn, const char *number, struct ticket_row *ret_row) _must_check_;
void ticket_row_fini(struct ticket_row *row);
#define _cleanup_ticket_row_ _cleanup_(ticket_row_fini)
