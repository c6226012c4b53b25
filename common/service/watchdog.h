/* A thread that ends the process when the loop stops turning. The supervisor starts it anew: a process that
 * is alive and deaf is worse than none. */
#pragma once
#include <stdint.h>

struct watchdog;

/** Starts the thread; NULL when patience is 0 (switched off). */
struct watchdog *watchdog_start(int64_t patience_us);
/** How often the loop should feed it, in milliseconds. */
uint64_t watchdog_feed_every_ms(int64_t patience_us);
/** The loop turned. NULL is fine. */
void watchdog_feed(struct watchdog *watchdog);
/** Ends and joins the thread. NULL is fine; returns NULL. */
struct watchdog *watchdog_stop(struct watchdog *watchdog);
