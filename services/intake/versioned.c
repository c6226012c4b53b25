/* Documents with versions: plans of service levels and organisations. Read from the region's database; a new
 * one is the authority's to judge. */
#include "base/clock.h"
#include "intake/api.h"
#include "intake/query.h"
#include "intake/reads.h"
#include "meridian/errors.h"

static const int64_t attempt_us = 10 * US_PER_S;
enum { VERSION_CHARS = 18 };

static void get(struct call *call, const char *document)
{
    _cleanup_buf_ struct buf version = BUF_INIT;
    int64_t number;

    if (!query_text(call, "version", VERSION_CHARS, &version))
        return;
    if (version.n && str_to_i64(buf_str(&version), 1, INT64_MAX, &number) < 0) {
        call_problem(call, E_BAD_REQUEST, "version must be a whole number from 1");
        return;
    }
    const char *args[] = {buf_text(&version)};
    read_document(call, document, args, ARRAY_SIZE(args), READ_AUTHORITY, read_answered);
}

static void check_members(json_t *body, struct body_errors *errors)
{
    const char *key;
    json_t *value;

    json_object_foreach(body, key, value)
    {
        _cleanup_buf_ struct buf pointer = BUF_INIT;

        if (strcmp(key, "document") == 0 || strcmp(key, "base_version") == 0)
            continue;
        buf_printf(&pointer, "/%s", key);
        body_error(errors, buf_text(&pointer), "is not a field here; allowed: document, base_version");
    }
    if (!json_is_object(json_object_get(body, "document")))
        body_error(errors, "/document", "must be an object");
    if (json_integer_value(json_object_get(body, "base_version")) < 1)
        body_error(errors, "/base_version",
                   "must be a whole number from 1: the version that yours was made from");
}

static void post(struct call *call, Meridian__Request__BodyCase what)
{
    _cleanup_errors_ struct body_errors errors = {0};
    _cleanup_(freep) char *document = NULL;
    Meridian__PlanApply body = MERIDIAN__PLAN_APPLY__INIT;
    Meridian__Principal principal;
    Meridian__Request request;

    check_members(call->body, &errors);
    if (errors.n) {
        call_problem_with(call, E_VALIDATION, NULL, (struct str){0}, &errors);
        return;
    }
    document = json_dumps(json_object_get(call->body, "document"), JSON_COMPACT);
    call_request(call, &request, &principal);
    body.document = document;
    body.base_version = json_integer_value(json_object_get(call->body, "base_version"));
    request.body_case = what;
    if (what == MERIDIAN__REQUEST__BODY_PLAN_APPLY)
        request.plan_apply = &body;
    else
        request.organisation_apply = &body;
    bus_call(call->intake->service->routers, &request, attempt_us, 0, call_answered, call);
}

void sla_plan_get(struct call *call)
{
    get(call, "sla-plan");
}

void sla_plan_post(struct call *call)
{
    post(call, MERIDIAN__REQUEST__BODY_PLAN_APPLY);
}

void organisation_get(struct call *call)
{
    get(call, "organisation");
}

void organisation_post(struct call *call)
{
    post(call, MERIDIAN__REQUEST__BODY_ORGANISATION_APPLY);
}
