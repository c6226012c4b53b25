/* Hex, base64, percent-encoding and JSON strings. */
#include "base/encode.h"
#include "meridian/errors.h"

static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Takes back what a failed decoding appended. */
static int undo(struct buf *buf, size_t before)
{
    buf->n = before;
    if (buf->p)
        buf->p[before] = 0;
    return -E_BAD_REQUEST;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return -1;
}

void buf_add_hex(struct buf *buf, const void *bytes, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *p = bytes;

    buf_reserve(buf, 2 * n);
    for (size_t i = 0; i < n; i++) {
        buf_add_char(buf, hex[p[i] >> 4]);
        buf_add_char(buf, hex[p[i] & 15]);
    }
}

int buf_add_unhex(struct buf *buf, struct str text)
{
    size_t before = buf->n;

    if (text.n % 2)
        return -E_BAD_REQUEST;
    for (size_t i = 0; i < text.n; i += 2) {
        int high = hex_value(text.p[i]), low = hex_value(text.p[i + 1]);
        if (high < 0 || low < 0)
            return undo(buf, before);
        buf_add_char(buf, (char)(high << 4 | low));
    }
    return 0;
}

static void add_base64(struct buf *buf, const void *bytes, size_t n, const char *alphabet, bool pad)
{
    const unsigned char *p = bytes;

    buf_reserve(buf, 4 * ((n + 2) / 3));
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v =
            (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0u);
        buf_add_char(buf, alphabet[v >> 18]);
        buf_add_char(buf, alphabet[v >> 12 & 63]);
        if (left > 1)
            buf_add_char(buf, alphabet[v >> 6 & 63]);
        else if (pad)
            buf_add_char(buf, '=');
        if (left > 2)
            buf_add_char(buf, alphabet[v & 63]);
        else if (pad)
            buf_add_char(buf, '=');
    }
}

void buf_add_base64url(struct buf *buf, const void *bytes, size_t n)
{
    add_base64(buf, bytes, n, base64_url, false);
}

void buf_add_base64(struct buf *buf, const void *bytes, size_t n)
{
    add_base64(buf, bytes, n, base64_std, true);
}

static int add_unbase64(struct buf *buf, struct str text, const char *alphabet)
{
    size_t before = buf->n;
    uint32_t bits = 0;
    int have = 0;

    for (size_t i = 0; i < text.n; i++) {
        const char *at = text.p[i] ? strchr(alphabet, text.p[i]) : NULL;
        if (!at)
            return undo(buf, before);
        bits = bits << 6 | (uint32_t)(at - alphabet);
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_add_char(buf, (char)(bits >> have));
            bits &= (1u << have) - 1;
        }
    }
    if (text.n % 4 == 1 || bits)
        return undo(buf, before);
    return 0;
}

int buf_add_unbase64url(struct buf *buf, struct str text)
{
    return add_unbase64(buf, text, base64_url);
}

int buf_add_unbase64(struct buf *buf, struct str text)
{
    if (text.n % 4)
        return -E_BAD_REQUEST;
    for (int i = 0; i < 2 && text.n && text.p[text.n - 1] == '='; i++)
        text.n--;
    return add_unbase64(buf, text, base64_std);
}

int buf_add_unpercent(struct buf *buf, struct str text)
{
    size_t before = buf->n;

    for (size_t i = 0; i < text.n; i++) {
        int value = (unsigned char)text.p[i];
        if (value == '%') {
            int high = i + 2 < text.n ? hex_value(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex_value(text.p[i + 2]) : -1;
            value = high < 0 || low < 0 ? 0 : high << 4 | low;
            i += 2;
        }
        if (value == 0)
            return undo(buf, before);
        buf_add_char(buf, (char)value);
    }
    return 0;
}

static bool is_unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void buf_add_percent(struct buf *buf, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (is_unreserved(c))
            buf_add_char(buf, (char)c);
        else
            buf_printf(buf, "%%%02X", c);
    }
}

static void add_json_escape(struct buf *buf, unsigned char c)
{
    if (c == '"' || c == '\\') {
        buf_add_char(buf, '\\');
        buf_add_char(buf, (char)c);
    } else if (c == '\n') {
        buf_add(buf, "\\n", 2);
    } else {
        buf_printf(buf, "\\u%04x", c);
    }
}

void buf_json_str(struct buf *buf, struct str s)
{
    size_t run = 0, i = 0; /* s.p[run..i) needs no change and is not yet copied */

    buf_reserve(buf, s.n + 2);
    buf_add_char(buf, '"');
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        bool escape = c == '"' || c == '\\' || c < 32 || c == 127;
        if (!escape && utf8_next(s, &i) >= 0)
            continue;
        buf_add(buf, s.p + run, i - run);
        if (escape)
            add_json_escape(buf, c);
        else
            buf_add(buf, "\xef\xbf\xbd", 3);
        run = ++i;
    }
    if (i > run)
        buf_add(buf, s.p + run, i - run);
    buf_add_char(buf, '"');
}

void buf_json_text(struct buf *buf, const char *text)
{
    if (text)
        buf_json_str(buf, str_from(text));
    else
        buf_add(buf, "null", 4);
}
