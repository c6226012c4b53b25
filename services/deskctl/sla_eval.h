/* One question about a service level and its answer, both a line of JSON: when is it due, and how much of it
 * has passed. No server, no sign-in. The form is in docs/how-to/time.md. */
#pragma once
#include "base/buf.h"
#include "domain/calendar.h"
#include "domain/zone_book.h"
#include <jansson.h>
#include <stdbool.h>

/** What one run remembers between lines, only to be fast: the zones, and the last calendar as document and
 * as table. All zero at first; closed by sla_eval_fini. One thread. */
struct sla_eval {
    struct zone_book zones;
    json_t *document;
    struct calendar *calendar;
};

void sla_eval_fini(struct sla_eval *eval);
#define _cleanup_sla_eval_ _cleanup_(sla_eval_fini)

/** Answers a line (without its newline) by appending one to `answer`: {"due": ...} or {"error": ..., "at":
 * JSON Pointer}. False when it is an error. */
bool sla_eval_line(struct sla_eval *eval, struct str line, struct buf *answer);
