/* libcurl made small. Each client keeps one easy handle, so that a sequence of calls uses one connection.
 * Nothing here exits or prints but client_explain. */
#include "deskctl/client.h"
#include "base/clock.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include <curl/curl.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

struct client *client_new(const char *url, const char *token)
{
    struct client *client = NEW(struct client);

    client->url = mem_str(url);
    while (client->url[0] && client->url[strlen(client->url) - 1] == '/')
        client->url[strlen(client->url) - 1] = 0;
    client->token = mem_str(token);
    client->curl = curl_easy_init();
    if (!client->curl)
        abort();
    return client;
}

struct client *client_free(struct client *client)
{
    if (!client)
        return NULL;
    curl_easy_cleanup(client->curl);
    free(client->url);
    free(client->token);
    free(client->lsn);
    free(client->ca_file);
    free(client);
    return NULL;
}

void response_fini(struct response *response)
{
    buf_fini(&response->body);
    json_decref(response->json);
    *response = (struct response){0};
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct response *response = ctx;

    if (response->body.n + size * n > 64u << 20)
        return 0;
    buf_add(&response->body, bytes, size * n);
    return size * n;
}

struct header_sink {
    struct client *client;
    struct response *response;
};

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
    struct header_sink *sink = ctx;
    struct str name, value;

    str_cut((struct str){bytes, size * n}, ':', &name, &value);
    while (value.n && (value.p[value.n - 1] == '\r' || value.p[value.n - 1] == '\n'))
        value.n--;
    value = str_trim(value);
    if (str_eq_nocase(name, STR("Meridian-Lsn"))) {
        free(sink->client->lsn);
        sink->client->lsn = mem_strn(value.p, value.n);
    } else if (str_eq_nocase(name, STR("ETag"))) {
        snprintf(sink->response->etag, sizeof sink->response->etag, "%.*s", (int)value.n, value.p);
    } else if (str_eq_nocase(name, STR("Retry-After"))) {
        int64_t seconds;
        if (str_to_i64(value, 0, 86400, &seconds) == 0)
            sink->response->retry_after_s = (int)seconds;
    }
    return size * n;
}

/* What lives from client_begin to client_finish. */
struct call {
    struct curl_slist *headers;
    char *url, *body;
    struct header_sink sink;
    int64_t started_us;
};

bool client_begin(struct client *client, const char *method, const char *path, const json_t *body,
                  const char *key, struct response *response)
{
    CURL *curl = client->curl;
    struct call *call = NEW(struct call);
    _cleanup_buf_ struct buf line = BUF_INIT;

    response_fini(response);
    response->retry_after_s = -1;
    curl_easy_reset(curl);
    call->sink = (struct header_sink){client, response};
    call->url = mem_printf("%s%s", client->url, path);
    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, response);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &call->sink);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, call);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    if (client->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
    call->headers = curl_slist_append(call->headers, "Accept: application/json, application/problem+json");
    call->headers =
        curl_slist_append(call->headers, cli_chinese ? "Accept-Language: zh" : "Accept-Language: en");
    call->headers = curl_slist_append(call->headers, "Expect:");
    if (client->token) {
        buf_printf(&line, "Authorization: Bearer %s", client->token);
        call->headers = curl_slist_append(call->headers, buf_text(&line));
        buf_reset(&line);
    }
    if (client->lsn) {
        buf_printf(&line, "Meridian-Lsn: %s", client->lsn);
        call->headers = curl_slist_append(call->headers, buf_text(&line));
        buf_reset(&line);
    }
    if (key) {
        buf_printf(&line, "Idempotency-Key: %s", key);
        call->headers = curl_slist_append(call->headers, buf_text(&line));
        buf_reset(&line);
    }
    if (body) {
        call->body = json_dumps(body, JSON_COMPACT);
        call->headers = curl_slist_append(call->headers, "Content-Type: application/json");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, call->headers);
    call->started_us = clock_monotonic_us();
    return true;
}

void client_finish(struct client *client, int curl_code, struct response *response)
{
    struct call *call = NULL;

    curl_easy_getinfo(client->curl, CURLINFO_PRIVATE, &call);
    response->took_us = clock_monotonic_us() - call->started_us;
    if (curl_code == CURLE_OK) {
        curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &response->status);
        response->json = json_loadb(buf_text(&response->body), response->body.n, JSON_DECODE_ANY, NULL);
    } else {
        snprintf(response->failure, sizeof response->failure, "%s", curl_easy_strerror((CURLcode)curl_code));
        response->untrusted = curl_code == CURLE_PEER_FAILED_VERIFICATION;
        response->status = 0;
    }
    curl_slist_free_all(call->headers);
    free(call->url);
    free(call->body);
    free(call);
    curl_easy_reset(client->curl);
}

bool client_call(struct client *client, const char *method, const char *path, const json_t *body,
                 const char *key, struct response *ret_response)
{
    client_begin(client, method, path, body, key, ret_response);
    client_finish(client, (int)curl_easy_perform(client->curl), ret_response);
    return ret_response->status != 0;
}

bool client_call_patient(struct client *client, const char *method, const char *path, const json_t *body,
                         const char *key, int patience_s, struct response *ret_response)
{
    int64_t until = clock_monotonic_us() + patience_s * US_PER_S, wait_us = 50 * US_PER_MS,
            first = clock_monotonic_us();

    for (;;) {
        bool later;
        client_call(client, method, path, body, key, ret_response);
        later = ret_response->status == 0 || ret_response->status == 429 ||
                (ret_response->status >= 502 && ret_response->status <= 504);
        if (ret_response->status == 409 && ret_response->json) {
            const char *code = json_string_value(json_object_get(ret_response->json, "code"));
            later = code && strcmp(code, "key-in-flight") == 0;
        }
        if (!later || clock_monotonic_us() + wait_us > until)
            break;
        usleep((useconds_t)wait_us);
        if (wait_us < US_PER_S)
            wait_us *= 2;
    }
    ret_response->took_us = clock_monotonic_us() - first;
    return ret_response->status != 0;
}

/* ---- event streams ---- */

struct follower {
    struct client *client;
    struct response *response;
    client_event_fn on_event;
    void *ctx;
    struct buf line, data;
    char id[CLIENT_EVENT_ID_SIZE], type[80];
    char *last_id; /* the caller's: `id` as of the last complete event, one without data too */
    bool stopped;
};

/* One line of a text/event-stream (HTML standard, section 9.2.6). */
static bool follow_line(struct follower *follower, struct str line)
{
    struct str field, value;
    bool go_on = true;

    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    if (!line.n) {
        memcpy(follower->last_id, follower->id, sizeof follower->id);
        if (follower->data.n || follower->type[0])
            go_on = follower->on_event(follower->ctx, follower->type[0] ? follower->type : "message",
                                       buf_text(&follower->data));
        buf_reset(&follower->data);
        follower->type[0] = 0;
        return go_on;
    }
    str_cut(line, ':', &field, &value);
    if (value.n && value.p[0] == ' ')
        value = (struct str){value.p + 1, value.n - 1};
    if (str_eq(field, STR("data"))) {
        if (follower->data.n)
            buf_add_char(&follower->data, '\n');
        buf_add_str(&follower->data, value);
    } else if (str_eq(field, STR("id"))) {
        snprintf(follower->id, sizeof follower->id, "%.*s", (int)value.n, value.p);
    } else if (str_eq(field, STR("event"))) {
        snprintf(follower->type, sizeof follower->type, "%.*s", (int)value.n, value.p);
    }
    return true;
}

static size_t on_stream(char *bytes, size_t size, size_t n, void *ctx)
{
    struct follower *follower = ctx;
    long status = 0;

    curl_easy_getinfo(follower->client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return on_body(bytes, size, n, follower->response);
    for (size_t i = 0; i < size * n; i++) {
        if (bytes[i] != '\n') {
            buf_add_char(&follower->line, bytes[i]);
            continue;
        }
        if (!follow_line(follower, buf_str(&follower->line))) {
            follower->stopped = true;
            return 0;
        }
        buf_reset(&follower->line);
    }
    return size * n;
}

bool client_events(struct client *client, const char *path, char last_id[CLIENT_EVENT_ID_SIZE],
                   client_event_fn on_event, void *ctx, struct response *ret_response)
{
    struct follower follower = {
        .client = client, .response = ret_response, .on_event = on_event, .ctx = ctx, .last_id = last_id};
    struct curl_slist *extra = NULL;
    struct call *call;
    CURLcode code;

    client_begin(client, "GET", path, NULL, NULL, ret_response);
    curl_easy_getinfo(client->curl, CURLINFO_PRIVATE, &call);
    memcpy(follower.id, last_id, sizeof follower.id);
    if (last_id[0]) {
        char line[96];
        snprintf(line, sizeof line, "Last-Event-ID: %s", last_id);
        extra = curl_slist_append(call->headers, line);
        curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, extra);
    }
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, 0L);
    curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_stream);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &follower);
    code = curl_easy_perform(client->curl);
    client_finish(client, (int)(follower.stopped ? CURLE_OK : code), ret_response);
    buf_fini(&follower.line);
    buf_fini(&follower.data);
    return ret_response->status != 0;
}

/* ---- failures ---- */

static int exit_code_of(long status)
{
    switch (status) {
    case 401:
    case 403:
        return EXIT_AUTH;
    case 404:
        return EXIT_NOT_FOUND;
    case 409:
    case 412:
        return EXIT_CONFLICT;
    case 0:
    case 429:
    case 502:
    case 503:
    case 504:
        return EXIT_UNAVAILABLE;
    default:
        return EXIT_ERROR;
    }
}

int client_explain(const struct response *response, const char *url)
{
    const json_t *json = response->json, *error;
    const char *title, *detail, *winner, *code;
    size_t i;

    if (response->untrusted)
        return cli_fail(EXIT_UNAVAILABLE,
                        T("the certificate of %s is not trusted; name its authority with --ca FILE (of a "
                          "local cluster: var/pki/ca.crt)",
                          "%s 的证书不受信任；请用 --ca FILE 指定其签发机构（本地集群：var/pki/ca.crt）"),
                        url);
    if (!response->status)
        return cli_fail(EXIT_UNAVAILABLE,
                        T("no answer from %s: %s. Is the cluster up? (deploy/local/status)",
                          "%s 无应答：%s。集群是否已启动？(deploy/local/status)"),
                        url, response->failure);
    title = json_string_value(json_object_get(json, "title"));
    detail = json_string_value(json_object_get(json, "detail"));
    if (!title)
        return cli_fail(exit_code_of(response->status), T("%s answered with status %ld", "%s 返回状态 %ld"),
                        url, response->status);
    if (json_array_size(json_object_get(json, "errors")))
        detail = NULL; /* the lines below say it */
    fprintf(stderr, "deskctl: %s%s%s\n", title, detail ? ": " : "", detail ? detail : "");
    json_array_foreach(json_object_get(json, "errors"), i, error)
    {
        const char *pointer = json_string_value(json_object_get(error, "pointer")),
                   *text = json_string_value(json_object_get(error, "detail"));
        fprintf(stderr, "  %s: %s\n", pointer ? pointer : "", text ? text : "");
    }
    winner = json_string_value(json_object_get(json, "winner"));
    if (winner) {
        const char *region = json_string_value(json_object_get(json, "region")),
                   *at = json_string_value(json_object_get(json, "at"));
        fprintf(stderr, T("  claimed by %s (%s) at %s\n", "  领取人 %s（%s），时间 %s\n"), winner,
                region ? region : "?", at ? at : "?");
    }
    code = json_string_value(json_object_get(json, "code"));
    if (response->status == 401 && (!code || strcmp(code, "bad-credentials") != 0))
        fputs(T("  sign in with: deskctl login USER\n", "  请登录：deskctl login 用户名\n"), stderr);
    if (response->retry_after_s > 0)
        fprintf(stderr, T("  try again in %d s\n", "  请在 %d 秒后重试\n"), response->retry_after_s);
    return exit_code_of(response->status);
}
