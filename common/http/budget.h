/* What the clients of some servers may use together. Internal to common/http; http.h has the rest. */
#pragma once
#include "http/http.h"
#include <sys/socket.h>

struct budget_peer;

struct http_budget *budget_share(struct http_budget *budget); /* one more holder; NULL is fine */

/** Counts a connection of that address. False when it has as many as it may; else *ret_peer is to be given
 * back. NULL budget: always true, *ret_peer NULL. */
bool budget_enter(struct http_budget *budget, const struct sockaddr *address,
                  struct budget_peer **ret_peer) _must_check_;
void budget_leave(struct http_budget *budget, struct budget_peer *take_peer); /* NULL is fine */

/** A connection that held `before` bytes of requests holds `now`. */
void budget_hold(struct http_budget *budget, size_t before, size_t now);
/** True while more is held than may be. */
bool budget_exceeded(const struct http_budget *budget);
