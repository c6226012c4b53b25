/* Waking the loop.
 *
 * Owns one uv_async and a list of posted events. NNG calls back on its own threads; those callbacks do
 * nothing but wake_post. libuv may fold several uv_async_send into one callback, so the callback takes the
 * whole list. Events run in the order in which they were posted; an event may be posted again while it runs
 * and then runs in the next turn. There is no bound to check: each event is in the list at most once.
 */
#include "bus/wake.h"
#include "base/memory.h"
#include <pthread.h>
#include <stdlib.h>

struct wake {
    uv_async_t async;
    pthread_mutex_t lock;
    struct wake_event *head, **tail;
    struct wake_event *running; /* taken off the list and not run yet */
    bool closed;
};

static void on_wake(uv_async_t *async)
{
    struct wake *wake = async->data;

    wake_lock(wake);
    wake->running = wake->head;
    wake->head = NULL;
    wake->tail = &wake->head;
    wake_unlock(wake);
    while (!wake->closed) {
        wake_lock(wake);
        struct wake_event *event = wake->running;
        if (event) {
            wake->running = event->next;
            event->posted = false;
        }
        wake_unlock(wake);
        if (!event)
            return;
        event->run(event);
    }
}

struct wake *wake_open(uv_loop_t *loop)
{
    struct wake *wake = NEW(struct wake);

    if (uv_async_init(loop, &wake->async, on_wake) != 0)
        abort(); /* only without file descriptors, at start-up */
    wake->async.data = wake;
    wake->tail = &wake->head;
    pthread_mutex_init(&wake->lock, NULL);
    return wake;
}

void wake_post(struct wake *wake, struct wake_event *event)
{
    bool first = false;

    wake_lock(wake);
    if (!event->posted) {
        first = wake->head == NULL;
        event->posted = true;
        event->next = NULL;
        *wake->tail = event;
        wake->tail = &event->next;
    }
    wake_unlock(wake);
    if (first)
        uv_async_send(&wake->async);
}

static bool take_out(struct wake_event **head, struct wake_event *event, struct wake_event ***ret_tail)
{
    for (struct wake_event **at = head; *at; at = &(*at)->next) {
        if (*at != event)
            continue;
        *at = event->next;
        if (ret_tail && !*at)
            *ret_tail = at;
        return true;
    }
    return false;
}

void wake_forget(struct wake *wake, struct wake_event *event)
{
    wake_lock(wake);
    if (event->posted && !take_out(&wake->running, event, NULL))
        (void)take_out(&wake->head, event, &wake->tail);
    event->posted = false;
    wake_unlock(wake);
}

void wake_lock(struct wake *wake)
{
    pthread_mutex_lock(&wake->lock);
}

void wake_unlock(struct wake *wake)
{
    pthread_mutex_unlock(&wake->lock);
}

static void on_wake_closed(uv_handle_t *handle)
{
    struct wake *wake = handle->data;

    pthread_mutex_destroy(&wake->lock);
    free(wake);
}

void wake_close(struct wake *wake)
{
    wake->closed = true;
    wake->head = wake->running = NULL;
    uv_close((uv_handle_t *)&wake->async, on_wake_closed);
}
