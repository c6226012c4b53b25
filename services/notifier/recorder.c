/* At most one group is under way. A failure hands each of its shipments back, so that the ledger decides
 * whether to wait or to give up. */
#include "notifier/recorder.h"

static void next_group(struct recorder *recorder);

static int run_group(struct db_conn *conn, void *job)
{
    struct recorder *recorder = job;

    return shipments_record(conn, recorder->group, recorder->n, recorder->options.instance);
}

static void on_group(void *job, int status)
{
    struct recorder *recorder = job;
    struct shipment *group[RECORD_MOST];
    size_t n = recorder->n;

    memcpy(group, recorder->group, n * sizeof *group);
    recorder->n = 0; /* the next group starts first: what is told below may end the ledger */
    next_group(recorder);
    for (size_t i = 0; i < n; i++)
        if (recorder->options.recorded(recorder->options.ctx, group[i], status))
            list_append(&recorder->again, &group[i]->node);
}

static void next_group(struct recorder *recorder)
{
    struct list *node;
    int r;

    if (recorder->n)
        return;
    while (recorder->n < RECORD_MOST && (node = list_pop(&recorder->ended)))
        recorder->group[recorder->n++] = CONTAINER_OF(node, struct shipment, node);
    if (!recorder->n)
        return;
    r = db_pool_submit(recorder->options.pool, run_group, on_group, recorder, 0);
    if (r < 0)
        on_group(recorder, r);
}

void recorder_init(struct recorder *recorder, const struct recorder_options *options)
{
    *recorder = (struct recorder){.options = *options};
    list_init(&recorder->ended);
    list_init(&recorder->again);
}

static void free_all(struct list *list)
{
    struct list *node;

    while ((node = list_pop(list)))
        shipment_free(CONTAINER_OF(node, struct shipment, node));
}

void recorder_fini(struct recorder *recorder)
{
    free_all(&recorder->ended);
    free_all(&recorder->again);
}

void recorder_add(struct recorder *recorder, struct shipment *take_shipment)
{
    list_append(&recorder->ended, &take_shipment->node);
    next_group(recorder);
}

void recorder_again(struct recorder *recorder)
{
    struct list *node;

    while ((node = list_pop(&recorder->again)))
        list_append(&recorder->ended, node);
    next_group(recorder);
}
