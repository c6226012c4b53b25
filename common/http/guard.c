/* What a request head must satisfy before anybody acts on it.
 *
 * llhttp in strict mode still accepts folded header lines, a field line that starts with a space, any number
 * of Host fields, heads without end and bare line feeds in places. Two parsers that read one message
 * differently are what request smuggling is made of, so this file knows one spelling only: lines end in CR
 * LF, no controls, no folding, one Host, one way to tell the length. Whatever is doubtful is refused, never
 * repaired.
 *
 * guard_scan runs over the raw bytes before llhttp sees them and finds the end of the head by itself;
 * request.c refuses the request when llhttp finds another one. guard_request runs once, over the parsed
 * fields.
 */
#include "http/guard.h"
#include "http/request.h"
#include "meridian/limits.h"

enum { LINE_OVERHEAD = 64 }; /* method, version and two spaces beside the target */

static bool is_text(unsigned char c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

/* A byte of the request line: visible ASCII, and single spaces around the target. */
static int scan_line(struct guard *guard, unsigned char c)
{
    bool space = c == ' ';

    if (c < 0x20 || c >= 0x7f ||
        (space && (guard->after_space || guard->line_bytes == 0 || guard->line_spaces == 2)))
        return -E_BAD_REQUEST;
    guard->line_spaces += space;
    guard->after_space = space;
    return ++guard->line_bytes > LIMIT_HTTP_URI_BYTES + LINE_OVERHEAD ? -E_URI_TOO_LONG : 0;
}

int guard_scan(struct guard *guard, const char *bytes, size_t n, size_t *ret_used)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (++guard->bytes > LIMIT_HTTP_HEADER_BYTES)
            return -E_HEADERS_TOO_LARGE;
        switch (guard->state) {
        case GUARD_START:
            if (c == '\r') {
                guard->state = GUARD_START_LF;
                break;
            }
            guard->state = GUARD_LINE;
            __attribute__((fallthrough));
        case GUARD_LINE:
            if (c == '\r') {
                if (guard->line_spaces != 2 || guard->after_space)
                    return -E_BAD_REQUEST;
                guard->state = GUARD_LINE_LF;
            } else {
                int r = scan_line(guard, c);
                if (r < 0)
                    return r;
            }
            break;
        case GUARD_FIELD_START:
            if (c == ' ' || c == '\t' || c == ':')
                return -E_BAD_REQUEST; /* folding, a first line that some would skip, or no name */
            guard->state = c == '\r' ? GUARD_END_LF : GUARD_FIELD;
            if (c != '\r' && !is_text(c))
                return -E_BAD_REQUEST;
            break;
        case GUARD_FIELD:
            if (c == '\r')
                guard->state = GUARD_FIELD_LF;
            else if (!is_text(c))
                return -E_BAD_REQUEST;
            break;
        case GUARD_START_LF:
        case GUARD_LINE_LF:
        case GUARD_FIELD_LF:
            if (c != '\n')
                return -E_BAD_REQUEST;
            guard->state = guard->state == GUARD_START_LF ? GUARD_START : GUARD_FIELD_START;
            break;
        case GUARD_END_LF:
            if (c != '\n')
                return -E_BAD_REQUEST;
            *ret_used = i + 1;
            return GUARD_HEAD_END;
        }
    }
    *ret_used = n;
    return GUARD_MORE;
}

/* Visible ASCII without '#': a fragment has no place in a request, and other bytes must come percent-encoded.
 */
static bool target_valid(struct str target)
{
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= 0x20 || target.p[i] >= 0x7f || target.p[i] == '#')
            return false;
    return target.n > 0;
}

static bool host_valid(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              strchr(".-_:[]", c)))
            return false;
    }
    return host.n > 0;
}

/* Splits the target into path and query. Absolute form is valid HTTP, so it is taken when it names the Host
 * it was sent to; a target and a Host that differ are two addressees for one request. */
static int split_target(struct request *request, struct str target, struct str host)
{
    static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
        struct str authority = target;
        size_t end;

        if (target.n < schemes[i].n || !str_eq_nocase((struct str){target.p, schemes[i].n}, schemes[i]))
            continue;
        authority.p += schemes[i].n;
        authority.n -= schemes[i].n;
        for (end = 0; end < authority.n && authority.p[end] != '/' && authority.p[end] != '?'; end++)
            ;
        if (!str_eq_nocase((struct str){authority.p, end}, host))
            return -E_BAD_REQUEST;
        target = (struct str){authority.p + end, authority.n - end};
        if (target.n == 0 || target.p[0] != '/')
            return -E_BAD_REQUEST; /* "http://host" and "http://host?q" would need a path invented */
    }
    if (target.p[0] != '/' && !(request->method == HTTP_OPTIONS_ && str_eq(target, STR("*"))))
        return -E_BAD_REQUEST;
    (void)str_cut(target, '?', &request->path, &request->query);
    return 0;
}

int guard_request(struct request *request)
{
    struct str target = request_text(request, request->target), host = {0}, length = {0}, encoding = {0};
    int hosts = 0, lengths = 0, encodings = 0;

    if (target.n > LIMIT_HTTP_URI_BYTES)
        return -E_URI_TOO_LONG;
    if (!target_valid(target) || request->connect)
        return -E_BAD_REQUEST;
    if (request->major != 1 || request->minor > 1)
        return -E_BAD_REQUEST;
    for (size_t i = 0; i < request->n_headers; i++) {
        struct str name = request_text(request, request->headers[i].name);
        struct str value = request_text(request, request->headers[i].value);

        if (str_eq_nocase(name, STR("host"))) {
            host = value;
            hosts++;
        } else if (str_eq_nocase(name, STR("content-length"))) {
            length = value;
            lengths++;
        } else if (str_eq_nocase(name, STR("transfer-encoding"))) {
            encoding = value;
            encodings++;
        } else if (str_eq_nocase(name, STR("expect"))) {
            if (!str_eq_nocase(value, STR("100-continue")))
                return -E_BAD_REQUEST;
            request->expect_continue = request->minor == 1;
        }
    }
    if (hosts > 1 || (hosts == 0 && request->minor == 1) || (hosts == 1 && !host_valid(host)))
        return -E_BAD_REQUEST;
    if (lengths > 1 || encodings > 1 || (lengths && encodings))
        return -E_BAD_REQUEST;
    if (lengths) {
        if (length.n == 0 || length.n > 19)
            return -E_BAD_REQUEST;
        for (size_t i = 0; i < length.n; i++)
            if (length.p[i] < '0' || length.p[i] > '9')
                return -E_BAD_REQUEST;
    }
    if (encodings && (request->minor == 0 || !str_eq_nocase(encoding, STR("chunked"))))
        return -E_BAD_REQUEST;
    return split_target(request, target, host);
}
