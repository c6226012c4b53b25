/* A real server on a loop thread of its own, and blocking clients. Waits are for conditions, with a generous
 * end. */
#pragma once
#include "http/http.h"
#include <criterion/criterion.h>
#include <openssl/ssl.h>
#include <pthread.h>

/** Each test asserts on its own thread only; the handler runs on the loop thread and counts. */
struct harness {
    uv_loop_t loop;
    pthread_t thread;
    uv_async_t wake;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*call)(struct harness *h, void *arg); /* to run on the loop thread */
    void *call_arg;
    bool stop;

    struct http_server *server;
    struct http_files *files;
    int port;
    /* under lock */
    int requests; /* handler calls */
    int held;     /* exchanges in `waiting` */
    int gone;     /* on_gone calls */
    int freed;    /* free_data calls */
    bool drained;
    /* loop thread only */
    struct http_exchange *waiting[16];
    struct http_stream *stream;
};

/** Options may be NULL; loop, address, handler, ctx and listen_fd -1 are filled in. Paths the handler knows:
 * /hello, /echo (the body), /show (what the accessors say), /hold (answered by harness_answer), /stream, /big
 * (1 MiB), /status/NNN, /html, /files/... */
void harness_start(struct harness *h, struct http_options *options);
/** Frees the server (when the test did not) and joins; asserts that the loop has no handle left. */
void harness_stop(struct harness *h);
/** Runs `call` on the loop thread and waits for its end. */
void harness_call(struct harness *h, void (*call)(struct harness *h, void *arg), void *arg);
/** Waits until *value, guarded by the lock, is at least `least`. */
void harness_wait(struct harness *h, const int *value, int least);
int harness_read(struct harness *h, const int *value);
/** Answers the oldest held exchange with "held". */
void harness_answer(struct harness *h);
void harness_drain(struct harness *h);
void harness_wait_drained(struct harness *h);
void harness_wait_connections(struct harness *h, int count);
void harness_free_server(struct harness *h);

struct client {
    int fd;
    SSL *ssl;
    struct buf in; /* received, not yet taken */
};
struct reply {
    int status; /* 0: the server closed without an answer */
    struct buf head, body;
};
#define _cleanup_client_ _cleanup_(client_close)
#define _cleanup_reply_  _cleanup_(reply_fini)

struct client client_open(int port);
void client_close(struct client *client);
void client_send(struct client *client, const void *bytes, size_t n);
void client_say(struct client *client, const char *text);
/** Reads one answer (by Content-Length, chunks or end of file). `head_only` for answers to HEAD. */
void client_read(struct client *client, struct reply *ret_reply, bool head_only);
/** Waits for end of file; true when nothing but that came. A reset counts as an end when `reset_ok`. */
bool client_at_end(struct client *client);
/** Reads until `text` is in the received bytes. */
void client_expect(struct client *client, const char *text);
void reply_fini(struct reply *reply);
/** Value of a header of the answer, or NULL; valid until the next call. */
const char *reply_header(const struct reply *reply, const char *name);
/** One request on a fresh connection. */
void fetch(struct harness *h, const char *request, struct reply *ret_reply);
/** A fresh folder below /tmp; the test removes it with remove_folder. */
char *make_folder(void);
void remove_folder(const char *folder);
void write_file(const char *folder, const char *name, const char *content);
