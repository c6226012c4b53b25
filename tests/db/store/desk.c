#include "desk.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "meridian/ticket.h"
#include "store_sql.h"
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>

static const struct db_statement *const *const lists[] = {sql_store_all, NULL};

void desk_open(struct desk *desk)
{
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct db_connect_options options = {.application = "test", .lists = lists};

    desk->db = test_db_new();
    test_db_people(desk->db);
    options.conninfo = test_db_conninfo(desk->db, "meridian_intake");
    cr_assert_eq(db_connect_one(&options, &desk->conn, &reason), 0, "%s", buf_text(&reason));
}

void desk_close(struct desk *desk)
{
    desk->conn = db_close_one(desk->conn);
    desk->db = test_db_free(desk->db);
}

void desk_ticket(struct desk *desk, const char *number, const char *requester, int team, const char *state,
                 const char *owner)
{
    test_db_runf(desk->db,
                 "INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, "
                 "channel, subject, description, impact,"
                 " urgency, priority, language, attributes, requester_id, submitter_id, team_id, restricted, "
                 "state, pending_reason, owner_id,"
                 " owner_region, owned_at, solution, cause, prevention, accepted_at, created_at, event_seq, "
                 "event_hash)"
                 " SELECT ('01900000-0000-7000-8000-' || lpad(regexp_replace('%1$s', '\\D', '', 'g'), 12, "
                 "'0'))::uuid, '%1$s', md5('%1$s')::uuid,"
                 " 'key-%1$s', sha256('%1$s'), 'eu', 'api', 'Subject of %1$s', 'Description', 2, 2, 3, 'en', "
                 "'{\"floor\": \"3\"}',"
                 " md5('%2$s')::uuid, md5('%2$s')::uuid, %3$d, (SELECT restricted FROM desk.team WHERE id = "
                 "%3$d), '%4$s',"
                 " CASE WHEN '%4$s' = 'pending' THEN 'waiting for a part' END, o, CASE WHEN o IS NOT NULL "
                 "THEN 'eu' END,"
                 " CASE WHEN o IS NOT NULL THEN now() END, CASE WHEN '%4$s' = 'resolved' THEN 'Replaced' END,"
                 " CASE WHEN '%4$s' = 'resolved' THEN 'Wear' END, CASE WHEN '%4$s' = 'resolved' THEN 'Check' "
                 "END, now(), now(), 1, ''"
                 " FROM (SELECT CASE WHEN '%5$s' <> '' THEN md5('%5$s')::uuid END AS o) x",
                 number, requester, team, state, owner ? owner : "");
    test_db_runf(desk->db,
                 "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash)"
                 " SELECT desk.feed_position(0), id, 1, 'ticket.created', now(), '%s', true, '{}', '\\x01' "
                 "FROM desk.ticket WHERE number = '%s'",
                 requester, number);
    test_db_runf(
        desk->db,
        "INSERT INTO desk.clock (ticket_id, target, state, started_at, target_s, warn_percent, due_at)"
        " SELECT id, t, 'running', now(), 3600, 75, now() + interval '1 h' FROM desk.ticket, "
        "unnest(ARRAY['first_response', 'resolve']) t"
        " WHERE number = '%1$s'",
        number);
    if (!owner && (strcmp(state, "new") == 0 || strcmp(state, "open") == 0))
        test_db_runf(desk->db,
                     "INSERT INTO desk.ready SELECT id, team_id, priority, now() + interval '1 h', now() "
                     "FROM desk.ticket WHERE number = '%s'",
                     number);
}

void desk_event(struct desk *desk, const char *number, const char *type, bool is_public)
{
    test_db_runf(desk->db,
                 "WITH t AS (UPDATE desk.ticket SET event_seq = event_seq + 1 WHERE number = '%s' RETURNING "
                 "id, event_seq)"
                 " INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash)"
                 " SELECT desk.feed_position(0), id, event_seq, '%s', now(), 'somebody', %s, '{\"a\": 1}', "
                 "'\\x02' FROM t",
                 number, type, is_public ? "true" : "false");
}

void desk_open_with_tickets(struct desk *desk)
{
    desk_open(desk);
    desk_ticket(desk, "EU-1", "requester-eu-1", 1, "new", NULL);
    desk_ticket(desk, "EU-2", "requester-ap-1", 1, "open", "agent-eu-1");
    desk_ticket(desk, "EU-3", "requester-eu-1", 6, "new", NULL); /* restricted: only leads are in that team */
    desk_ticket(desk, "EU-4", "requester-eu-1", 4, "pending", "agent-ap-1");
    desk_ticket(desk, "EU-5", "requester-ap-1", 2, "resolved", "agent-us-1");
    desk_ticket(desk, "EU-6", "agent-eu-2", 6, "open", NULL); /* an agent's own, in a team they are not in */
}

void desk_reply(struct desk *desk, const char *number, const char *author, const char *body)
{
    desk_event(desk, number, "ticket.replied", true);
    test_db_runf(desk->db,
                 "INSERT INTO desk.reply SELECT gen_random_uuid(), id, event_seq, md5('%1$s')::uuid, "
                 "requester_id = md5('%1$s')::uuid, '%2$s', now()"
                 " FROM desk.ticket WHERE number = '%3$s'",
                 author, body, number);
}

void desk_note(struct desk *desk, const char *number, const char *author, const char *body)
{
    desk_event(desk, number, "ticket.noted", false);
    test_db_runf(desk->db,
                 "INSERT INTO desk.note SELECT gen_random_uuid(), id, event_seq, md5('%s')::uuid, '%s', "
                 "now() FROM desk.ticket WHERE number = '%s'",
                 author, body, number);
}

/* The principal of a login, as intake would have it. */
static void find_principal(struct desk *desk, const char *login, Meridian__Principal *principal,
                           char ret_id[UUID_TEXT_SIZE], uint32_t ret_teams[16])
{
    static const char *const roles[] = {"", "requester", "agent", "lead", "admin"};
    char sql[256];
    const char *role, *teams;

    meridian__principal__init(principal);
    snprintf(sql, sizeof sql, "SELECT role FROM desk.app_user WHERE login = '%s'", login);
    role = test_db_text(desk->db, sql);
    cr_assert_not_null(role, "%s", login);
    for (uint32_t i = 1; i < ARRAY_SIZE(roles); i++)
        if (strcmp(roles[i], role) == 0)
            principal->role = i;
    snprintf(sql, sizeof sql, "SELECT md5('%s')::uuid", login);
    snprintf(ret_id, UUID_TEXT_SIZE, "%s", test_db_text(desk->db, sql));
    snprintf(sql, sizeof sql,
             "SELECT string_agg(team_id::text, ' ') FROM desk.team_member WHERE user_id = md5('%s')::uuid",
             login);
    teams = test_db_text(desk->db, sql);
    for (const char *c = teams; c && *c && principal->n_teams < 16;) {
        char *end;
        ret_teams[principal->n_teams++] = (uint32_t)strtoul(c, &end, 10);
        c = end;
    }
    principal->user_id = ret_id;
    principal->login = (char *)login;
    principal->teams = ret_teams;
}

int desk_read(struct desk *desk, const char *login, const char *document, json_t **ret_json, ...)
{
    _cleanup_buf_ struct buf json = BUF_INIT;
    char id[UUID_TEXT_SIZE];
    uint32_t teams[16];
    Meridian__Principal principal;
    struct db_visibility who;
    const char *args[STORE_MAX_ARGS], *arg;
    size_t n = 0;
    va_list list;
    int r;

    va_start(list, ret_json);
    while ((arg = va_arg(list, const char *)))
        args[n++] = arg;
    va_end(list);
    if (login)
        find_principal(desk, login, &principal, id, teams);
    who = store_visibility(login ? &principal : NULL);
    r = store_document(desk->conn, NULL, document, &who, args, n, &json);
    *ret_json = NULL;
    if (r < 0) {
        cr_assert_eq(json.n, 0, "nothing is written on failure");
        return r;
    }
    *ret_json = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(*ret_json, "%s", buf_text(&json));
    return r;
}

const char *desk_numbers(const json_t *list)
{
    static struct buf text;
    const json_t *item;
    size_t i;

    buf_reset(&text);
    json_array_foreach(json_object_get(list, "items"), i, item)
        buf_printf(&text, "%s%s", i ? " " : "", json_string_value(json_object_get(item, "number")));
    return buf_text(&text);
}

const char *desk_text(const json_t *json, const char *path)
{
    struct str rest = str_from(path), name;

    while (rest.n) {
        char key[64];
        str_cut(rest, '.', &name, &rest);
        snprintf(key, sizeof key, "%.*s", (int)name.n, name.p);
        json = json_object_get(json, key);
    }
    return json_is_string(json) ? json_string_value(json) : "";
}
