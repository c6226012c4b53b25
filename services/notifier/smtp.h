/* Sends mails by SMTP, each on a thread of libuv's pool. Loop thread; callbacks on the loop thread.
 *
 * Why threads, when webhooks share one multi handle on the loop: libcurl 7.88 waits for the answer to a
 * message's final dot in a blocking call, even in the multi interface, so one relay that thinks long would
 * stop everything else in the process.
 */
#pragma once
#include "base/str.h"
#include <curl/curl.h>
#include <uv.h>

struct smtp;

/** How many mails one notifier claims at a time. */
enum { SMTP_AT_ONCE = 16 };

struct smtp *smtp_open(uv_loop_t *loop);
/** Every send under way ends with CURLE_ABORTED_BY_CALLBACK (callbacks run); its thread gives up within a
 * second or so and the memory goes with it. NULL is fine; returns NULL. */
struct smtp *smtp_close(struct smtp *smtp);
/** How many sends can be under way: sets the size of libuv's pool, unless UV_THREADPOOL_SIZE is set. Before
 * anything uses the pool. */
void smtp_set_threads(int n);

/** Copied. */
struct smtp_request {
    const char *url;       /* smtp://relay:port/name-we-greet-with */
    const char *from, *to; /* addresses, checked */
    struct str message;
    int64_t timeout_us; /* from the call to the end, the wait for a thread included */
};
struct smtp_result {
    CURLcode result;
    long code;     /* last reply; 0: none */
    size_t sent;   /* bytes of the message that libcurl took */
    bool complete; /* all of them, and the final dot */
    bool late;     /* nothing was begun: no thread was free in time */
};
typedef void (*smtp_done_fn)(void *ctx, const struct smtp_result *result);
/** `done` is called exactly once, never from inside this call. */
void smtp_send(struct smtp *smtp, const struct smtp_request *request, smtp_done_fn done, void *ctx);
