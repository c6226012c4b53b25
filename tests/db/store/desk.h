/* A small desk to read from: tickets of every kind that visibility tells apart, and readers who look at it
 * with row-level security on. */
#pragma once
#include "harness.h"
#include "store/document.h"
#include <jansson.h>

struct desk {
    struct test_db *db;
    struct db_conn *conn; /* as meridian_intake */
};
void desk_open(struct desk *desk); /* with test_db_people */
/** With six tickets, EU-1 to EU-6, of requesters and of an agent, in five teams and in each state of work;
 * EU-3 and EU-6 are restricted. */
void desk_open_with_tickets(struct desk *desk);
void desk_close(struct desk *desk);

/** Adds a ticket: number, requester, team id, state; owner NULL for nobody. Its event 1 is "ticket.created".
 * Id and key follow from the number. */
void desk_ticket(struct desk *desk, const char *number, const char *requester, int team, const char *state,
                 const char *owner);
void desk_event(struct desk *desk, const char *number, const char *type, bool is_public);
void desk_reply(struct desk *desk, const char *number, const char *author, const char *body);
void desk_note(struct desk *desk, const char *number, const char *author, const char *body);

/** Reads a document as a login (NULL: as the system). The status; on 0 the parsed JSON in *ret_json, to be
 * freed with json_decref. Arguments end with a NULL pointer; "" is SQL NULL. */
int desk_read(struct desk *desk, const char *login, const char *document, json_t **ret_json, ...)
    __attribute__((sentinel));
/** The "number" members of the items, separated by spaces. Lives until the next call. */
const char *desk_numbers(const json_t *list);
/** A text at a path such as "owner.login"; "" when it is not there or null. */
const char *desk_text(const json_t *json, const char *path);
