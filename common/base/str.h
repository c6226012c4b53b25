/* A borrowed run of bytes, not NUL-terminated. The owner is whoever gave it; it lives as long as they say. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})

static inline struct str str_from(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s); /* spaces and tabs at both ends */
/** Splits at the first `sep`: *ret_head before it, *ret_tail after it. False (both outputs set: all, empty)
 * without one. */
bool str_cut(struct str s, char sep, struct str *ret_head, struct str *ret_tail);
/** Decimal, whole string, in range. 0 or -E_BAD_REQUEST. */
int str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret_value)
    __attribute__((warn_unused_result));

/* Fixed forms are read from the front, piece by piece; where a piece is not there the result is false and the
 * text may be cut. */
/** A number of exactly `digits` decimal digits, at most 9, in range. */
bool str_take_number(struct str *text, int digits, int min, int max, int *ret_value);
/** One of these characters. */
bool str_take_any(struct str *text, const char *any);

/** Damerau-Levenshtein distance of short names, for "did you mean". */
int str_distance(const char *a, const char *b);

/** Decodes the code point at s.p[*i] (*i < s.n) and moves *i behind it; -1, leaving *i, where the bytes are
 * not valid UTF-8. */
int32_t utf8_next(struct str s, size_t *i);
/** True when the bytes are valid UTF-8 (RFC 3629: no surrogates, no overlong forms) without NUL. */
bool utf8_valid(struct str s);
/** Code points in valid UTF-8. */
size_t utf8_length(struct str s);
/** Valid UTF-8 without C0/C1 controls other than tab, newline and carriage return. */
bool utf8_printable(struct str s);
