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
    bool merged;         /* set by who looked: it may still become one of its own, see ticket_situation */
    bool responded;      /* the first public reply of an agent has been */
    int64_t owned_at_us; /* 0: nobody owns it */
    int64_t updated_at_us;
    int64_t now_us; /* the database's time after the lock, never before the last event */
    int64_t cluster_epoch;
    int64_t pending_until_us;
    int64_t nudged_at_us;     /* the last time; 0: never */
    int64_t reopen_until_us;  /* of a closed one; 0: it cannot be reopened */
    int64_t offered_until_us; /* 0: it is offered to nobody */
    bool owner_on_shift;      /* set by who looked: its owner may keep it, see ticket_rules.c */
    /* Texts belong to `result`. */
    const char *came_from; /* slug of the team that had it before; NULL: none */
    const char *number, *team_slug, *requester_id, *submitter_id;
    const char *pending_reason;                                     /* NULL unless pending */
    const char *owner_id, *owner_login, *owner_name, *owner_region; /* NULL: nobody */
    const char *offered_to, *offered_login, *offered_name;          /* NULL: nobody */
    struct uuid named;       /* the ticket that has the number: another one where a merge was followed */
    struct db_result result; /* empty in a row of ticket_rows, which has it */
};

/** Locks the ticket that `number` leads to, in the connection's transaction; with `follow` the root of one
 * that was merged. 0, -E_NOT_FOUND, -E_DB_RETRY when the ticket was merged or got out again meanwhile, or a
 * database failure. */
int ticket_row_lock(struct db_conn *conn, const char *number, bool follow,
                    struct ticket_row *ret_row) _must_check_;
void ticket_row_fini(struct ticket_row *row);
#define _cleanup_ticket_row_ _cleanup_(ticket_row_fini)

/** Several locked tickets, in order of their ids, which is the order in which they were locked. */
struct ticket_rows {
    struct ticket_row *rows;
    int n;
    struct db_result result;
};
/** Locks them; each is there once, however often it is in `ids`. 0 or a database failure. */
int ticket_rows_lock(struct db_conn *conn, const struct uuid *ids, int n,
                     struct ticket_rows *ret_rows) _must_check_;
/** NULL: it is not among them. */
struct ticket_row *ticket_rows_find(const struct ticket_rows *rows, const struct uuid *id);
void ticket_rows_fini(struct ticket_rows *rows);
#define _cleanup_ticket_rows_ _cleanup_(ticket_rows_fini)

/** Where a number leads. */
struct ticket_place {
    struct uuid id, root; /* the same for a ticket that is not merged */
    int64_t merged_at_us; /* 0: not merged */
    bool was_new;         /* before the merge */
};
/** Looks without a lock; true as long as the ticket and its root are locked. 0, -E_NOT_FOUND or a database
 * failure. */
int ticket_place_find(struct db_conn *conn, const char *number, struct ticket_place *ret_place) _must_check_;
/** After the locks: 0, or -E_DB_RETRY when the number leads elsewhere by now. */
int ticket_place_check(struct db_conn *conn, const struct ticket_place *place) _must_check_;
