/* What the events of one ticket may tell of another. Pure. */
#pragma once
#include "router/ticket_row.h"

/** Every agent who sees the events of the one may know the number of the other. */
bool ticket_tell_number(const struct ticket_row *of, const struct ticket_row *about);
/** And whoever else sees its public events: they are the people of both. */
bool ticket_tell_publicly(const struct ticket_row *of, const struct ticket_row *about);
