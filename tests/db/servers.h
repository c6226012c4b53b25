/* Receivers for the tests of the notifier: an SMTP server and an HTTP server, each with a thread per
 * connection, that take, refuse, hang and hang up as they are told. All functions are thread-safe.
 */
#pragma once
#include "base/buf.h"

struct receiver;

enum act {
    ACT_OK,          /* 250; 200 */
    ACT_TEMPORARY,   /* SMTP: 451 to RCPT; HTTP: 500 */
    ACT_PERMANENT,   /* SMTP: 550 to RCPT; HTTP: 404 */
    ACT_LATER,       /* SMTP: 452 after the message; HTTP: 429 with Retry-After: 1 */
    ACT_NEVER,       /* SMTP: 554 after the message; HTTP: 410 */
    ACT_HANG_UP,     /* reads the whole message, closes without an answer */
    ACT_HANG,        /* reads the whole message, then nothing until the client goes or receiver_release */
    ACT_GREET_BADLY, /* SMTP: 554 instead of a greeting */
    ACT_REDIRECT,    /* HTTP: 302 to /elsewhere */
    ACT_FLOOD,       /* HTTP: 200 with an endless body */
    ACT_SAY,         /* HTTP: what receiver_says was told last */
};

struct receiver *receiver_smtp(void);
struct receiver *receiver_http(void);
int receiver_port(const struct receiver *receiver);
/** What to do with the next messages, in order; after the last the `always` act. */
void receiver_script(struct receiver *receiver, const enum act *acts, size_t n, enum act always);
/** What ACT_SAY answers from now on: status line, headers, empty line, body; the length of the body is added.
 */
void receiver_says(struct receiver *receiver, const char *head, const char *body);
/** Lets those that hang answer with success. */
void receiver_release(struct receiver *receiver);

/** Messages read to their end, whatever was answered. */
int receiver_count(struct receiver *receiver);
int receiver_taken(struct receiver *receiver); /* answered with success */
int receiver_connections(struct receiver *receiver);
int receiver_most_at_once(struct receiver *receiver); /* messages in hand at the same time */
/** Appends the ith message: SMTP: "RCPT <address>\n" lines and the data; HTTP: request line, headers, empty
 * line, body. */
void receiver_message(struct receiver *receiver, int i, struct buf *out);
/** When the ith message was complete, monotonic. */
int64_t receiver_time_us(struct receiver *receiver, int i);
/** Cuts all connections, joins the threads, frees. */
struct receiver *receiver_close(struct receiver *receiver);
