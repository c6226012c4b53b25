/* libcurl's multi interface on the loop: what a service sends through that speaks a protocol of libcurl's.
 * Loop thread. */
#pragma once
#include "base/cleanup.h"
#include <curl/curl.h>
#include <uv.h>

struct transport;

int transport_open(uv_loop_t *loop, struct transport **ret_transport) _must_check_;
/** Ends every transfer with CURLE_ABORTED_BY_CALLBACK (callbacks run) and closes the connections. NULL is
 * fine; returns NULL. Memory goes with the next turns of the loop. */
struct transport *transport_close(struct transport *transport);

/** `easy` is still valid during the call, for curl_easy_getinfo, and is cleaned up after it. */
typedef void (*transport_done_fn)(void *ctx, CURL *easy, CURLcode result);
/** Starts a transfer; the handle is taken. `done` is called exactly once, never from inside this call.
 * CURLOPT_PRIVATE is the transport's. */
void transport_start(struct transport *transport, CURL *take_easy, transport_done_fn done, void *ctx);
/** What all sends share: no signals, no proxy, no redirects, no .netrc, a limit on the whole and on
 * connecting. */
void transport_set_defaults(CURL *easy, int64_t timeout_us);
/** A new easy handle with them. */
CURL *transport_easy(int64_t timeout_us);
