/* The demo: complete, lawful, the same for the same seed, and only where it may be. */
#include "auth/auth.h"
#include "base/buf.h"
#include "base/memory.h"
#include "domain/ticket_state.h"
#include "harness.h"
#include "plan/organisation_json.h"
#include "seed/seed.h"
#include <criterion/criterion.h>
#include <meridian/errors.h>
#include <string.h>

static struct test_db *db;

static void on_message(void *arg, const char *message)
{
    buf_add_text(arg, message);
}

static int seed_into(struct test_db *into, const char *conninfo, int64_t seed, int tickets)
{
    _cleanup_buf_ struct buf told = BUF_INIT;
    struct seed_options options = {.conninfo = conninfo ? conninfo : test_db_conninfo(into, NULL),
                                   .seed = seed,
                                   .tickets = tickets,
                                   .webhook_url = "http://127.0.0.1:1/hook",
                                   .webhook_secret = "whsec_AAAA",
                                   .tell = on_message,
                                   .arg = &told};
    int r = seed_run(&options);

    cr_assert((r < 0) == (told.n > 0), "%d, told: %s", r, buf_text(&told)); /* a failure is told */
    return r;
}

static void setup(void)
{
    db = test_db_new();
}

static void teardown(void)
{
    test_db_free(db);
}

TestSuite(seed, .init = setup, .fini = teardown);

static void expect_none(const char *what, const char *sql)
{
    const char *found = test_db_text(db, sql);

    cr_expect_null(found, "%s: %s", what, found);
}

Test(seed, has_the_people)
{
    cr_assert_eq(seed_into(db, NULL, 1, 0), 0);
    cr_expect_eq(
        test_db_int(db,
                    "SELECT count(*) FROM desk.app_user WHERE login ~ '^agent-(eu|ap|us)-([1-9]|1[0-6])$' "
                    "AND role = 'agent' AND region = split_part(login, '-', 2)"),
        48);
    cr_expect_eq(
        test_db_int(
            db, "SELECT count(*) FROM desk.app_user WHERE login ~ '^lead-(eu|ap|us)-1$' AND role = 'lead'"),
        3);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.app_user WHERE login ~ "
                                 "'^requester-(eu|ap|us)-[1-9]$' AND role = 'requester'"),
                 27);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.app_user"), 79);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.app_user WHERE role = 'admin'"), 1);
    cr_expect_eq(
        test_db_int(
            db, "SELECT count(*) FROM desk.app_user WHERE login LIKE 'requester-ap-%' AND language = 'zh'"),
        9);
    cr_expect_geq(
        test_db_int(db, "SELECT count(*) FROM desk.app_user WHERE region <> 'ap' AND language = 'zh'"), 2);
    expect_none("mail addresses",
                "SELECT email FROM desk.app_user WHERE email <> login || '@example.test' LIMIT 1");
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.team_member m JOIN desk.app_user u ON u.id = "
                                 "m.user_id WHERE u.role = 'agent' AND team_id <= 5"),
                 240);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.team_member WHERE team_id = 6"), 3 * 4 + 3);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.team WHERE restricted"), 1);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.user_password"), 79);
    cr_expect(auth_password_verify(STR("meridian-demo"),
                                   test_db_text(db, "SELECT hash FROM desk.user_password LIMIT 1")));
    cr_expect_str_eq(test_db_text(db, "SELECT url || ' ' || secret FROM desk.webhook_endpoint"),
                     "http://127.0.0.1:1/hook whsec_AAAA");
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.ticket"), 0);
}

Test(seed, is_lawful)
{
    cr_assert_eq(seed_into(db, NULL, 7, 300), 0);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.ticket"), 300);
    cr_expect_eq(test_db_int(db, "SELECT count(DISTINCT state) FROM desk.ticket"), 6);
    cr_expect_geq(test_db_int(db, "SELECT count(*) FROM desk.ready"), 15);
    cr_expect_geq(test_db_int(db, "SELECT count(*) FROM desk.ticket WHERE language = 'zh'"), 60);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.outbox"), 0, "nobody gets mail about history");
    expect_none("gaps in the events", "SELECT ticket_id FROM desk.event GROUP BY ticket_id HAVING min(seq) "
                                      "<> 1 OR max(seq) <> count(*) LIMIT 1");
    expect_none("head of the chain", "SELECT t.number FROM desk.ticket t LEFT JOIN desk.event e ON "
                                     "e.ticket_id = t.id AND e.seq = t.event_seq"
                                     " WHERE e.hash IS DISTINCT FROM t.event_hash LIMIT 1");
    expect_none("links of the chain",
                "SELECT e.ticket_id || ' ' || e.seq FROM (SELECT e.*, coalesce(lag(hash) OVER (PARTITION BY "
                "ticket_id ORDER BY seq), '') AS before FROM desk.event e) e"
                " WHERE e.hash <> desk.event_hash(e.before, e.ticket_id, e.seq, e.type, e.at, e.actor, "
                "e.data) LIMIT 1");
    expect_none("time runs forward",
                "SELECT ticket_id || ' ' || seq FROM (SELECT e.*, lag(at) OVER (PARTITION BY ticket_id ORDER "
                "BY seq) AS before FROM desk.event e) e WHERE at < before LIMIT 1");
    expect_none("positions follow time",
                "SELECT position::text FROM (SELECT position, at, lag(at) OVER (ORDER BY position) AS before "
                "FROM desk.event) e WHERE at < before LIMIT 1");
    expect_none("the last state of the events",
                "SELECT t.number FROM desk.ticket t CROSS JOIN LATERAL (SELECT data FROM desk.event e WHERE "
                "e.ticket_id = t.id AND type LIKE 'ticket.%' ORDER BY seq DESC LIMIT 1) e"
                " LEFT JOIN desk.app_user o ON o.id = t.owner_id WHERE e.data->>'state' <> t.state OR "
                "(e.data->>'epoch')::int <> t.epoch OR e.data->>'owner' IS DISTINCT FROM o.login LIMIT 1");
    expect_none("the queue",
                "SELECT t.number FROM desk.ticket t LEFT JOIN desk.ready r ON r.ticket_id = t.id WHERE "
                "(t.owner_id IS NULL AND t.state IN ('new', 'open')) <> (r.ticket_id IS NOT NULL)"
                " OR r.team_id <> t.team_id OR r.priority <> t.priority LIMIT 1");
    expect_none("two clocks a ticket", "SELECT t.number FROM desk.ticket t LEFT JOIN desk.clock c ON "
                                       "c.ticket_id = t.id GROUP BY 1 HAVING count(c.*) <> 2 LIMIT 1");
    expect_none("clocks and states",
                "SELECT t.number || ' ' || c.target || ' ' || c.state FROM desk.ticket t JOIN desk.clock c "
                "ON c.ticket_id = t.id WHERE c.state <> CASE"
                " WHEN c.target = 'first_response' AND t.first_response_at IS NOT NULL THEN 'met' WHEN "
                "t.state IN ('new', 'open') THEN 'running' WHEN t.state = 'pending' THEN 'paused'"
                " WHEN t.state = 'cancelled' THEN 'cancelled' ELSE 'met' END LIMIT 1");
    expect_none("breaches and their events",
                "SELECT c.ticket_id::text FROM desk.clock c WHERE (c.breached_at IS NOT NULL) <> EXISTS"
                " (SELECT FROM desk.event e WHERE e.ticket_id = c.ticket_id AND e.type = 'sla.breached' AND "
                "e.data->>'target' = c.target AND e.at = c.breached_at) LIMIT 1");
    expect_none("nothing is overdue", "SELECT ticket_id::text FROM desk.clock WHERE fire_at < (SELECT "
                                      "max(at) FROM desk.event) - interval '1 second' LIMIT 1");
    cr_expect_geq(test_db_int(db, "SELECT count(*) FROM desk.event WHERE type = 'sla.breached'"), 1);
    expect_none("replies belong to events",
                "SELECT r.id::text FROM desk.reply r LEFT JOIN desk.event e ON e.ticket_id = r.ticket_id AND "
                "e.seq = r.event_seq AND e.at = r.at AND e.actor_id = r.author_id AND e.public"
                " WHERE e.seq IS NULL LIMIT 1");
    expect_none("notes belong to events",
                "SELECT n.id::text FROM desk.note n LEFT JOIN desk.event e ON e.ticket_id = n.ticket_id AND "
                "e.seq = n.event_seq AND e.at = n.at WHERE e.seq IS NULL LIMIT 1");
    expect_none("only members own",
                "SELECT t.number FROM desk.ticket t LEFT JOIN desk.team_member m ON m.user_id = t.owner_id "
                "AND m.team_id = t.team_id WHERE t.owner_id IS NOT NULL AND m.team_id IS NULL LIMIT 1");
    expect_none(
        "numbers lie in leased blocks",
        "SELECT t.number FROM desk.ticket t WHERE NOT EXISTS (SELECT FROM desk.number_block b WHERE "
        "upper(b.region) = split_part(t.number, '-', 1)"
        " AND split_part(t.number, '-', 2)::bigint BETWEEN b.first AND b.first + b.count - 1) LIMIT 1");
    expect_none("later numbers are free",
                "SELECT t.number FROM desk.ticket t JOIN desk.region r ON r.code = t.region WHERE "
                "split_part(t.number, '-', 2)::bigint >= r.next_number LIMIT 1");
    expect_none("submission keys", "SELECT number FROM desk.ticket WHERE submission_key <> "
                                   "encode(substring(sha256(convert_to(requester_id || ':' || client_key, "
                                   "'UTF8')) FOR 16), 'hex')::uuid LIMIT 1");
    expect_none("placeholders", "SELECT number FROM desk.ticket WHERE concat(subject, description, cause, "
                                "solution, prevention) ~ '[{}]' LIMIT 1");
    expect_none("acceptance", "SELECT number FROM desk.ticket WHERE accepted_at NOT BETWEEN now() - interval "
                              "'5 days 1 hour' AND now() LIMIT 1");
}

/* Every step of the events is one that the table of moves allows. */
Test(seed, makes_only_moves_that_the_table_allows)
{
    static const struct {
        const char *type;
        enum ticket_action action;
    } actions[] = {
        {"claimed", ACTION_CLAIM},     {"released", ACTION_RELEASE}, {"transferred", ACTION_TRANSFER},
        {"noted", ACTION_NOTE},        {"pended", ACTION_PEND},      {"resolved", ACTION_RESOLVE},
        {"confirmed", ACTION_CONFIRM}, {"reopened", ACTION_REOPEN},  {"cancelled", ACTION_CANCEL}};

    cr_assert_eq(seed_into(db, NULL, 3, 300), 0);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        for (int state = TICKET_NEW; state <= TICKET_CANCELLED; state++)
            for (int owned = 0; owned < 2; owned++) {
                enum ticket_state next = ticket_state_next(
                    actions[i].action, (struct ticket_situation){(enum ticket_state)state, owned, false});
                _cleanup_(freep) char *sql = mem_printf(
                    "SELECT count(*) FROM (SELECT type, data->>'state' AS state, lag(data->>'state') OVER w "
                    "AS before, lag(data->>'owner') OVER w IS NOT NULL AS owned FROM desk.event"
                    " WHERE type LIKE 'ticket.%%' WINDOW w AS (PARTITION BY ticket_id ORDER BY seq)) e WHERE "
                    "type = 'ticket.%s' AND before = '%s' AND owned = %s AND state <> '%s'",
                    actions[i].type, ticket_state_name((enum ticket_state)state), owned ? "true" : "false",
                    next ? ticket_state_name(next) : "");

                cr_expect_eq(test_db_int(db, sql), 0, "%s of a ticket that is %s%s", actions[i].type,
                             ticket_state_name((enum ticket_state)state), owned ? " and owned" : "");
            }
}

static const char *fingerprint(struct test_db *of)
{
    return test_db_text(
        of,
        "SELECT md5(string_agg(concat_ws('|', requester_id, subject, region, impact, urgency, service, "
        "channel), E'\\n' ORDER BY number)) FROM desk.ticket WHERE accepted_at < now() - interval '3 hours'");
}

Test(seed, is_the_same_for_the_same_seed)
{
    struct test_db *again = test_db_new(), *other = test_db_new();

    cr_assert_eq(seed_into(db, NULL, 5, 60), 0);
    cr_assert_eq(seed_into(again, NULL, 5, 60), 0);
    cr_assert_eq(seed_into(other, NULL, 6, 60), 0);
    cr_expect_str_eq(fingerprint(db), fingerprint(again));
    cr_expect_str_neq(fingerprint(db), fingerprint(other));
    cr_expect_str_eq(test_db_text(db, "SELECT id FROM desk.app_user WHERE login = 'agent-eu-1'"),
                     test_db_text(other, "SELECT id FROM desk.app_user WHERE login = 'agent-eu-1'"));
    test_db_free(again);
    test_db_free(other);
}

Test(seed, a_repetition_does_nothing)
{
    cr_assert_eq(seed_into(db, NULL, 1, 20), 0);
    cr_assert_eq(seed_into(db, NULL, 1, 20), 1);
    cr_assert_eq(test_db_int(db, "SELECT count(*) FROM desk.ticket"), 20);
    cr_assert_eq(seed_into(db, "host=/nowhere", 1, 20), -E_DB);
    cr_assert_eq(seed_into(db, "nonsense=1", 1, 20), -E_CONFIG);
}

Test(seed, has_an_organisation_that_the_desk_can_read)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_org_document_ struct org_document *document = NULL;
    _cleanup_(json_decrefp) json_t *json = NULL;
    const struct organisation *o;

    cr_assert_eq(seed_into(db, NULL, 1, 0), 0);
    cr_expect_eq(test_db_int(db, "SELECT max(version) FROM desk.organisation"), 2);
    json = json_loads(test_db_text(db, "SELECT document FROM desk.organisation WHERE version = 2"), 0, NULL);
    cr_assert_eq(organisation_json_read(json, 0, &document, &fault), 0, "%s at %s", buf_text(&fault.reason),
                 buf_text(&fault.at));
    o = &document->organisation;
    cr_expect(o->ndesks == 3 && o->nteams == 6 && o->nagents == 51, "%zu %zu %zu", o->ndesks, o->nteams,
              o->nagents);
    for (size_t i = 0; i < o->nteams; i++)
        cr_expect(organisation_is_served(o, i), "%s", o->teams[i].name);
    expect_none("faults", "SELECT pointer || ' ' || reason FROM desk.organisation_faults((SELECT document "
                          "FROM desk.organisation WHERE version = 2))");
    expect_none("teams that are gone", "SELECT slug FROM desk.team WHERE retired_at IS NOT NULL");
}
