/* The fixture of the router's tests: see desk.h. */
#include "desk.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "router/offer.h"
#include "router/ticket_write.h"
#include "router_sql.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <openssl/evp.h>

enum { TIMEOUT_MS = 60000 };

bool desk_router_is_ready(void *arg)
{
    _cleanup_buf_ struct buf reasons = BUF_INIT;

    router_not_ready(arg, &reasons);
    return !reasons.n;
}

void desk_prepare(struct desk *desk)
{
    *desk = (struct desk){.db = test_db_new()};
    test_db_people(desk->db);
    desk->pg = PQconnectdb(test_db_conninfo(desk->db, NULL));
    cr_assert_eq(PQstatus(desk->pg), CONNECTION_OK);
}

void desk_start(struct desk *desk, struct router_options options)
{
    options.loop = test_loop_init(&desk->loop);
    options.region = "eu";
    options.instance = "router-eu-1";
    options.conninfo = test_db_conninfo(desk->db, "meridian_router");
    cr_assert_eq(router_open(&options, &desk->router), 0);
    test_loop_until(&desk->loop, desk_router_is_ready, desk->router, 10000);
}

void desk_open(struct desk *desk, int workers)
{
    desk_prepare(desk);
    desk_start(desk, (struct router_options){.db_workers = workers});
}

static bool kept_house(void *arg)
{
    struct desk *desk = arg;

    return test_db_int(desk->db, "SELECT count(*) FROM desk.tzdata") > 0;
}

void desk_keep_house(struct desk *desk)
{
    test_loop_until(&desk->loop, kept_house, desk, 20000);
}

void desk_second(struct desk *second, const struct desk *desk)
{
    *second = (struct desk){.db = desk->db, .pg = desk->pg, .submissions = 100000};
    desk_start(second, (struct router_options){.db_workers = 2});
}

void desk_second_close(struct desk *second, struct desk *desk)
{
    struct answer **last = &desk->answers;

    second->router = router_close(second->router);
    test_loop_close(&second->loop);
    while (*last)
        last = &(*last)->next;
    *last = second->answers;
}

void desk_close(struct desk *desk)
{
    struct answer *next;

    desk->router = router_close(desk->router);
    test_loop_close(&desk->loop);
    for (struct answer *a = desk->answers; a; a = next) {
        next = a->next;
        meridian__reply__free_unpacked(a->reply, NULL);
        meridian__request__free_unpacked(a->request, NULL);
        free(a->json);
        free(a->detail);
        free(a);
    }
    PQfinish(desk->pg);
    desk->db = test_db_free(desk->db);
}

/* ---- requests ---- */

static void user_id_of(const char *login, char ret_text[40])
{
    struct uuid uuid;
    char text[UUID_TEXT_SIZE];

    cr_assert(EVP_Digest(login, strlen(login), uuid.bytes, NULL, EVP_md5(), NULL));
    snprintf(ret_text, 40, "%s", uuid_format(&uuid, text));
}

Meridian__Principal *who(const char *login)
{
    static struct {
        Meridian__Principal principal;
        char login[64], id[40], region[4];
    } people[64];
    static uint32_t agent_teams[] = {1, 2, 3, 4, 5}, lead_teams[] = {1, 2, 3, 4, 5, 6};
    static size_t next;

    for (size_t i = 0; i < next; i++)
        if (strcmp(people[i].login, login) == 0)
            return &people[i].principal;
    cr_assert_lt(next, ARRAY_SIZE(people));
    Meridian__Principal *p = &people[next].principal;
    meridian__principal__init(p);
    snprintf(people[next].login, sizeof people[next].login, "%s", login);
    user_id_of(login, people[next].id);
    p->login = p->name = people[next].login;
    p->user_id = people[next].id;
    p->role = strncmp(login, "agent", 5) == 0  ? ROLE_AGENT
              : strncmp(login, "lead", 4) == 0 ? ROLE_LEAD
              : strcmp(login, "admin") == 0    ? ROLE_ADMIN
                                               : ROLE_REQUESTER;
    if (strchr(login, '-'))
        snprintf(people[next].region, sizeof people[next].region, "%.2s", strchr(login, '-') + 1);
    else
        snprintf(people[next].region, sizeof people[next].region, "eu");
    p->region = people[next].region;
    if (p->role == ROLE_AGENT) {
        p->teams = agent_teams;
        p->n_teams = ARRAY_SIZE(agent_teams);
    } else if (p->role == ROLE_LEAD) {
        p->teams = lead_teams;
        p->n_teams = ARRAY_SIZE(lead_teams);
    }
    next++;
    return p;
}

static void on_answer(void *ctx, Meridian__Reply *reply)
{
    struct answer *answer = ctx;
    _cleanup_buf_ struct buf bytes = BUF_INIT;

    cr_assert(!answer->done, "answered twice");
    wire_pack(&reply->base, &bytes);
    answer->reply = wire_unpack_reply(bytes.p, bytes.n);
    cr_assert_not_null(answer->reply);
    cr_assert_eq(answer->reply->id.len, answer->request->id.len);
    answer->status = (int)reply->status;
    answer->json = reply->has_json ? mem_strn((const char *)reply->json.data, reply->json.len) : mem_str("");
    answer->detail = mem_str(reply->detail ? reply->detail : "");
    answer->done = true;
}

struct answer *desk_send(struct desk *desk, const Meridian__Request *request)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT;
    struct answer *answer = NEW(struct answer);
    Meridian__Request copy = *request;
    struct uuid id = uuid_v7();

    if (!copy.id.len)
        copy.id = (ProtobufCBinaryData){sizeof id.bytes, id.bytes};
    wire_pack(&copy.base, &bytes);
    answer->request = wire_unpack_request(bytes.p, bytes.n);
    cr_assert_not_null(answer->request);
    answer->next = desk->answers;
    desk->answers = answer;
    router_dispatch(desk->router, answer->request, on_answer, answer);
    return answer;
}

static bool is_done(void *arg)
{
    return ((struct answer *)arg)->done;
}

struct answer *desk_wait(struct desk *desk, struct answer *answer)
{
    while (!answer->done)
        uv_run(&desk->loop, UV_RUN_ONCE);
    test_loop_until(&desk->loop, is_done, answer, TIMEOUT_MS);
    return answer;
}

struct answer *desk_call(struct desk *desk, const Meridian__Request *request)
{
    return desk_wait(desk, desk_send(desk, request));
}

/* ---- people ---- */

void desk_password(struct desk *desk, const char *login, const char *password)
{
    _cleanup_buf_ struct buf hash = BUF_INIT;

    auth_password_hash(str_from(password), 16, 1, &hash);
    test_db_runf(desk->db,
                 "INSERT INTO desk.user_password (user_id, hash) SELECT id, '%s' FROM desk.app_user WHERE "
                 "login = '%s'",
                 buf_text(&hash), login);
}

/* ---- commands ---- */

Meridian__Command desk_command(enum ticket_action action, const char *number, int64_t epoch)
{
    static Meridian__HandoverNote note = MERIDIAN__HANDOVER_NOTE__INIT;
    Meridian__Command command = MERIDIAN__COMMAND__INIT;

    note.state = (char *)"It prints blank pages.";
    note.tried = (char *)"Another cartridge.";
    note.next_step = (char *)"Look at the drum.";
    command.action = action;
    command.number = (char *)number;
    command.has_epoch = epoch >= 0;
    command.epoch = (uint64_t)epoch;
    switch (action) {
    case ACTION_HAND_OVER:
        command.handover = &note;
        break;
    case ACTION_TRANSFER:
        command.team = (char *)"network";
        command.text = (char *)"A reason.";
        break;
    case ACTION_REPLY:
    case ACTION_NOTE:
    case ACTION_FOLLOW_UP:
        command.text = (char *)"A message.";
        break;
    case ACTION_ASSIGN:
        command.assignee = (char *)"agent-eu-2";
        break;
    case ACTION_PEND:
    case ACTION_REOPEN:
    case ACTION_TAKE_OVER:
    case ACTION_HAND_BACK:
    case ACTION_DECLINE:
        command.text = (char *)"A reason.";
        break;
    case ACTION_RESOLVE:
        command.cause = (char *)"No ink.";
        command.solution = (char *)"Ink.";
        command.prevention = (char *)"Watch the ink.";
        break;
    default:
        break;
    }
    return command;
}

struct answer *desk_send_command(struct desk *desk, const char *login, Meridian__Command *command)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    request.principal = login ? who(login) : NULL;
    request.region = (char *)"eu";
    request.body_case = MERIDIAN__REQUEST__BODY_COMMAND;
    request.command = command;
    return desk_send(desk, &request);
}

struct answer *desk_call_command(struct desk *desk, const char *login, Meridian__Command *command)
{
    return desk_wait(desk, desk_send_command(desk, login, command));
}

struct answer *desk_do(struct desk *desk, const char *login, enum ticket_action action, const char *number,
                       int64_t epoch)
{
    Meridian__Command command = desk_command(action, number, epoch);

    return desk_call_command(desk, login, &command);
}

struct answer *desk_send_due(struct desk *desk, const char *number, const char *name, uint32_t generation)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__TimerDue due = MERIDIAN__TIMER_DUE__INIT;
    struct uuid ticket;

    cr_assert_eq(uuid_parse(str_from(ticket_text(desk, number, "id")), &ticket), 0);
    due.ticket_id = (ProtobufCBinaryData){sizeof ticket.bytes, ticket.bytes};
    due.name = (char *)name;
    due.generation = generation;
    request.body_case = MERIDIAN__REQUEST__BODY_TIMER_DUE;
    request.timer_due = &due;
    return desk_send(desk, &request);
}

struct answer *desk_send_claim_next(struct desk *desk, const char *login, const char *team, const char *key)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__ClaimNext claim = MERIDIAN__CLAIM_NEXT__INIT;

    claim.team = (char *)team;
    claim.client_key = (char *)key;
    request.principal = login ? who(login) : NULL;
    request.region = (char *)"eu";
    request.body_case = MERIDIAN__REQUEST__BODY_CLAIM_NEXT;
    request.claim_next = &claim;
    return desk_send(desk, &request);
}

struct answer *desk_claim_next(struct desk *desk, const char *login, const char *team, const char *key)
{
    return desk_wait(desk, desk_send_claim_next(desk, login, team, key));
}

static struct answer *send_document(struct desk *desk, const char *login, const char *document, int64_t base,
                                    Meridian__Request__BodyCase what)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__PlanApply body = MERIDIAN__PLAN_APPLY__INIT;

    body.document = (char *)document;
    body.base_version = base;
    request.principal = who(login);
    request.region = (char *)"eu";
    request.body_case = what;
    if (what == MERIDIAN__REQUEST__BODY_PLAN_APPLY)
        request.plan_apply = &body;
    else
        request.organisation_apply = &body;
    return desk_send(desk, &request);
}

struct answer *desk_send_plan(struct desk *desk, const char *login, const char *document, int64_t base)
{
    return send_document(desk, login, document, base, MERIDIAN__REQUEST__BODY_PLAN_APPLY);
}

struct answer *desk_send_organisation(struct desk *desk, const char *login, const char *document,
                                      int64_t base)
{
    return send_document(desk, login, document, base, MERIDIAN__REQUEST__BODY_ORGANISATION_APPLY);
}

void desk_plan(struct desk *desk, const char *document)
{
    int64_t base = test_db_int(desk->db, "SELECT max(version) FROM desk.sla_plan");

    cr_status(desk_wait(desk, desk_send_plan(desk, "admin", document, base)), 0);
}

/* ---- offers ---- */

static int offer(struct db_conn *conn, struct plan_book *plans, const char *number, const struct offer *offer,
                 int64_t seconds)
{
    _cleanup_ticket_row_ struct ticket_row row = {0};
    _cleanup_buf_ struct buf answer = BUF_INIT;
    struct ticket_writer writer = {.plans = plans, .login = "system:router", .answer = &answer};
    struct offer made = *offer;
    struct ticket_plan plan;
    int r = ticket_row_lock(conn, number, false, &row);

    if (r < 0)
        return r;
    made.until_us = row.now_us + seconds * US_PER_S;
    ticket_offer_plan(&row, &made, &plan);
    r = ticket_write(conn, &row, &plan.steps[0], &writer, true);
    return r < 0 ? r : db_commit(conn, NULL);
}

int desk_offer(struct desk *desk, const char *number, const char *login, const char *kind, int64_t seconds)
{
    static const struct db_statement *const *const lists[] = {sql_router_all, NULL};
    struct db_connect_options options = {test_db_conninfo(desk->db, "meridian_router"), "tests", lists, true};
    struct plan_book *plans = plan_book_new();
    struct db_conn *conn;
    int r;

    cr_assert_eq(db_connect_one(&options, &conn, NULL), 0);
    r = db_begin(conn);
    if (!r)
        r = offer(conn, plans, number, &(struct offer){kind, who(login)->user_id, login, 0}, seconds);
    if (r < 0)
        db_rollback(conn);
    db_close_one(conn);
    plan_book_free(plans);
    return r;
}

struct answer *desk_read(struct desk *desk, const char *login, const char *document, char **args,
                         size_t nargs)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Read read = MERIDIAN__READ__INIT;

    read.document = (char *)document;
    read.args = args;
    read.n_args = nargs;
    request.principal = login ? who(login) : NULL;
    request.body_case = MERIDIAN__REQUEST__BODY_READ;
    request.read = &read;
    return desk_call(desk, &request);
}

struct answer *desk_presence(struct desk *desk, const char *login, const char *state, const char *of)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Presence presence = MERIDIAN__PRESENCE__INIT;

    presence.state = (char *)state;
    presence.login = (char *)of;
    request.principal = who(login);
    request.region = (char *)"eu";
    request.body_case = MERIDIAN__REQUEST__BODY_PRESENCE;
    request.presence = &presence;
    return desk_call(desk, &request);
}

const char *member(const struct answer *answer, const char *path)
{
    static char texts[8][2048];
    static int turn;
    char *out = texts[turn++ % 8], part[64];
    json_t *root = json_loads(answer->json, JSON_DECODE_ANY, NULL), *value = root;
    struct str head, tail = str_from(path);

    cr_assert(root || !answer->json[0], "not JSON: %s", answer->json);
    while (value && tail.n) {
        str_cut(tail, '.', &head, &tail);
        snprintf(part, sizeof part, "%.*s", (int)head.n, head.p);
        value = json_object_get(value, part);
    }
    out[0] = 0;
    if (json_is_string(value)) {
        snprintf(out, sizeof texts[0], "%s", json_string_value(value));
    } else if (value) {
        char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

        snprintf(out, sizeof texts[0], "%s", dump);
        free(dump);
    }
    json_decref(root);
    return out;
}

const char *ticket_text(struct desk *desk, const char *number, const char *column)
{
    static char texts[8][16384];
    static int turn;
    char *out = texts[turn++ % 8];
    _cleanup_buf_ struct buf sql = BUF_INIT;
    PGresult *result;

    buf_printf(&sql, "SELECT (%s)::text FROM desk.ticket t WHERE number = '%s'", column, number);
    result = PQexec(desk->pg, buf_text(&sql));
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(desk->pg));
    snprintf(out, sizeof texts[0], "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return out;
}

int64_t ticket_epoch(struct desk *desk, const char *number)
{
    return strtoll(ticket_text(desk, number, "epoch"), NULL, 10);
}
