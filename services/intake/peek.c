/* A scanner that walks the top level of a JSON object and steps over nested values. It trusts the text no
 * further than its length: anything odd ends the walk with "not there". */
#include "intake/peek.h"

static size_t skip_space(struct str s, size_t i)
{
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t' || s.p[i] == '\r'))
        i++;
    return i;
}

/* Past the string that starts at i; s.n when it does not end. */
static size_t skip_string(struct str s, size_t i)
{
    for (i++; i < s.n && s.p[i] != '"'; i++)
        if (s.p[i] == '\\')
            i++;
    return i < s.n ? i + 1 : s.n;
}

static size_t skip_value(struct str s, size_t i)
{
    int depth = 0;

    while (i < s.n) {
        char c = s.p[i];
        if (c == '"') {
            i = skip_string(s, i);
            if (!depth)
                return i;
            continue;
        }
        if (!depth && (c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n'))
            return i;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        i++;
        if (!depth && (c == '}' || c == ']'))
            return i;
    }
    return i;
}

struct str peek_member(struct str json, const char *name)
{
    struct str none = {0}, wanted = str_from(name);
    size_t i = skip_space(json, 0);

    if (i >= json.n || json.p[i] != '{')
        return none;
    i = skip_space(json, i + 1);
    while (i < json.n && json.p[i] == '"') {
        size_t end = skip_string(json, i), start;
        struct str key = {json.p + i + 1, end - i >= 2 ? end - i - 2 : 0};

        i = skip_space(json, end);
        if (i >= json.n || json.p[i] != ':')
            return none;
        start = skip_space(json, i + 1);
        i = skip_value(json, start);
        if (str_eq(key, wanted))
            return i > start ? (struct str){json.p + start, i - start} : none;
        i = skip_space(json, i);
        if (i >= json.n || json.p[i] != ',')
            return none;
        i = skip_space(json, i + 1);
    }
    return none;
}

int64_t peek_int(struct str json, const char *name, int64_t otherwise)
{
    struct str member = peek_member(json, name);
    int64_t value;

    return member.p && str_to_i64(member, INT64_MIN, INT64_MAX, &value) == 0 ? value : otherwise;
}

struct str peek_text(struct str json, const char *name)
{
    struct str member = peek_member(json, name);

    if (member.n < 2 || member.p[0] != '"' || memchr(member.p, '\\', member.n))
        return (struct str){0};
    return (struct str){member.p + 1, member.n - 2};
}
