/* Feeds of holidays: what schedulers fetched goes into the plan of service levels, as its next version, or
 * waits for somebody's review. Routers beside the primary look for it every few seconds; several do no harm.
 */
#pragma once
#include "db/db.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct metric;
struct router;

struct feeds {
    struct router *router;
    uv_timer_t timer;
    bool working;
    struct metric *judged;
};

void feeds_open(struct feeds *self, struct router *router, uint64_t every_ms);
void feeds_close(struct feeds *self);

/** A plan comes into force: the feeds are those of `document`, and all are due. Within the transaction that
 * adds it, and before it is added: whoever writes both locks the feeds first. Failures of db_exec. */
int feeds_sync(struct db_conn *conn, const json_t *document) _must_check_;
