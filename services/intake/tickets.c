/* Reading tickets: one, lists of them, what happened to one, the queue. */
#include "intake/api.h"
#include "intake/peek.h"
#include "intake/query.h"
#include "intake/reads.h"
#include "intake/submit.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include <ctype.h>
#include <stdio.h>

/* ---- one ticket ---- */

static bool etag_matches(struct str header, const char *etag)
{
    for (struct str rest = header, one; rest.n;) {
        str_cut(rest, ',', &one, &rest);
        one = str_trim(one);
        if (str_starts(one, STR("W/")))
            one = (struct str){one.p + 2, one.n - 2};
        if (str_eq(one, str_from(etag)) || str_eq(one, STR("*")))
            return true;
    }
    return false;
}

/* What the caller submitted and cannot read yet is on its way; anything else does not exist, as far as the
 * caller is to know. */
static void not_found(struct call *call)
{
    if (submit_is_uncommitted(call, call->number)) {
        http_add_header(call->x, "Retry-After", "1");
        call_problem(call, E_NOT_FOUND, "%s was accepted and is not committed yet; ask again in a moment",
                     call->number);
    } else {
        call_problem(call, E_NOT_FOUND, "there is no ticket %s, or you may not see it", call->number);
    }
}

/* "7", and "7-zh" in Chinese, because the sentences of the document depend on the language. */
static void format_etag(const struct call *call, struct str json, char *ret_etag, size_t size)
{
    bool zh = strcmp(call->language, "zh") == 0;

    snprintf(ret_etag, size, "\"%lld%s\"", (long long)peek_int(json, "version", 0), zh ? "-zh" : "");
}

static void on_ticket(struct call *call, int status, struct str json)
{
    char etag[40];
    bool stale, merged;

    if (status == -E_NOT_FOUND) {
        not_found(call);
        return;
    }
    if (status < 0) {
        read_problem(call, status);
        return;
    }
    format_etag(call, json, etag, sizeof etag);
    stale = str_eq(peek_member(json, "stale"), STR("true"));
    merged = !str_eq(peek_member(json, "merged_at"), STR("null")); /* shows what happens to its root, too */
    http_add_header(call->x, "ETag", etag);
    http_add_header(call->x, "Cache-Control", "private, no-cache");
    http_add_header(call->x, "Vary", "Authorization, Cookie, Accept-Language");
    /* Old knowledge is no proof that nothing has changed, and a 304 could not say how old it is. */
    if (!stale && !merged && etag_matches(http_header(call->x, "If-None-Match"), etag))
        call_json(call, 304, (struct str){0});
    else
        call_json(call, 200, json);
}

void ticket_get(struct call *call)
{
    const char *args[] = {call->number, call->language};

    read_document(call, "ticket", args, ARRAY_SIZE(args), READ_ASK_TWICE, on_ticket);
}

/* ---- its events ---- */

static void on_events(struct call *call, int status, struct str json)
{
    if (status == -E_NOT_FOUND)
        not_found(call);
    else if (status < 0)
        read_problem(call, status);
    else
        query_answer(call, json);
}

void ticket_events_get(struct call *call)
{
    _cleanup_query_ struct query query = {0};
    const char *args[3];

    if (!query_page(call, "events", LIMIT_PAGE, &query))
        return;
    args[0] = call->number;
    args[1] = buf_text(&query.key);
    args[2] = query.limit;
    read_document(call, "events", args, ARRAY_SIZE(args), READ_ASK_TWICE, on_events);
}

/* ---- its links ---- */

static void on_links(struct call *call, int status, struct str json)
{
    if (status == -E_NOT_FOUND)
        not_found(call);
    else
        read_answered(call, status, json);
}

void ticket_links_get(struct call *call)
{
    const char *args[] = {call->number};

    read_document(call, "links", args, ARRAY_SIZE(args), READ_ASK_TWICE, on_links);
}

/* ---- who may be given it ---- */

static void on_eligibility(struct call *call, int status, struct str json)
{
    if (status == -E_NOT_FOUND)
        not_found(call);
    else
        query_answered(call, status, json);
}

void ticket_eligibility_get(struct call *call)
{
    _cleanup_query_ struct query query = {0};
    const char *args[3];

    if (!query_page(call, "eligibility", LIMIT_PAGE, &query))
        return;
    args[0] = call->number;
    args[1] = buf_text(&query.key);
    args[2] = query.limit;
    read_document(call, "eligibility", args, ARRAY_SIZE(args), READ_ASK_TWICE, on_eligibility);
}

/* ---- lists ---- */

/* What may be asked of a list of tickets. */
struct filters {
    struct buf state, team, priority, region, owner, requester;
};
static void filters_fini(struct filters *f)
{
    buf_fini(&f->state);
    buf_fini(&f->team);
    buf_fini(&f->priority);
    buf_fini(&f->region);
    buf_fini(&f->owner);
    buf_fini(&f->requester);
}

static bool read_filters(struct call *call, struct filters *f)
{
    static const char *const states[] = {"new", "open", "pending", "resolved", "closed", "cancelled", NULL};
    static const char *const priorities[] = {"1", "2", "3", "4", NULL};

    return query_choice(call, "state", states, &f->state) && query_text(call, "team", 63, &f->team) &&
           query_choice(call, "priority", priorities, &f->priority) &&
           query_text(call, "region", 4, &f->region) && query_text(call, "owner", 64, &f->owner) &&
           query_text(call, "requester", 64, &f->requester);
}

static bool is(const struct buf *value, const char *text)
{
    return strcmp(buf_text(value), text) == 0;
}

/* Requesters see their own; for agents owner=me|none|any|<login> and requester=me|<login> choose the list
 * whose index serves it. */
void tickets_get(struct call *call)
{
    _cleanup_query_ struct query query = {0};
    _cleanup_(filters_fini) struct filters f = {0};
    const char *document = "tickets", *owned = NULL, *login = NULL;

    if (!query_page(call, "tickets", LIMIT_PAGE, &query) || !read_filters(call, &f))
        return;
    if (f.owner.n && f.requester.n && !is(&f.owner, "none") && !is(&f.owner, "any")) {
        call_problem(call, E_BAD_REQUEST, "give either \"owner\" or \"requester\"");
        return;
    }
    if (is(&f.owner, "none") || is(&f.owner, "any")) {
        owned = is(&f.owner, "any") ? "true" : "false";
    } else if (f.owner.n) {
        document = "tickets-of-owner";
        login = is(&f.owner, "me") ? NULL : buf_text(&f.owner);
    }
    if (f.requester.n || (call->session.role == ROLE_REQUESTER && !login)) {
        document = "tickets-of-requester";
        login = f.requester.n && !is(&f.requester, "me") ? buf_text(&f.requester) : NULL;
    }
    const char *args[] = {buf_text(&query.key),
                          query.limit,
                          buf_text(&f.state),
                          buf_text(&f.team),
                          buf_text(&f.priority),
                          buf_text(&f.region),
                          owned,
                          login};
    read_document(call, document, args, ARRAY_SIZE(args), 0, query_answered);
}

/* ---- the queue ---- */

static void on_queue(struct call *call, int status, struct str json)
{
    if (status == -E_NOT_FOUND)
        call_problem(call, status, "there is no such team, or you are not in it");
    else if (status < 0)
        read_problem(call, status);
    else
        query_answer(call, json);
}

void queue_get(struct call *call)
{
    _cleanup_query_ struct query query = {0};
    _cleanup_buf_ struct buf team = BUF_INIT;

    if (!query_page(call, "queue", LIMIT_PAGE, &query) || !query_text(call, "team", 63, &team))
        return;
    const char *args[] = {buf_text(&team), buf_text(&query.key), query.limit};
    read_document(call, "queue", args, ARRAY_SIZE(args), 0, on_queue);
}
