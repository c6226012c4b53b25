/* What a notifier answers on the bus: Deliver, i.e. send this now, from this region. Loop thread. */
#pragma once
#include "bus/bus.h"
#include "notifier/channel.h"

struct server;

struct server_options {
    struct bus *bus;
    const char *listen;
    const struct channel_env *env;
};

int server_open(const struct server_options *options, struct server **ret_server) _must_check_;
/** Deliveries under way for others. */
int server_busy(const struct server *server);
/** After the bus and the senders are closed. NULL is fine; returns NULL. */
struct server *server_close(struct server *server);
