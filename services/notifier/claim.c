/* One statement claims as many as have a slot, a lane with room and the rate's consent; urgent ones (class 0:
 * of a P1, of the clocks, escalations) need no consent, but use it up when there is some, so that the rate is
 * kept as well as can be.
 *
 * A claim costs as much as ten deliveries do, so none is made without a reason of its own channel's: its
 * owner has one (see ledger.c), the last one found as many as it asked for, the rate allows some again, or a
 * second has gone by. While the rate allows no ordinary ones, only urgent ones that are expected are a
 * reason, and the second. On failure nothing is claimed; if only the answer is lost, the leases run out.
 */
#include "notifier/claim.h"
#include "base/clock.h"
#include "notifier_sql.h"

enum { FEW_PER_S = 3 }; /* claims a second when the rate is what holds them back */
#define POLL_US  (1 * US_PER_S)
#define EARLY_US US_PER_MS /* a timer counts whole milliseconds */

void claim_open(struct claim *claim, const struct claim_options *options, int slots)
{
    *claim = (struct claim){.options = *options, .slots = slots};
}

static void begin(struct claim *claim);

static void drop_rows(struct claim *claim)
{
    while (claim->n)
        shipment_free(claim->rows[--claim->n]);
}

void claim_close(struct claim *claim)
{
    drop_rows(claim);
    buf_fini(&claim->rooms);
}

static int run_claim(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct claim *claim = job;
    int r;

    drop_rows(claim); /* of a run that was repeated */
    db_param_text(&params, claim->options.instance);
    db_param_text(&params, claim->options.channel->name);
    db_param_int(&params, claim->limit);
    db_param_text(&params, buf_text(&claim->rooms));
    db_param_int(&params, LANE_START);
    db_param_int(&params, claim->options.lease_us);
    db_param_int(&params, claim->ordinary);
    r = db_exec(conn, &sql_notifier_delivery_claim, &params, &result);
    for (int row = 0; r == 0 && row < db_rows(&result) && row < CLAIM_MOST; row++)
        claim->rows[claim->n++] = shipment_read(&result, row, claim->options.channel);
    return r;
}

static void on_claim(void *job, int status)
{
    struct claim *claim = job;
    struct shipment *rows[CLAIM_MOST];
    bool full = claim->n == claim->limit, rated = claim->ordinary && claim->n >= claim->ordinary;
    int n = status < 0 ? 0 : claim->n;

    claim->running = false;
    if (status < 0)
        drop_rows(claim);
    memcpy(rows, claim->rows, (size_t)n * sizeof *rows);
    claim->n = 0;
    claim->in_flight += n;
    claim->tokens = claim->tokens > n ? claim->tokens - n : 0;
    claim->urgent = claim->urgent || full;
    full = full || rated || claim->asked;
    claim->asked = false;
    if (!claim->options.claimed(claim->options.ctx, status, rows, n))
        return;
    claim->more = lanes_full(claim->options.lanes);
    if (full)
        begin(claim);
}

static void refill(struct claim *claim, int64_t now_us)
{
    double most = claim->options.rate > 1 ? (double)claim->options.rate : 1;

    if (claim->tokens_at_us)
        claim->tokens += (double)(now_us - claim->tokens_at_us) / US_PER_S * (double)claim->options.rate;
    else
        claim->tokens = most;
    if (claim->tokens > most)
        claim->tokens = most;
    claim->tokens_at_us = now_us;
}

/* As many as can start now. Against the rate ordinary ones start a third of a second's worth at a time, or as
 * many as a lane holds, so that a backlog is not claimed one by one. */
static void set_limits(struct claim *claim, int64_t now_us)
{
    int64_t rate = claim->options.rate;
    int free_slots = claim->slots - claim->in_flight;
    double few = rate < FEW_PER_S ? 1 : (double)rate / FEW_PER_S;

    refill(claim, now_us);
    if (few > LANE_MOST)
        few = LANE_MOST;
    if (few > free_slots)
        few = free_slots > 1 ? free_slots : 1;
    claim->limit = free_slots < CLAIM_MOST ? free_slots : CLAIM_MOST;
    if (claim->tokens < few) {
        claim->ordinary = 0;
        claim_want(claim, (int64_t)((few - claim->tokens) / (double)rate * US_PER_S));
    } else {
        claim->ordinary = claim->tokens < claim->limit ? (int)claim->tokens : claim->limit;
    }
}

static void begin(struct claim *claim)
{
    int64_t now_us = clock_monotonic_us();
    int r;

    if (claim->running) {
        claim->asked = true;
        return;
    }
    set_limits(claim, now_us);
    if (claim->limit <= 0) {
        claim->more = true; /* the end of a delivery makes us look */
        return;
    }
    if (!claim->ordinary && !claim->urgent && now_us - claim->begun_at_us < POLL_US - EARLY_US)
        return;
    claim->urgent = false;
    claim->begun_at_us = now_us;
    buf_reset(&claim->rooms);
    lanes_rooms(claim->options.lanes, now_us, &claim->rooms);
    r = db_pool_submit(claim->options.pool, run_claim, on_claim, claim, 0);
    claim->running = r == 0;
    if (r < 0)
        (void)claim->options.claimed(claim->options.ctx, r, NULL, 0);
}

void claim_want(struct claim *claim, int64_t wait_us)
{
    int64_t at_us = clock_monotonic_us() + wait_us;

    if (!claim->due_at_us || at_us < claim->due_at_us)
        claim->due_at_us = at_us;
    claim->options.look_in(claim->options.ctx, wait_us);
}

void claim_look(struct claim *claim)
{
    int64_t soon_us = clock_monotonic_us() + EARLY_US;
    bool due = claim->due_at_us && claim->due_at_us <= soon_us;

    if (due)
        claim->due_at_us = 0;
    if (due || soon_us - claim->begun_at_us >= POLL_US)
        begin(claim);
}

void claim_expect_urgent(struct claim *claim)
{
    claim->urgent = true;
}

bool claim_end(struct claim *claim)
{
    claim->in_flight--;
    return claim->more;
}
