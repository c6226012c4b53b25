/* A whole intake inside the test: its API on a port of its own, a real database, a spool, and an authority
 * that does as the test says. */
#pragma once
#include "harness.h"
#include "intake/intake.h"
#include "wire/wire.h"
#include <jansson.h>

enum mood {
    HELPFUL, /* commits submissions, leases numbers, opens sessions, answers reads and commands with what the
                test left */
    AWAY,    /* everything is 503 */
    SILENT,  /* never answers */
};

struct rig {
    struct test_db *db;
    uv_loop_t loop;
    struct bus *bus;
    struct service service;
    struct intake_conf conf;
    struct intake intake;
    enum mood mood;
    int lookups, reads, commands, submissions; /* what the authority was asked */
    char last_document[32];
    const char *read_json;    /* its answer to a Read; NULL: not found */
    const char *command_json; /* to a Command; NULL: no content */
    int command_status;
    uint64_t command_if_version;
    size_t command_if_versions;           /* how many further ones */
    Meridian__Submitted__Outcome outcome; /* of submissions; a DUPLICATE is one of AP-77 */
    bool frozen;                          /* its database processes are stopped */
    char command_number[32];
    char spool[64];
    uint64_t lsn;
    struct bus_request *held[64]; /* while it is silent */
    int nheld;
};
/** Opens it with a session for each person of test_db_people, whose token is their login. */
void rig_open(struct rig *rig, enum mood mood);
/** The same, with a database that freezes before its first answer. */
void rig_open_with(struct rig *rig, enum mood mood, bool frozen);
/** From now on the database says nothing, and its connections stay open; until the end of the rig. */
void rig_freeze_database(struct rig *rig);
/** The authority answers what it held while it was silent, and is helpful from now on. */
void rig_speak(struct rig *rig);
/** Ends it in the order in which main.c does. */
void rig_close(struct rig *rig);
/** Answers with 503 what the silent authority was asked. */
void rig_release(struct rig *rig);
void rig_turn_until(struct rig *rig, bool (*cond)(void *arg), void *arg);

struct answer {
    int status;
    struct buf head, body;
    json_t *json; /* NULL: the body is none */
};
void answer_fini(struct answer *answer);
#define _cleanup_answer_ _cleanup_(answer_fini)
/** Sends one request on a connection of its own and waits for the answer. `login` NULL: without a token.
 * `headers` are further lines, each with "\r\n". */
void rig_ask(struct rig *rig, struct answer *ret_answer, const char *method, const char *path,
             const char *login, const char *headers, const char *body);
/** A connection to the port, or -1; `receive_bytes` 0: the system's own buffer. */
int rig_connect(int port, int receive_bytes);
/** The two halves of it, for several at once. */
struct client;
struct client *rig_send(struct rig *rig, const char *method, const char *path, const char *login,
                        const char *headers, const char *body);
void rig_receive(struct rig *rig, struct client *take_client, struct answer *ret_answer);
/** The code of a problem; "" for another answer. */
const char *answer_code(const struct answer *answer);
/** Value of a header, "" when it is not there. Lives until the next call. */
const char *answer_header(const struct answer *answer, const char *name);
const char *answer_text(const struct answer *answer, const char *member);
