/* Drives cases through the API. Each worker thread takes the next case and performs its steps one after the
 * other, as the people of the log would: the requester of the case's region submits, confirms and reopens;
 * agents of the owners' regions race for each claim. Every write carries a key, so that a call whose answer
 * was lost is repeated safely; each answer is written to the client's log before the next step, so that the
 * checker can compare it with what the desk recorded.
 *
 * Threads share only the case counter, the tokens (written before the threads start), the result under its
 * lock, and the log file (one fputs a line). */
#include "base/clock.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/client.h"
#include "deskctl/output.h"
#include "deskctl/replay.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

const char *const replay_op_names[REPLAY_OPS] = {"submit", "claim",   "release", "transfer", "pend",
                                                 "reply",  "resolve", "confirm", "reopen",   "cancel"};

enum { MAX_AGENTS = 16, REQUESTERS = 9, MAX_RACERS = 8 };

struct run {
    const struct replay_log *log;
    const struct replay_options *options;
    struct replay_result *result;
    pthread_mutex_t lock;
    atomic_int next_case, done_cases;
    int64_t started_us;
    char *agents[REGIONS][MAX_AGENTS], *requesters[REGIONS][REQUESTERS];
};

struct worker {
    struct run *run;
    struct client *clients[REGIONS]; /* one connection to each region */
    struct client *racers[MAX_RACERS];
    CURLM *multi;
    pthread_t thread;
};

/* What the worker believes of its ticket. */
struct ticket {
    const struct replay_case *c;
    char number[40];
    int seq; /* of keys */
    json_int_t epoch;
    enum { QUEUED, OWNED, WAITING, RESOLVED, FINAL } state;
    bool owned; /* as the last answer said: a ticket that is reopened stays with its owner, if they are on
                   shift */
    enum replay_region owner_region;
    int owner, team;
    unsigned left;      /* a bit for each team that it went from */
    int last_region;    /* of the last owner; -1 before the first */
    bool accepted_only; /* 202, and no later answer has shown that it is committed */
};

static void count_latency(struct run *run, enum replay_op op, int64_t us)
{
    struct replay_result *result = run->result;
    int n;

    pthread_mutex_lock(&run->lock);
    n = result->nlatency[op]++;
    if ((n & (n - 1)) == 0)
        result->latency_us[op] = mem_grow(result->latency_us[op], (size_t)(n ? 2 * n : 1) * sizeof(int64_t));
    result->latency_us[op][n] = us;
    pthread_mutex_unlock(&run->lock);
}

static void count(struct run *run, long *counter)
{
    pthread_mutex_lock(&run->lock);
    ++*counter;
    pthread_mutex_unlock(&run->lock);
}

static void log_line(struct run *run, json_t *line)
{
    _cleanup_(freep) char *text = json_dumps(line, JSON_COMPACT);

    json_decref(line);
    if (!run->options->log || !text)
        return;
    flockfile(run->options->log);
    fputs(text, run->options->log);
    fputc('\n', run->options->log);
    funlockfile(run->options->log);
}

static void use_token(struct client *client, const char *token)
{
    free(client->token);
    client->token = mem_str(token);
}

static char *make_key(struct run *run, struct ticket *ticket)
{
    return mem_printf("%s-%s-%d", run->options->run, ticket->c->id, ticket->seq++);
}

/* One command as one person. True when it was done; the epoch and state that the answer shows are taken over.
 */
static bool command(struct worker *worker, struct ticket *ticket, enum replay_op op,
                    enum replay_region region, const char *token, json_t *body)
{
    struct run *run = worker->run;
    struct client *client = worker->clients[region];
    _cleanup_response_ struct response response = {0};
    _cleanup_(freep) char *key = make_key(run, ticket),
                          *path = mem_printf("/api/v1/tickets/%s:%s", ticket->number, replay_op_names[op]);

    int64_t until = clock_monotonic_us() + run->options->patience_s * US_PER_S;

    use_token(client, token);
    client_call_patient(client, "POST", path, body, key, run->options->patience_s, &response);
    while (response.status == 404 && ticket->accepted_only && clock_monotonic_us() < until) {
        usleep(50000);
        client_call_patient(client, "POST", path, body, key, run->options->patience_s, &response);
    }
    json_decref(body);
    log_line(run, json_pack("{s:s, s:s, s:I, s:s, s:s*}", "op", replay_op_names[op], "number", ticket->number,
                            "status", (json_int_t)response.status, "region", replay_regions[region], "code",
                            json_string_value(json_object_get(response.json, "code"))));
    if (response.status == 200) {
        count_latency(run, op, response.took_us);
        ticket->epoch = json_integer_value(json_object_get(response.json, "epoch"));
        ticket->owned = json_is_object(json_object_get(response.json, "owner"));
        ticket->accepted_only = false;
        return true;
    }
    count(run, response.status >= 400 && response.status < 500 ? &run->result->refused
                                                               : &run->result->unavailable);
    return false;
}

static bool submit(struct worker *worker, struct ticket *ticket)
{
    struct run *run = worker->run;
    const struct replay_case *c = ticket->c;
    struct client *client = worker->clients[c->region];
    _cleanup_response_ struct response response = {0};
    _cleanup_(freep) char *key = make_key(run, ticket),
                          *description = mem_printf("Replayed from the log: %s", c->id);
    json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "subject", c->subject, "description", description,
                             "impact", c->impact, "urgency", c->urgency);
    bool ok;

    count(run, &run->result->submitted);
    use_token(client, run->requesters[c->region][c->requester % REQUESTERS]);
    client_call_patient(client, "POST", "/api/v1/tickets", body, key, run->options->patience_s, &response);
    json_decref(body);
    ok = response.status == 201 || response.status == 202;
    log_line(run, json_pack("{s:s, s:s, s:s, s:I, s:s*}", "op", "submit", "case", c->id, "key", key, "status",
                            (json_int_t)response.status, "number",
                            json_string_value(json_object_get(response.json, "number"))));
    if (!ok) {
        count(run, response.status >= 400 && response.status < 500 ? &run->result->refused
                                                                   : &run->result->unavailable);
        return false;
    }
    count_latency(run, OP_SUBMIT, response.took_us);
    count(run, &run->result->acknowledged);
    ticket->accepted_only = response.status == 202;
    if (ticket->accepted_only)
        count(run, &run->result->late_acks);
    snprintf(ticket->number, sizeof ticket->number, "%s", output_at(response.json, "number"));
    return true;
}

/* ---- the race ---- */

struct racer {
    enum replay_region region;
    int agent;
    char *key, *path;
    struct response response;
    bool flying, settled;
};

/* True when the answer is not final: the same call with the same key is made again. A ticket that was only
 * accepted may not be committed yet: 404 is repeated too. */
static bool try_again(const struct response *response)
{
    return response->status == 0 || response->status == 404 || response->status == 429 ||
           response->status >= 500;
}

static void fly(struct worker *worker, struct racer *racers, int n, json_t *body)
{
    int flying = 0, running;

    for (int i = 0; i < n; i++) {
        if (racers[i].settled)
            continue;
        client_begin(worker->racers[i], "POST", racers[i].path, body, racers[i].key, &racers[i].response);
        curl_multi_add_handle(worker->multi, worker->racers[i]->curl);
        racers[i].flying = true;
        flying++;
    }
    while (flying > 0) {
        CURLMsg *message;
        int left;
        curl_multi_perform(worker->multi, &running);
        while ((message = curl_multi_info_read(worker->multi, &left))) {
            if (message->msg != CURLMSG_DONE)
                continue;
            for (int i = 0; i < n; i++) {
                if (!racers[i].flying || worker->racers[i]->curl != message->easy_handle)
                    continue;
                int code = (int)message->data.result;
                curl_multi_remove_handle(worker->multi, worker->racers[i]->curl);
                client_finish(worker->racers[i], code, &racers[i].response);
                racers[i].flying = false;
                flying--;
                break;
            }
        }
        if (flying > 0)
            curl_multi_poll(worker->multi, NULL, 0, 1000, NULL);
    }
}

/* Several agents claim the ticket at the same moment, the log's owner among them. True when one of them has
 * it now. */
static bool race(struct worker *worker, struct ticket *ticket, enum replay_region region, int agent)
{
    struct run *run = worker->run;
    struct racer racers[MAX_RACERS] = {0};
    int n = run->options->racers, wins = 0, winner = -1;
    int64_t until = clock_monotonic_us() + run->options->patience_s * US_PER_S, wait_us = 20 * US_PER_MS,
            started = clock_monotonic_us();
    json_t *body = json_object();
    bool open = true;

    for (int i = 0; i < n; i++) {
        struct racer *racer = &racers[i];
        /* Stepping the region with i and the agent by i / 3 makes all racers different people while n <= 3 *
         * agents. */
        racer->region = (enum replay_region)(((int)region + i) % REGIONS);
        racer->agent = (agent + i / REGIONS) % run->options->agents;
        racer->key = make_key(run, ticket);
        racer->path = mem_printf("/api/v1/tickets/%s:claim", ticket->number);
        free(worker->racers[i]->url);
        worker->racers[i]->url = mem_str(run->options->urls[racer->region]);
        use_token(worker->racers[i], run->agents[racer->region][racer->agent]);
    }
    while (open) {
        fly(worker, racers, n, body);
        open = false;
        for (int i = 0; i < n; i++) {
            racers[i].settled = !try_again(&racers[i].response);
            open |= !racers[i].settled;
        }
        if (open && clock_monotonic_us() + wait_us > until)
            break;
        if (open) {
            usleep((useconds_t)wait_us);
            if (wait_us < US_PER_S / 2)
                wait_us *= 2;
        }
    }
    for (int i = 0; i < n; i++) {
        struct racer *racer = &racers[i];
        char login[32];
        snprintf(login, sizeof login, "agent-%s-%d", replay_regions[racer->region], racer->agent + 1);
        log_line(run, json_pack("{s:s, s:s, s:s, s:I, s:O?, s:s*}", "op", "claim", "number", ticket->number,
                                "agent", login, "status", (json_int_t)racer->response.status, "epoch",
                                json_object_get(racer->response.json, "epoch"), "winner",
                                json_string_value(json_object_get(racer->response.json, "winner"))));
        if (racer->response.status == 200) {
            wins++;
            winner = i;
            ticket->epoch = json_integer_value(json_object_get(racer->response.json, "epoch"));
            count_latency(run, OP_CLAIM,
                          wait_us == 20 * US_PER_MS ? racer->response.took_us
                                                    : clock_monotonic_us() - started);
        } else if (racer->response.status == 409) {
            count(run, &run->result->claims_lost);
        } else {
            count(run, racer->response.status >= 400 && racer->response.status < 500
                           ? &run->result->refused
                           : &run->result->unavailable);
        }
    }
    if (wins) {
        count(run, &run->result->claims_won);
        ticket->state = OWNED;
        ticket->owner_region = racers[winner].region;
        ticket->owner = racers[winner].agent;
        if (ticket->last_region >= 0 && ticket->last_region != (int)ticket->owner_region)
            count(run, &run->result->handovers);
        ticket->last_region = (int)ticket->owner_region;
    } else {
        count(run, &run->result->unwon_races);
    }
    if (wins > 1)
        count(run, &run->result->double_wins);
    for (int i = 0; i < n; i++) {
        free(racers[i].key);
        free(racers[i].path);
        response_fini(&racers[i].response);
    }
    json_decref(body);
    return wins > 0;
}

/* ---- steps ---- */

static const char *owner_token(struct run *run, const struct ticket *ticket)
{
    return run->agents[ticket->owner_region][ticket->owner];
}

static bool as_owner(struct worker *worker, struct ticket *ticket, enum replay_op op, json_t *body)
{
    json_object_set_new(body, "epoch", json_integer(ticket->epoch));
    return command(worker, ticket, op, ticket->owner_region, owner_token(worker->run, ticket), body);
}

static bool as_requester(struct worker *worker, struct ticket *ticket, enum replay_op op, json_t *body)
{
    const struct replay_case *c = ticket->c;

    return command(worker, ticket, op, c->region,
                   worker->run->requesters[c->region][c->requester % REQUESTERS], body);
}

/* Back into a queue, perhaps another team's. */
static bool step_queue(struct worker *worker, struct ticket *ticket, const struct replay_step *step)
{
    struct run *run = worker->run;

    if (step->team != ticket->team) {
        json_t *body =
            json_pack("{s:s, s:s}", "team", replay_teams[step->team], "reason", "routed as in the log");
        bool ok =
            ticket->state == QUEUED
                ? (json_object_set_new(body, "epoch", json_integer(ticket->epoch)),
                   command(worker, ticket, OP_TRANSFER, step->region,
                           run->agents[step->region][step->agent % (unsigned)run->options->agents], body))
                : as_owner(worker, ticket, OP_TRANSFER, body);
        if (!ok)
            return false;
        count(run, &run->result->hops);
        if (ticket->left & 1u << step->team)
            count(run, &run->result->bounces);
        ticket->left |= 1u << ticket->team;
        ticket->team = step->team;
    } else if (ticket->state != QUEUED &&
               !as_owner(worker, ticket, OP_RELEASE,
                         json_pack("{s:s}", "reason", "back to the queue as in the log"))) {
        return false;
    }
    ticket->state = QUEUED;
    return true;
}

static bool step_work(struct worker *worker, struct ticket *ticket, const struct replay_step *step)
{
    int agent = (int)(step->agent % (unsigned)worker->run->options->agents);

    if (ticket->state == WAITING) { /* the answer that was waited for */
        if (!as_requester(worker, ticket, OP_REPLY,
                          json_pack("{s:s}", "body", "Here is what you asked for.")))
            return false;
        ticket->state = OWNED;
    }
    if (ticket->state == OWNED && ticket->team == step->team && ticket->owner_region == step->region)
        return true;
    if ((ticket->state == OWNED || ticket->team != step->team) && !step_queue(worker, ticket, step))
        return false;
    return race(worker, ticket, step->region, agent);
}

static bool step_resolve(struct worker *worker, struct ticket *ticket, const struct replay_step *step)
{
    if (ticket->state == QUEUED && !step_work(worker, ticket, step))
        return false;
    if (ticket->state == RESOLVED)
        return true;
    if (!as_owner(worker, ticket, OP_RESOLVE,
                  json_pack("{s:s, s:s, s:s}", "cause", "as found in the log", "solution",
                            "as done in the log", "prevention", "none recorded")))
        return false;
    ticket->state = RESOLVED;
    return true;
}

static bool step(struct worker *worker, struct ticket *ticket, const struct replay_step *step)
{
    if (ticket->state == RESOLVED && step->kind != STEP_RESOLVE && step->kind != STEP_CLOSE) {
        if (!as_requester(worker, ticket, OP_REOPEN, json_pack("{s:s}", "reason", "not solved")))
            return false;
        ticket->state = ticket->owned ? OWNED : QUEUED;
    }
    switch (step->kind) {
    case STEP_QUEUE:
        return step_queue(worker, ticket, step);
    case STEP_WORK:
        return step_work(worker, ticket, step);
    case STEP_WAIT:
        if (ticket->state == WAITING)
            return true;
        if (ticket->state != OWNED && !step_work(worker, ticket, step))
            return false;
        if (!as_owner(worker, ticket, OP_PEND, json_pack("{s:s}", "reason", step->reason)))
            return false;
        ticket->state = WAITING;
        return true;
    case STEP_RESOLVE:
        return step_resolve(worker, ticket, step);
    case STEP_CLOSE:
        if (!step_resolve(worker, ticket, step) || !as_requester(worker, ticket, OP_CONFIRM, json_object()))
            return false;
        ticket->state = FINAL;
        return true;
    case STEP_CANCEL:
        if (!as_requester(worker, ticket, OP_CANCEL, json_pack("{s:s}", "reason", "cancelled in the log")))
            return false;
        ticket->state = FINAL;
        return true;
    }
    return false;
}

static void play(struct worker *worker, const struct replay_case *c)
{
    struct run *run = worker->run;
    struct ticket ticket = {.c = c, .last_region = -1};

    if (!submit(worker, &ticket))
        return;
    for (int i = 0; i < c->nsteps && ticket.state != FINAL; i++) {
        if (!step(worker, &ticket, &c->steps[i])) {
            pthread_mutex_lock(&run->lock);
            run->result->skipped += c->nsteps - i;
            pthread_mutex_unlock(&run->lock);
            return;
        }
    }
}

static void *work(void *ctx)
{
    struct worker *worker = ctx;
    struct run *run = worker->run;

    for (;;) {
        int i = atomic_fetch_add(&run->next_case, 1);
        if (i >= run->log->n)
            return NULL;
        if (run->options->rate > 0) {
            int64_t wait =
                run->started_us + (int64_t)((double)i / run->options->rate * 1e6) - clock_monotonic_us();
            if (wait > 0)
                usleep((useconds_t)wait);
        }
        play(worker, &run->log->cases[i]);
        atomic_fetch_add(&run->done_cases, 1);
    }
}

/* ---- signing in ---- */

int replay_sign_in(const char *url, const char *user, const char *password, int patience_s, char **ret_token)
{
    struct client *client = client_new(url, NULL);
    _cleanup_response_ struct response response = {0};
    json_t *body = json_pack("{s:s, s:s}", "user", user, "password", password);
    int code = EXIT_OK_;

    client_call_patient(client, "POST", "/api/v1/sessions", body, NULL, patience_s, &response);
    json_decref(body);
    if (response.status == 200 || response.status == 201)
        *ret_token = mem_str(json_string_value(json_object_get(response.json, "token")));
    else
        code = client_explain(&response, url);
    client_free(client);
    return code;
}

static int sign_in(struct run *run, const char *role, enum replay_region region, int n, char **ret_token)
{
    const struct replay_options *options = run->options;
    char user[40];

    snprintf(user, sizeof user, "%s-%s-%d", role, replay_regions[region], n);
    return replay_sign_in(options->urls[region], user, options->password, options->patience_s, ret_token);
}

static int sign_in_all(struct run *run)
{
    int code = EXIT_OK_;

    for (int r = 0; r < REGIONS; r++) {
        for (int i = 0; code == EXIT_OK_ && i < run->options->agents; i++)
            code = sign_in(run, "agent", (enum replay_region)r, i + 1, &run->agents[r][i]);
        for (int i = 0; code == EXIT_OK_ && i < REQUESTERS; i++)
            code = sign_in(run, "requester", (enum replay_region)r, i + 1, &run->requesters[r][i]);
    }
    return code;
}

static void show_progress(struct run *run)
{
    enum { WIDTH = 40 };
    char bar[WIDTH + 1];
    int done = atomic_load(&run->done_cases), filled = run->log->n ? done * WIDTH / run->log->n : WIDTH;
    double seconds = (double)(clock_monotonic_us() - run->started_us) / 1e6;

    memset(bar, '.', WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[WIDTH] = 0;
    fprintf(stderr, T("\r[%s] %d/%d cases, %.0f s, %.1f/s ", "\r[%s] %d/%d 个案例，%.0f 秒，%.1f/秒 "), bar,
            done, run->log->n, seconds, seconds > 0 ? done / seconds : 0);
}

int replay_run(const struct replay_log *log, const struct replay_options *options,
               struct replay_result *ret_result)
{
    struct run run = {
        .log = log, .options = options, .result = ret_result, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct worker *workers = NEW_ARRAY(struct worker, options->workers);
    int code = sign_in_all(&run);

    ret_result->cases = log->n;
    run.started_us = clock_monotonic_us();
    for (int w = 0; code == EXIT_OK_ && w < options->workers; w++) {
        struct worker *worker = &workers[w];
        worker->run = &run;
        worker->multi = curl_multi_init();
        for (int r = 0; r < REGIONS; r++)
            worker->clients[r] = client_new(options->urls[r], NULL);
        for (int i = 0; i < options->racers; i++)
            worker->racers[i] = client_new(options->urls[0], NULL);
        if (pthread_create(&worker->thread, NULL, work, worker) != 0)
            abort();
    }
    while (code == EXIT_OK_ && options->progress && atomic_load(&run.done_cases) < log->n) {
        show_progress(&run);
        usleep(200000);
    }
    for (int w = 0; code == EXIT_OK_ && w < options->workers; w++) {
        struct worker *worker = &workers[w];
        pthread_join(worker->thread, NULL);
        for (int r = 0; r < REGIONS; r++)
            client_free(worker->clients[r]);
        for (int i = 0; i < options->racers; i++)
            client_free(worker->racers[i]);
        curl_multi_cleanup(worker->multi);
    }
    ret_result->seconds = (double)(clock_monotonic_us() - run.started_us) / 1e6;
    if (options->progress && code == EXIT_OK_) {
        show_progress(&run);
        fputc('\n', stderr);
    }
    for (int r = 0; r < REGIONS; r++) {
        for (int i = 0; i < MAX_AGENTS; i++)
            free(run.agents[r][i]);
        for (int i = 0; i < REQUESTERS; i++)
            free(run.requesters[r][i]);
    }
    free(workers);
    return code;
}

void replay_result_fini(struct replay_result *result)
{
    for (int op = 0; op < REPLAY_OPS; op++)
        free(result->latency_us[op]);
    *result = (struct replay_result){0};
}
