/* A router on a database of its own, and short words for what people do at a desk. Every helper ends the test
 * on an unexpected failure. */
#pragma once
#include "harness.h"
#include "router/router.h"
#include "wire/wire.h"
#include <libpq-fe.h>
#include <meridian/errors.h>
#include <meridian/limits.h>
#include <meridian/ticket.h>

struct desk {
    struct test_db *db;
    PGconn *pg; /* superuser, for looking */
    uv_loop_t loop;
    struct router *router;
    struct answer *answers; /* freed with the desk */
    int submissions;
};

/** `workers` connections; people of test_db_people. Zero standbys. */
void desk_open(struct desk *desk, int workers);
/** The two halves: the database with its people, then the router. */
void desk_prepare(struct desk *desk);
void desk_start(struct desk *desk, struct router_options options);
void desk_close(struct desk *desk);
/** Waits until the router has done once what it does daily, 500 ms after its start: from then on what a test
 * writes into desk.shift stays. */
void desk_keep_house(struct desk *desk);
/** A second router on the database of the first, with a loop of its own; its answers are the first one's
 * after its end. */
void desk_second(struct desk *second, const struct desk *desk);
void desk_second_close(struct desk *second, struct desk *desk);
/** For test_loop_until: a router has nothing that keeps it from being ready. */
bool desk_router_is_ready(void *router);

/** What came back; lives as long as the desk. */
struct answer {
    bool done;
    int status;   /* 0 or a positive number of errors.h */
    char *json;   /* "" without */
    char *detail; /* "" without */
    Meridian__Reply *reply;
    Meridian__Request *request; /* the copy that the router borrowed */
    struct answer *next;
};

/** A principal as intake would make it: role and teams from the test people. Static storage. */
Meridian__Principal *who(const char *login);

/** Sends a copy of the request; desk_wait turns the loop until it is answered. Without an id it gets a fresh
 * one. */
struct answer *desk_send(struct desk *desk, const Meridian__Request *request);
struct answer *desk_wait(struct desk *desk, struct answer *answer);
struct answer *desk_call(struct desk *desk, const Meridian__Request *request);

/* ---- submissions ---- */

/** A filled-in submission of requester-eu-1, different from all before; change what you like. */
struct draft {
    Meridian__Submission message;
    uint8_t id[16], key[16], hash[32];
    char number[32], client_key[40], requester[40], submitter[40];
};
void draft_init(struct draft *draft, struct desk *desk);
/** Another delivery of the same key: other id and number. */
void draft_again(struct draft *copy, const struct draft *draft, struct desk *desk);
struct answer *desk_send_submit(struct desk *desk, struct draft *const *drafts, size_t n);
struct answer *desk_submit(struct desk *desk, struct draft *const *drafts, size_t n);
/** One committed ticket; its number, which lives as long as the desk's database. */
const char *desk_ticket(struct desk *desk);
/** The same with a service (and thereby team), impact and urgency. */
const char *desk_ticket_of(struct desk *desk, const char *service, uint32_t impact, uint32_t urgency);
/** As if the ticket had come, and all else had happened to it, that many minutes earlier. The events move
 * with it, as clocks follow from them, and their chain is made anew. */
void desk_age(struct desk *desk, const char *number, int minutes);

/** As if the ticket had come to this team: 6 is restricted, the others are not. */
void desk_place(struct desk *desk, const char *number, int team);

/* ---- commands ---- */

/** A command with the fields that the action needs filled in with plain texts. epoch < 0: none. */
struct answer *desk_do(struct desk *desk, const char *login, enum ticket_action action, const char *number,
                       int64_t epoch);
Meridian__Command desk_command(enum ticket_action action, const char *number, int64_t epoch);
struct answer *desk_send_command(struct desk *desk, const char *login, Meridian__Command *command);
struct answer *desk_call_command(struct desk *desk, const char *login, Meridian__Command *command);
struct answer *desk_send_claim_next(struct desk *desk, const char *login, const char *team, const char *key);
struct answer *desk_claim_next(struct desk *desk, const char *login, const char *team, const char *key);
/** As a scheduler says that a timer is due. */
struct answer *desk_send_due(struct desk *desk, const char *number, const char *name, uint32_t generation);

/** A plan of service levels, made from the plan of that version. */
struct answer *desk_send_plan(struct desk *desk, const char *login, const char *document, int64_t base);
/** An organisation, made from the one of that version. */
struct answer *desk_send_organisation(struct desk *desk, const char *login, const char *document,
                                      int64_t base);
/** A plan that is taken, on top of the one in force. */
void desk_plan(struct desk *desk, const char *document);

/** A member of the answer's JSON, as text; "" when it is missing. `path` is like "owner.login". Static
 * storage. */
const char *member(const struct answer *answer, const char *path);
/** From the row `t` of the ticket, as the superuser sees it; the text is good for a few calls. */
int64_t ticket_epoch(struct desk *desk, const char *number);
const char *ticket_text(struct desk *desk, const char *number, const char *column);

/* ---- offers ---- */

/** Offers the ticket as the dispatcher does, or as a handover, for so many seconds. 0 or what ticket_write
 * returned. */
int desk_offer(struct desk *desk, const char *number, const char *login, const char *kind, int64_t seconds);
/** Says for somebody whether they take offers; `of` NULL: for themselves. */
struct answer *desk_presence(struct desk *desk, const char *login, const char *state, const char *of);

/** A document of common/store as a router reads it for somebody; NULL for the system. */
struct answer *desk_read(struct desk *desk, const char *login, const char *document, char **args,
                         size_t nargs);

/* ---- people ---- */

/** Gives somebody a password, with a cheap hash, so that tests are quick. */
void desk_password(struct desk *desk, const char *login, const char *password);

/* ---- what must always hold ---- */

/** Checks the whole database: chains recomputed in C, gapless sequences, rows rebuilt from events, queue and
 * clocks as the states say, clocks folded from the events. */
void desk_check(struct desk *desk);
/** Only that no ticket is lost, which is quick: after each of many steps. */
void desk_check_held(struct desk *desk);

/** The status of an answer; anything else ends the test. */
#define cr_status(given, expected)                                                                           \
    do {                                                                                                     \
        struct answer *given_ = (given);                                                                     \
        cr_assert_eq(given_->status, (expected), "%s: %s %s", error_info(given_->status)->name,              \
                     given_->detail, given_->json);                                                          \
    } while (0)
