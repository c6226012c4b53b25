/* Connection state of a dialling socket.
 *
 * A dialer has at most one connection. NNG tells of it by notifications on its own threads, which may not
 * touch the socket: they leave the pipe's number and post an event. The "added" of a pipe can come after its
 * "removed" (another thread ran first), hence seen_removed.
 */
#include "bus/pipe_watch.h"
#include "base/cleanup.h"
#include <stddef.h>

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct pipe_watch *watch = arg;
    uint32_t id = (uint32_t)nng_pipe_id(pipe);

    wake_lock(watch->wake);
    if (event == NNG_PIPE_EV_REM_POST) {
        watch->seen_removed = id;
        if (watch->seen_added == id)
            watch->seen_added = 0;
    } else if (watch->seen_removed != id) {
        watch->seen_added = id;
    }
    wake_unlock(watch->wake);
    wake_post(watch->wake, &watch->event);
}

static void on_watch_event(struct wake_event *event)
{
    struct pipe_watch *watch = CONTAINER_OF(event, struct pipe_watch, event);

    wake_lock(watch->wake);
    uint32_t now = watch->seen_added;
    wake_unlock(watch->wake);
    if (now == watch->pipe)
        return;
    watch->pipe = now;
    watch->on_change(watch);
}

int pipe_watch_start(struct pipe_watch *watch, nng_socket socket, struct wake *wake,
                     void (*on_change)(struct pipe_watch *watch))
{
    watch->wake = wake;
    watch->event.run = on_watch_event;
    watch->on_change = on_change;
    int r = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_POST, on_pipe, watch);
    if (r == 0)
        r = nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, on_pipe, watch);
    return r;
}

void pipe_watch_redial(struct pipe_watch *watch)
{
    if (watch->pipe != 0)
        nng_pipe_close((nng_pipe){.id = watch->pipe});
}
