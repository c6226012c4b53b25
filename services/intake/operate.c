/* What operators ask: status, audit, dead letters. */
#include "base/clock.h"
#include "base/memory.h"
#include "intake/api.h"
#include "intake/peek.h"
#include "intake/query.h"
#include "intake/reads.h"
#include "meridian/errors.h"
#include "meridian/limits.h"

enum { AUDIT_PAGE = 1000 };
static const int64_t attempt_us = 10 * US_PER_S;

/* ---- status: the registry, then how far the standbys are, which only the primary knows ---- */

static void on_replication(struct call *call, int status, struct str json)
{
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct buf *first = call->own;
    struct str replication = status == 0 ? peek_member(json, "replication") : (struct str){0};

    buf_add(&out, first->p, first->n - 1); /* without the brace */
    buf_add_text(&out, ",\"replication\":");
    if (replication.p)
        buf_add_str(&out, replication);
    else
        buf_add_text(&out, "null");
    buf_add_char(&out, '}');
    call_json(call, 200, buf_str(&out));
}

static void free_buf(void *own)
{
    struct buf *buf = own;

    buf_fini(buf);
    free(buf);
}

static void on_status(struct call *call, int status, struct str json)
{
    struct buf *first;

    if (status < 0) {
        read_problem(call, status);
        return;
    }
    first = NEW(struct buf);
    buf_add_str(first, json);
    call->own = first;
    call->free_own = free_buf;
    read_document(call, "replication", NULL, 0, READ_AS_SYSTEM | READ_ONLY_AUTHORITY | READ_PLAIN,
                  on_replication);
}

void status_get(struct call *call)
{
    read_document(call, "status", NULL, 0, READ_AS_SYSTEM | READ_AUTHORITY, on_status);
}

/* ---- audit ---- */

void audit_get(struct call *call)
{
    _cleanup_query_ struct query query = {0};

    if (!query_page(call, "audit", AUDIT_PAGE, &query))
        return;
    const char *args[] = {buf_text(&query.key), query.limit};
    read_document(call, "audit", args, ARRAY_SIZE(args), 0, query_answered);
}

/* ---- dead letters ---- */

void dead_letters_get(struct call *call)
{
    _cleanup_query_ struct query query = {0};

    if (!query_page(call, "dead-letters", LIMIT_PAGE, &query))
        return;
    const char *args[] = {buf_text(&query.key), query.limit};
    read_document(call, "dead-letters", args, ARRAY_SIZE(args), READ_AUTHORITY, query_answered);
}

void dead_letters_replay_post(struct call *call)
{
    static const struct body_field fields[] = {{"id", BODY_LINE, 0, UUID_TEXT_SIZE - 1, false, NULL}};
    _cleanup_errors_ struct body_errors errors = {0};
    Meridian__DeadLetterReplay body = MERIDIAN__DEAD_LETTER_REPLAY__INIT;
    Meridian__Principal principal;
    Meridian__Request request;
    const char *id = NULL;
    struct uuid uuid;

    if (body_read(call->body, fields, ARRAY_SIZE(fields), &id, &errors) == 0 && id &&
        uuid_parse(str_from(id), &uuid) < 0)
        body_error(&errors, "/id", "must be the id of a dead letter");
    if (errors.n) {
        call_problem_with(call, E_VALIDATION, NULL, (struct str){0}, &errors);
        return;
    }
    call_request(call, &request, &principal);
    body.delivery_id = (char *)id;
    request.body_case = MERIDIAN__REQUEST__BODY_DEAD_LETTER_REPLAY;
    request.dead_letter_replay = &body;
    bus_call(call->intake->service->routers, &request, attempt_us, 0, call_answered, call);
}
