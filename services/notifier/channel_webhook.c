/* Webhooks: a CloudEvents body, signed by Standard Webhooks, to an endpoint that somebody registered.
 *
 * The body was made with the event and never changes, so every attempt sends the same bytes under the same
 * webhook-id; only the timestamp and so the signature are new. Two secrets, separated by a blank, give two
 * signatures: that is how a secret is rotated. The payload here is
 * {"secret", "body"}; the secret comes from the endpoint's row at each attempt and is stored nowhere else.
 *
 * An endpoint's URL is not to be trusted: only http and https, no redirects, no proxy, and the address guard
 * is asked about the very address each socket is about to connect to. The answer's body is read and thrown
 * away, and not much of it.
 */
#include "auth/auth.h"
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "notifier/channel.h"
#include <stdio.h>

#define MINUTE_US (60 * US_PER_S)
#define HOUR_US   (60 * MINUTE_US)
enum { ANSWER_BYTES = 64 * 1024 };

static const int64_t schedule[] = {5 * US_PER_S, 5 * MINUTE_US, 30 * MINUTE_US, 2 * HOUR_US, 5 * HOUR_US,
                                   10 * HOUR_US, 14 * HOUR_US,  20 * HOUR_US,   24 * HOUR_US};
static const struct retry_policy retry = {.attempts = ARRAY_SIZE(schedule) + 1, .schedule_us = schedule};

static void check_config(const struct notifier_conf *conf, struct buf *ret_problems)
{
    _cleanup_buf_ struct buf problem = BUF_INIT;
    struct address_guard *guard = NULL;

    if (address_guard_new(conf->webhook_allow, &guard, &problem) < 0)
        buf_printf(ret_problems, "webhook_allow: %s\n", buf_text(&problem));
    address_guard_free(guard);
}

/* "v1,<mac> v1,<mac>", one for each secret. */
static int add_signatures(const char *secrets, const char *id, int64_t timestamp_s, struct str body,
                          struct buf *out)
{
    struct str rest = str_from(secrets), secret;

    while (rest.n) {
        _cleanup_(freep) char *text = NULL;

        str_cut(rest, ' ', &secret, &rest);
        if (!secret.n)
            continue;
        text = mem_strn(secret.p, secret.n);
        if (buf_str(out).n)
            buf_add_char(out, ' ');
        if (auth_webhook_sign(text, id, timestamp_s, body, out) < 0)
            return -E_BAD_REQUEST;
    }
    return buf_str(out).n ? 0 : -E_BAD_REQUEST;
}

/* The message is the payload itself: signing has to wait for the attempt's time. This only checks that it can
 * be signed and sent. */
static int render(const struct channel_env *env, const struct delivery *delivery, struct buf *ret_message,
                  struct buf *ret_why)
{
    json_t *payload = json_loadb(delivery->payload.p, delivery->payload.n, 0, NULL);
    const char *secret = json_string_value(json_object_get(payload, "secret"));
    bool has_body = json_is_string(json_object_get(payload, "body"));
    _cleanup_buf_ struct buf trial = BUF_INIT;
    struct str url = str_from(delivery->destination);
    int r = secret ? add_signatures(secret, delivery->id, 0, STR(""), &trial) : -E_VALIDATION;

    (void)env;
    json_decref(payload);
    if (r < 0 || !has_body) {
        buf_add_text(ret_why, has_body ? "the endpoint's secret is not valid" : "the payload has no body");
        return -E_VALIDATION;
    }
    if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://"))) {
        buf_add_text(ret_why, "the URL is neither http nor https");
        return -E_VALIDATION;
    }
    buf_add_str(ret_message, delivery->payload);
    return 0;
}

/* ---- sending ---- */

struct sending {
    json_t *payload;
    struct curl_slist *headers;
    const struct address_guard *guard;
    size_t answered; /* bytes of the answer's body */
    bool refused;    /* the guard refused an address */
    attempt_fn done;
    void *ctx;
};

static curl_socket_t on_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct sending *sending = ctx;

    (void)purpose;
    if (!address_guard_allows(sending->guard, &address->addr)) {
        sending->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct sending *sending = ctx;

    (void)bytes;
    sending->answered += size * n;
    return sending->answered <= ANSWER_BYTES ? size * n
                                             : 0; /* too much: curl ends the transfer; the status counts */
}

static enum delivery_outcome judge_status(long status)
{
    if (status >= 200 && status <= 299)
        return OUTCOME_DELIVERED;
    if (status == 410)
        return OUTCOME_GONE;
    if (status >= 400 && status <= 499 && status != 408 && status != 425 && status != 429)
        return OUTCOME_PERMANENT;
    return OUTCOME_TEMPORARY; /* 3xx too: we do not follow, and the endpoint may come back */
}

static void judge_failure(const struct sending *sending, CURL *easy, CURLcode result, struct attempt *attempt)
{
    long request_bytes = 0;

    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    if (sending->refused && result == CURLE_COULDNT_CONNECT) {
        attempt->outcome = OUTCOME_PERMANENT;
        snprintf(attempt->detail, sizeof attempt->detail,
                 "the address is private or reserved (MERIDIAN_WEBHOOK_ALLOW)");
        return;
    }
    if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL)
        attempt->outcome = OUTCOME_PERMANENT;
    else
        attempt->outcome = request_bytes ? OUTCOME_UNCERTAIN : OUTCOME_TEMPORARY;
    snprintf(attempt->detail, sizeof attempt->detail, "http: %s", curl_easy_strerror(result));
}

static void on_sent(void *ctx, CURL *easy, CURLcode result)
{
    struct sending *sending = ctx;
    struct attempt attempt = {0};
    curl_off_t retry_after = 0;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200) {
        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
        attempt.outcome = judge_status(status);
        attempt.retry_after_s = attempt.outcome == OUTCOME_TEMPORARY ? (int64_t)retry_after : 0;
        attempt.said_no = attempt.outcome == OUTCOME_PERMANENT;
        snprintf(attempt.detail, sizeof attempt.detail, "http %ld", status);
    } else {
        judge_failure(sending, easy, result, &attempt);
    }
    sending->done(sending->ctx, &attempt);
    curl_slist_free_all(sending->headers);
    json_decref(sending->payload);
    free(sending);
}

static void add_header(struct sending *sending, const char *name, const char *value)
{
    _cleanup_buf_ struct buf line = BUF_INIT;

    buf_printf(&line, "%s: %s", name, value);
    sending->headers = curl_slist_append(sending->headers, buf_text(&line));
}

static void add_headers(struct sending *sending, const char *id, struct str body)
{
    _cleanup_buf_ struct buf signature = BUF_INIT;
    int64_t now_s = clock_now_us() / US_PER_S;
    char timestamp[24];

    if (add_signatures(json_string_value(json_object_get(sending->payload, "secret")), id, now_s, body,
                       &signature) < 0)
        abort(); /* render signed with it */
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)now_s);
    add_header(sending, "Content-Type", "application/cloudevents+json; charset=utf-8");
    add_header(sending, "webhook-id", id);
    add_header(sending, "webhook-timestamp", timestamp);
    add_header(sending, "webhook-signature", buf_text(&signature));
    sending->headers = curl_slist_append(sending->headers, "Expect:");
}

static void deliver(const struct channel_env *env, const struct delivery *delivery, struct str message,
                    attempt_fn done, void *ctx)
{
    struct sending *sending = NEW(struct sending);
    CURL *easy = transport_easy(env->conf->webhook_timeout_us);
    const json_t *body;

    sending->done = done;
    sending->ctx = ctx;
    sending->guard = env->guard;
    sending->payload = json_loadb(message.p, message.n, 0, NULL);
    body = json_object_get(sending->payload, "body");
    add_headers(sending, delivery->id, (struct str){json_string_value(body), json_string_length(body)});
    curl_easy_setopt(easy, CURLOPT_URL, delivery->destination);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "Meridian/" MERIDIAN_VERSION);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)json_string_length(body));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, json_string_value(body)); /* borrowed from sending->payload */
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, sending->headers);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sending);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, sending);
    transport_start(env->transport, easy, on_sent, sending);
}

const struct channel channel_webhook = {
    .name = "webhook",
    .retry = &retry,
    .check_config = check_config,
    .render = render,
    .deliver = deliver,
};
