/* The one way in which a ticket that exists is changed (claims from the queue excepted, which are one
 * statement, see claim.c). */
#pragma once
#include "router/plan_book.h"
#include "router/ticket_rules.h"

/** Who acts, and how the write is remembered. */
struct ticket_writer {
    struct plan_book *plans;
    const char *user_id, *login;
    const char *trace_id;        /* NULL: none */
    const char *command_key;     /* the answer of the last change is kept under it */
    const uint8_t *command_hash; /* 32 bytes */
    int ordinal;                 /* events written so far in this transaction; counted on */
    bool clocks_changed;         /* out: clocks or timers; schedulers have to look at them */
    struct buf *answer;          /* out: the JSON of the ticket after the last change, */
    const char *answer_more;     /* with these members, each with its comma before it; NULL: none */
};

/** Writes one change of the locked ticket: row, event, notice, queue, clocks, timers, text and, when `last`,
 * the remembered answer. Brings `row` up to date for the next change. Database failures; -E_CONFLICT when the
 * key has been used meanwhile. */
int ticket_write(struct db_conn *conn, struct ticket_row *row, const struct ticket_change *change,
                 struct ticket_writer *writer, bool last) _must_check_;
