/* One API request, from its arrival to its answer. Made by the dispatcher, passed through handlers, freed by
 * the HTTP server when the exchange ends. After call_json, call_problem and the like the call must not be
 * touched. Loop thread. */
#pragma once
#include "intake/body.h"
#include "intake/intake.h"
#include "meridian/limits.h"
#include "store/session.h"
#include "wire/wire.h"

struct route;

struct call {
    struct list node; /* while it waits for a session to be looked up */
    struct intake *intake;
    struct http_exchange *x;
    const struct route *route; /* NULL: no such path */
    void (*next)(struct call *call);
    struct store_session session; /* who asks; valid when signed_in */
    uint8_t token_hash[AUTH_HASH_SIZE];
    bool signed_in, by_cookie;
    char number[SPOOL_NUMBER_SIZE]; /* {number} of the path, in capitals */
    uint32_t seq;                   /* {seq} of the path; 0: it has none */
    char name[65];                  /* {name} of the path: of a team, or a login */
    char trace_id[33];
    char request_id[129];
    const char *language;  /* "en" or "zh" */
    json_t *body;          /* NULL when the route takes none */
    struct str client_key; /* Idempotency-Key; p NULL when absent */
    const char *list;      /* of which it asks a page; static text, set by query_page */
    uint64_t seen_lsn;     /* Meridian-Lsn of the request; 0: none */
    int64_t started_us;
    void *own; /* the handler's; freed by free_own */
    void (*free_own)(void *own);
};

struct call *call_new(struct intake *intake, struct http_exchange *x);

/** Answers with JSON. Status 204 has no body. */
void call_json(struct call *call, int status, struct str json);
/** Answers with a problem; `format` NULL leaves the detail out. */
void call_problem(struct call *call, int code, const char *format, ...) _printf_(3, 4);
/** As call_problem, with further members (a JSON object; may be empty) and field errors. */
void call_problem_with(struct call *call, int code, const char *detail, struct str members,
                       const struct body_errors *errors);
/** Answers a request to the authority that failed: `status` is the bus's, or the reply tells. True when it
 * did; false when it succeeded. */
bool call_failed(struct call *call, int status, const Meridian__Reply *reply);
/** A bus_reply_fn for a write whose answer is the client's: the reply's JSON with 200, or why it failed. */
void call_answered(void *call, int status, const Meridian__Reply *reply);

/** The Idempotency-Key as a text in `storage`; NULL: the client gave none. */
char *call_client_key(const struct call *call, char storage[LIMIT_KEY_CHARS + 1]);
/** Starts a request to the authority: id, trace, region, and who asks. `principal` must live until the
 * request is packed. */
void call_request(struct call *call, Meridian__Request *request, Meridian__Principal *principal);
void call_principal(struct call *call, Meridian__Principal *principal);
/** Tells the client the position of what it wrote, and remembers it for this user's next reads. 0 does
 * nothing. */
void call_wrote(struct call *call, uint64_t lsn);
