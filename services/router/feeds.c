/* Judges what came, one feed after the other: its days are merged into the plan in force
 * (holiday/feed_merge.h), which may take seconds and locks nothing. Then, in one transaction, the feed's row
 * is locked if it still has the days of that attempt, and the next version and the verdict are written. So
 * what came is taken once, whichever routers live or die meanwhile; when another plan comes first, the days
 * stay and the next round merges them into that one. A feed that fails keeps none of those behind it waiting.
 *
 * What a feed's server says is not in our hands: past a number of plans a day, more of them wait for
 * somebody, as each is kept for ever and has every router lay out anew.
 *
 * Only the calendars change here: what conditions of the plan do to each other was judged when it was
 * applied. Nobody is asked outside: schedulers fetch (services/sla/fetcher.c). */
#include "router/feeds.h"
#include "base/clock.h"
#include "base/memory.h"
#include "holiday/calendar_merge.h"
#include "holiday/feed_merge.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "plan/feed_json.h"
#include "router/plan_add.h"
#include "router/state.h"
#include "router_sql.h"

#define PATIENCE_US (30 * US_PER_S)
enum { PLANS_A_DAY = 24 }; /* of one feed */

enum verdict { APPLIED, UNCHANGED, HELD, REFUSED };
static const char *const verdict_names[] = {"applied", "unchanged", "held", "refused"};

struct round {
    struct router *router;
    int64_t cluster_epoch; /* the highest that this router knows */
    int verdicts[ARRAY_SIZE(verdict_names)];
    int failure; /* of the last feed that failed; 0: none did */
    struct buf trouble;
};

/* ---- which feeds there are ---- */

static json_t *config_of(const json_t *document, const json_t *feed)
{
    return json_pack("{s:O, s:O, s:I, s:s, s:O*}", "url", json_object_get(feed, "url"), "calendars",
                     json_object_get(feed, "calendars"), "every_s", (json_int_t)feed_every_s(feed), "zone",
                     feed_zone(document, feed), "except", json_object_get(feed, "except"));
}

int feeds_sync(struct db_conn *conn, const json_t *document)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_(json_decrefp) json_t *wanted = json_array();
    _cleanup_(freep) char *text = NULL;
    const char *name;
    json_t *feed;

    json_object_foreach(json_object_get(document, "feeds"), name, feed) json_array_append_new(
        wanted, json_pack("{s:s, s:o}", "name", name, "config", config_of(document, feed)));
    text = json_dumps(wanted, JSON_COMPACT);
    db_param_text(&params, text);
    return db_exec(conn, &sql_router_feed_sync, &params, NULL);
}

/* ---- what came of one feed ---- */

struct judgement {
    const char *name;
    int64_t attempt, made; /* made: plans within a day */
    struct feed_merge merge;
    struct sla_document *read;
    struct plan_fault fault;
    struct plan_in_force present;
};

static void judgement_fini(struct judgement *j)
{
    feed_merge_fini(&j->merge);
    sla_document_free(j->read);
    plan_fault_fini(&j->fault);
    plan_in_force_fini(&j->present);
}

static int check_size(struct judgement *j)
{
    size_t n = json_dumpb(j->merge.plan, NULL, 0, JSON_COMPACT);

    if (n <= SLA_DOCUMENT_MAX)
        return 0;
    buf_printf(&j->fault.reason, "the plan would have %zu bytes; at most %d fit", n, SLA_DOCUMENT_MAX);
    return -E_VALIDATION;
}

/* As the merge holds what speaks against the days themselves. */
static void hold_often(struct judgement *j)
{
    const char *calendar;
    json_t *changes;

    json_object_foreach(j->merge.changes, calendar, changes)
    {
        if (!calendar_merge_changes(changes))
            continue;
        j->merge.held = json_pack("{s:s, s:s, s:I, s:I}", "reason", "too_often", "calendar", calendar,
                                  "before", (json_int_t)j->made, "after", (json_int_t)j->made + 1);
        return;
    }
}

static enum verdict judge(struct judgement *j, const char *days)
{
    _cleanup_(json_decrefp) json_t *fetched = json_loads(days, 0, NULL);
    _cleanup_zone_book_ struct zone_book zones = {0};
    int r = feed_merge(j->present.document, j->name, fetched, clock_now_us() / US_PER_S, &zones, &j->merge,
                       &j->fault);

    if (r < 0)
        return REFUSED;
    if (!j->merge.changed)
        return UNCHANGED;
    if (!j->merge.held && j->made >= PLANS_A_DAY)
        hold_often(j);
    if (j->merge.held)
        return HELD;
    if (check_size(j) < 0 || sla_plan_json_read(j->merge.plan, j->present.version + 1,
                                                j->present.calendar_versions, &j->read, &j->fault) < 0)
        return REFUSED;
    return APPLIED;
}

static int write_verdict(struct db_conn *conn, const struct judgement *j, enum verdict verdict)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_buf_ struct buf error = BUF_INIT;
    _cleanup_(freep) char *held = verdict == HELD ? json_dumps(j->merge.held, JSON_COMPACT) : NULL;

    buf_printf(&error, "%s%s%s", buf_text(&j->fault.at), j->fault.at.n ? ": " : "",
               buf_text(&j->fault.reason));
    db_param_text(&params, j->name);
    db_param_text(&params, verdict == REFUSED ? buf_text(&error) : NULL);
    db_param_text(&params, held);
    if (verdict == APPLIED)
        db_param_int(&params, j->present.version + 1);
    else
        db_param_null(&params);
    return db_exec(conn, &sql_router_feed_judged, &params, NULL);
}

static void tell(const struct judgement *j, enum verdict verdict)
{
    const char *reason = json_string_value(json_object_get(j->merge.held, "reason"));

    if (verdict == APPLIED)
        log_info("a feed of holidays made a new plan of service levels", L_TEXT("feed", j->name),
                 L_INT("version", j->present.version + 1));
    else if (verdict == HELD)
        log_warn("what a feed of holidays says is held for review", L_TEXT("feed", j->name),
                 L_TEXT("reason", reason));
    else if (verdict == REFUSED)
        log_warn("what a feed of holidays says cannot be taken", L_TEXT("feed", j->name),
                 L_TEXT("at", buf_text(&j->fault.at)), L_TEXT("reason", buf_text(&j->fault.reason)));
}

/* 1; 0: its days do not wait any more; -E_CONFLICT: another plan came first; other failures. */
static int lock(struct db_conn *conn, const struct judgement *j)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, j->name);
    db_param_int(&params, j->attempt);
    r = db_exec(conn, &sql_router_feed_lock, &params, &result);
    if (r < 0 || !db_rows(&result))
        return r;
    return db_int(&result, 0, 0) == j->present.version ? 1 : -E_CONFLICT;
}

static int settle(struct db_conn *conn, const struct judgement *j, enum verdict verdict)
{
    int r = 0;

    if (verdict == APPLIED)
        r = plan_add(conn, &j->present, j->merge.plan, j->read, "system:feeds");
    if (!r)
        r = write_verdict(conn, j, verdict);
    return r ? r : db_commit(conn, NULL);
}

static int see_to(struct db_conn *conn, struct round *round, struct judgement *j, const char *days)
{
    enum verdict verdict;
    int r = plan_in_force_read(conn, &j->present);

    if (!r && j->present.cluster_epoch < round->cluster_epoch)
        r = -E_STALE_PRIMARY;
    if (r < 0)
        return r;
    verdict = judge(j, days);
    r = db_begin(conn);
    if (!r)
        r = lock(conn, j);
    if (r <= 0)
        return r;
    r = settle(conn, j, verdict);
    if (r < 0)
        return r;
    round->verdicts[verdict]++;
    tell(j, verdict);
    return 0;
}

/* ---- rounds ---- */

/* The next one behind `name`. 1, also when it fails, which is noted; 0: there is none; or a failure to know.
 */
static int next(struct db_conn *conn, struct round *round, struct buf *name)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result waiting = {0};
    _cleanup_(judgement_fini) struct judgement j = {0};
    int r;

    db_param_text(&params, buf_text(name));
    r = db_exec(conn, &sql_router_feed_waiting, &params, &waiting);
    if (r < 0) {
        buf_printf(&round->trouble, "%s", db_error_detail(conn));
        return r;
    }
    if (!db_rows(&waiting))
        return 0;
    buf_reset(name);
    buf_add_text(name, db_text(&waiting, 0, 0));
    j.name = buf_text(name);
    j.attempt = db_int(&waiting, 0, 2);
    j.made = db_int(&waiting, 0, 3);
    r = see_to(conn, round, &j, db_text(&waiting, 0, 1));
    if (r < 0 && r != -E_CONFLICT) { /* another plan was faster: the next round */
        buf_printf(&round->trouble, "%s%s: %s", round->trouble.n ? "; " : "", j.name, db_error_detail(conn));
        round->failure = r;
    }
    db_rollback(conn);
    return 1;
}

static int round_work(struct db_conn *conn, void *arg)
{
    struct round *round = arg;
    _cleanup_buf_ struct buf name = BUF_INIT;
    int r = 1;

    buf_reset(&round->trouble);
    round->failure = 0;
    for (int i = 0; r > 0 && i < FEEDS_MAX; i++)
        r = next(conn, round, &name);
    return r < 0 ? r : round->failure;
}

static void round_done(void *arg, int status)
{
    struct round *round = arg;
    struct feeds *self = &round->router->feeds;

    self->working = false;
    for (size_t i = 0; i < ARRAY_SIZE(verdict_names); i++)
        if (round->verdicts[i])
            metric_add(self->judged, verdict_names[i], round->verdicts[i]);
    if (status < 0)
        router_complain(round->router, "feeds of holidays could not be seen to", status,
                        buf_text(&round->trouble));
    buf_fini(&round->trouble);
    free(round);
}

static void on_timer(uv_timer_t *timer)
{
    struct feeds *self = timer->data;
    struct router *router = self->router;
    struct round *round;

    if (self->working || router->closing || !db_pool_ready(router->pool))
        return;
    round = NEW(struct round);
    *round = (struct round){.router = router, .cluster_epoch = router->cluster_epoch};
    self->working = true;
    if (db_pool_submit(router->pool, round_work, round_done, round, clock_monotonic_us() + PATIENCE_US) < 0)
        round_done(round, -E_UNAVAILABLE);
}

void feeds_open(struct feeds *self, struct router *router, uint64_t every_ms)
{
    self->router = router;
    self->judged = metric_counter("meridian_router_feeds_total",
                                  "What became of days that came of feeds of holidays.", "outcome");
    router_timer_init(router, &self->timer, on_timer, every_ms);
    self->timer.data = self;
}

void feeds_close(struct feeds *self)
{
    router_timer_close(self->router, &self->timer);
}
