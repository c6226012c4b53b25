/* A ticket of the document "sla-history" (store/document.h): its events and the clocks that are stored for
 * it. Folding the one must give the other. Pure. */
#pragma once
#include "base/buf.h"
#include "plan/sla_history.h"

/** Reads the events into a history, which is the caller's, as for sla_history_init. 0; -E_NOT_FOUND as from
 * sla_history_add; -E_BAD_REQUEST for an item that is none. */
int sla_item_history(const json_t *item, sla_plan_finder *find, void *ctx,
                     struct sla_history *ret_history) _must_check_;
/** Compares a fold with the clocks of the item. Appends one JSON object for each difference, with commas
 * between them: {"target", "cycle", "member", "stored", "folded"}; a clock that only one of them has differs
 * in its "state". Returns how many. */
size_t sla_item_compare(const json_t *item, const struct sla_fold *fold, struct buf *out);
