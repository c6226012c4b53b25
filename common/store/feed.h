/* The durable feed: all events in an order that never gains something behind the reader's back. Worker
 * thread; no state. */
#pragma once
#include "base/buf.h"
#include "db/db.h"

struct feed_event {
    int64_t position;
    int64_t at_us;
    int32_t seq;
    bool public, restricted;
    uint32_t team;
    char *type, *actor, *number, *region; /* owned */
    char *data;                           /* JSON object, owned */
    char *data_for_requesters;            /* the same as they may read it, owned; NULL: data */
    char requester_id[UUID_TEXT_SIZE], submitter_id[UUID_TEXT_SIZE], ticket_id[UUID_TEXT_SIZE];
};
void feed_event_fini(struct feed_event *event);

/** The events after `position`, at most `max` of them, oldest first, into ret_events[max]; *ret_n says how
 * many (free each with feed_event_fini). *ret_horizon is the position up to which the feed was complete when
 * it was read: with fewer than `max` events the reader may go on from there. */
int store_feed_read(struct db_conn *conn, int64_t position, size_t max, struct feed_event *ret_events,
                    size_t *ret_n, int64_t *ret_horizon) _must_check_;
struct feed_bounds {
    int64_t end;        /* the feed is complete up to here */
    int64_t next_at_us; /* when the first event after the position happened; 0: there is none */
    bool known; /* an event at or before the position is still there, so that nothing after it can have been
                   dropped */
};
int store_feed_bounds(struct db_conn *conn, int64_t position, struct feed_bounds *ret_bounds) _must_check_;
