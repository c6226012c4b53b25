/* Asks for a feed's URL from here, for whoever refreshes it by hand: nothing of a server or session goes with
 * it. */
#pragma once
#include "base/buf.h"

/** Appends the body. 0; -1 with *ret_why: no or another answer than 200, too long, too slow. */
int feed_fetch(const char *url, struct buf *ret_body, struct buf *ret_why) _must_check_;
