/* Who may learn from the events of one ticket that there is another. Called by link.c and merge.c; pure.
 *
 * Row-level security decides who reads an event, by its ticket and by whether it is public; so an event may
 * say only what everybody may know who passes there. */
#include "router/ticket_tell.h"
#include <string.h>

static bool is_among(const char *person, const struct ticket_row *row)
{
    return strcmp(person, row->requester_id) == 0 || strcmp(person, row->submitter_id) == 0;
}

bool ticket_tell_number(const struct ticket_row *of, const struct ticket_row *about)
{
    return !about->restricted || (of->restricted && of->team == about->team);
}

bool ticket_tell_publicly(const struct ticket_row *of, const struct ticket_row *about)
{
    return ticket_tell_number(of, about) && is_among(of->requester_id, about) &&
           is_among(of->submitter_id, about);
}
