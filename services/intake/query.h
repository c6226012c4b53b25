/* Query parameters of lists: pages and filters. Loop thread. */
#pragma once
#include "intake/call.h"

struct query {
    struct buf key; /* raw key of the cursor; empty: from the start */
    char limit[8];  /* decimal */
};
void query_fini(struct query *query);
#define _cleanup_query_ _cleanup_(query_fini)

/** Reads `cursor` and `limit` of a list. False: the call is answered. */
bool query_page(struct call *call, const char *list, int64_t most, struct query *ret_query);
/** Appends a parameter's value, decoded; nothing when it is absent. `longest` in bytes. False: the call is
 * answered. */
bool query_text(struct call *call, const char *name, size_t longest, struct buf *ret_value);
/** As query_text, but only one of `choices` (NULL-terminated). */
bool query_choice(struct call *call, const char *name, const char *const *choices, struct buf *ret_value);

/** Answers with a page that begins with {"next":...}: the raw key becomes a cursor, and a Link header leads
 * to the next page. */
void query_answer(struct call *call, const char *list, struct str json);
