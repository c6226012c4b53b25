/* A timing wheel: what is due when, in memory, for as many timers as come due in the next minutes. Pure: no
 * time source of its own, no I/O; whoever owns it says what time it is. Instants are microseconds since 1970.
 *
 * Seven levels of 64 slots cover every instant; a level's slot is 64 times as long as one of the level
 * below, and the lowest is a millisecond. Putting, cancelling and taking cost the same however many there
 * are.
 */
#pragma once
#include "base/uuid.h"

struct wheel;

enum { WHEEL_NAME_SIZE = 32 };
/** One timer; ticket and name together are its key. */
struct wheel_timer {
    int64_t due_us;
    struct uuid ticket;
    int generation;
    char name[WHEEL_NAME_SIZE]; /* which of the ticket's; NUL-terminated */
};

struct wheel *wheel_new(void);
struct wheel *wheel_free(struct wheel *wheel); /* NULL is fine; returns NULL */

/** Puts a timer (copied) in, in place of one with its key. */
void wheel_put(struct wheel *wheel, const struct wheel_timer *timer);
/** Takes all timers of a ticket out. */
void wheel_cancel(struct wheel *wheel, const struct uuid *ticket);
/** Takes the next timer that is due at `now_us` out, in the order in which they are due (those of one
 * millisecond in the order in which they came). False when none is. `now_us` may jump: forwards over
 * everything, backwards as well. */
bool wheel_pop(struct wheel *wheel, int64_t now_us, struct wheel_timer *ret_timer);
/** When to look again: never later than the first is due, mostly exactly then. INT64_MAX: nothing is in. */
int64_t wheel_next_us(const struct wheel *wheel);

size_t wheel_count(const struct wheel *wheel);
size_t wheel_bytes(const struct wheel *wheel); /* that it has allocated */
