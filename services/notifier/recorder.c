/* At most one group is under way; the next one gathers meanwhile, for GATHER_MS at least unless there is
 * nothing to wait for. Whoever dies in that time sends what it had sent again, under the same id, as if it
 * had died a moment earlier. A group that the database refuses is recorded one by one. What could not be
 * recorded is handed back, so that the ledger decides whether to wait or to give up. */
#include "notifier/recorder.h"

enum { GATHER_MS = 40 };

static void next_group(struct recorder *recorder);

/* Something of one of the group is refused, and must not keep the others from their records. */
static int record_singly(struct db_conn *conn, struct recorder *recorder)
{
    for (size_t i = 0; i < recorder->n; i++) {
        int r = shipments_record(conn, &recorder->group[i], 1, recorder->options.instance);

        if (r < 0 && !db_refused(conn))
            return r;
        recorder->refused[i] = r;
    }
    return 0;
}

static int run_group(struct db_conn *conn, void *job)
{
    struct recorder *recorder = job;
    int r;

    memset(recorder->refused, 0, sizeof recorder->refused);
    r = shipments_record(conn, recorder->group, recorder->n, recorder->options.instance);
    return r < 0 && db_refused(conn) ? record_singly(conn, recorder) : r;
}

static void on_group(void *job, int status)
{
    struct recorder *recorder = job;
    struct shipment *group[RECORD_MOST];
    int statuses[RECORD_MOST];
    size_t n = recorder->n;

    memcpy(group, recorder->group, n * sizeof *group);
    for (size_t i = 0; i < n; i++)
        statuses[i] = status < 0 ? status : recorder->refused[i];
    recorder->n = 0; /* the next group starts first: what is told below may end the ledger */
    next_group(recorder);
    for (size_t i = 0; i < n; i++)
        if (recorder->options.recorded(recorder->options.ctx, group[i], statuses[i]))
            list_append(&recorder->again, &group[i]->node);
}

static void on_gathered(uv_timer_t *timer)
{
    recorder_hurry(timer->data);
}

static void take_group(struct recorder *recorder)
{
    struct list *node;

    while (recorder->n < RECORD_MOST && (node = list_pop(&recorder->ended)))
        recorder->group[recorder->n++] = CONTAINER_OF(node, struct shipment, node);
    recorder->waiting -= recorder->n;
    recorder->hurry = false;
    uv_timer_stop(&recorder->timer);
}

static void next_group(struct recorder *recorder)
{
    int r;

    if (recorder->n || !recorder->waiting || recorder->stopped)
        return;
    if (!recorder->hurry && recorder->waiting < RECORD_MOST) {
        if (!uv_is_active((uv_handle_t *)&recorder->timer))
            uv_timer_start(&recorder->timer, on_gathered, GATHER_MS, 0);
        return;
    }
    take_group(recorder);
    r = db_pool_submit(recorder->options.pool, run_group, on_group, recorder, 0);
    if (r < 0)
        on_group(recorder, r);
}

void recorder_open(struct recorder *recorder, const struct recorder_options *options)
{
    *recorder = (struct recorder){.options = *options};
    list_init(&recorder->ended);
    list_init(&recorder->again);
    uv_timer_init(options->loop, &recorder->timer);
    recorder->timer.data = recorder;
}

static void free_all(struct list *list)
{
    struct list *node;

    while ((node = list_pop(list)))
        shipment_free(CONTAINER_OF(node, struct shipment, node));
}

void recorder_stop(struct recorder *recorder)
{
    recorder->stopped = true;
    uv_timer_stop(&recorder->timer);
}

static void on_closed(uv_handle_t *handle)
{
    struct recorder *recorder = handle->data;

    recorder->closed(recorder->options.ctx);
}

void recorder_close(struct recorder *recorder, void (*done)(void *ctx))
{
    free_all(&recorder->ended);
    free_all(&recorder->again);
    recorder->closed = done;
    uv_close((uv_handle_t *)&recorder->timer, on_closed);
}

void recorder_add(struct recorder *recorder, struct shipment *take_shipment)
{
    list_append(&recorder->ended, &take_shipment->node);
    recorder->waiting++;
    next_group(recorder);
}

void recorder_hurry(struct recorder *recorder)
{
    recorder->hurry = true;
    next_group(recorder);
}

size_t recorder_size(const struct recorder *recorder)
{
    return recorder->waiting + recorder->n;
}

void recorder_again(struct recorder *recorder)
{
    struct list *node;

    if (list_empty(&recorder->again))
        return;
    while ((node = list_pop(&recorder->again))) {
        list_append(&recorder->ended, node);
        recorder->waiting++;
    }
    recorder_hurry(recorder);
}
