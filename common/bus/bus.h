/* The bus: requests with answers, and hints that may be lost, between the services of all regions. Hides
 * NNG 1.5.2 and its traps.
 *
 * All functions and callbacks run on the loop thread; NNG's own threads only append to a bounded list and
 * wake the loop. Transport is tls+tcp with TLS 1.3 and mutual certificates whose URI SAN is
 * spiffe://meridian/<region>/<service>/<instance>; `inproc://` and `tcp://` (tests) go without. A request may
 * run several times (retries, reconnects): whoever serves it answers the same id the same way.
 */
#pragma once
#include "base/buf.h"
#include "wire/wire.h"
#include <uv.h>

struct bus;

struct bus_options {
    uv_loop_t *loop;
    const char *ca_file, *cert_file, *key_file; /* PEM; NULL only where no URL is tls+tcp */
};
/** 0, or -E_CONFIG when the certificate files are named but not usable together. Starts NNG's threads. */
int bus_open(const struct bus_options *options, struct bus **ret_bus) _must_check_;
/** Closes all sockets of this bus; pending calls end with -E_UNAVAILABLE before it returns, requests in hand
 * may still be answered (into the void). NULL is fine. Not from inside one of its callbacks. The loop must
 * run once more to release the handles. */
struct bus *bus_close(struct bus *bus);

/** Reads the certificate files now; connections made from now on use them. 0, or -E_CONFIG when they are not
 * usable (the old ones stay in use). Changed files are noticed by themselves at the next connection, so this
 * is for checking and reporting. */
int bus_reload_tls(struct bus *bus) _must_check_;

/* Which services may speak on a listener, or must answer on a dialled URL: a NULL-terminated list of service
 * names, e.g. {"intake", "router", NULL}. Checked in the TLS verify callback against the peer's URI SAN. */
typedef const char *const *bus_peers;

/* ---- serving requests ---- */
struct bus_request;
typedef void (*bus_handler)(void *ctx, struct bus_request *request);
/** Listens (REP, `parallel` contexts, RECVMAXSZ LIMIT_BUS_MESSAGE_BYTES). The handler must answer every
 * request once, now or later. */
int bus_serve(struct bus *bus, const char *url, bus_peers allowed, int parallel, bus_handler handler,
              void *ctx) _must_check_;
const Meridian__Request *bus_request_message(const struct bus_request *request); /* borrowed until answered */
/** Answers and frees the request. The reply is packed before return. `reply->id` is set to the request's. */
void bus_answer(struct bus_request *request, Meridian__Reply *reply);
/** Stops re-arming receivers: no further request is delivered; those in hand may still be answered. */
void bus_serve_stop(struct bus *bus);
int bus_serving(const struct bus *bus); /* requests received and not answered */

/* ---- making requests ---- */
struct bus_client;
/** Dials a list of URLs that are alternatives for one service, in groups by preference: the first group with
 * a live connection is used, so a caller goes to its own region's routers while there is one. Connections are
 * made in the background and kept. At most 256 calls are outstanding; more wait in a bounded queue (4096). */
struct bus_group {
    const char *const *urls; /* NULL-terminated */
};
int bus_dial(struct bus *bus, const struct bus_group *groups, size_t ngroups, bus_peers expected,
             struct bus_client **ret_client) _must_check_;
bool bus_connected(const struct bus_client *client);
/** Status 0 and the reply (borrowed during the call), or NULL and -E_TIMEOUT (at least one attempt left: it
 * may have happened), -E_UNAVAILABLE (nothing left, or the queue is full, or the bus is closing), -E_PEER
 * (the answer is none), -E_TOO_LARGE (the request is over LIMIT_BUS_MESSAGE_BYTES). */
typedef void (*bus_reply_fn)(void *ctx, int status, const Meridian__Reply *reply);
/** Sends a request (packed before return and left as it was; without `id` it travels with a fresh UUID). One
 * attempt lasts at most `attempt_us`; the same bytes are sent again, to another group if the first has no
 * connection, until `total_us` is over. It carries the highest cluster epoch that any answer to this process
 * told. Without any connection it fails at once with -E_UNAVAILABLE when
 * `total_us` is 0, else waits. `done` is never called from inside bus_call. */
void bus_call(struct bus_client *client, Meridian__Request *request, int64_t attempt_us, int64_t total_us,
              bus_reply_fn done, void *ctx);

/* ---- hints ---- */
int bus_publish_listen(struct bus *bus, const char *url, bus_peers allowed) _must_check_;
void bus_publish(struct bus *bus, const Meridian__Hint *hint); /* never blocks, may be lost */
typedef void (*bus_hint_fn)(void *ctx, const Meridian__Hint *hint);
int bus_subscribe(struct bus *bus, const char *const *urls, bus_peers expected, bus_hint_fn on_hint,
                  void *ctx) _must_check_;
/** Hints missing in the sequences of their publishers so far (those dropped on purpose count as well, once
 * the next one arrives). */
uint64_t bus_hints_lost(const struct bus *bus);
/** Tests: drop this share of received hints, 0..1000 per mille (MERIDIAN_TEST_DROP_HINTS sets it for a
 * service). */
void bus_drop_hints(struct bus *bus, int per_mille);
