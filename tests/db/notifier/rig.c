/* See rig.h. */
#include "rig.h"
#include "base/clock.h"
#include "base/memory.h"
#include "notifier_sql.h"
#include <criterion/criterion.h>
#include <stdio.h>

static const char functions[] = "CREATE FUNCTION public.happens(p_number text, p_type text, p_actor text, "
                                "p_body text) RETURNS void LANGUAGE plpgsql AS $$"
                                " DECLARE t desk.ticket; a desk.app_user; v_data jsonb := '{}'; BEGIN"
                                " SELECT * INTO t FROM desk.ticket WHERE number = p_number; SELECT * INTO a "
                                "FROM desk.app_user WHERE login = p_actor;"
                                " UPDATE desk.ticket SET event_seq = event_seq + 1 WHERE id = t.id;"
                                " IF p_type LIKE 'sla.%' THEN v_data := jsonb_build_object('target', "
                                "'resolve', 'due_at', desk.rfc3339(now())); END IF;"
                                " INSERT INTO desk.event (position, ticket_id, seq, type, at, actor_id, "
                                "actor, public, data, hash) VALUES (desk.feed_position(1),"
                                " t.id, t.event_seq + 1, p_type, now(), a.id, coalesce(p_actor, "
                                "'system:sla'), p_type NOT LIKE 'sla.%', v_data, '');"
                                " IF p_type = 'ticket.replied' THEN INSERT INTO desk.reply VALUES "
                                "(gen_random_uuid(), t.id, t.event_seq + 1, a.id,"
                                " a.id = t.requester_id, p_body, now()); END IF;"
                                " IF p_type = 'ticket.noted' THEN INSERT INTO desk.note VALUES "
                                "(gen_random_uuid(), t.id, t.event_seq + 1, a.id, p_body, now());"
                                " END IF;"
                                " INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) "
                                "VALUES (desk.feed_position(1), t.id, t.event_seq + 1,"
                                " p_type, v_data); END $$";

void rig_open(struct rig *rig)
{
    _cleanup_buf_ struct buf problems = BUF_INIT;

    *rig = (struct rig){.db = test_db_new(), .smtp = receiver_smtp(), .http = receiver_http()};
    test_db_people(rig->db);
    test_db_run(rig->db, functions);
    rig->eyes = PQconnectdb(test_db_conninfo(rig->db, NULL));
    cr_assert_eq(PQstatus(rig->eyes), CONNECTION_OK);
    snprintf(rig->smtp_url, sizeof rig->smtp_url, "smtp://127.0.0.1:%d", receiver_port(rig->smtp));
    rig->conf = (struct notifier_conf){
        .smtp_url = rig->smtp_url,
        .mail_from = "desk@meridian.example",
        .expand_rate = 100000,
        .mail_rate = 10000,
        .webhook_rate = 10000,
        .webhook_allow = "127.0.0.1/32",
        .portal_url = "",
        .retry_scale = 1,
        .lease_us = 60 * US_PER_S,
        .smtp_timeout_us = 2 * US_PER_S,
        .webhook_timeout_us = 2 * US_PER_S,
    };
    test_loop_init(&rig->loop);
    cr_assert_eq(templates_open(&rig->templates, &problems), 0);
    cr_assert_eq(address_guard_new(rig->conf.webhook_allow, &rig->guard, &problems), 0);
    rig->env = (struct channel_env){
        .conf = &rig->conf, .templates = rig->templates, .guard = rig->guard, .zones = &rig->zones};
    smtp_set_threads(SMTP_AT_ONCE);
    rig->env.smtp = smtp_open(&rig->loop);
    cr_assert_eq(transport_open(&rig->loop, &rig->env.transport), 0);
}

static void on_made(void *ctx, bool urgent)
{
    ledger_wake(ctx, urgent);
}

void rig_start(struct rig *rig, int i)
{
    static const char *const names[] = {"notifier-eu-1", "notifier-eu-2"};
    static const struct db_statement *const *const lists[] = {sql_notifier_all, NULL};
    const struct handover_options handover = {
        .region = "eu", .instance = names[i], .notifiers = "", .env = &rig->env};

    rig->home[i].pool = test_db_pool(rig->db, &rig->loop, "meridian_notifier", lists, 2);
    if (!rig->home[i].handover)
        cr_assert_eq(handover_open(&handover, &rig->home[i].handover), 0);
    const struct ledger_options ledger = {
        .loop = &rig->loop,
        .pool = rig->home[i].pool,
        .handover = rig->home[i].handover,
        .conf = &rig->conf,
        .instance = names[i],
    };

    rig->home[i].ledger = ledger_open(&ledger);
    const struct expander_options expander = {.loop = &rig->loop,
                                              .pool = rig->home[i].pool,
                                              .rate = 100000,
                                              .home_region = "eu",
                                              .on_made = on_made,
                                              .ctx = rig->home[i].ledger};

    rig->home[i].expander = expander_open(&expander);
}

void rig_close_senders(struct rig *rig)
{
    rig->env.transport = transport_close(rig->env.transport);
    rig->env.smtp = smtp_close(rig->env.smtp);
}

void rig_close(struct rig *rig)
{
    for (int i = 0; i < 2; i++)
        ledger_stop(rig->home[i].ledger);
    rig_close_senders(rig);
    for (int i = 0; i < 2; i++) {
        db_pool_close(rig->home[i].pool);
        expander_close(rig->home[i].expander);
        ledger_close(rig->home[i].ledger);
        handover_close(rig->home[i].handover);
    }
    test_loop_close(&rig->loop);
    address_guard_free(rig->guard);
    templates_close(rig->templates);
    zone_book_fini(&rig->zones);
    receiver_close(rig->smtp);
    receiver_close(rig->http);
    PQfinish(rig->eyes);
    test_db_free(rig->db);
}

void rig_ticket(struct rig *rig, const char *number, const char *requester, const char *owner)
{
    test_db_runf(rig->db,
                 "INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, "
                 "channel, subject, description,"
                 " impact, urgency, priority, language, requester_id, submitter_id, team_id, accepted_at, "
                 "event_seq, event_hash, state,"
                 " owner_id, owned_at) SELECT gen_random_uuid(), '%s', gen_random_uuid(), 'k', '', 'eu', "
                 "'api', 'VPN is slow', 'text',"
                 " 2, 2, 3, 'en', r.id, r.id, 1, now(), 0, '', CASE WHEN o.id IS NULL THEN 'new' ELSE 'open' "
                 "END, o.id,"
                 " CASE WHEN o.id IS NOT NULL THEN now() END FROM desk.app_user r LEFT JOIN desk.app_user o "
                 "ON o.login = '%s'"
                 " WHERE r.login = '%s'",
                 number, owner ? owner : "", requester);
}

void rig_happens(struct rig *rig, const char *number, const char *type, const char *actor, const char *text)
{
    const char *const values[] = {number, type, actor, text};
    PGresult *result =
        PQexecParams(rig->eyes, "SELECT public.happens($1, $2, $3, $4)", 4, NULL, values, NULL, NULL, 0);

    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(rig->eyes));
    PQclear(result);
}

void rig_endpoint(struct rig *rig, const char *name, const char *types)
{
    test_db_runf(
        rig->db,
        "INSERT INTO desk.webhook_endpoint (name, url, secret, types) VALUES ('%s', 'http://127.0.0.1:%d/%s',"
        " 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', '%s')",
        name, receiver_port(rig->http), name, types);
}

bool rig_is(struct rig *rig, const char *query)
{
    PGresult *result = PQexec(rig->eyes, query);
    bool is;

    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s: %s", query, PQerrorMessage(rig->eyes));
    is = PQntuples(result) && PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    return is;
}

static bool is_so(void *arg)
{
    struct rig *rig = arg;

    return rig_is(rig, rig->until);
}

void rig_until(struct rig *rig, const char *query)
{
    rig->until = query;
    test_loop_until(&rig->loop, is_so, rig, 20000);
}

struct wanted {
    struct receiver *receiver;
    int n;
};

static bool has_count(void *arg)
{
    const struct wanted *wanted = arg;

    return receiver_count(wanted->receiver) >= wanted->n;
}

void rig_until_count(struct rig *rig, struct receiver *receiver, int n)
{
    struct wanted wanted = {receiver, n};

    test_loop_until(&rig->loop, has_count, &wanted, 20000);
}

const char *rig_header(struct receiver *receiver, int i, const char *name)
{
    static char value[512];
    _cleanup_buf_ struct buf message = BUF_INIT;
    struct str rest, line;
    size_t n = strlen(name);

    receiver_message(receiver, i, &message);
    value[0] = 0;
    for (rest = buf_str(&message); rest.n;) {
        str_cut(rest, '\n', &line, &rest);
        if (line.n > n + 2 && strncasecmp(line.p, name, n) == 0 && line.p[n] == ':') {
            line = str_trim((struct str){line.p + n + 1, line.n - n - 2});
            snprintf(value, sizeof value, "%.*s", (int)line.n, line.p);
            break;
        }
    }
    return value;
}

/* ---- expanders ---- */

void rig_expander_pool(struct rig *rig, int i)
{
    static const struct db_statement *const *const lists[] = {sql_notifier_all, NULL};

    rig->home[i].pool = test_db_pool(rig->db, &rig->loop, "meridian_notifier", lists, 1);
}

void rig_ignore(void *ctx, bool urgent)
{
    (void)ctx;
    (void)urgent;
}

void rig_expanders(struct rig *rig, int n, int64_t rate)
{
    for (int i = 0; i < n; i++) {
        rig_expander_pool(rig, i);
        const struct expander_options options = {.loop = &rig->loop,
                                                 .pool = rig->home[i].pool,
                                                 .rate = rate,
                                                 .home_region = "eu",
                                                 .on_made = rig_ignore};

        rig->home[i].expander = expander_open(&options);
    }
}

void rig_expand(struct rig *rig, int n)
{
    rig_expanders(rig, n, 1000000);
    rig_until(rig, "SELECT count(*) = 0 FROM desk.outbox");
}

const char *rig_told(struct rig *rig, const char *number, const char *type)
{
    char query[512];

    snprintf(query, sizeof query,
             "SELECT coalesce(string_agg('mail ' || split_part(destination, '@', 1), ', ' ORDER BY "
             "destination), '')"
             " FROM desk.delivery d JOIN desk.ticket t ON t.id = d.ticket_id"
             " WHERE d.channel = 'mail' AND t.number = '%s' AND d.type = '%s'",
             number, type);
    return test_db_text(rig->db, query);
}
