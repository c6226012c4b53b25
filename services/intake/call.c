/* Calls: their start (trace, language, read-your-writes token) and their end (answer, headers, metrics).
 *
 * Nothing is logged per request: metrics count, problems carry the trace id, and whoever handles a failure of
 * ours logs that.
 */
#include "intake/call.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "intake/api.h"
#include "intake/language.h"
#include "intake/problem.h"
#include "intake/reads.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include <stdarg.h>
#include <stdio.h>

static void call_free(void *data)
{
    struct call *call = data;

    if (call->free_own)
        call->free_own(call->own);
    json_decref(call->body);
    free(call);
}

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!memchr("0123456789abcdef", s.p[i], 16))
            return false;
    return true;
}

/* W3C trace context: "00-<32 hex>-<16 hex>-<2 hex>", not all zero. */
static void take_trace(struct call *call)
{
    struct str parent = http_header(call->x, "traceparent"), id;
    _cleanup_buf_ struct buf made = BUF_INIT;
    uint64_t fresh[2];

    if (parent.n >= 55 && parent.p[2] == '-' && parent.p[35] == '-') {
        id = (struct str){parent.p + 3, 32};
        if (is_hex(id) && strspn(id.p, "0") < 32) {
            memcpy(call->trace_id, id.p, id.n);
            return;
        }
    }
    random_bytes(fresh, sizeof fresh);
    buf_add_hex(&made, fresh, sizeof fresh);
    memcpy(call->trace_id, made.p, 32);
}

static void take_request_id(struct call *call)
{
    struct str id = http_header(call->x, "X-Request-Id");

    if (submission_client_key_valid(id) && id.n < sizeof call->request_id)
        memcpy(call->request_id, id.p, id.n);
    else
        memcpy(call->request_id, call->trace_id, sizeof call->trace_id);
}

struct call *call_new(struct intake *intake, struct http_exchange *x)
{
    struct call *call = NEW(struct call);

    call->intake = intake;
    call->x = x;
    call->started_us = http_received_us(x);
    call->language = language_of(http_header(x, "Accept-Language"), "en");
    call->client_key = http_header(x, "Idempotency-Key");
    take_trace(call);
    take_request_id(call);
    http_set_data(x, call, call_free);
    return call;
}

static void count(struct call *call, int status)
{
    static const char *const classes[] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
    const char *route = call->route ? call->route->pattern : "none";

    metric_add(call->intake->requests, route, 1);
    metric_add(call->intake->responses, classes[status >= 100 && status < 600 ? status / 100 : 0], 1);
    metric_observe(call->intake->request_seconds, route,
                   (double)(clock_monotonic_us() - call->started_us) / 1e6);
}

void call_json(struct call *call, int status, struct str json)
{
    count(call, status);
    http_add_header(call->x, "X-Request-Id", call->request_id);
    http_respond(call->x, status, "application/json", json);
}

void call_problem_with(struct call *call, int code, const char *detail, struct str members,
                       const struct body_errors *errors)
{
    const struct error_info *info = error_info(code);
    bool zh = strcmp(call->language, "zh") == 0;
    _cleanup_buf_ struct buf body = BUF_INIT, faults = BUF_INIT;
    int after_s = problem_retry_after_s(code);
    char text[16];

    if (errors)
        body_errors_add(&faults, errors);
    problem_add(&body, &(struct problem){.code = code,
                                         .language = call->language,
                                         .detail = detail,
                                         .instance = http_path(call->x),
                                         .trace_id = call->trace_id,
                                         .errors = buf_str(&faults),
                                         .members = members});
    if (info->http_status == 401)
        http_add_header(call->x, "WWW-Authenticate", "Bearer realm=\"meridian\"");
    if (after_s) {
        snprintf(text, sizeof text, "%d", after_s);
        http_add_header(call->x, "Retry-After", text);
    }
    http_add_header(call->x, "X-Request-Id", call->request_id);
    /* Titles are in both languages, what is said beyond them in English. */
    http_add_header(call->x, "Content-Language",
                    zh && ((detail && detail[0]) || faults.n) ? "zh, en" : call->language);
    count(call, info->http_status);
    http_respond(call->x, info->http_status, PROBLEM_TYPE, buf_str(&body));
}

void call_problem(struct call *call, int code, const char *format, ...)
{
    char detail[512];
    va_list args;

    if (format) {
        va_start(args, format);
        vsnprintf(detail, sizeof detail, format, args);
        va_end(args);
    }
    call_problem_with(call, code, format ? detail : NULL, (struct str){0}, NULL);
}

bool call_failed(struct call *call, int status, const Meridian__Reply *reply)
{
    if (status >= 0 && reply->status == 0)
        return false;
    if (status < 0) {
        call_problem(call, status, status == -E_UNAVAILABLE ? "the authority cannot be reached" : NULL);
        return true;
    }
    if (error_info((int)reply->status)->http_status == 500)
        log_warn("the authority failed", L_ERROR((int)reply->status), L_TEXT("trace_id", call->trace_id),
                 L_TEXT("detail", reply->detail));
    call_problem_with(call, (int)reply->status, reply->detail,
                      reply->has_json ? (struct str){(const char *)reply->json.data, reply->json.len}
                                      : (struct str){0},
                      NULL);
    return true;
}

void call_answered(void *ctx, int status, const Meridian__Reply *reply)
{
    struct call *call = ctx;

    if (call_failed(call, status, reply))
        return;
    call_wrote(call, reply->has_lsn ? reply->lsn : 0);
    call_json(call, 200,
              reply->has_json ? (struct str){(const char *)reply->json.data, reply->json.len} : STR("{}"));
}

char *call_client_key(const struct call *call, char storage[LIMIT_KEY_CHARS + 1])
{
    if (!call->client_key.p)
        return NULL;
    snprintf(storage, LIMIT_KEY_CHARS + 1, "%.*s", (int)call->client_key.n, call->client_key.p);
    return storage;
}

void call_principal(struct call *call, Meridian__Principal *principal)
{
    store_session_principal(&call->session, principal);
}

void call_request(struct call *call, Meridian__Request *request, Meridian__Principal *principal)
{
    const struct service_conf *conf = &call->intake->service->conf;

    meridian__request__init(request);
    request->trace_id = call->trace_id;
    request->region = (char *)conf->region;
    request->instance = (char *)conf->instance;
    if (call->signed_in) {
        call_principal(call, principal);
        request->principal = principal;
    }
}

void call_wrote(struct call *call, uint64_t lsn)
{
    char text[LSN_TEXT_SIZE];

    if (!lsn)
        return;
    http_add_header(call->x, "Meridian-Lsn", lsn_format(lsn, text));
    if (call->signed_in)
        reads_note(call->intake->reads, call->session.user_id, lsn);
}
