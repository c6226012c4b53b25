#include "rig.h"
#include "base/clock.h"
#include "base/memory.h"
#include "intake/api.h"
#include "intake/feed.h"
#include "intake/known.h"
#include "intake/ratelimit.h"
#include "intake/reads.h"
#include "intake/sessions.h"
#include "intake/submit.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "store_sql.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* ---- the authority ---- */

static void answer_submit(struct rig *rig, struct bus_request *request, const Meridian__SubmitBatch *batch)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;
    Meridian__Submitted outcomes[256], *pointers[256];

    rig->submissions += (int)batch->n_submissions;
    for (size_t i = 0; i < batch->n_submissions; i++) {
        meridian__submitted__init(&outcomes[i]);
        outcomes[i].outcome = rig->outcome;
        outcomes[i].number = batch->submissions[i]->number;
        if (rig->outcome == MERIDIAN__SUBMITTED__OUTCOME__DUPLICATE) {
            outcomes[i].number = (char *)"AP-77";
            outcomes[i].region = (char *)"ap";
            outcomes[i].has_accepted_us = true;
            outcomes[i].accepted_us = 1795402260123000;
        }
        pointers[i] = &outcomes[i];
    }
    reply.submitted = pointers;
    reply.n_submitted = batch->n_submissions;
    reply.has_lsn = true;
    reply.lsn = ++rig->lsn;
    bus_answer(request, &reply);
}

static void answer_json(struct bus_request *request, int status, const char *json, uint64_t lsn)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;

    reply.status = (uint32_t)status;
    reply.has_json = json != NULL;
    if (json)
        reply.json = (ProtobufCBinaryData){strlen(json), (uint8_t *)json};
    reply.has_lsn = lsn != 0;
    reply.lsn = lsn;
    bus_answer(request, &reply);
}

static void answer_session_open(struct bus_request *request, const Meridian__SessionOpen *open)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;
    Meridian__SessionInfo info = MERIDIAN__SESSION_INFO__INIT;
    Meridian__Principal principal = MERIDIAN__PRINCIPAL__INIT;

    principal.user_id = (char *)"01900000-0000-7000-8000-000000000001";
    principal.login = open->login;
    principal.role = ROLE_REQUESTER;
    principal.region = (char *)"eu";
    principal.language = (char *)"en";
    info.principal = &principal;
    info.expires_us = clock_now_us() + 3600 * US_PER_S;
    info.token = (char *)"mrd_fresh";
    info.csrf = (char *)"csrf";
    if (strcmp(open->password, "right") == 0)
        reply.session = &info;
    else
        reply.status = E_BAD_CREDENTIALS;
    bus_answer(request, &reply);
}

static void answer_lease(struct bus_request *request, const Meridian__NumberLease *lease)
{
    static uint64_t next = 1000;
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;
    Meridian__NumberBlock block = MERIDIAN__NUMBER_BLOCK__INIT;

    block.region = lease->region;
    block.first = next;
    block.count = lease->count;
    next += lease->count;
    reply.numbers = &block;
    bus_answer(request, &reply);
}

static void on_request(void *ctx, struct bus_request *request);

void rig_speak(struct rig *rig)
{
    rig->mood = HELPFUL;
    for (int i = 0; i < rig->nheld; i++)
        on_request(rig, rig->held[i]);
    rig->nheld = 0;
}

static void on_request(void *ctx, struct bus_request *request)
{
    struct rig *rig = ctx;
    const Meridian__Request *m = bus_request_message(request);

    rig->lookups += m->body_case == MERIDIAN__REQUEST__BODY_SESSION_LOOKUP;
    if (rig->mood == SILENT && m->body_case != MERIDIAN__REQUEST__BODY_NUMBER_LEASE) {
        cr_assert_lt(rig->nheld, 64);
        rig->held[rig->nheld++] = request;
        return;
    }
    if (rig->mood == AWAY) {
        answer_json(request, E_UNAVAILABLE, NULL, 0);
        return;
    }
    switch (m->body_case) {
    case MERIDIAN__REQUEST__BODY_SUBMIT:
        answer_submit(rig, request, m->submit);
        break;
    case MERIDIAN__REQUEST__BODY_NUMBER_LEASE:
        answer_lease(request, m->number_lease);
        break;
    case MERIDIAN__REQUEST__BODY_SESSION_OPEN:
        answer_session_open(request, m->session_open);
        break;
    case MERIDIAN__REQUEST__BODY_SESSION_LOOKUP:
        answer_json(request, E_UNAUTHENTICATED, NULL, 0);
        break;
    case MERIDIAN__REQUEST__BODY_READ:
        rig->reads++;
        snprintf(rig->last_document, sizeof rig->last_document, "%s", m->read->document);
        answer_json(request, rig->read_json ? 0 : E_NOT_FOUND, rig->read_json, 0);
        break;
    case MERIDIAN__REQUEST__BODY_COMMAND:
        rig->commands++;
        rig->command_if_version = m->command->if_version;
        rig->command_if_versions = m->command->n_if_versions;
        snprintf(rig->command_number, sizeof rig->command_number, "%s", m->command->number);
        answer_json(request, rig->command_status, rig->command_json, ++rig->lsn);
        break;
    case MERIDIAN__REQUEST__BODY_CLAIM_NEXT:
        answer_json(request, 0, rig->command_json, ++rig->lsn);
        break;
    default:
        answer_json(request, E_BAD_REQUEST, NULL, 0);
    }
}

/* ---- the process, as main.c makes it ---- */

static void open_bus(struct rig *rig)
{
    static int made;
    static const char *const peers[] = {"router", NULL};
    _cleanup_(freep) char *url = mem_printf("inproc://rig-%d-%d", (int)getpid(), made++);
    const char *const urls[] = {url, NULL};
    struct bus_group group = {urls};

    cr_assert_eq(bus_open(&(struct bus_options){.loop = &rig->loop}, &rig->bus), 0);
    cr_assert_eq(bus_serve(rig->bus, url, peers, 16, on_request, rig), 0);
    rig->service = (struct service){.loop = &rig->loop, .name = "intake", .bus = rig->bus};
    rig->service.conf.region = rig->service.conf.home_region = "eu";
    rig->service.conf.instance = "intake-eu-1";
    cr_assert_eq(bus_dial(rig->bus, &group, 1, peers, &rig->service.routers), 0);
}

static bool has_numbers(void *arg)
{
    struct rig *rig = arg;

    return numbers_left(rig->intake.numbers) > 0 && bus_connected(rig->service.routers);
}

static bool is_connected(void *arg)
{
    struct rig *rig = arg;

    return bus_connected(rig->service.routers);
}

/* Stops the database processes behind the pool, as a machine that freezes does; or lets them go on. */
static void signal_backends(struct rig *rig, int number)
{
    const char *pids =
        test_db_text(rig->db, "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity"
                              " WHERE usename = 'meridian_intake' AND datname = current_database()");

    for (struct str rest = str_from(pids ? pids : ""), one; rest.n;) {
        int64_t pid;
        str_cut(rest, ' ', &one, &rest);
        cr_assert_eq(str_to_i64(one, 2, INT32_MAX, &pid), 0);
        cr_assert_eq(kill((pid_t)pid, number), 0);
    }
}

void rig_freeze_database(struct rig *rig)
{
    rig->frozen = true;
    signal_backends(rig, SIGSTOP);
}

void rig_open(struct rig *rig, enum mood mood)
{
    rig_open_with(rig, mood, false);
}

void rig_open_with(struct rig *rig, enum mood mood, bool frozen)
{
    static const struct db_statement *const *const lists[] = {sql_store_all, NULL};
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct intake *in = &rig->intake;

    *rig = (struct rig){.mood = mood, .lsn = 1};
    rig->conf = (struct intake_conf){.submit_wait_us = 5 * US_PER_S,
                                     .spool_max_records = 1000000,
                                     .feed_window_us = 3600 * US_PER_S,
                                     .feed_replay_max = 1000,
                                     .session_grace_us = 3600 * US_PER_S,
                                     .stale_after_us = 10 * US_PER_S};
    rig->db = test_db_new();
    test_db_people(rig->db);
    test_db_run(rig->db,
                "INSERT INTO desk.session (token_hash, user_id, kind, expires_at)"
                " SELECT sha256(login::bytea), id, 'session', now() + interval '1 h' FROM desk.app_user");
    test_loop_init(&rig->loop);
    open_bus(rig);
    snprintf(rig->spool, sizeof rig->spool, "/tmp/meridian-rig-XXXXXX");
    cr_assert_not_null(mkdtemp(rig->spool));
    *in = (struct intake){.service = &rig->service, .conf = &rig->conf, .cursor_key = STR("key")};
    in->rates = ratelimit_new(1000);
    in->db = test_db_pool(rig->db, &rig->loop, "meridian_intake", lists, 2);
    cr_assert_eq(spool_open(&(struct spool_options){&rig->loop, rig->spool, 0, 1000000}, &in->spool, &reason),
                 0);
    if (frozen)
        rig_freeze_database(rig);
    in->waits = waits_new(in);
    in->drain = drain_new(&rig->service, in->spool, submit_settled);
    in->numbers = numbers_new(&rig->service, in->spool);
    in->sessions = sessions_new(in);
    in->reads = reads_new(in);
    in->known = known_new(in);
    in->feed = feed_new(&(struct feed_options){.loop = &rig->loop,
                                               .pool = in->db,
                                               .window_us = 3600 * US_PER_S,
                                               .max_replay = 100000,
                                               .heartbeat_us = 15 * US_PER_S,
                                               .max_subscribers = 100,
                                               .max_per_user = 16,
                                               .still = stream_still,
                                               .ctx = in});
    cr_assert_eq(http_server_open(&(struct http_options){.loop = &rig->loop,
                                                         .address = "127.0.0.1:0",
                                                         .listen_fd = -1,
                                                         .handler = api_handle,
                                                         .render_error = api_render_error,
                                                         .ctx = in},
                                  &in->http),
                 0);
    rig_turn_until(rig, mood == AWAY ? is_connected : has_numbers, rig);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info, (void)type, (void)ftw;
    return remove(path);
}

void rig_release(struct rig *rig)
{
    while (rig->nheld)
        answer_json(rig->held[--rig->nheld], E_UNAVAILABLE, NULL, 0);
}

void rig_close(struct rig *rig)
{
    struct intake *in = &rig->intake;

    if (rig->frozen)
        signal_backends(rig, SIGCONT);
    in->closing = true;
    feed_stop(in->feed);
    known_stop(in->known);
    reads_stop(in->reads);
    sessions_stop(in->sessions);
    numbers_stop(in->numbers);
    drain_stop(in->drain);
    rig_release(rig);
    rig->bus = bus_close(rig->bus);
    in->db = db_pool_close(in->db);
    in->spool = spool_close(in->spool);
    in->drain = drain_free(in->drain);
    in->http = http_server_free(in->http);
    in->feed = feed_free(in->feed);
    in->known = known_free(in->known);
    in->reads = reads_free(in->reads);
    in->sessions = sessions_free(in->sessions);
    in->numbers = numbers_free(in->numbers);
    in->waits = waits_free(in->waits);
    in->rates = lru_free(in->rates);
    test_loop_close(&rig->loop);
    rig->db = test_db_free(rig->db);
    nftw(rig->spool, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void rig_turn_until(struct rig *rig, bool (*cond)(void *arg), void *arg)
{
    test_loop_until(&rig->loop, cond, arg, 20000);
}

/* ---- a client, blocking, on a thread of its own ---- */

struct client {
    int port;
    pthread_t thread;
    struct buf request, answer;
    atomic_bool done;
};

int rig_connect(int port, int receive_bytes)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (receive_bytes)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static void *run_client(void *arg)
{
    struct client *client = arg;
    int fd = rig_connect(client->port, 0);
    char bytes[4096];
    ssize_t n = 0;

    if (fd >= 0 && write(fd, client->request.p, client->request.n) == (ssize_t)client->request.n)
        while ((n = read(fd, bytes, sizeof bytes)) > 0)
            buf_add(&client->answer, bytes, (size_t)n);
    if (fd >= 0)
        close(fd);
    atomic_store(&client->done, true);
    return NULL;
}

static bool client_is_done(void *arg)
{
    struct client *client = arg;

    return atomic_load(&client->done);
}

static void parse(const struct client *client, struct answer *ret_answer)
{
    const char *end = client->answer.n ? strstr(client->answer.p, "\r\n\r\n") : NULL;

    *ret_answer = (struct answer){0};
    if (!end)
        return; /* the connection was cut */
    ret_answer->status = atoi(client->answer.p + strlen("HTTP/1.1 "));
    buf_add(&ret_answer->head, client->answer.p, (size_t)(end - client->answer.p) + 2);
    buf_add_text(&ret_answer->body, end + 4);
    ret_answer->json = json_loadb(buf_text(&ret_answer->body), ret_answer->body.n, 0, NULL);
}

struct client *rig_send(struct rig *rig, const char *method, const char *path, const char *login,
                        const char *headers, const char *body)
{
    struct client *client = NEW(struct client);

    client->port = http_server_port(rig->intake.http);
    buf_printf(&client->request, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s", method, path,
               headers ? headers : "");
    if (login)
        buf_printf(&client->request, "Authorization: Bearer %s\r\n", login);
    if (body)
        buf_printf(&client->request, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                   strlen(body));
    buf_printf(&client->request, "\r\n%s", body ? body : "");
    cr_assert_eq(pthread_create(&client->thread, NULL, run_client, client), 0);
    return client;
}

void rig_receive(struct rig *rig, struct client *take_client, struct answer *ret_answer)
{
    rig_turn_until(rig, client_is_done, take_client);
    pthread_join(take_client->thread, NULL);
    parse(take_client, ret_answer);
    buf_fini(&take_client->request);
    buf_fini(&take_client->answer);
    free(take_client);
}

void rig_ask(struct rig *rig, struct answer *ret_answer, const char *method, const char *path,
             const char *login, const char *headers, const char *body)
{
    rig_receive(rig, rig_send(rig, method, path, login, headers, body), ret_answer);
}

void answer_fini(struct answer *answer)
{
    buf_fini(&answer->head);
    buf_fini(&answer->body);
    json_decref(answer->json);
}

const char *answer_text(const struct answer *answer, const char *member)
{
    const char *text = json_string_value(json_object_get(answer->json, member));

    return text ? text : "";
}

const char *answer_code(const struct answer *answer)
{
    return strstr(buf_text(&answer->head), "application/problem+json") ? answer_text(answer, "code") : "";
}

const char *answer_header(const struct answer *answer, const char *name)
{
    static char value[512];

    value[0] = 0;
    for (struct str rest = buf_str(&answer->head), line, key, text; rest.n;) {
        str_cut(rest, '\n', &line, &rest);
        if (str_cut(line, ':', &key, &text) && str_eq_nocase(key, str_from(name))) {
            text = str_trim(text);
            snprintf(value, sizeof value, "%.*s",
                     (int)(text.n && text.p[text.n - 1] == '\r' ? text.n - 1 : text.n), text.p);
        }
    }
    return value;
}
