/* The live feed: server-sent events of everything the subscriber may see, resumable by Last-Event-ID. Loop
 * thread.
 *
 * One tail per process follows the durable feed on the region's database, woken by hints and once a second
 * without them; recent events wait in a ring, older ones are read from the database for the one subscriber
 * that asks. What a subscriber gets is complete and in order, or begins with `event: reset`. */
#pragma once
#include "auth/auth.h"
#include "db/db.h"
#include "http/http.h"
#include "meridian/ticket.h"

struct feed;

struct feed_viewer;

struct feed_options {
    uv_loop_t *loop;
    struct db_pool *pool; /* the region's database */
    int64_t window_us;    /* older events are not replayed: reset */
    int64_t max_replay;   /* nor more than this many events */
    int64_t heartbeat_us; /* a comment when nothing else is sent, so that proxies and clients see life */
    int max_subscribers, max_per_user;
    /* Has the viewer still the rights that it came with? Asked every few seconds of every stream, which ends
     * when the answer is no: the client comes back and is told why. NULL: always. */
    bool (*still)(void *ctx, const struct feed_viewer *viewer);
    void *ctx;
};

/** Who listens; copied. */
struct feed_viewer {
    enum user_role role;
    const char *user_id;
    const uint32_t *teams;
    size_t nteams;
    uint8_t token_hash[AUTH_HASH_SIZE]; /* of its session; only for `still` */
};

struct feed *feed_new(const struct feed_options *options);
/** Ends all streams. Jobs of the pool that are under way still call back: close the pool before feed_free. */
void feed_stop(struct feed *feed);
struct feed *
feed_free(struct feed *feed); /* NULL is fine; the loop must turn once more to release the handles */

/** Starts a stream on the exchange. `ticket` (may be empty) keeps only that ticket's events; `last_id` is the
 * Last-Event-ID header or empty. -E_UNAVAILABLE, with the exchange unanswered, when there are too many
 * subscribers or the feed is stopped; -E_RATE_LIMITED when this user has too many streams. */
int feed_subscribe(struct feed *feed, struct http_exchange *x, const struct feed_viewer *viewer,
                   struct str ticket, struct str last_id) _must_check_;
/** Something was written: look now, and again soon, because a standby may not have it yet. */
void feed_poke(struct feed *feed);
int feed_subscribers(const struct feed *feed);
