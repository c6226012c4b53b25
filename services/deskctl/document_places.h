/* Where the values of a document stand in its file: the line of each, found by its JSON Pointer. Knows keys
 * and lines, no values, so that it stays right whatever becomes of those. Pure. */
#pragma once
#include "base/buf.h"

struct place {
    char *key;   /* of a member; NULL: an item, or the whole */
    size_t line; /* from 1: of a member's key, of an item's beginning */
    size_t n;    /* places from this one to the last within it */
    bool array;
};

/** All zero is none. */
struct document_places {
    struct place *items; /* [n], each before what is within it */
    size_t n;
};

void document_places_fini(struct document_places *places);
/** Adds the next value, in the order of the file; `key` is copied. Returns its number. It is closed when all
 * within it is there. */
size_t document_places_add(struct document_places *places, const char *key, size_t line, bool array);
void document_places_close(struct document_places *places, size_t number);
/** A member of an object, or NULL. The object may still be open. Borrowed until the next is added. */
const struct place *document_places_member(const struct document_places *places, size_t object,
                                           const char *key);

/** The line of the value at a JSON Pointer (RFC 6901), or of the nearest value around it when the file has
 * none there, as for a member that is missing. 1 when there is nothing at all. */
size_t document_places_line(const struct document_places *places, const char *pointer);
/** Appends a JSON Pointer as people write it: "/teams/vpn/desks/0" as teams.vpn.desks[0]. A key that has a
 * dot, a bracket, a quote or a blank is in brackets and quotes; nothing for the whole. */
void document_places_path(const struct document_places *places, const char *pointer, struct buf *out);
