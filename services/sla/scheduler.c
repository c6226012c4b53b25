/* Wires the parts: who is told when the shards change, and in which order they end. The shards go last, when
 * nothing is in hand any more that belongs to them.
 */
#include "sla/scheduler.h"
#include "base/memory.h"

struct scheduler {
    struct db_clock clock;
    struct lease *lease;
    struct sweeper *sweeper;
    struct ringer *ringer; /* NULL: there is no router to tell */
    void (*drained)(void *ctx);
    void *drained_ctx;
};

static void on_shards(void *ctx)
{
    struct scheduler *scheduler = ctx;

    sweeper_shards(scheduler->sweeper);
    if (scheduler->ringer)
        ringer_shards(scheduler->ringer);
}

struct scheduler *scheduler_open(const struct scheduler_options *options)
{
    struct scheduler *scheduler = NEW(struct scheduler);
    const struct lease_options lease = {
        .loop = options->loop,
        .pool = options->pool,
        .clock = &scheduler->clock,
        .instance = options->instance,
        .changed = on_shards,
        .ctx = scheduler,
    };
    struct sweeper_options sweeper = {
        .loop = options->loop,
        .pool = options->pool,
        .clock = &scheduler->clock,
        .actor = "system:sla",
        .bus = options->bus,
        .publisher = options->instance,
        .window_us = options->window_us,
        .every_us = options->every_us,
    };
    struct ringer_options ringer = {
        .loop = options->loop,
        .pool = options->pool,
        .clock = &scheduler->clock,
        .routers = options->routers,
        .window_us = options->window_us,
        .every_us = options->every_us,
    };

    sweeper.lease = ringer.lease = scheduler->lease = lease_open(&lease);
    scheduler->sweeper = sweeper_open(&sweeper);
    if (options->routers)
        scheduler->ringer = ringer_open(&ringer);
    return scheduler;
}

void scheduler_hint(struct scheduler *scheduler, const Meridian__Hint *hint)
{
    sweeper_hint(scheduler->sweeper, hint);
    if (scheduler->ringer)
        ringer_hint(scheduler->ringer, hint);
}

static void on_rung(void *ctx)
{
    struct scheduler *scheduler = ctx;

    lease_drain(scheduler->lease, scheduler->drained, scheduler->drained_ctx);
}

static void on_swept(void *ctx)
{
    struct scheduler *scheduler = ctx;

    if (scheduler->ringer)
        ringer_drain(scheduler->ringer, on_rung, scheduler);
    else
        on_rung(scheduler);
}

void scheduler_drain(struct scheduler *scheduler, void (*done)(void *ctx), void *ctx)
{
    scheduler->drained = done;
    scheduler->drained_ctx = ctx;
    sweeper_drain(scheduler->sweeper, on_swept, scheduler);
}

struct scheduler *scheduler_close(struct scheduler *scheduler)
{
    if (!scheduler)
        return NULL;
    ringer_close(scheduler->ringer);
    sweeper_close(scheduler->sweeper);
    lease_close(scheduler->lease);
    free(scheduler);
    return NULL;
}

const struct lease *scheduler_lease(const struct scheduler *scheduler)
{
    return scheduler->lease;
}

struct sweeper_figures scheduler_clocks(const struct scheduler *scheduler)
{
    return sweeper_figures(scheduler->sweeper);
}

struct ringer_figures scheduler_timers(const struct scheduler *scheduler)
{
    return scheduler->ringer ? ringer_figures(scheduler->ringer) : (struct ringer_figures){0};
}
