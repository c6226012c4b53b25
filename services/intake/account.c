/* Signing in and out, and who one is. */
#include "base/clock.h"
#include "base/memory.h"
#include "intake/api.h"
#include "intake/limits.h"
#include "intake/reads.h"
#include "intake/sessions.h"
#include "meridian/errors.h"
#include <stdio.h>

enum { LOGIN_CHARS = 64, PASSWORD_BYTES = 1024 };
static const int64_t attempt_us = 10 * US_PER_S;

struct credentials {
    const char *user, *password;
};

/* ---- POST /sessions ---- */

static void set_cookie(struct call *call, const char *token, int64_t seconds)
{
    _cleanup_(freep) char *cookie =
        mem_printf("__Host-meridian=%s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=%lld", token,
                   (long long)seconds);

    if (http_secure(call->x)) /* a browser takes __Host- cookies over TLS only */
        http_add_header(call->x, "Set-Cookie", cookie);
}

static void answer_session(struct call *call, const Meridian__SessionInfo *info,
                           const struct store_session *session)
{
    _cleanup_buf_ struct buf json = BUF_INIT;
    char expires[CLOCK_TEXT_SIZE];
    static const char *const roles[] = {"", "requester", "agent", "lead", "admin"};

    buf_add_text(&json, "{\"token\":");
    buf_json_text(&json, info->token);
    buf_printf(&json, ",\"expires_at\":\"%s\",\"csrf\":", clock_format(info->expires_us, expires));
    buf_json_text(&json, info->csrf);
    buf_add_text(&json, ",\"user\":{\"login\":");
    buf_json_text(&json, session->login);
    buf_add_text(&json, ",\"name\":");
    buf_json_text(&json, session->name);
    buf_printf(&json,
               ",\"role\":\"%s\",\"region\":", session->role < ARRAY_SIZE(roles) ? roles[session->role] : "");
    buf_json_text(&json, session->region);
    buf_add_text(&json, ",\"language\":");
    buf_json_text(&json, session->language);
    buf_add_text(&json, "}}");
    set_cookie(call, info->token, (info->expires_us - clock_now_us()) / US_PER_S);
    call_json(call, 201, buf_str(&json));
}

static void on_opened(void *ctx, int status, const Meridian__Reply *reply)
{
    struct call *call = ctx;
    struct store_session session;
    uint8_t hash[AUTH_HASH_SIZE];

    call->intake->sign_ins--;
    if (status >= 0 && reply->status == E_BAD_CREDENTIALS)
        limit_count_wrong_password(call, json_string_value(json_object_get(call->body, "user")));
    if (status == -E_TIMEOUT)
        status = -E_UNAVAILABLE; /* a session nobody was told of harms nobody: sign in again */
    if (call_failed(call, status, reply))
        return;
    if (!reply->session || !reply->session->token || sessions_read(reply->session, &session) < 0) {
        call_problem(call, E_PEER, NULL);
        return;
    }
    auth_token_hash(str_from(reply->session->token), hash);
    sessions_remember(call->intake->sessions, hash, &session);
    answer_session(call, reply->session, &session);
}

void session_post(struct call *call)
{
    static const struct body_field fields[] = {
        {"user", BODY_LINE, offsetof(struct credentials, user), LOGIN_CHARS, true, NULL},
        {"password", BODY_TEXT, offsetof(struct credentials, password), PASSWORD_BYTES, true, NULL},
    };
    _cleanup_errors_ struct body_errors errors = {0};
    struct credentials credentials = {0};
    Meridian__SessionOpen body = MERIDIAN__SESSION_OPEN__INIT;
    Meridian__Request request;

    if (body_read(call->body, fields, ARRAY_SIZE(fields), &credentials, &errors) < 0) {
        call_problem_with(call, E_VALIDATION, NULL, (struct str){0}, &errors);
        return;
    }
    if (!limit_sign_in(call, credentials.user))
        return;
    call_request(call, &request, NULL);
    body.login = (char *)credentials.user;
    body.password = (char *)credentials.password;
    body.peer = (char *)http_peer(call->x);
    request.body_case = MERIDIAN__REQUEST__BODY_SESSION_OPEN;
    request.session_open = &body;
    request.has_timeout_ms = true;
    request.timeout_ms = (uint32_t)(attempt_us / US_PER_MS);
    call->intake->sign_ins++;
    bus_call(call->intake->service->routers, &request, attempt_us, 0, on_opened, call);
}

/* ---- DELETE /sessions/current ---- */

static void on_closed(void *ctx, int status, const Meridian__Reply *reply)
{
    struct call *call = ctx;

    if (call_failed(call, status, reply))
        return;
    sessions_forget(call->intake->sessions, call->token_hash);
    (void)sessions_present(call->intake->sessions, call->token_hash); /* look now: its streams end soon */
    set_cookie(call, "", 0);
    call_json(call, 204, (struct str){0});
}

void session_delete(struct call *call)
{
    Meridian__SessionClose body = MERIDIAN__SESSION_CLOSE__INIT;
    Meridian__Principal principal;
    Meridian__Request request;

    call_request(call, &request, &principal);
    body.token_hash = (ProtobufCBinaryData){sizeof call->token_hash, call->token_hash};
    request.body_case = MERIDIAN__REQUEST__BODY_SESSION_CLOSE;
    request.session_close = &body;
    bus_call(call->intake->service->routers, &request, attempt_us, attempt_us, on_closed, call);
}

/* ---- GET /me, GET /teams ---- */

void me_get(struct call *call)
{
    read_document(call, "me", NULL, 0, READ_ASK_TWICE | READ_PLAIN, read_answered);
}

void teams_get(struct call *call)
{
    read_document(call, "teams", NULL, 0, 0, read_answered);
}
