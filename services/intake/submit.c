/* POST /tickets.
 *
 * The order is the promise: check everything, take a number, store (fdatasync), and only then answer. 201
 * when the authority has committed within MERIDIAN_SUBMIT_WAIT, else 202; the number is the same and so is
 * the durability.
 *
 * A key that comes again is answered as it was the first time: from what this process answered lately, by the
 * spool while it holds the record, else by the authority, which says what the key led to and makes our number
 * an alias. Only while no commit is to be expected is the region's database asked first, because then nobody
 * else could tell the client in time that its key was used for another body.
 *
 * A submission is a struct wait from its storing on. It is owned by two: the record in the drain, whose
 * outcome comes exactly once, and the list of those whose clients wait. Whichever ends first answers; the
 * other finds the call gone.
 */
#include "intake/submit.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "intake/api.h"
#include "intake/known.h"
#include "intake/limits.h"
#include "intake/peek.h"
#include "intake/reads.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include <stdio.h>

/* What a submission knows before it is stored; call->own. */
struct pending {
    struct submission submission;
    char client_key[256];
    uint8_t key[SUBMISSION_KEY_SIZE];
    uint8_t body_hash[AUTH_HASH_SIZE];
    char requester_id[UUID_TEXT_SIZE];
    char language[8]; /* the requester's */
    bool key_given;
};

struct wait {
    struct list node; /* in waits.clients while the client waits */
    struct waits *waits;
    struct call *call; /* NULL: answered */
    bool promised;     /* somebody who came with the same key was told that it is accepted */
    bool key_given;
    uint8_t key[SUBMISSION_KEY_SIZE];
    uint8_t body_hash[AUTH_HASH_SIZE];
    char number[SPOOL_NUMBER_SIZE];
    int64_t accepted_us, until_us;
};

/* What a key led to. */
struct answered {
    uint8_t body_hash[AUTH_HASH_SIZE];
    char number[SPOOL_NUMBER_SIZE], region[SPOOL_REGION_SIZE];
    int64_t accepted_us;
};

/* Whose number was given out before its commit was known. */
struct uncommitted {
    char submitter_id[UUID_TEXT_SIZE], requester_id[UUID_TEXT_SIZE];
};

enum { ANSWERED_MAX = 20000, UNCOMMITTED_MAX = 50000 };

struct waits {
    struct intake *intake;
    struct list clients; /* in order of until_us: all wait equally long */
    uv_timer_t timer;
    struct lru *answered;    /* of struct answered, by submission key */
    struct lru *uncommitted; /* of struct uncommitted, by number */
    struct metric *accepted, *answered_late, *refused;
};

/* ---- answers ---- */

static void answer(struct call *call, int status, const char *number, const char *key, struct str accepted_at,
                   const char *region)
{
    _cleanup_buf_ struct buf json = BUF_INIT, location = BUF_INIT;

    buf_printf(&json, "{\"number\":\"%s\",\"key\":", number);
    buf_json_text(&json, key);
    /* A key that comes again is answered as it was the first time, whatever became of the ticket. */
    buf_printf(&json, ",\"state\":\"new\",\"region\":\"%s\",\"accepted_at\":\"%.*s\"}", region,
               (int)accepted_at.n, accepted_at.p);
    buf_printf(&location, "/api/v1/tickets/%s", number);
    http_add_header(call->x, "Location", buf_text(&location));
    call_json(call, status, buf_str(&json));
}

/* A number as a key. Its digits vary, so they come first. */
static struct lru_key key_of_number(const char *number)
{
    struct lru_key key = {{0}};
    size_t n = strlen(number);

    for (size_t i = 0; i < n && i < sizeof key.bytes; i++)
        key.bytes[i] = (uint8_t)number[n - 1 - i];
    return key;
}

static void remember_uncommitted(struct call *call, const char *number)
{
    const struct pending *pending = call->own;
    struct lru_key key = key_of_number(number);
    struct uncommitted *entry = lru_put(call->intake->waits->uncommitted, &key);

    memcpy(entry->submitter_id, call->session.user_id, sizeof entry->submitter_id);
    memcpy(entry->requester_id, pending->requester_id, sizeof entry->requester_id);
}

bool submit_is_uncommitted(struct call *call, const char *number)
{
    struct lru_key key = key_of_number(number);
    const struct uncommitted *entry = lru_get(call->intake->waits->uncommitted, &key);

    return entry && (strcmp(entry->submitter_id, call->session.user_id) == 0 ||
                     strcmp(entry->requester_id, call->session.user_id) == 0);
}

/* `region` NULL or "": this one. */
static void answer_accepted(struct call *call, int status, const char *number, const char *region,
                            int64_t accepted_us)
{
    const struct pending *pending = call->own;
    char at[CLOCK_TEXT_SIZE];

    if (status == 202)
        remember_uncommitted(call, number);
    answer(call, status, number, pending->client_key, str_from(clock_format(accepted_us, at)),
           region && region[0] ? region : call->intake->service->conf.region);
}

static void refuse(struct call *call, int failure, const char *detail)
{
    metric_add(call->intake->waits->refused, error_info(failure)->slug, 1);
    call_problem(call, failure, detail ? "%s" : NULL, detail);
}

/* ---- waiting for the commit ---- */

static void arm(struct waits *waits);

static void stop_waiting(struct wait *wait)
{
    list_remove(&wait->node);
    wait->call = NULL;
}

static void on_patience_over(uv_timer_t *timer)
{
    struct waits *waits = timer->data;
    int64_t now_us = clock_monotonic_us();

    LIST_FOR(node, &waits->clients)
    {
        struct wait *wait = CONTAINER_OF(node, struct wait, node);
        struct call *call = wait->call;
        if (wait->until_us > now_us)
            break;
        stop_waiting(wait);
        metric_add(waits->answered_late, NULL, 1);
        answer_accepted(call, 202, wait->number, NULL, wait->accepted_us);
    }
    arm(waits);
}

static void arm(struct waits *waits)
{
    int64_t left_us;

    if (list_empty(&waits->clients) || uv_is_active((uv_handle_t *)&waits->timer))
        return;
    left_us = CONTAINER_OF(waits->clients.next, struct wait, node)->until_us - clock_monotonic_us();
    uv_timer_start(&waits->timer, on_patience_over, left_us > 0 ? (uint64_t)(left_us / US_PER_MS) + 1 : 0, 0);
}

static struct lru_key key_of_submission(const uint8_t submission_key[SUBMISSION_KEY_SIZE])
{
    struct lru_key key = {{0}};

    memcpy(key.bytes, submission_key, SUBMISSION_KEY_SIZE);
    return key;
}

static void remember_answer(const struct wait *wait, const struct drain_outcome *outcome)
{
    struct lru_key key = key_of_submission(wait->key);
    struct answered *entry = lru_put(wait->waits->answered, &key);

    memcpy(entry->body_hash, wait->body_hash, sizeof entry->body_hash);
    entry->accepted_us = outcome->accepted_us ? outcome->accepted_us : wait->accepted_us;
    snprintf(entry->number, sizeof entry->number, "%s", outcome->number);
    snprintf(entry->region, sizeof entry->region, "%s", outcome->region ? outcome->region : "");
}

bool submit_settled(void *waiter, const struct drain_outcome *outcome)
{
    struct wait *wait = waiter;
    struct call *call = wait->call;
    bool told = call && !wait->promised;

    if (outcome->status == 0 && wait->key_given)
        remember_answer(wait, outcome);
    if (call) {
        stop_waiting(wait);
        if (outcome->status == 0) {
            call_wrote(call, outcome->lsn);
            answer_accepted(call, 201, outcome->number, outcome->region,
                            outcome->accepted_us ? outcome->accepted_us : wait->accepted_us);
        } else if (outcome->status == -E_UNAVAILABLE) {
            answer_accepted(call, 202, wait->number, NULL, wait->accepted_us);
        } else {
            refuse(call, outcome->status, outcome->detail);
        }
    }
    free(wait);
    return told;
}

/* ---- storing ---- */

/* The record is here already: accepted, as was said or will be said to whoever brought it first. */
static void answer_twin(struct call *call, const struct spool_twin *twin)
{
    LIST_FOR(node, &call->intake->waits->clients)
    {
        struct wait *wait = CONTAINER_OF(node, struct wait, node);
        if (strcmp(wait->number, twin->number) == 0)
            wait->promised = true;
    }
    answer_accepted(call, 202, twin->number, twin->region, twin->accepted_us);
}

static void on_stored(void *ctx, int outcome, struct spool_record *record, const struct spool_twin *twin)
{
    struct call *call = ctx;
    struct intake *intake = call->intake;
    const struct pending *pending = call->own;
    struct wait *wait;

    if (outcome != SPOOL_STORED) {
        spool_record_free(record);
        if (outcome == SPOOL_TWIN)
            answer_twin(call, twin);
        else
            refuse(call, outcome == SPOOL_OTHER_BODY ? -E_KEY_REUSED : outcome, NULL);
        return;
    }
    metric_add(intake->waits->accepted, NULL, 1);
    if (drain_stalled(intake->drain)) {
        answer_accepted(call, 202, record->number, NULL, record->accepted_us);
        drain_add(intake->drain, record);
        return;
    }
    wait = NEW(struct wait);
    *wait = (struct wait){.waits = intake->waits,
                          .call = call,
                          .key_given = pending->key_given,
                          .accepted_us = record->accepted_us};
    memcpy(wait->key, record->key, sizeof wait->key);
    memcpy(wait->body_hash, record->body_hash, sizeof wait->body_hash);
    memcpy(wait->number, record->number, sizeof wait->number);
    wait->until_us = clock_monotonic_us() + intake->conf->submit_wait_us;
    list_append(&intake->waits->clients, &wait->node);
    arm(intake->waits);
    record->waiter = wait;
    drain_add(intake->drain, record);
}

static void pack(struct call *call, const struct pending *pending, struct spool_record *record)
{
    const struct submission *s = &pending->submission;
    Meridian__Submission m = MERIDIAN__SUBMISSION__INIT;
    struct uuid id = uuid_v7();
    char *attributes = s->attributes ? json_dumps(s->attributes, JSON_COMPACT) : NULL;

    m.id = (ProtobufCBinaryData){sizeof id.bytes, id.bytes};
    m.number = record->number;
    m.submission_key = (ProtobufCBinaryData){sizeof record->key, record->key};
    m.client_key = (char *)pending->client_key;
    m.body_hash = (ProtobufCBinaryData){sizeof record->body_hash, record->body_hash};
    m.region = (char *)call->intake->service->conf.region;
    m.accepted_us = record->accepted_us;
    m.channel = (char *)(call->by_cookie ? "portal" : "api");
    m.requester_id = (char *)pending->requester_id;
    m.submitter_id = call->session.user_id;
    m.subject = (char *)s->subject;
    m.description = (char *)s->description;
    m.service = (char *)s->service;
    m.has_impact = s->impact != 0;
    m.impact = (uint32_t)s->impact;
    m.has_urgency = s->urgency != 0;
    m.urgency = (uint32_t)s->urgency;
    m.language = (char *)(s->language ? s->language : pending->language);
    m.attributes = attributes;
    m.trace_id = call->trace_id;
    wire_pack(&m.base, &record->payload);
    free(attributes);
}

static void store(struct call *call)
{
    const struct pending *pending = call->own;
    struct intake *intake = call->intake;
    struct spool_record *record;
    int r = intake->closing ? -E_UNAVAILABLE : spool_has_room(intake->spool);

    if (r < 0) {
        refuse(call, r, NULL);
        return;
    }
    record = NEW(struct spool_record);
    memcpy(record->key, pending->key, sizeof record->key);
    memcpy(record->body_hash, pending->body_hash, sizeof record->body_hash);
    record->accepted_us = clock_now_us();
    r = numbers_take(intake->numbers, record);
    if (r < 0) {
        spool_record_free(record);
        refuse(call, r, "no ticket numbers are left until the authority can be reached");
        return;
    }
    pack(call, pending, record);
    spool_append(intake->spool, record, on_stored, call);
}

/* ---- the same key again ---- */

/* What the database knows of the key. That it could not be asked is no reason to refuse. */
static void on_known(struct call *call, const struct store_known *known)
{
    const struct pending *pending = call->own;

    if (!known || !known->found)
        store(call);
    else if (memcmp(known->body_hash, pending->body_hash, sizeof known->body_hash) != 0)
        refuse(call, -E_KEY_REUSED, NULL);
    else
        answer_accepted(call, 201, known->number, known->region, known->accepted_us);
}

/* True when this process answered the key lately, and has done so again. */
static bool answer_again(struct call *call)
{
    const struct pending *pending = call->own;
    struct lru_key key = key_of_submission(pending->key);
    const struct answered *before = lru_get(call->intake->waits->answered, &key);

    if (!before)
        return false;
    if (memcmp(before->body_hash, pending->body_hash, sizeof before->body_hash) != 0)
        refuse(call, -E_KEY_REUSED, NULL);
    else
        answer_accepted(call, 201, before->number, before->region, before->accepted_us);
    return true;
}

/* A key belongs to whoever sends it, whoever is to benefit: on_behalf_of is part of the body, so that the key
 * with another one is a key used for another body. */
static void take_over(struct call *call)
{
    struct pending *pending = call->own;

    submission_key(call->session.user_id, str_from(pending->client_key), pending->key);
    if (!pending->key_given)
        store(call);
    else if (answer_again(call))
        return;
    else if (drain_stalled(call->intake->drain))
        known_ask(call->intake->known, pending->key, on_known, call);
    else
        store(call);
}

/* ---- the start ---- */

static void on_beneficiary(struct call *call, int status, struct str json)
{
    struct pending *pending = call->own;
    struct str id = peek_text(json, "id"), language = peek_text(json, "language");

    if (status == -E_NOT_FOUND) {
        _cleanup_errors_ struct body_errors errors = {0};
        body_error(&errors, "/on_behalf_of", "there is no such user");
        call_problem_with(call, E_VALIDATION, NULL, (struct str){0}, &errors);
    } else if (status < 0 || id.n != UUID_TEXT_SIZE - 1) {
        read_problem(call, status < 0 ? status : -E_PEER);
    } else {
        memcpy(pending->requester_id, id.p, id.n);
        snprintf(pending->language, sizeof pending->language, "%.*s", (int)language.n, language.p);
        take_over(call);
    }
}

static void find_beneficiary(struct call *call)
{
    struct pending *pending = call->own;
    struct authz_subject subject = {(enum user_role)call->session.role, call->session.user_id,
                                    call->session.teams, call->session.nteams};
    const char *args[] = {pending->submission.on_behalf_of};

    if (authz(&subject, AUTHZ_TICKET_SUBMIT_FOR_OTHERS, NULL) != AUTHZ_ALLOW)
        call_problem(call, E_FORBIDDEN, "only agents submit on behalf of others");
    else
        read_document(call, "user", args, 1, READ_AS_SYSTEM | READ_ASK_TWICE | READ_PLAIN, on_beneficiary);
}

void ticket_post(struct call *call)
{
    _cleanup_errors_ struct body_errors errors = {0};
    struct pending *pending;
    struct submission submission = {0};

    if (!limit_submission(call))
        return;
    if (submission_read(call->body, &submission, &errors) < 0) {
        call_problem_with(call, E_VALIDATION, NULL, (struct str){0}, &errors);
        return;
    }
    pending = NEW(struct pending);
    call->own = pending;
    call->free_own = free;
    pending->submission = submission;
    pending->key_given = call->client_key.p != NULL;
    if (pending->key_given) {
        memcpy(pending->client_key, call->client_key.p, call->client_key.n);
    } else {
        struct uuid fresh = uuid_v7();
        uuid_format(&fresh, pending->client_key);
    }
    if (pending->key_given)
        submission_hash(call->body, pending->body_hash);
    else /* nothing will be compared with it: the bytes as they came will do */
        auth_sha256(http_body(call->x).p, http_body(call->x).n, pending->body_hash);
    memcpy(pending->requester_id, call->session.user_id, sizeof pending->requester_id);
    snprintf(pending->language, sizeof pending->language, "%s", call->session.language);
    if (submission.on_behalf_of && strcmp(submission.on_behalf_of, call->session.login) != 0)
        find_beneficiary(call);
    else
        take_over(call);
}

/* ---- the list of those who wait ---- */

struct waits *waits_new(struct intake *intake)
{
    struct waits *waits = NEW(struct waits);

    waits->intake = intake;
    waits->accepted =
        metric_counter("meridian_intake_submissions_accepted_total", "Submissions stored durably.", NULL);
    waits->answered_late = metric_counter("meridian_intake_submissions_uncommitted_total",
                                          "Submissions answered before their commit was known.", NULL);
    waits->refused = metric_counter("meridian_intake_submissions_refused_total",
                                    "Submissions not taken, by reason.", "reason");
    waits->answered = lru_new(sizeof(struct answered), ANSWERED_MAX, NULL, NULL);
    waits->uncommitted = lru_new(sizeof(struct uncommitted), UNCOMMITTED_MAX, NULL, NULL);
    list_init(&waits->clients);
    uv_timer_init(intake->service->loop, &waits->timer);
    waits->timer.data = waits;
    return waits;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct waits *waits = handle->data;

    lru_free(waits->answered);
    lru_free(waits->uncommitted);
    free(waits);
}

struct waits *waits_free(struct waits *waits)
{
    if (waits)
        uv_close((uv_handle_t *)&waits->timer, on_timer_closed);
    return NULL;
}
