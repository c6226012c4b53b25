/* What others did meanwhile, told to whoever came too late. Pure. */
#pragma once
#include "router/outcome.h"
#include "router/ticket_row.h"

/** -E_ALREADY_CLAIMED: who has it, where and since when. */
int ticket_refuse_claimed(const struct ticket_row *row, struct outcome *out);
/** The owner as an object; null: nobody. */
void ticket_refusal_add_owner(const struct ticket_row *row, struct buf *json);
/** -E_OFFERED: to whom, and until when. */
int ticket_refuse_offered(const struct ticket_row *row, struct outcome *out);
/** -E_OWNERSHIP_LOST: the present owner, if any, and the present epoch. */
int ticket_refuse_lost(const struct ticket_row *row, struct outcome *out);
/** -E_NUDGED_LATELY: when the last nudge was, and when the next one may be. */
int ticket_refuse_nudge(const struct ticket_row *row, struct outcome *out);
/** -E_REOPEN_LATE: until when it could have been reopened, and how a follow-up is made. */
int ticket_refuse_reopen(const struct ticket_row *row, struct outcome *out);
/** -E_BAD_TRANSITION: the state, and the actions other than `action` that it allows; `detail` says in a
 * sentence why not this one. */
int ticket_refuse_transition(const struct ticket_row *row, struct ticket_situation situation,
                             enum ticket_action action, const char *detail, struct outcome *out);
