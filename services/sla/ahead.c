/* Keeps a wheel filled: with the next minutes of all shards that are held, once each, and with what hints
 * name.
 *
 * Owns the wheel, a timer and one job. `horizon` is up to where the shards in `loaded` have been read; the
 * timer moves it on in slices, a gained shard is read up to it, and a page that is full is followed by the
 * next. What is changed inside the horizon comes by a hint, which names tickets: their rows are read again,
 * because a hint is no truth. Hints and the reading ahead take turns, so that many hints do not keep the
 * horizon where it is. More hints than one job takes are dropped, and left to the sweep.
 */
#include "sla/ahead.h"
#include "base/memory.h"
#include "log/log.h"

enum { PAGE = 2000, TICKETS = 256, SLICES = 30 };

struct ahead {
    struct ahead_options options;
    struct wheel *wheel;
    uv_timer_t timer;
    bool running, stopped, failing;
    uint64_t loaded;    /* shards of which everything up to the horizon has been read */
    int64_t horizon_us; /* the database's time; 0: nothing read yet */
    struct uuid hinted[TICKETS];
    size_t nhinted;

    /* The job, the worker's alone while `running`. */
    uint64_t shards;            /* a page: of these */
    int64_t from_us, to_us;     /* a page: the span; rows of tickets: up to */
    struct uuid asked[TICKETS]; /* rows of these tickets */
    size_t nasked;              /* 0: a page */
    struct wheel_timer *found;
    size_t nfound;
    int64_t time_us, asked_us, answered_us; /* time_us 0: no row told */
};

/* ---- on a database worker ---- */

static void add_tickets(struct db_params *params, const struct ahead *ahead, struct buf *text)
{
    char uuid[UUID_TEXT_SIZE];

    for (size_t i = 0; i < ahead->nasked; i++) {
        buf_add_char(text, i ? ',' : '{');
        buf_add_text(text, uuid_format(&ahead->asked[i], uuid));
    }
    buf_add_char(text, '}');
    db_param_text(params, buf_text(text));
    db_param_int(params, ahead->to_us);
}

static void add_page(struct db_params *params, const struct ahead *ahead)
{
    db_param_int(params, ahead->from_us);
    db_param_int(params, ahead->to_us);
    db_param_int(params, (int64_t)ahead->shards);
    db_param_int(params, PAGE);
}

static int read_rows(struct ahead *ahead, const struct db_result *result)
{
    size_t n = (size_t)db_rows(result);

    ahead->found = mem_grow(ahead->found, (n + 1) * sizeof *ahead->found);
    ahead->nfound = 0;
    for (int row = 0; row < db_rows(result); row++) {
        struct wheel_timer *timer = &ahead->found[ahead->nfound++];
        int r = db_uuid(result, row, 1, &timer->ticket);

        if (r < 0)
            return r;
        timer->due_us = db_int(result, row, 0);
        timer->generation = (int)db_int(result, row, 3);
        memset(timer->name, 0, sizeof timer->name);
        strncpy(timer->name, db_text(result, row, 2), sizeof timer->name - 1);
        ahead->time_us = db_int(result, row, 4);
    }
    return 0;
}

static int run_read(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct ahead *ahead = job;
    int r;

    ahead->time_us = 0;
    ahead->asked_us = clock_monotonic_us();
    if (ahead->nasked)
        add_tickets(&params, ahead, &text);
    else
        add_page(&params, ahead);
    r = db_exec(conn, ahead->nasked ? ahead->options.of : ahead->options.page, &params, &result);
    ahead->answered_us = clock_monotonic_us();
    return r < 0 ? r : read_rows(ahead, &result);
}

/* ---- on the loop ---- */

static void on_read(void *job, int status);

static void begin(struct ahead *ahead)
{
    int r = db_pool_submit(ahead->options.pool, run_read, on_read, ahead, 0);

    ahead->running = true;
    if (r < 0)
        on_read(ahead, r);
}

/* Tickets that hints named; false when there are none. */
static bool begin_tickets(struct ahead *ahead)
{
    if (!ahead->nhinted || !ahead->horizon_us)
        return false;
    memcpy(ahead->asked, ahead->hinted, ahead->nhinted * sizeof *ahead->hinted);
    ahead->nasked = ahead->nhinted;
    ahead->nhinted = 0;
    ahead->to_us = ahead->horizon_us;
    begin(ahead);
    return true;
}

static void begin_page(struct ahead *ahead, uint64_t shards, int64_t from_us, int64_t to_us)
{
    ahead->nasked = 0;
    ahead->shards = shards;
    ahead->from_us = from_us;
    ahead->to_us = to_us;
    begin(ahead);
}

/* A gained shard, or the next slice of time. */
static bool begin_span(struct ahead *ahead, int64_t now_us, uint64_t held)
{
    int64_t slice_us = ahead->options.window_us / SLICES;
    uint64_t gained = held & ~ahead->loaded;

    if (gained)
        begin_page(ahead, gained, now_us, ahead->horizon_us);
    else if (ahead->horizon_us < now_us + ahead->options.window_us - slice_us)
        begin_page(ahead, held, ahead->horizon_us, now_us + ahead->options.window_us);
    else
        return false;
    return true;
}

/* What is to be read next; after tickets it is the turn of time. */
static void look(struct ahead *ahead)
{
    int64_t now_us = db_clock_now_us(ahead->options.clock);
    uint64_t held = lease_shards(ahead->options.lease);

    if (ahead->running || ahead->stopped || !now_us || !held)
        return;
    ahead->loaded &= held;
    if (ahead->horizon_us < now_us) {
        ahead->horizon_us = now_us;
        ahead->loaded = held; /* of nothing, everything has been read */
    }
    if (!ahead->nasked && begin_tickets(ahead))
        return;
    if (!begin_span(ahead, now_us, held))
        (void)begin_tickets(ahead);
}

static void take_rows(struct ahead *ahead)
{
    for (size_t i = 0; i < ahead->nasked; i++)
        wheel_cancel(ahead->wheel, &ahead->asked[i]);
    for (size_t i = 0; i < ahead->nfound; i++)
        wheel_put(ahead->wheel, &ahead->found[i]);
    if (ahead->time_us)
        db_clock_learn(ahead->options.clock, ahead->time_us, ahead->asked_us, ahead->answered_us);
    ahead->options.changed(ahead->options.ctx);
}

/* Only what is still held counts as read: what was lost meanwhile and comes back is read again. */
static void end_page(struct ahead *ahead)
{
    if (ahead->to_us == ahead->horizon_us)
        ahead->loaded |= ahead->shards;
    else
        ahead->horizon_us = ahead->to_us;
}

static void on_read(void *job, int status)
{
    struct ahead *ahead = job;

    ahead->running = false;
    if ((status < 0) != ahead->failing) {
        ahead->failing = status < 0;
        if (status < 0)
            log_warn("what comes due cannot be read ahead; the sweep goes on", L_ERROR(status));
    }
    if (status < 0 || ahead->stopped)
        return; /* the timer looks again */
    take_rows(ahead);
    if (!ahead->nasked && ahead->nfound >= PAGE)
        begin_page(ahead, ahead->shards, ahead->found[ahead->nfound - 1].due_us, ahead->to_us);
    else if (!ahead->nasked)
        end_page(ahead);
    look(ahead);
}

static void on_timer(uv_timer_t *timer)
{
    look(timer->data);
}

struct ahead *ahead_open(const struct ahead_options *options)
{
    struct ahead *ahead = NEW(struct ahead);
    uint64_t every_ms = (uint64_t)(options->window_us / SLICES / 2 / US_PER_MS) + 1;

    ahead->options = *options;
    ahead->wheel = wheel_new();
    uv_timer_init(options->loop, &ahead->timer);
    ahead->timer.data = ahead;
    uv_timer_start(&ahead->timer, on_timer, every_ms, every_ms);
    return ahead;
}

static void on_closed(uv_handle_t *handle)
{
    struct ahead *ahead = handle->data;

    wheel_free(ahead->wheel);
    free(ahead->found);
    free(ahead);
}

struct ahead *ahead_close(struct ahead *ahead)
{
    if (ahead)
        uv_close((uv_handle_t *)&ahead->timer, on_closed);
    return NULL;
}

void ahead_stop(struct ahead *ahead)
{
    ahead->stopped = true;
    uv_timer_stop(&ahead->timer);
}

void ahead_shards(struct ahead *ahead)
{
    look(ahead);
}

void ahead_hint(struct ahead *ahead, const Meridian__Hint *hint)
{
    uint64_t held = lease_shards(ahead->options.lease);

    for (size_t i = 0; i < hint->n_timers_of && ahead->nhinted < TICKETS; i++) {
        struct uuid *ticket = &ahead->hinted[ahead->nhinted];

        if (hint->timers_of[i].len != sizeof ticket->bytes)
            continue;
        memcpy(ticket->bytes, hint->timers_of[i].data, sizeof ticket->bytes);
        if (held & lease_shard_bit(ticket))
            ahead->nhinted++;
    }
    look(ahead);
}

void ahead_put(struct ahead *ahead, const struct wheel_timer *timer)
{
    if (timer->due_us <= ahead->horizon_us)
        wheel_put(ahead->wheel, timer);
}

bool ahead_pop(struct ahead *ahead, struct wheel_timer *ret_timer)
{
    uint64_t held = lease_shards(ahead->options.lease);

    while (wheel_pop(ahead->wheel, db_clock_now_us(ahead->options.clock), ret_timer))
        if (held & lease_shard_bit(&ret_timer->ticket))
            return true;
    return false;
}

int64_t ahead_wait_us(const struct ahead *ahead)
{
    int64_t next_us = wheel_next_us(ahead->wheel);

    return next_us == INT64_MAX ? next_us : next_us - db_clock_now_us(ahead->options.clock);
}

size_t ahead_count(const struct ahead *ahead)
{
    return wheel_count(ahead->wheel);
}

size_t ahead_bytes(const struct ahead *ahead)
{
    return wheel_bytes(ahead->wheel);
}
