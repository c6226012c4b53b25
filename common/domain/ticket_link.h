/* Kinds of links between tickets: what each is called at either end, and which may never lead in a circle.
 * Pure; the names are those of meridian/ticket.h. */
#pragma once
#include "base/cleanup.h"
#include "base/str.h"
#include "meridian/ticket.h"

#define X(constant, forwards, backwards) constant,
enum ticket_link { TICKET_LINKS(X) TICKET_LINKS_N };
#undef X

/** What the ticket at the `backwards` or else the front end is to the other one. Static storage. */
const char *ticket_link_word(enum ticket_link link, bool backwards);
/** Either word; -E_BAD_REQUEST for one that is none. A word that is the same at both ends is forwards. */
int ticket_link_parse(struct str word, enum ticket_link *ret_link, bool *ret_backwards) _must_check_;
