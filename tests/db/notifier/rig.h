/* Everything a test of the notifier needs: a database with people, a loop, receivers, and the notifier's
 * parts as main.c puts them together.
 */
#pragma once
#include "harness.h"
#include "notifier/expand.h"
#include "notifier/ledger.h"
#include "servers.h"
#include <libpq-fe.h>

struct rig {
    struct test_db *db;
    PGconn *eyes;
    uv_loop_t loop;
    struct notifier_conf conf;
    struct templates *templates;
    struct address_guard *guard;
    struct zone_book zones;
    struct channel_env env;
    struct receiver *smtp, *http;
    char smtp_url[64];
    /* One or two notifiers of the home region. */
    struct {
        struct db_pool *pool;
        struct handover *handover;
        struct ledger *ledger;
        struct expander *expander;
    } home[2];
    const char *until;
};

/** Retries wait a millionth of what is documented, one attempt may take two seconds, 127.0.0.1 is allowed.
 * Starts nothing yet. */
void rig_open(struct rig *rig);
/** Starts ledger and expander of the ith notifier, "notifier-eu-1" or "-2". */
void rig_start(struct rig *rig, int i);
/** Closes transport and SMTP ahead of rig_close, for tests with more users of them. */
void rig_close_senders(struct rig *rig);
void rig_close(struct rig *rig);

/** A ticket of requester-eu-1 (number "EU-1"), priority 3, team 1; `owner` may be NULL. */
void rig_ticket(struct rig *rig, const char *number, const char *requester, const char *owner);
/** Something happens: event and outbox row, and a reply's text with "ticket.replied". `actor` may be NULL. */
void rig_happens(struct rig *rig, const char *number, const char *type, const char *actor, const char *text);
/** An endpoint at the HTTP receiver, path /<name>. `types` as in SQL: "{}" for all. */
void rig_endpoint(struct rig *rig, const char *name, const char *types);

/** The i-th expander's connection. */
void rig_expander_pool(struct rig *rig, int i);
/** Hears that deliveries were made, and does nothing: nothing is sent. */
void rig_ignore(void *ctx, bool urgent);
/** `n` expanders alone, at that rate of ordinary events a second. */
void rig_expanders(struct rig *rig, int n, int64_t rate);
/** The same, until nothing is left to expand. */
void rig_expand(struct rig *rig, int n);

/** The mails of one event, as in "mail agent-eu-1, mail lead-eu-1". Lives as long as the database. */
const char *rig_told(struct rig *rig, const char *number, const char *type);

/** Turns the loop until the query's first value is true; at most 20 s. */
void rig_until(struct rig *rig, const char *query);
/** Turns it until the receiver has that many messages. */
void rig_until_count(struct rig *rig, struct receiver *receiver, int n);
bool rig_is(struct rig *rig, const char *query);
/** The value of a header of a message, without the line end; "" when absent. Lives until the next call. */
const char *rig_header(struct receiver *receiver, int i, const char *name);
