/* desk_check: what must hold of every ticket after anything that happened, worked out here a second time and
 * not by the code under test. */
#include "auth/auth.h"
#include "base/buf.h"
#include "base/encode.h"
#include "base/memory.h"
#include "desk.h"
#include "plan/sla_item_json.h"
#include "plan/sla_plan_json.h"
#include "store_sql.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <libpq-fe.h>

static PGresult *query(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);

    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
    return result;
}

/* The row as its events tell it. */
struct folded {
    char state[16], owner[64], region[8], team[64];
    long long epoch, priority, reopened;
    int seq;
    uint8_t hash[32];
};

static void take_text(json_t *data, const char *name, char *out, size_t size)
{
    json_t *value = json_object_get(data, name);

    if (value)
        snprintf(out, size, "%s", json_is_string(value) ? json_string_value(value) : "");
}

static void fold(struct folded *f, const char *type, const char *text)
{
    json_t *data = json_loads(text, 0, NULL);

    cr_assert_not_null(data);
    if (strncmp(type, "ticket.", 7) == 0) { /* the scheduler's events tell nothing of the row */
        take_text(data, "state", f->state, sizeof f->state);
        take_text(data, "owner", f->owner, sizeof f->owner);
        take_text(data, "region", f->region, sizeof f->region);
        take_text(data, "team", f->team, sizeof f->team);
        f->epoch = json_integer_value(json_object_get(data, "epoch"));
        f->priority = json_integer_value(json_object_get(data, "priority"));
        f->reopened += strcmp(type, "ticket.reopened") == 0;
        if (strcmp(type, "ticket.created") == 0)
            f->region[0] = 0; /* there it is the region that accepted it */
    }
    json_decref(data);
}

/* Columns: ticket id, seq, type, us(at), actor, data text, hash hex, number. */
static void link_event(struct folded *f, const PGresult *events, int row)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT, hex = BUF_INIT;
    const char *number = PQgetvalue(events, row, 7);
    uint8_t hash[32];

    cr_assert_eq(atoi(PQgetvalue(events, row, 1)), f->seq + 1, "%s: a gap before %s", number,
                 PQgetvalue(events, row, 1));
    if (f->seq)
        buf_add(&bytes, f->hash, sizeof f->hash);
    for (int column = 0; column <= 5; column++) {
        if (column)
            buf_add_char(&bytes, '\x1f');
        buf_add_text(&bytes, PQgetvalue(events, row, column));
    }
    auth_sha256(bytes.p, bytes.n, hash);
    buf_add_hex(&hex, hash, sizeof hash);
    cr_assert_str_eq(buf_text(&hex), PQgetvalue(events, row, 6), "%s: the chain breaks at %d", number,
                     f->seq + 1);
    memcpy(f->hash, hash, sizeof hash);
    f->seq++;
    fold(f, PQgetvalue(events, row, 2), PQgetvalue(events, row, 5));
}

static void check_chains(PGconn *pg)
{
    PGresult *tickets = query(pg, "SELECT t.id, t.number, t.state, coalesce(o.login, ''), "
                                  "coalesce(t.owner_region, ''), g.slug, t.epoch, t.priority,"
                                  " t.reopened, t.event_seq, encode(t.event_hash, 'hex') FROM desk.ticket t "
                                  "JOIN desk.team g ON g.id = t.team_id"
                                  " LEFT JOIN desk.app_user o ON o.id = t.owner_id ORDER BY t.id");
    PGresult *events = query(
        pg,
        "SELECT e.ticket_id, e.seq, e.type, desk.us(e.at), e.actor, e.data, encode(e.hash, 'hex'), t.number"
        " FROM desk.event e JOIN desk.ticket t ON t.id = e.ticket_id ORDER BY e.ticket_id, e.seq");
    int event = 0;

    for (int i = 0; i < PQntuples(tickets); i++) {
        const char *number = PQgetvalue(tickets, i, 1);
        _cleanup_buf_ struct buf hex = BUF_INIT;
        struct folded f = {0};

        for (; event < PQntuples(events) && !strcmp(PQgetvalue(events, event, 0), PQgetvalue(tickets, i, 0));
             event++)
            link_event(&f, events, event);
        buf_add_hex(&hex, f.hash, sizeof f.hash);
        cr_expect_str_eq(PQgetvalue(tickets, i, 2), f.state, "%s state", number);
        cr_expect_str_eq(PQgetvalue(tickets, i, 3), f.owner, "%s owner", number);
        cr_expect_str_eq(PQgetvalue(tickets, i, 4), f.region, "%s region", number);
        cr_expect_str_eq(PQgetvalue(tickets, i, 5), f.team, "%s team", number);
        cr_expect_eq(atoll(PQgetvalue(tickets, i, 6)), f.epoch, "%s epoch", number);
        cr_expect_eq(atoll(PQgetvalue(tickets, i, 7)), f.priority, "%s priority", number);
        cr_expect_eq(atoll(PQgetvalue(tickets, i, 8)), f.reopened, "%s reopened", number);
        cr_expect_eq(atoi(PQgetvalue(tickets, i, 9)), f.seq, "%s version", number);
        cr_expect_str_eq(PQgetvalue(tickets, i, 10), buf_text(&hex), "%s hash", number);
    }
    cr_expect_eq(event, PQntuples(events), "events without a ticket");
    PQclear(tickets);
    PQclear(events);
}

/* The promise of docs/how-to/dispatch.md, in one snapshot. */
#define DESK_HELD_LAW "a new or open ticket has exactly one of: an owner, an open offer, a place in the queue"
#define DESK_HELD_SQL                                                                                        \
    "SELECT t.number FROM desk.ticket t WHERE (t.owner_id IS NOT NULL)::int + EXISTS (SELECT FROM "          \
    "desk.offer "                                                                                            \
    "o WHERE o.ticket_id = t.id AND o.outcome IS NULL)::int + EXISTS (SELECT FROM desk.ready r WHERE "       \
    "r.ticket_id = t.id)::int <> (t.state IN ('new', 'open') OR t.owner_id IS NOT NULL)::int"

/* Each must find nothing. */
static const struct {
    const char *what, *sql;
} laws[] = {
    {"a claimable ticket is in the queue, and no other",
     "SELECT t.number FROM desk.ticket t FULL JOIN desk.ready r ON r.ticket_id = t.id"
     " WHERE (t.owner_id IS NULL AND t.offered_to IS NULL AND t.state IN ('new', 'open')) IS DISTINCT FROM "
     "(r.ticket_id IS NOT NULL)"
     " OR r.team_id <> t.team_id OR r.priority <> t.priority"},
    {DESK_HELD_LAW, DESK_HELD_SQL},
    {"an offer is open while its ticket says so, to the same agent until the same time",
     "SELECT coalesce(t.number, o.id::text) FROM (SELECT * FROM desk.ticket WHERE offered_to IS NOT NULL) t "
     "FULL JOIN (SELECT * FROM desk.offer WHERE outcome IS NULL) o ON o.ticket_id = t.id WHERE "
     "(t.offered_to, "
     "t.offered_until) IS DISTINCT FROM (o.user_id, o.expires_at)"},
    {"an offer that is open has a timer for its end, and no other",
     "SELECT coalesce(t.number, r.ticket_id::text) FROM (SELECT * FROM desk.ticket WHERE offered_to IS NOT "
     "NULL) t FULL JOIN (SELECT * FROM desk.timer WHERE name = 'offer_end') r ON r.ticket_id = t.id WHERE "
     "t.offered_until IS DISTINCT FROM r.fire_at"},
    {"the events tell to whom it is offered",
     "SELECT t.number FROM desk.ticket t LEFT JOIN desk.app_user u ON u.id = t.offered_to CROSS JOIN LATERAL "
     "(SELECT e.data FROM desk.event e WHERE e.ticket_id = t.id AND e.type NOT LIKE 'sla.%' ORDER BY e.seq "
     "DESC LIMIT 1) e WHERE e.data ->> 'offered_to' IS DISTINCT FROM u.login"},
    {"what is owned is known by its owner",
     "SELECT t.number FROM (SELECT * FROM desk.ticket WHERE owner_id IS NOT NULL) t FULL JOIN desk.owned o "
     "ON "
     "o.ticket_id = t.id AND o.owner_id = t.owner_id WHERE t.id IS NULL OR o.ticket_id IS NULL OR o.priority "
     "IS DISTINCT FROM CASE WHEN t.state = 'open' THEN t.priority END"},
    {"a claimable ticket is in the lane of what it needs",
     "SELECT t.number FROM desk.ready r JOIN desk.ticket t ON t.id = r.ticket_id JOIN desk.lane l ON l.id = "
     "r.lane_id WHERE (l.team_id, l.skills, l.language) <> (t.team_id, t.skills, t.language)"},
    {"the first event tells what the ticket needs",
     "SELECT t.number FROM desk.ticket t JOIN desk.event e ON e.ticket_id = t.id AND e.seq = 1 WHERE "
     "coalesce(e.data -> 'skills', '{}') <> desk.skill_map(t.skills)::jsonb"},
    {"the queue is in the order of the deadlines",
     "SELECT t.number FROM desk.ready r JOIN desk.ticket t ON t.id = r.ticket_id WHERE r.due_at <> (SELECT "
     "min(c.due_at) FROM desk.clock c WHERE c.ticket_id = r.ticket_id)"},
    {"every event has a notice", "SELECT e.ticket_id FROM desk.event e FULL JOIN desk.outbox o ON "
                                 "o.ticket_id = e.ticket_id AND o.event_seq = e.seq"
                                 " WHERE o.id IS NULL OR e.seq IS NULL OR o.position <> e.position OR o.type "
                                 "<> e.type OR o.data <> e.data"},
    {"no two events have one place in the feed",
     "SELECT position FROM desk.event GROUP BY position HAVING count(*) > 1"},
    {"events of a ticket are in order of time",
     "SELECT ticket_id FROM (SELECT ticket_id, at, lag(at) OVER (PARTITION BY ticket_id ORDER BY seq) AS a "
     "FROM desk.event) x WHERE at < a"},
    {"events of a ticket lie between its creation and its last change", /* document_sla_history relies on it
                                                                         */
     "SELECT t.number FROM desk.ticket t JOIN desk.event e ON e.ticket_id = t.id WHERE e.at NOT BETWEEN "
     "t.created_at AND t.updated_at"},
    {"every ticket has both clocks",
     "SELECT t.number FROM desk.ticket t LEFT JOIN desk.clock c ON c.ticket_id = t.id AND c.target IN "
     "('first_response', 'resolve') GROUP BY t.number HAVING count(c) <> 2"},
    {"only the last cycle of a target runs or rests",
     "SELECT c.ticket_id FROM desk.clock c JOIN desk.clock l USING (ticket_id, target) WHERE l.cycle > "
     "c.cycle AND (c.state IN ('running', 'paused') OR c.fire_at IS NOT NULL)"},
    {"the resolution clock follows the state",
     "SELECT t.number FROM desk.ticket t JOIN desk.clock c ON c.ticket_id = t.id AND c.target = 'resolve' "
     "WHERE c.state <> CASE"
     " WHEN t.state IN ('new', 'open') THEN 'running' WHEN t.state = 'pending' THEN 'paused' WHEN t.state = "
     "'cancelled' THEN 'cancelled' ELSE 'met' END"},
    {"the response clock stops with the first response or the end",
     "SELECT t.number FROM desk.ticket t JOIN desk.clock c ON c.ticket_id = t.id AND c.target = "
     "'first_response' WHERE"
     " CASE WHEN t.first_response_at IS NOT NULL OR t.state IN ('resolved', 'closed') THEN c.state <> 'met'"
     " WHEN t.state = 'cancelled' THEN c.state NOT IN ('cancelled', 'met') WHEN t.reopened > 0 THEN c.state "
     "<> 'met'"
     " WHEN t.state = 'pending' THEN c.state <> 'paused' ELSE c.state <> 'running' END"},
    {"what fires is due or warned of",
     "SELECT ticket_id FROM desk.clock WHERE state = 'running' AND fire_at IS DISTINCT FROM"
     " CASE WHEN breached_at IS NOT NULL THEN NULL WHEN warned_at IS NOT NULL THEN due_at ELSE warn_at END"},
    {"a wait that has an end has a timer for it, and no other",
     "SELECT t.number FROM desk.ticket t FULL JOIN (SELECT * FROM desk.timer WHERE name = "
     "'pending_end') r ON r.ticket_id = t.id"
     " WHERE t.pending_until IS DISTINCT FROM r.fire_at OR r.generation > t.event_seq"},
    {"texts belong to events",
     "SELECT x.ticket_id FROM (SELECT ticket_id, event_seq FROM desk.reply UNION ALL SELECT ticket_id, "
     "event_seq FROM desk.note) x"
     " LEFT JOIN desk.event e ON e.ticket_id = x.ticket_id AND e.seq = x.event_seq WHERE e.seq IS NULL"},
    {"a number leads to one ticket",
     "SELECT a.number FROM desk.ticket_alias a JOIN desk.ticket t USING (number)"},
    {"an ownership has an epoch of its own", "SELECT ticket_id FROM desk.event WHERE type IN "
                                             "('ticket.claimed', 'ticket.taken_over', 'ticket.assigned', "
                                             "'ticket.offer_accepted') "
                                             "GROUP BY ticket_id, data->>'epoch' HAVING count(*) > 1"},
    {"where a ticket went is what its events say",
     "SELECT t.number FROM desk.ticket t JOIN (SELECT ticket_id, count(*) FILTER (WHERE gone) AS hops, "
     "count(*) FILTER (WHERE rose) AS raised,"
     " count(*) FILTER (WHERE gone AND team = ANY (left_before)) AS bounces,"
     " count(DISTINCT owner) FILTER (WHERE got) AS owners,"
     " count(*) FILTER (WHERE got AND region <> region_before) AS handovers,"
     " count(*) FILTER (WHERE type = 'ticket.pended') AS holds, count(*) FILTER (WHERE type = "
     "'ticket.nudged') AS nudges,"
     " max(at) FILTER (WHERE type = 'ticket.nudged') AS nudged_at"
     " FROM (SELECT *, array_agg(from_team) OVER (PARTITION BY ticket_id ORDER BY seq ROWS BETWEEN UNBOUNDED "
     "PRECEDING AND 1 PRECEDING) AS left_before, lag(region) OVER (PARTITION BY ticket_id, got ORDER BY seq) "
     "AS "
     "region_before FROM (SELECT *, from_team IS NOT NULL AS gone, (from_tier < tier) AS rose, type IN "
     "('ticket.claimed', "
     "'ticket.taken_over', "
     "'ticket.assigned', 'ticket.offer_accepted') AS got FROM (SELECT ticket_id, seq, at, type, "
     "data->>'from_team' AS from_team, "
     "(data->>'from_tier')::int AS from_tier, (data->>'tier')::int AS tier, "
     "data->>'team' AS team, data->>'owner' AS owner, data->>'region' AS region FROM desk.event) a) b) c"
     " GROUP BY ticket_id) e ON e.ticket_id = t.id WHERE (t.hops, t.raised, t.bounces, "
     "cardinality(t.past_owners), "
     "t.handovers, "
     "t.holds, t.nudges) IS DISTINCT FROM (e.hops, e.raised, e.bounces, e.owners, e.handovers, e.holds, "
     "e.nudges)"
     " OR t.nudged_at IS DISTINCT FROM e.nudged_at"},
};

/* ---- clocks are what their events say ---- */

struct plans {
    PGconn *pg;
    struct sla_document *documents[64];
    size_t n;
};

static const struct sla_plan *find_plan(void *ctx, int64_t version)
{
    struct plans *plans = ctx;
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_buf_ struct buf sql = BUF_INIT;
    PGresult *row;
    json_t *json;

    for (size_t i = 0; i < plans->n; i++)
        if (plans->documents[i]->plan.version == version)
            return &plans->documents[i]->plan;
    buf_printf(&sql, "SELECT document FROM desk.sla_plan WHERE version = %lld", (long long)version);
    row = query(plans->pg, buf_text(&sql));
    cr_assert_eq(PQntuples(row), 1, "plan %lld is not there", (long long)version);
    cr_assert_lt(plans->n, ARRAY_SIZE(plans->documents));
    json = json_loads(PQgetvalue(row, 0, 0), 0, NULL);
    cr_assert_eq(sla_plan_json_read(json, version, NULL, &plans->documents[plans->n], &fault), 0, "%s: %s",
                 buf_text(&fault.at), buf_text(&fault.reason));
    json_decref(json);
    PQclear(row);
    return &plans->documents[plans->n++]->plan;
}

static void check_item(struct plans *plans, const json_t *item)
{
    _cleanup_sla_history_ struct sla_history history = {0};
    _cleanup_sla_fold_ struct sla_fold folded = {0};
    _cleanup_buf_ struct buf found = BUF_INIT;

    cr_assert_eq(sla_item_history(item, find_plan, plans, &history), 0);
    sla_fold(history.steps, history.n, &folded);
    cr_expect_eq(sla_item_compare(item, &folded, &found), 0, "%s: clocks are not what its events say: %s",
                 json_string_value(json_object_get(item, "number")), buf_text(&found));
}

/* Page by page, as deskctl sla replay does. */
static void check_clocks(PGconn *pg)
{
    struct plans plans = {.pg = pg};
    char after[64] = "";
    size_t i;

    PQclear(query(pg, "SELECT set_config('meridian.kind', 'system', false)"));
    do {
        const char *const values[] = {after[0] ? after : NULL, "500", NULL};
        PGresult *page = PQexecParams(pg, sql_store_document_sla_history.sql, 3, NULL, values, NULL, NULL, 0);
        json_t *json, *item;
        const char *next;

        cr_assert_eq(PQntuples(page), 1, "%s", PQerrorMessage(pg));
        json = json_loads(PQgetvalue(page, 0, 0), 0, NULL);
        json_array_foreach(json_object_get(json, "items"), i, item) check_item(&plans, item);
        next = json_string_value(json_object_get(json, "next"));
        snprintf(after, sizeof after, "%s", next ? next : "");
        json_decref(json);
        PQclear(page);
    } while (after[0]);
    for (i = 0; i < plans.n; i++)
        sla_document_free(plans.documents[i]);
}

void desk_check_held(struct desk *desk)
{
    PGresult *found = query(desk->pg, DESK_HELD_SQL);

    cr_assert_eq(PQntuples(found), 0, "%s: not so for %s", DESK_HELD_LAW,
                 PQntuples(found) ? PQgetvalue(found, 0, 0) : "");
    PQclear(found);
}

void desk_check(struct desk *desk)
{
    PGconn *pg = PQconnectdb(test_db_conninfo(desk->db, NULL));

    cr_assert_eq(PQstatus(pg), CONNECTION_OK);
    check_chains(pg);
    check_clocks(pg);
    for (size_t i = 0; i < ARRAY_SIZE(laws); i++) {
        PGresult *found = query(pg, laws[i].sql);

        cr_expect_eq(PQntuples(found), 0, "%s: not so for %s and %d others", laws[i].what,
                     PQntuples(found) ? PQgetvalue(found, 0, 0) : "", PQntuples(found) - 1);
        PQclear(found);
    }
    PQfinish(pg);
}
