/* Query parameters of lists: pages and filters. Loop thread. */
#pragma once
#include "intake/call.h"

struct query {
    struct buf key; /* raw key of the cursor; empty: from the start */
    char limit[8];  /* decimal */
};
void query_fini(struct query *query);
#define _cleanup_query_ _cleanup_(query_fini)

/** Reads `cursor` and `limit` of a list (static text), which the call keeps. Without a limit a page has
 * LIMIT_PAGE_DEFAULT rows, or `most` if that is fewer. False: the call is answered. */
bool query_page(struct call *call, const char *list, int64_t most, struct query *ret_query);
/** Appends a parameter's value, decoded; nothing when it is absent. `longest` in bytes. False: the call is
 * answered. */
bool query_text(struct call *call, const char *name, size_t longest, struct buf *ret_value);
/** As query_text, but only one of `choices` (NULL-terminated). */
bool query_choice(struct call *call, const char *name, const char *const *choices, struct buf *ret_value);

/** Answers with a page that begins with {"next":...}: the raw key becomes a cursor of the call's list, and a
 * Link header leads to the next page. */
void query_answer(struct call *call, struct str json);
/** A read_fn: the same, or why it could not be read. */
void query_answered(struct call *call, int status, struct str json);
