/* The SLA clocks of one locked ticket: folded from its events and the one that is about to be written, and
 * stored where they have moved. On a worker, within the transaction that holds the row lock. */
#pragma once
#include "plan/sla_history.h"
#include "router/plan_book.h"
#include "router/ticket_row.h"

/** A clock as the database has it. */
struct clock_row {
    const char *target; /* belongs to the result */
    int cycle;
    struct sla_clock clock; /* without what only the scheduler writes */
};

/** All zero before ticket_clocks_read. */
struct ticket_clocks {
    struct db_result result;
    struct clock_row *rows;
    int n;
    struct sla_history history;
    struct sla_fold fold;
};

/** The event about to be written. `data` is its JSON. */
struct clock_event {
    const char *type, *actor;
    const char *data;
};

void ticket_clocks_fini(struct ticket_clocks *clocks);
#define _cleanup_ticket_clocks_ _cleanup_(ticket_clocks_fini)

/** Reads the clocks. When one is due by row->now_us it fires first, by the scheduler's own function, so that
 * what is late when it is stopped has breached although nobody came in time: row->version and row->now_us
 * move on, and *ordinal counts the events. Database failures, -E_INTERNAL. */
int ticket_clocks_read(struct db_conn *conn, struct ticket_row *row, int *ordinal,
                       struct ticket_clocks *clocks) _must_check_;
/** Folds the ticket's events and `event` (NULL: all are written), which happens at row->now_us. Database
 * failures; -E_INTERNAL when an event or the plan that it names cannot be understood. */
int ticket_clocks_fold(struct db_conn *conn, struct plan_book *plans, const struct ticket_row *row,
                       const struct clock_event *event, struct ticket_clocks *clocks) _must_check_;
/** Brings the clocks and timers of a ticket up to date with events that are written already. As the calls
 * above and below together. */
int ticket_clocks_follow(struct db_conn *conn, struct plan_book *plans, const char *number,
                         int *ordinal) _must_check_;
/** The plan that the ticket counts by after the fold. */
const struct sla_plan *ticket_clocks_plan(const struct ticket_clocks *clocks);
/** The earliest due time of what runs after the fold; 0: nothing does. */
int64_t ticket_clocks_due_us(const struct ticket_clocks *clocks);
/** The same of the clocks as they were read. */
int64_t ticket_clocks_stored_due_us(const struct ticket_clocks *clocks);
/** Writes the clocks that the fold has moved; *ret_changed is set when there are any, else left. */
int ticket_clocks_write(struct db_conn *conn, const struct ticket_row *row,
                        const struct ticket_clocks *clocks, bool *ret_changed) _must_check_;
