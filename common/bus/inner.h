/* What the files of common/bus share: the bus and its three halves (serving, calling, hints). Private. */
#pragma once
#include "base/list.h"
#include "bus/endpoint.h"
#include "bus/wake.h"

struct bus {
    uv_loop_t *loop;
    struct wake *wake;
    char *ca_file, *cert_file, *key_file;
    struct certificates *certificates; /* of these files; NULL without TLS */
    bool closing;
    struct serve *serve; /* made with the first bus_serve */
    struct calls *calls; /* made with the first bus_dial */
    struct hints *hints; /* made with the first publisher or subscription */
    int drop_per_mille;
    uint64_t cluster_epoch; /* the highest that any answer told */
};

static inline struct endpoint_files bus_files(const struct bus *bus)
{
    return (struct endpoint_files){bus->ca_file, bus->cert_file, bus->key_file};
}

/* Each closes its sockets, waits for their callbacks, frees, and accepts NULL. */
void serve_close(struct serve *serve);
void calls_close(struct calls *calls);
void hints_close(struct hints *hints);

/** How often a publisher beats and a subscriber looks, and how long a connection may be silent. Tests only;
 * the defaults are in hints.c. */
void hints_set_pace(struct hints *hints, uint64_t beat_ms, int64_t silence_us);
int hints_redials(const struct hints *hints);
