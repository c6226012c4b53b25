/* What the clocks of tickets came from, and where holidays come from. Read from the region's database. */
#include "intake/api.h"
#include "intake/query.h"
#include "intake/reads.h"
#include "meridian/limits.h"

enum {
    HISTORY_PAGE = 200, /* tickets with all their events: a page has to fit into a message of the bus */
    TZDATA_PAGE = 5,    /* each with all rules of all zones */
};

void ticket_sla_get(struct call *call)
{
    const char *args[] = {call->number};

    read_document(call, "sla-ticket", args, ARRAY_SIZE(args), READ_ASK_TWICE, read_answered);
}

void sla_history_get(struct call *call)
{
    static const char *const choices[] = {"true", NULL};
    _cleanup_query_ struct query query = {0};
    _cleanup_buf_ struct buf open = BUF_INIT;

    if (!query_page(call, "sla-history", HISTORY_PAGE, &query) || !query_choice(call, "open", choices, &open))
        return;
    const char *args[] = {buf_text(&query.key), query.limit, buf_text(&open)};
    read_document(call, "sla-history", args, ARRAY_SIZE(args), 0, query_answered);
}

void sla_feeds_get(struct call *call)
{
    _cleanup_query_ struct query query = {0};

    if (!query_page(call, "sla-feeds", LIMIT_PAGE, &query))
        return;
    const char *args[] = {buf_text(&query.key), query.limit};
    read_document(call, "sla-feeds", args, ARRAY_SIZE(args), READ_AUTHORITY, query_answered);
}

void sla_tzdata_get(struct call *call)
{
    _cleanup_query_ struct query query = {0};

    if (!query_page(call, "tzdata", TZDATA_PAGE, &query))
        return;
    const char *args[] = {buf_text(&query.key), query.limit};
    read_document(call, "tzdata", args, ARRAY_SIZE(args), 0, query_answered);
}
