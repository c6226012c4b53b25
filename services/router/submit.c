/* Submissions become tickets, many in one transaction.
 *
 * The normal case is one statement for the whole batch (submit_store.sql). Records that it passed over are
 * resolved one by one in the same transaction: delivered again, duplicates that get an alias, conflicts. When
 * the database refuses a statement because one of its records can never be stored, the batch is halved until
 * that record stands alone and is rejected, and the others become tickets: a poisoned record holds nobody up.
 *
 * What must stay true: an outcome is told only after its commit; REJECTED is said only of what no repetition
 * can cure. Anything else fails the whole request, and the intake sends it again: every step is safe to
 * repeat, because keys and numbers are unique.
 */
#include "router/submit.h"
#include "base/encode.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include "meridian/ticket.h"
#include "router/job.h"
#include "router/submit_record.h"
#include "router/submit_route.h"
#include "router_sql.h"
#include <stdio.h>

/* Records of the request that are tried in one transaction. */
struct batch {
    struct job *job;
    Meridian__Submission *const *records;
    struct submit_outcome *outcomes; /* beside the records */
    size_t n;
    const struct submit_origin *origin; /* NULL: made from nothing */
};

void submit_result_fini(struct submit_result *result)
{
    for (size_t i = 0; i < result->n; i++)
        free(result->outcomes[i].detail);
    free(result->outcomes);
    free(result->messages);
    free(result->pointers);
    *result = (struct submit_result){0};
}

static void conclude(struct batch *batch, size_t i, Meridian__Submitted__Outcome outcome, const char *number,
                     const char *detail)
{
    struct submit_outcome *o = &batch->outcomes[i];

    free(o->detail);
    *o = (struct submit_outcome){.settled = true, .outcome = outcome, .detail = mem_str(detail)};
    snprintf(o->number, sizeof o->number, "%s", number);
}

/* ---- the batch ---- */

/* True for a record whose id was in the batch before: a second copy, which is resolved like one that comes
 * later. */
static bool repeats(const struct batch *batch, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (!batch->outcomes[k].settled &&
            !memcmp(batch->records[k]->id.data, batch->records[i]->id.data, 16))
            return true;
    return false;
}

/* What is in force for a batch. */
struct in_force {
    const struct sla_plan *plan;
    const struct org_entry *organisation;
};

/* Where each record goes: one row each. Also checks the cluster's epoch. */
static int find_places(struct db_conn *conn, const struct batch *batch, struct db_result *result,
                       struct in_force *ret)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_buf_ struct buf json = BUF_INIT;
    int r;

    for (size_t i = 0; i < batch->n; i++) {
        if (batch->outcomes[i].settled || repeats(batch, i))
            continue;
        buf_add_char(&json, json.n ? ',' : '[');
        submit_record_ask(batch->records[i], (int)i, &json);
    }
    buf_add_text(&json, json.n ? "]" : "[]");
    db_param_text(&params, buf_text(&json));
    r = db_exec(conn, &sql_router_submit_begin, &params, result);
    if (r < 0 || !db_rows(result))
        return r;
    r = job_check_epoch(batch->job, db_int(result, 0, 1));
    if (r < 0)
        return r;
    r = plan_book_get(batch->job->plans, conn, db_int(result, 0, 2), &ret->plan);
    if (r == -E_NOT_FOUND)
        return outcome_refuse(&batch->job->out, -E_INTERNAL, "desk.sla_plan has no plan");
    if (!r)
        r = org_book_get(batch->job->organisations, conn, db_int(result, 0, 11), &ret->organisation);
    if (r == -E_NOT_FOUND)
        return outcome_refuse(&batch->job->out, -E_INTERNAL, "desk.organisation has no version");
    return r;
}

static void take_origin(const struct submit_origin *origin, struct submit_place *place)
{
    place->details = origin->details;
    if (!origin->team)
        return;
    place->team = origin->team;
    place->team_slug = origin->team_slug;
    place->tier = origin->tier;
    place->restricted = origin->restricted;
    place->team_kept = true;
}

static int add_record(const struct batch *batch, const struct db_result *found, int row,
                      const struct in_force *in_force, struct buf *json, struct buf *clocks)
{
    struct submit_place place = {
        .now_us = db_int(found, row, 0),
        .team = (int)db_int(found, row, 4),
        .team_slug = db_text(found, row, 5),
        .tier = (int)db_int(found, row, 6),
        .restricted = db_bool(found, row, 7),
        .requester = db_text(found, row, 8),
        .submitter = db_text(found, row, 9),
        .plan = in_force->plan,
    };
    _cleanup_(json_decrefp) json_t *attributes = NULL;
    size_t i = (size_t)db_int(found, row, 3);

    if (i >= batch->n)
        return -E_INTERNAL;
    if ((batch->origin ? batch->origin->by_desk : db_bool(found, row, 10)) && batch->records[i]->attributes)
        place.attributes = attributes = json_loads(batch->records[i]->attributes, 0, NULL);
    submit_route(batch->records[i], in_force->organisation, &place);
    if (batch->origin)
        take_origin(batch->origin, &place);
    if (!place.team_slug)
        return outcome_refuse(&batch->job->out, -E_INTERNAL,
                              "desk.team lacks team 1, which gets what names no team");
    return submit_record_json(batch->records[i], (int)i, &place, json, clocks);
}

static int store(struct db_conn *conn, struct batch *batch)
{
    _cleanup_result_ struct db_result found = {0}, result = {0};
    _cleanup_params_ struct db_params params = {0};
    _cleanup_buf_ struct buf json = BUF_INIT, clocks = BUF_INIT;
    struct in_force in_force = {0};
    int r = find_places(conn, batch, &found, &in_force);

    for (int row = 0; row < db_rows(&found) && !r; row++)
        r = add_record(batch, &found, row, &in_force, &json, &clocks);
    if (r < 0 || !json.n)
        return r;
    buf_add_char(&json, ']');
    buf_add_text(&clocks, clocks.n ? "]" : "[]");
    db_param_text(&params, buf_text(&json));
    db_param_text(&params, buf_text(&clocks));
    db_param_int(&params, db_int(&found, 0, 0));
    r = db_exec(conn, &sql_router_submit_store, &params, &result);
    if (r < 0)
        return r;
    for (int row = 0; row < db_rows(&result); row++) {
        size_t i = (size_t)db_int(&result, row, 0);

        if (i >= batch->n)
            return -E_INTERNAL;
        conclude(batch, i, MERIDIAN__SUBMITTED__OUTCOME__COMMITTED, batch->records[i]->number, NULL);
    }
    return 0;
}

/* ---- those that were passed over ---- */

static int add_alias(struct db_conn *conn, const Meridian__Submission *record, const char *ticket_id)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_text(&params, record->number);
    db_param_text(&params, ticket_id);
    db_param_text(&params, record->region);
    return db_exec(conn, &sql_router_alias_add, &params, NULL);
}

/* Columns: ordinal; the ticket of the key: id, number, body hash; the id of the ticket of the number; of the
 * ticket of the key again: region, accepted at. */
static int resolve_one(struct db_conn *conn, struct batch *batch, const struct db_result *found, int row)
{
    size_t i = (size_t)db_int(found, row, 0);
    const Meridian__Submission *record = batch->records[i];
    const char *id = db_text(found, row, 1), *number = db_text(found, row, 2),
               *named = db_text(found, row, 4);
    _cleanup_buf_ struct buf hash = BUF_INIT;

    batch->job->conflict = true;
    if (!id && named) {
        conclude(batch, i, MERIDIAN__SUBMITTED__OUTCOME__REJECTED, record->number,
                 "the number belongs to another ticket");
        return 0;
    }
    if (!id && batch->n > 1)
        return -E_VALIDATION; /* which one is it? see submit_range */
    if (!id) {
        conclude(batch, i, MERIDIAN__SUBMITTED__OUTCOME__REJECTED, record->number,
                 "neither stored nor found: its id belongs to another record");
        return 0;
    }
    if (buf_add_unhex(&hash, db_str(found, row, 3)) < 0)
        return -E_INTERNAL;
    if (hash.n != record->body_hash.len || memcmp(hash.p, record->body_hash.data, hash.n) != 0) {
        conclude(batch, i, MERIDIAN__SUBMITTED__OUTCOME__CONFLICT, number,
                 "the key made a ticket with another body");
        return 0;
    }
    if (strcmp(number, record->number) == 0) {
        conclude(batch, i, MERIDIAN__SUBMITTED__OUTCOME__COMMITTED, number, NULL);
        return 0;
    }
    if (named && strcmp(named, id) != 0) {
        conclude(batch, i, MERIDIAN__SUBMITTED__OUTCOME__REJECTED, number,
                 "the number belongs to another ticket");
        return 0;
    }
    conclude(batch, i, MERIDIAN__SUBMITTED__OUTCOME__DUPLICATE, number, NULL);
    snprintf(batch->outcomes[i].region, sizeof batch->outcomes[i].region, "%s", db_text(found, row, 5));
    batch->outcomes[i].accepted_us = db_int(found, row, 6);
    return named ? 0 : add_alias(conn, record, id);
}

static int resolve(struct db_conn *conn, struct batch *batch)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    _cleanup_buf_ struct buf json = BUF_INIT;
    int r;

    for (size_t i = 0; i < batch->n; i++) {
        struct uuid key;
        char text[UUID_TEXT_SIZE];

        if (batch->outcomes[i].settled)
            continue; /* perhaps because its key is none */
        key = submit_record_key(batch->records[i]);
        buf_printf(&json, "%s{\"ordinal\":%zu,\"submission_key\":\"%s\",\"number\":", json.n ? "," : "[", i,
                   uuid_format(&key, text));
        buf_json_text(&json, batch->records[i]->number);
        buf_add_char(&json, '}');
    }
    if (!json.n)
        return 0;
    buf_add_char(&json, ']');
    db_param_text(&params, buf_text(&json));
    r = db_exec(conn, &sql_router_submit_resolve, &params, &result);
    for (int row = 0; row < db_rows(&result) && !r; row++) {
        if ((size_t)db_int(&result, row, 0) >= batch->n)
            return -E_INTERNAL;
        r = resolve_one(conn, batch, &result, row);
    }
    return r;
}

/* ---- transactions ---- */

int submit_derived(struct db_conn *conn, struct job *job, Meridian__Submission *submission,
                   const struct submit_origin *origin)
{
    struct submit_outcome outcome = {0};
    struct batch batch = {job, &submission, &outcome, 1, origin};
    const char *fault = submit_record_fault(submission);
    int r = fault ? outcome_refuse(&job->out, -E_INTERNAL, "%s", fault) : store(conn, &batch);

    if (!r && !outcome.settled)
        r = -E_DB_RETRY;
    free(outcome.detail);
    return r;
}

static int try_batch(struct db_conn *conn, struct batch *batch)
{
    uint64_t lsn;
    int r;

    r = db_begin(conn);
    if (!r)
        r = store(conn, batch);
    if (!r)
        r = resolve(conn, batch);
    if (r < 0) {
        db_rollback(conn);
        return r;
    }
    r = db_commit(conn, &lsn);
    if (!r)
        batch->job->lsn = lsn;
    return r;
}

static void forget(struct batch *batch, const bool *settled)
{
    for (size_t i = 0; i < batch->n; i++) {
        if (settled[i])
            continue;
        free(batch->outcomes[i].detail);
        batch->outcomes[i] = (struct submit_outcome){0};
    }
}

/* Halves the batch at every refusal that lies in the data, until the culprit stands alone. */
static int submit_range(struct db_conn *conn, struct batch batch)
{
    bool settled[LIMIT_SUBMIT_BATCH];
    struct batch half = batch;
    size_t open = 0;
    int r;

    for (size_t i = 0; i < batch.n; i++) {
        settled[i] = batch.outcomes[i].settled;
        open += !settled[i];
    }
    if (!open)
        return 0;
    r = try_batch(conn, &batch);
    if (r != -E_VALIDATION && r != -E_CONFLICT)
        return r;
    forget(&batch, settled);
    if (batch.n == 1) {
        conclude(&batch, 0, MERIDIAN__SUBMITTED__OUTCOME__REJECTED, batch.records[0]->number,
                 db_error_detail(conn));
        return 0;
    }
    half.n = batch.n / 2;
    r = submit_range(conn, half);
    if (r < 0)
        return r;
    half.records += half.n;
    half.outcomes += half.n;
    half.n = batch.n - half.n;
    return submit_range(conn, half);
}

static int submit_work(struct db_conn *conn, struct job *job)
{
    const Meridian__SubmitBatch *request = job->request->submit;
    struct batch batch = {.job = job, .records = request->submissions, .n = request->n_submissions};
    int r;

    if (batch.n > LIMIT_SUBMIT_BATCH)
        return outcome_refuse(&job->out, -E_TOO_LARGE, "At most %d submissions in one batch",
                              LIMIT_SUBMIT_BATCH);
    job->submit.outcomes = batch.outcomes = NEW_ARRAY(struct submit_outcome, batch.n ? batch.n : 1);
    job->submit.n = batch.n;
    for (size_t i = 0; i < batch.n; i++) {
        const char *fault = submit_record_fault(batch.records[i]);

        if (fault)
            conclude(&batch, i, MERIDIAN__SUBMITTED__OUTCOME__REJECTED, batch.records[i]->number, fault);
    }
    r = submit_range(conn, batch);
    if (r < 0)
        return r;
    if (job->lsn) {
        job_hint_ticket(job);
        job->hints.clocks = true;
    }
    return 0;
}

static void submit_finish(struct job *job, int status, Meridian__Reply *reply)
{
    struct submit_result *result = &job->submit;

    if (status || !result->n)
        return;
    result->messages = NEW_ARRAY(Meridian__Submitted, result->n);
    result->pointers = NEW_ARRAY(Meridian__Submitted *, result->n);
    for (size_t i = 0; i < result->n; i++) {
        Meridian__Submitted *message = result->pointers[i] = &result->messages[i];

        meridian__submitted__init(message);
        message->outcome = result->outcomes[i].outcome;
        message->number = result->outcomes[i].number;
        message->detail = result->outcomes[i].detail;
        if (result->outcomes[i].accepted_us) {
            message->region = result->outcomes[i].region;
            message->has_accepted_us = true;
            message->accepted_us = result->outcomes[i].accepted_us;
        }
    }
    reply->submitted = result->pointers;
    reply->n_submitted = result->n;
}

const struct job_kind submit_kind = {
    .name = "submit", .repeatable = true, .work = submit_work, .finish = submit_finish};
