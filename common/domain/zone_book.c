/* A list of zones. Called by those who read many calendars. It grows with the names that exist, of which
 * there are some hundreds; names that are none are not kept. */
#include "domain/zone_book.h"
#include "base/memory.h"
#include <string.h>

void zone_book_fini(struct zone_book *book)
{
    for (size_t i = 0; i < book->n; i++)
        zone_close(book->zones[i]);
    free(book->zones);
    *book = (struct zone_book){0};
}

void zone_book_add(struct zone_book *book, struct zone *take_zone)
{
    book->zones = mem_grow(book->zones, (book->n + 1) * sizeof *book->zones);
    book->zones[book->n++] = take_zone;
}

const struct zone *zone_book_get(struct zone_book *book, const char *name)
{
    struct zone *zone;

    for (size_t i = 0; i < book->n; i++)
        if (strcmp(zone_name(book->zones[i]), name) == 0)
            return book->zones[i];
    zone = zone_open(name);
    if (!zone)
        return NULL;
    zone_book_add(book, zone);
    return zone;
}
