/* How one attempt at a delivery ended. The numbers travel on the bus (DeliverResult.outcome) and are never
 * reused. */
#pragma once

/* X(constant, wire number, stored name) */
#define DELIVERY_OUTCOMES(X)                                                                                 \
    X(OUTCOME_DELIVERED, 0, "delivered") /* the other side took it */                                        \
    X(OUTCOME_TEMPORARY, 1, "temporary") /* refused or unreachable for now: try again */                     \
    X(OUTCOME_PERMANENT, 2, "permanent") /* will never be taken: a dead letter */                            \
    X(OUTCOME_GONE, 3, "gone")           /* permanent, and the endpoint wants no more (HTTP 410) */          \
    X(OUTCOME_UNCERTAIN, 4,                                                                                  \
      "uncertain") /* handed over completely, no answer: it may have arrived. Try again, same id */

#define X(name, number, text) name = number,
enum delivery_outcome { DELIVERY_OUTCOMES(X) };
#undef X

/** The stored name. */
const char *outcome_name(enum delivery_outcome outcome);
/** From the wire; a number this version does not know is OUTCOME_TEMPORARY. */
enum delivery_outcome outcome_from(unsigned number);
