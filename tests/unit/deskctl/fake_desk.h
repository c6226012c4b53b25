/* A desk made of answers: an HTTP server on a thread that takes one request a connection. */
#pragma once
#include "base/buf.h"

struct fake_desk;

/** Answers one request, its head and body as they came. Writes status line, headers and body; the connection
 * is closed behind them. Runs on the server's thread. */
typedef void (*fake_answer_fn)(void *ctx, const char *request, struct buf *ret_response);

struct fake_desk *fake_desk_open(fake_answer_fn answer, void *ctx);
const char *fake_desk_url(const struct fake_desk *desk);
/** Ends the thread: what it wrote to `ctx` may be read after that. */
struct fake_desk *fake_desk_close(struct fake_desk *desk);

/** A JSON answer. */
void fake_json(struct buf *out, int status, const char *json);
