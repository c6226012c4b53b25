/* The plans of service levels that this process has read, by version.
 *
 * Shared by the database workers, which are the only ones that ask: the one lock of the router outside its
 * queues, held while a plan that nobody has asked for yet is read. Plans never change and are kept until the
 * book is closed, so what is found is used without a lock; there are as many as somebody applied and some
 * ticket still counts by. */
#pragma once
#include "db/db.h"
#include "plan/sla_plan_json.h"

struct plan_book;

struct plan_book *plan_book_new(void);
/** NULL is fine; returns NULL. No worker may be in it any more. */
struct plan_book *plan_book_free(struct plan_book *book);

/** Whether claims can move clocks: false until somebody learned it, true for ever after. Any thread. */
bool plan_book_minds_claims(struct plan_book *book);
void plan_book_learn_claims(struct plan_book *book);

/** The version of the plan in force. Database failures; -E_INTERNAL: there is none. */
int plan_newest(struct db_conn *conn, int64_t *ret_version) _must_check_;
/** The plan in force. Ended with plan_in_force_fini. Database failures; -E_INTERNAL: there is none. */
struct plan_in_force {
    int64_t version, cluster_epoch;
    json_t *document, *calendar_versions;
};
int plan_in_force_read(struct db_conn *conn, struct plan_in_force *ret_plan) _must_check_;
void plan_in_force_fini(struct plan_in_force *plan);
#define _cleanup_plan_in_force_ _cleanup_(plan_in_force_fini)

/** The plan of this version, borrowed from the book; read through `conn` when it is new. 0, -E_NOT_FOUND:
 * there is none, -E_INTERNAL: it cannot be understood (logged once), or a failure of db_exec. */
int plan_book_get(struct plan_book *book, struct db_conn *conn, int64_t version,
                  const struct sla_plan **ret_plan) _must_check_;
