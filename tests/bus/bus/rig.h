/* What the bus tests share: a loop that runs until something is true, a server that keeps what it got, calls
 * that keep how they ended. */
#pragma once
#include "base/memory.h"
#include "bus/bus.h"
#include "certs.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include <criterion/criterion.h>

extern const char *const any_service[]; /* allows "test" */

uv_loop_t *rig_loop(void);
/** Runs the loop until `condition`; fails the test after 20 s. */
#define RUN_UNTIL(condition)                                                                                 \
    do {                                                                                                     \
        rig_deadline_start();                                                                                \
        while (!(condition)) {                                                                               \
            uv_run(rig_loop(), UV_RUN_ONCE);                                                                 \
            cr_assert_not(rig_deadline_over(), "never: %s", #condition);                                     \
        }                                                                                                    \
    } while (0)
void rig_deadline_start(void);
bool rig_deadline_over(void);
/** Runs the loop for that long: for showing that something does not happen. */
void rig_run_ms(uint64_t ms);

struct bus *rig_bus(void); /* without TLS */
struct bus *rig_bus_tls(const struct cert_files *files);
const char *
rig_url(const char *scheme); /* "tcp", "tls+tcp", "inproc": a fresh address; static for the test */
int rig_port(const char *url);

/* A server. It answers at once with detail = its name, unless `hold` is set; then requests wait in `held`. */
struct rig_server {
    struct bus *bus;
    const char *name;
    bool hold;
    int handled;
    struct bus_request *held[512];
    int nheld;
    uint8_t ids[16][16]; /* of the first requests */
    uint64_t epoch;      /* to answer with; 0: none */
    uint64_t told_epoch; /* of the last request */
};
void rig_serve(struct rig_server *server, struct bus *bus, const char *name, const char *url, int parallel);
void rig_answer(struct rig_server *server, int index);
void on_rig_request(void *ctx, struct bus_request *request);

struct rig_call {
    bool ended;
    int status;
    uint32_t reply_status;
    char detail[64];
};
struct bus_client *rig_dial(struct bus *bus, const char *url);
void rig_call(struct bus_client *client, struct rig_call *call, int attempt_ms, int total_ms);
void on_rig_reply(void *ctx, int status, const Meridian__Reply *reply);
/** Closes buses (NULLs are skipped) and the loop; every test ends with it. */
void rig_end(struct bus *a, struct bus *b, struct bus *c);
