/* What a notification channel is. A new one is a file channel_<name>.c and a line in channel.c; nothing else
 * changes.
 *
 * A delivery passes through two calls: render (pure: payload to bytes) and deliver (sends them, calls back
 * once). Everything about when, how often and for whom is the ledger's; a channel only says how one attempt
 * ended.
 */
#pragma once
#include "base/buf.h"
#include "domain/zone_book.h"
#include "notifier/outcome.h"
#include "notifier/retry.h"
#include "notifier/smtp.h"
#include "notifier/templates.h"
#include "outbound/address_guard.h"
#include "outbound/transport.h"

/** Own keys of the service (main.c documents each). */
struct notifier_conf {
    const char *smtp_url;
    const char *mail_from;
    int64_t expand_rate;             /* events per second, of one process */
    int64_t mail_rate, webhook_rate; /* messages started per second, of one process */
    const char *webhook_allow;
    const char *portal_url;
    int64_t retry_scale; /* millionths */
    int64_t lease_us;
    int64_t smtp_timeout_us, webhook_timeout_us; /* of one attempt, from connect to the end */
};

/** What channels work with: owned by the notifier, there from start to end. */
struct channel_env {
    const struct notifier_conf *conf;
    const struct templates *templates;
    const struct address_guard *guard;
    struct zone_book *zones;
    struct transport *transport; /* HTTP */
    struct smtp *smtp;
};

/** One delivery as a channel sees it; borrowed for the call. */
struct delivery {
    const char *id;          /* UUID: Message-ID, webhook-id */
    const char *destination; /* mail address, URL */
    struct str payload;      /* JSON, as the ledger made it */
};

struct attempt {
    enum delivery_outcome outcome;
    int64_t retry_after_s; /* 0: the other side did not say */
    bool said_no;          /* permanent for this one, but the destination is alive */
    char detail[160];      /* for people: "smtp 451", "http 503", "connect: timed out"; never a text of the
                              receiver's */
};
typedef void (*attempt_fn)(void *ctx, const struct attempt *attempt);

struct channel {
    const char *name;
    const struct retry_policy *retry;
    /** Appends a line per problem. */
    void (*check_config)(const struct notifier_conf *conf, struct buf *ret_problems);
    /** Payload to the bytes that deliver sends. A failure means that it can never be sent; *ret_why says why.
     */
    int (*render)(const struct channel_env *env, const struct delivery *delivery, struct buf *ret_message,
                  struct buf *ret_why);
    /** Sends. `done` is called exactly once, never from inside the call. */
    void (*deliver)(const struct channel_env *env, const struct delivery *delivery, struct str message,
                    attempt_fn done, void *ctx);
};

extern const struct channel channel_mail, channel_webhook;
/** All channels, NULL-terminated. */
extern const struct channel *const channels[];
/** NULL for an unknown name. */
const struct channel *channel_find(const char *name);

/** Renders and delivers. `done` is called exactly once, perhaps from inside the call. */
void channel_send(const struct channel_env *env, const char *channel, const struct delivery *delivery,
                  attempt_fn done, void *ctx);
