/* Lanes: one per destination, so that a slow or dead one holds up nobody else. Loop thread.
 *
 * A lane says how many deliveries may be under way at once. It starts with five, grows with success to twenty
 * and shrinks with failure; after a cohort of failures it is dead: nothing goes out but one probe after a
 * wait that doubles. Retries also have a budget per lane: a tenth of what succeeds and one a second; beyond
 * it they wait longer, so that retries cannot become the load.
 */
#pragma once
#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

struct lanes;
struct lane; /* borrowed from its set; stays while it has anything under way */

enum { LANE_START = 5, LANE_MOST = 20 };

enum lane_verdict {
    LANE_OK,      /* the destination took it */
    LANE_FAILED,  /* it did not answer, or said that it cannot now */
    LANE_NEUTRAL, /* says nothing of the destination: a letter it will never take, a sender that gave up */
};

/** `scale` shrinks the waits of dead lanes, in millionths (tests). */
struct lanes *lanes_new(int64_t scale);
struct lanes *lanes_free(struct lanes *lanes);

/** The lane of a destination; made when new. */
struct lane *lanes_get(struct lanes *lanes, struct str key);
/** How many more may start now; 0 for a lane that is full or dead. */
int lane_room(const struct lane *lane, int64_t now_us);
void lane_begin(struct lane *lane);
void lane_end(struct lane *lane, enum lane_verdict verdict, int64_t now_us);
/** Takes one retry from the budget; returns how much longer it has to wait, 0 within the budget. */
int64_t lane_retry_wait_us(struct lane *lane, int64_t now_us);

/** Appends a JSON object {"<key>": room} of all lanes whose room is not LANE_START; forgets lanes that rested
 * for ten minutes. */
void lanes_rooms(struct lanes *lanes, int64_t now_us, struct buf *out);
/** When the next dead lane may be probed; 0 without any. */
int64_t lanes_next_probe_us(const struct lanes *lanes);
/** True while some lane that lives has no room: the end of one of its deliveries makes some. */
bool lanes_full(const struct lanes *lanes);
int lanes_count(const struct lanes *lanes);
int lanes_dead(const struct lanes *lanes);
