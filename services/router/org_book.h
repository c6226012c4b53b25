/* The organisations that this process has read, by version: as the plans of plan_book.h, for the same
 * callers, by the same rules. */
#pragma once
#include "db/db.h"
#include "plan/organisation_json.h"

struct org_book;

/** An organisation and, beside its teams, their ids in the database. Borrowed from the book. */
struct org_entry {
    struct org_document *document;
    const struct organisation *organisation;
    int *team_ids;
};

struct org_book *org_book_new(void);
/** NULL is fine; returns NULL. No worker may be in it any more. */
struct org_book *org_book_free(struct org_book *book);

/** The organisation of this version, read through `conn` when it is new. 0, -E_NOT_FOUND: there is none,
 * -E_INTERNAL: it cannot be understood (logged), or a failure of db_exec. */
int org_book_get(struct org_book *book, struct db_conn *conn, int64_t version,
                 const struct org_entry **ret_entry) _must_check_;
