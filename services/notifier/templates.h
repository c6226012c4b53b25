/* The texts of mails: every template of services/notifier/templates, embedded at build and parsed at start.
 * Read only after that. */
#pragma once
#include "notifier/template.h"

struct template_source {
    const char *name; /* "<language>/<event>.<part>"; NULL ends the table */
    const char *text;
};
extern const struct template_source template_sources[];

struct templates;
/** Parses them all. -E_CONFIG with a line per template that is wrong. */
int templates_open(struct templates **ret_templates, struct buf *ret_problems) _must_check_;
struct templates *templates_close(struct templates *templates);
/** The template of an event ("ticket.created") and part ("subject", "txt"), in that language or else in
 * English; NULL without one. */
const struct template *templates_find(const struct templates *templates, const char *language,
                                      const char *event, const char *part);
