/* Which addresses an outbound request may reach: the public internet, and what the operator allowed. Pure. */
#pragma once
#include "base/buf.h"
#include <sys/socket.h>

struct address_guard;

/** From a comma-separated list of CIDR blocks (or single addresses) that are allowed although private.
 * -E_CONFIG with a sentence. */
int address_guard_new(const char *allow, struct address_guard **ret_guard,
                      struct buf *ret_problem) _must_check_;
struct address_guard *address_guard_free(struct address_guard *guard);
/** True when a socket may connect there: IPv4 and IPv6 only; loopback, private, link-local, metadata,
 * multicast, reserved and documentation ranges are refused, also when an IPv6 address carries such an IPv4
 * address. */
bool address_guard_allows(const struct address_guard *guard, const struct sockaddr *address);
