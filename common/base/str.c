/* Byte strings and UTF-8. */
#include "base/str.h"
#include "meridian/errors.h"
#include <ctype.h>

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        unsigned char x = (unsigned char)a.p[i], y = (unsigned char)b.p[i];
        if (x != y && !((x ^ y) == 32 && (x | 32) >= 'a' && (x | 32) <= 'z'))
            return false;
    }
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq((struct str){s.p + s.n - suffix.n, suffix.n}, suffix);
}

struct str str_trim(struct str s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

bool str_cut(struct str s, char sep, struct str *ret_head, struct str *ret_tail)
{
    const char *at = s.n ? memchr(s.p, sep, s.n) : NULL;

    if (!at) {
        *ret_head = s;
        *ret_tail = s.n ? (struct str){s.p + s.n, 0} : s; /* NULL + 0 is undefined */
        return false;
    }
    *ret_head = (struct str){s.p, (size_t)(at - s.p)};
    *ret_tail = (struct str){at + 1, s.n - ret_head->n - 1};
    return true;
}

int str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret_value)
{
    bool negative = s.n && s.p[0] == '-';
    size_t i = negative;
    int64_t value = 0;

    if (i == s.n)
        return -E_BAD_REQUEST;
    for (; i < s.n; i++) {
        int digit = s.p[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return -E_BAD_REQUEST;
    }
    if (value < min || value > max)
        return -E_BAD_REQUEST;
    *ret_value = value;
    return 0;
}

bool str_take_number(struct str *text, int digits, int min, int max, int *ret_value)
{
    int value = 0;

    if (text->n < (size_t)digits)
        return false;
    for (int i = 0; i < digits; i++) {
        if (text->p[i] < '0' || text->p[i] > '9')
            return false;
        value = value * 10 + (text->p[i] - '0');
    }
    text->p += digits;
    text->n -= (size_t)digits;
    *ret_value = value;
    return value >= min && value <= max;
}

bool str_take_any(struct str *text, const char *any)
{
    if (!text->n || !*text->p || !strchr(any, *text->p))
        return false;
    text->p++;
    text->n--;
    return true;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

int str_distance(const char *a, const char *b)
{
    enum { MAX = 63 };
    int rows[3][MAX + 1];
    size_t n = strnlen(a, MAX), m = strnlen(b, MAX);

    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int *now = rows[i % 3], *before = rows[(i - 1) % 3], *before2 = rows[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int cost = !same(a[i - 1], b[j - 1]);
            int best = before[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (before[j - 1] + cost < best)
                best = before[j - 1] + cost;
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]) &&
                before2[j - 2] + 1 < best)
                best = before2[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[n % 3][m];
}

/* Unicode 15, table 3-7. */
int32_t utf8_next(struct str s, size_t *i)
{
    unsigned char c = (unsigned char)s.p[*i];
    int extra;
    int32_t point, least;

    if (c < 0x80) {
        (*i)++;
        return c;
    }
    if (c >= 0xc2 && c <= 0xdf)
        extra = 1, point = c & 0x1f, least = 0x80;
    else if (c >= 0xe0 && c <= 0xef)
        extra = 2, point = c & 0x0f, least = 0x800;
    else if (c >= 0xf0 && c <= 0xf4)
        extra = 3, point = c & 0x07, least = 0x10000;
    else
        return -1;
    if (s.n - *i <= (size_t)extra)
        return -1;
    for (int k = 1; k <= extra; k++) {
        unsigned char next = (unsigned char)s.p[*i + (size_t)k];
        if ((next & 0xc0) != 0x80)
            return -1;
        point = point << 6 | (next & 0x3f);
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return -1;
    *i += (size_t)extra + 1;
    return point;
}

bool utf8_valid(struct str s)
{
    for (size_t i = 0; i < s.n;) {
        if (utf8_next(s, &i) <= 0)
            return false;
    }
    return true;
}

size_t utf8_length(struct str s)
{
    size_t length = 0;

    for (size_t i = 0; i < s.n; i++)
        length += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return length;
}

bool utf8_printable(struct str s)
{
    for (size_t i = 0; i < s.n;) {
        int32_t point = utf8_next(s, &i);
        if (point < 0 || point == 0x7f || (point >= 0x80 && point < 0xa0) ||
            (point < 32 && point != '\t' && point != '\n' && point != '\r'))
            return false;
    }
    return true;
}
