/* The rules of zones as JSON: what is kept of a tzdata, so that it can be asked when it has been replaced.
 *
 *   {"Europe/Berlin": [3600, 1774746000, 7200, ...]}    as for zone_new: the first offset, then in turn the
 *                                                       instant of a change and the offset from there on
 *
 * Of the years that calendars know, 1990 to 2059. Pure, but for the zones. */
#pragma once
#include "domain/zone_book.h"
#include <jansson.h>

/** The rules of the zones that a document names in members "zone", at any depth, as this machine has them: a
 * new object, to which those of `documents` that are not NULL contribute. Names that are none are left out.
 */
json_t *zone_json_of(const json_t *const *documents, size_t n);
/** Puts the zones of such an object into a book; those that make no sense are left out. */
void zone_json_read(const json_t *zones, struct zone_book *book);
/** True when both objects have the same rules for each zone that both have. */
bool zone_json_same(const json_t *a, const json_t *b);
