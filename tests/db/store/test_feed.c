/* The feed never gains an event behind its reader, in whatever order transactions commit.
 *
 * The horizon is the server's oldest transaction, and other tests run on the same server: an event may have
 * to wait for one of theirs, hence follow_until.
 */
#include "base/clock.h"
#include "desk.h"
#include "meridian/errors.h"
#include "store/feed.h"
#include <criterion/criterion.h>
#include <libpq-fe.h>

enum { MOST = 64 };
static struct desk desk;

static void set_up(void)
{
    desk_open(&desk);
    for (int i = 1; i <= 4; i++) {
        char number[8];
        snprintf(number, sizeof number, "EU-%d", i);
        desk_ticket(&desk, number, "requester-eu-1", i == 4 ? 6 : 1, "new", NULL);
    }
}

static void tear_down(void)
{
    desk_close(&desk);
}
TestSuite(feed, .init = set_up, .fini = tear_down);

static PGconn *session(void)
{
    PGconn *pg = PQconnectdb(test_db_conninfo(desk.db, NULL));

    cr_assert_eq(PQstatus(pg), CONNECTION_OK);
    return pg;
}

static void run(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);

    cr_assert_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s", PQerrorMessage(pg));
    PQclear(result);
}

static void write_event(PGconn *pg, const char *number, int seq, int ordinal)
{
    char sql[512];

    snprintf(sql, sizeof sql,
             "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash)"
             " SELECT desk.feed_position(%d), id, %d, 'ticket.replied', now(), 'x', true, '{}', '\\x00' FROM "
             "desk.ticket WHERE number = '%s'",
             ordinal, seq, number);
    run(pg, sql);
}

/* Follows the feed as intake does, from *position, and appends "number:seq " for each event. */
static void follow(int64_t *position, size_t page, struct buf *out)
{
    struct feed_event events[MOST];
    size_t n;

    do {
        int64_t horizon;
        cr_assert_eq(store_feed_read(desk.conn, *position, page, events, &n, &horizon), 0);
        for (size_t i = 0; i < n; i++) {
            cr_assert_gt(events[i].position, *position, "only forward");
            *position = events[i].position;
            buf_printf(out, "%s:%d ", events[i].number, events[i].seq);
            feed_event_fini(&events[i]);
        }
        if (n < page && horizon > *position)
            *position = horizon;
    } while (n == page);
}

static int count(const struct buf *seen)
{
    int n = 0;

    for (size_t i = 0; i < seen->n; i++)
        n += seen->p[i] == ' ';
    return n;
}

static void follow_until(int64_t *position, size_t page, struct buf *out, int events)
{
    int64_t end = clock_monotonic_us() + 20 * US_PER_S;

    while (count(out) < events) {
        cr_assert_lt(clock_monotonic_us(), end, "%d of %d: %s", count(out), events, buf_text(out));
        follow(position, page, out);
    }
}

Test(feed, a_slow_transaction_is_not_overtaken)
{
    PGconn *slow = session(), *fast = session();
    _cleanup_buf_ struct buf seen = BUF_INIT;
    int64_t position = 0;

    follow_until(&position, MOST, &seen, 4);
    cr_assert_str_eq(buf_text(&seen), "EU-1:1 EU-2:1 EU-3:1 EU-4:1 ");
    buf_reset(&seen);
    run(slow, "BEGIN");
    write_event(slow, "EU-1", 2, 0); /* takes its transaction id first */
    write_event(fast, "EU-2", 2, 0); /* commits first */
    follow(&position, MOST, &seen);
    cr_assert_str_eq(buf_text(&seen), "", "the fast one waits behind the slow one");
    write_event(fast, "EU-3", 2, 0);
    follow(&position, MOST, &seen);
    cr_assert_str_eq(buf_text(&seen), "");
    run(slow, "COMMIT");
    follow_until(&position, MOST, &seen, 3);
    cr_assert_str_eq(buf_text(&seen), "EU-1:2 EU-2:2 EU-3:2 ");
    PQfinish(slow);
    PQfinish(fast);
}

Test(feed, a_transaction_that_is_rolled_back_leaves_nothing_and_blocks_nothing)
{
    PGconn *slow = session(), *fast = session();
    _cleanup_buf_ struct buf seen = BUF_INIT;
    int64_t position = 0;

    run(slow, "BEGIN");
    write_event(slow, "EU-1", 2, 0);
    write_event(fast, "EU-2", 2, 0);
    run(slow, "ROLLBACK");
    follow_until(&position, MOST, &seen, 5);
    cr_assert_str_eq(buf_text(&seen), "EU-1:1 EU-2:1 EU-3:1 EU-4:1 EU-2:2 ");
    PQfinish(slow);
    PQfinish(fast);
}

/* Many writers with transactions of different lengths, and a reader in small pages all the while. */
Test(feed, nothing_is_missed_and_nothing_comes_twice)
{
    enum { WRITERS = 6, ROUNDS = 40 };
    PGconn *writers[WRITERS];
    _cleanup_buf_ struct buf seen = BUF_INIT;
    bool open[WRITERS] = {0};
    int64_t position = 0;
    uint32_t dice = 12345;
    int written = 4, seq = 2;

    for (int i = 0; i < WRITERS; i++)
        writers[i] = session();
    for (int round = 0; round < ROUNDS; round++) {
        int i;
        dice = dice * 1103515245u + 12345u;
        i = (int)(dice >> 16) % WRITERS;
        if (open[i]) {
            bool keep = (dice >> 8) % 4 != 0;
            run(writers[i], keep ? "COMMIT" : "ROLLBACK");
            written += keep ? 2 : 0;
        } else {
            run(writers[i], "BEGIN");
            write_event(writers[i], "EU-1", seq++, 0);
            write_event(writers[i], "EU-2", seq++, 1);
        }
        open[i] = !open[i];
        follow(&position, 3, &seen);
    }
    for (int i = 0; i < WRITERS; i++) {
        if (open[i])
            written += 2;
        if (open[i])
            run(writers[i], "COMMIT");
        PQfinish(writers[i]);
    }
    follow_until(&position, 3, &seen, written);
    cr_assert_eq(count(&seen), written);
}

/* The four events of set_up, once the horizon has passed them. */
static void read_all(struct feed_event *ret_events, size_t *ret_n, int64_t *ret_horizon)
{
    _cleanup_buf_ struct buf seen = BUF_INIT;
    int64_t position = 0;

    follow_until(&position, MOST, &seen, 4);
    cr_assert_eq(store_feed_read(desk.conn, 0, MOST, ret_events, ret_n, ret_horizon), 0);
}

Test(feed, an_event_carries_what_decides_who_may_see_it)
{
    struct feed_event events[MOST];
    int64_t horizon;
    size_t n;

    read_all(events, &n, &horizon);
    cr_assert_eq(n, 4);
    cr_assert_not(events[0].restricted);
    cr_assert(events[3].restricted);
    cr_assert_eq(events[3].team, 6);
    cr_assert(events[0].public);
    cr_assert_str_eq(events[0].type, "ticket.created");
    cr_assert_str_eq(events[0].requester_id, test_db_text(desk.db, "SELECT md5('requester-eu-1')::uuid"));
    cr_assert_str_eq(events[0].data, "{}");
    cr_assert_str_eq(events[0].data_for_requesters, "{}");
    cr_assert_geq(horizon, events[3].position);
    for (size_t i = 0; i < n; i++)
        feed_event_fini(&events[i]);
}

Test(feed, bounds_tell_whether_a_position_can_be_continued)
{
    struct feed_event events[MOST];
    struct feed_bounds bounds;
    int64_t horizon, now_us = test_db_int(desk.db, "SELECT desk.us(now())");
    size_t n;

    read_all(events, &n, &horizon);
    cr_assert_eq(store_feed_bounds(desk.conn, events[1].position, &bounds), 0);
    cr_assert(bounds.known);
    cr_assert_geq(bounds.end, events[3].position);
    cr_assert(bounds.next_at_us > now_us - 60000000 && bounds.next_at_us <= now_us);
    cr_assert_eq(store_feed_bounds(desk.conn, events[3].position, &bounds), 0);
    cr_assert_eq(bounds.next_at_us, 0, "nothing behind the last one");
    cr_assert_eq(store_feed_bounds(desk.conn, events[0].position - 1, &bounds), 0);
    cr_assert_not(bounds.known, "before all that is still here");
    for (size_t i = 0; i < n; i++)
        feed_event_fini(&events[i]);
}
