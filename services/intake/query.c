/* Pages. Documents of lists carry the raw key of their last row as "next"; here, and only here, it becomes an
 * opaque cursor and back. */
#include "intake/query.h"
#include "base/encode.h"
#include "base/memory.h"
#include "intake/cursor.h"
#include "intake/peek.h"
#include "intake/reads.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include <stdio.h>

enum { CURSOR_BYTES = 1024 };

void query_fini(struct query *query)
{
    buf_fini(&query->key);
}

bool query_text(struct call *call, const char *name, size_t longest, struct buf *ret_value)
{
    int r = http_query_param(call->x, name, ret_value);

    if (r == 1)
        return true;
    if (r < 0 || !utf8_printable(buf_str(ret_value)) || ret_value->n > longest) {
        call_problem(call, E_BAD_REQUEST, "query parameter \"%s\": not a usable value", name);
        return false;
    }
    if (ret_value->n == 0) {
        call_problem(call, E_BAD_REQUEST, "query parameter \"%s\": must not be empty", name);
        return false;
    }
    return true;
}

bool query_choice(struct call *call, const char *name, const char *const *choices, struct buf *ret_value)
{
    _cleanup_buf_ struct buf list = BUF_INIT;

    if (!query_text(call, name, 64, ret_value))
        return false;
    if (!ret_value->n)
        return true;
    for (; *choices; choices++) {
        if (strcmp(*choices, buf_text(ret_value)) == 0)
            return true;
        buf_printf(&list, "%s%s", list.n ? ", " : "", *choices);
    }
    call_problem(call, E_BAD_REQUEST, "query parameter \"%s\": must be one of %s", name, buf_text(&list));
    return false;
}

bool query_page(struct call *call, const char *list, int64_t most, struct query *ret_query)
{
    _cleanup_buf_ struct buf cursor = BUF_INIT, limit = BUF_INIT;
    int64_t n = most < LIMIT_PAGE_DEFAULT ? most : LIMIT_PAGE_DEFAULT;

    call->list = list;
    if (!query_text(call, "limit", 20, &limit) || !query_text(call, "cursor", CURSOR_BYTES, &cursor))
        return false;
    if (limit.n && str_to_i64(buf_str(&limit), 1, most, &n) < 0) {
        call_problem(call, E_BAD_REQUEST, "query parameter \"limit\": must be a whole number from 1 to %lld",
                     (long long)most);
        return false;
    }
    if (cursor.n && cursor_read(buf_str(&cursor), call->intake->cursor_key, list, &ret_query->key) < 0) {
        call_problem(call, E_RANGE, NULL);
        return false;
    }
    snprintf(ret_query->limit, sizeof ret_query->limit, "%lld", (long long)n);
    return true;
}

/* The request's own query, with another cursor. */
static void add_link(struct call *call, struct str cursor)
{
    _cleanup_buf_ struct buf link = BUF_INIT;
    struct str rest = http_query(call->x), pair, path = http_path(call->x);

    buf_printf(&link, "<%.*s?", (int)path.n, path.p);
    while (rest.n) {
        str_cut(rest, '&', &pair, &rest);
        if (!pair.n || str_starts(pair, STR("cursor=")))
            continue;
        buf_add_str(&link, pair);
        buf_add_char(&link, '&');
    }
    buf_printf(&link, "cursor=%.*s>; rel=\"next\"", (int)cursor.n, cursor.p);
    http_add_header(call->x, "Link", buf_text(&link));
}

void query_answer(struct call *call, struct str json)
{
    _cleanup_buf_ struct buf out = BUF_INIT, cursor = BUF_INIT;
    struct str next = peek_member(json, "next"), key = peek_text(json, "next");

    if (!next.p || !key.p) {
        call_json(call, 200, json);
        return;
    }
    cursor_add(&cursor, call->intake->cursor_key, call->list, key);
    buf_reserve(&out, json.n + cursor.n);
    buf_add(&out, json.p, (size_t)(next.p - json.p));
    buf_json_str(&out, buf_str(&cursor));
    buf_add(&out, next.p + next.n, json.n - (size_t)(next.p + next.n - json.p));
    add_link(call, buf_str(&cursor));
    call_json(call, 200, buf_str(&out));
}

void query_answered(struct call *call, int status, struct str json)
{
    if (status < 0)
        read_problem(call, status);
    else
        query_answer(call, json);
}
