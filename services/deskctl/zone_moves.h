/* Which shifts of desks and of people on call move when the rules of zones change. Computes twice what
 * follows from a document, by the rules of before and by those of this machine. */
#pragma once
#include "domain/zone_book.h"
#include <jansson.h>

/** A window, and the rules. The books are read from and grow; they are the caller's. */
struct zone_moves {
    struct zone_book *before, *after;
    int64_t from_s, to_s;
    json_t *items; /* array: {"kind": "desk" | "on_call", "name", "user" (of on_call), "from", "to",
                      "new_from", "new_to"}; RFC 3339, null where there is no such shift before or any more */
    long shifts;   /* looked at, by the new rules */
};

/** Adds the shifts of the desks of an organisation that move. One that begins before the window is told with
 * its edge. 0, or -E_VALIDATION when a document that a server has accepted cannot be read. */
int zone_moves_of_desks(struct zone_moves *moves, const json_t *organisation) _must_check_;
/** The same of the schedules of a plan, without swaps: their times are agreed on and do not move. */
int zone_moves_of_schedules(struct zone_moves *moves, const json_t *plan) _must_check_;
