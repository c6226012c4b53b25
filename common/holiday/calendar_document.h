/* What the document of a calendar (plan/calendar_json.h) says of a date, for people who ask why. The
 * documents are right: calendar_json_read took them. Pure. */
#pragma once
#include "base/buf.h"
#include "base/civil.h"
#include <jansson.h>

enum { DATE_TEXT_SIZE = 24 };
/** "2026-04-03". Returns `ret_text`. */
char *date_text(struct civil date, char ret_text[DATE_TEXT_SIZE]);

/** What the user wrote of it: "open", "closed" or "yearly", or NULL; of an open date *ret_hours has the
 * windows, otherwise it is NULL. */
const char *calendar_by_hand(const json_t *calendar, const char *date, const json_t **ret_hours);

/** What a source brought, as one object by date: {"date": ..., "closed": true or "open": [...], "name": ...},
 * the name only when it has one. `source` is a member of "imported"; NULL gives an empty one. */
json_t *calendar_source_days(const json_t *source);
/** That object turned back into the form of a source, by date. */
json_t *calendar_source_of(const json_t *days);

/** The source that says of a date what the calendar does about it, unless the user wrote otherwise, and the
 * name that it has for it; both NULL where there is none. */
void calendar_imported(const json_t *calendar, const char *date, const char **ret_source,
                       const char **ret_name);

/** Appends a document as text for people to edit: what fits stands on one line, the rest a member or item a
 * line. */
void calendar_document_text(const json_t *calendar, struct buf *out);
