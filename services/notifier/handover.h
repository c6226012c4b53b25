/* Who sends: this process, or a notifier of the recipient's region over the bus. Loop thread. */
#pragma once
#include "bus/bus.h"
#include "notifier/channel.h"

struct handover;

struct handover_options {
    struct bus *bus;    /* NULL: this process sends everything */
    const char *region; /* ours */
    const char *instance;
    const char *notifiers; /* "region=url,region=url"; ours are skipped */
    const struct channel_env *env;
};

int handover_open(const struct handover_options *options, struct handover **ret_handover) _must_check_;
/** NULL is fine. Nothing may be under way: close the bus first. */
struct handover *handover_close(struct handover *handover);

/** Sends from `region` if a notifier there is connected, else from here (takeover). `done` gets the region
 * that tried; it is called exactly once, perhaps from inside the call. */
typedef void (*handover_done_fn)(void *ctx, const struct attempt *attempt, const char *region);
void handover_send(struct handover *handover, const char *region, const char *channel,
                   const struct delivery *delivery, handover_done_fn done, void *ctx);
