/* The HTTP side of deskctl: JSON over the public API with libcurl, one client per thread. */
#pragma once
#include "base/buf.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct client {
    char *url;     /* "http://127.0.0.1:8401" */
    char *token;   /* bearer token; NULL before sign-in */
    char *lsn;     /* last Meridian-Lsn seen: read-your-writes token; NULL at first */
    char *ca_file; /* for https with a private CA; NULL for the system's */
    void *curl;    /* CURL easy handle, kept for its connection */
};

struct response {
    long status; /* HTTP status; 0: no answer */
    struct buf body;
    json_t *json; /* the body when it is JSON; NULL otherwise */
    char etag[40];
    int retry_after_s; /* -1: not given */
    int64_t took_us;
    char failure[256]; /* libcurl's text when status is 0 */
    bool untrusted;    /* status is 0 because the server's certificate is not trusted */
};

struct client *client_new(const char *url, const char *token);
struct client *client_free(struct client *client);
void response_fini(struct response *response);
#define _cleanup_response_ _cleanup_(response_fini)

/** Makes one call. `body` (borrowed) may be NULL; `key` is the Idempotency-Key or NULL. Fills *ret_response
 * (zeroed or finished before). True when an answer of any status came. */
bool client_call(struct client *client, const char *method, const char *path, const json_t *body,
                 const char *key, struct response *ret_response);
/** The same, repeated with the same key while the service is unavailable (no answer, 502, 503, 504, 429 and
 * key-in-flight), for at most `patience_s` seconds. */
bool client_call_patient(struct client *client, const char *method, const char *path, const json_t *body,
                         const char *key, int patience_s, struct response *ret_response);
/** Prepares an easy handle for the same call, for use with curl_multi; the answer is complete after
 * client_finish. */
bool client_begin(struct client *client, const char *method, const char *path, const json_t *body,
                  const char *key, struct response *response);
void client_finish(struct client *client, int curl_code, struct response *response);

/** Follows an event stream until `on_event` returns false or the connection ends. Resumes after `last_id`
 * unless that is empty, and leaves there where to resume the next time. Status as in response. */
enum { CLIENT_EVENT_ID_SIZE = 64 };
typedef bool (*client_event_fn)(void *ctx, const char *type, const char *data);
bool client_events(struct client *client, const char *path, char last_id[CLIENT_EVENT_ID_SIZE],
                   client_event_fn on_event, void *ctx, struct response *ret_response);

/** Prints a failed answer to standard error as "deskctl: title: detail", with field errors and who won;
 * returns the exit code for it. */
int client_explain(const struct response *response, const char *url);
