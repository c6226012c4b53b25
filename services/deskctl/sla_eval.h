/* Questions about service levels and their answers, for json_lines_run: when is it due, and how much of it
 * has passed. No server, no sign-in. The form is in docs/how-to/time.md. */
#pragma once
#include "deskctl/json_lines.h"
#include "domain/calendar.h"

/** What one run remembers between lines, only to be fast: the zones, and the last calendar as document and
 * as table. All zero at first; closed by sla_eval_fini. One thread. */
struct sla_eval {
    struct zone_book zones;
    json_t *document;
    struct calendar *calendar;
};

void sla_eval_fini(struct sla_eval *eval);
#define _cleanup_sla_eval_ _cleanup_(sla_eval_fini)

/** {"due": ..., "elapsed_s": ...}. The context is a struct sla_eval. */
json_lines_answer sla_eval_answer;
