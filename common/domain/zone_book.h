/* Zones that are opened once and kept: opening one takes milliseconds, and many calendars share few. One
 * owner, one thread; the zones themselves may be shared. All zero is an empty book. */
#pragma once
#include "domain/zone.h"
#include <stddef.h>

struct zone_book {
    size_t n;
    struct zone **zones;
};

void zone_book_fini(struct zone_book *book);
#define _cleanup_zone_book_ _cleanup_(zone_book_fini)

/** Puts a zone into the book, before it is asked for the name: this one is answered. */
void zone_book_add(struct zone_book *book, struct zone *take_zone);
/** The zone of this name, borrowed until the book is closed; NULL as from zone_open. */
const struct zone *zone_book_get(struct zone_book *book, const char *name);
