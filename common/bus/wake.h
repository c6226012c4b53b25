/* The only way from NNG's threads to the loop: an event is posted from any thread and runs on the loop
 * thread. An event belongs to one thing that can be outstanding once (an aio, a link's connection state), so
 * the list is bounded by the number of those things and posting never allocates. */
#pragma once
#include <stdbool.h>
#include <uv.h>

struct wake;

struct wake_event {
    struct wake_event *next;
    bool posted; /* guarded by the wake's lock; posting a posted event changes nothing */
    void (*run)(struct wake_event *event);
};

struct wake *wake_open(uv_loop_t *loop);
/** Any thread. The event must live until it ran, wake_forget or wake_close
 * returned. */
void wake_post(struct wake *wake, struct wake_event *event);
/** Takes an event back that was posted and did not run. Afterwards its memory may go, if nothing can post it
 * any more. Loop thread. */
void wake_forget(struct wake *wake, struct wake_event *event);
/* The lock of the list, also used for the few fields that a callback leaves for its event. Held for a few
 * instructions only. */
void wake_lock(struct wake *wake);
void wake_unlock(struct wake *wake);
/** Forgets posted events. Nothing may post afterwards. The memory goes with the next turn of the loop. */
void wake_close(struct wake *wake);
