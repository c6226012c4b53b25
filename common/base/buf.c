/* Growable bytes. Doubles its memory, keeps a NUL behind the content. */
#include "base/buf.h"
#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_fini(struct buf *buf)
{
    free(buf->p);
    *buf = BUF_INIT;
}

void buf_reset(struct buf *buf)
{
    buf->n = 0;
    if (buf->p)
        buf->p[0] = 0;
}

void buf_reserve(struct buf *buf, size_t more)
{
    size_t need = buf->n + more + 1;
    size_t capacity = buf->capacity ? buf->capacity : 64;

    if (need <= buf->capacity)
        return;
    if (more > SIZE_MAX / 4)
        abort(); /* no honest caller; the doubling below would not end */
    while (capacity < need)
        capacity *= 2;
    buf->p = mem_grow(buf->p, capacity);
    buf->capacity = capacity;
    buf->p[buf->n] = 0;
}

void buf_add(struct buf *buf, const void *bytes, size_t n)
{
    buf_reserve(buf, n);
    if (n)
        memcpy(buf->p + buf->n, bytes, n);
    buf->n += n;
    buf->p[buf->n] = 0;
}

void buf_add_str(struct buf *buf, struct str s)
{
    buf_add(buf, s.p, s.n);
}

void buf_add_text(struct buf *buf, const char *text)
{
    if (text)
        buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_add_utf8(struct buf *buf, struct str s)
{
    for (size_t i = 0, next = 0; i < s.n; i = next) {
        if (utf8_next(s, &next) < 0) {
            next = i + 1;
            buf_add(buf, "\xef\xbf\xbd", 3);
        } else {
            buf_add(buf, s.p + i, next - i);
        }
    }
}

void buf_add_i64(struct buf *buf, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)value);

    buf_add(buf, text, (size_t)n);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        abort();
    buf_reserve(buf, (size_t)n);
    va_start(args, format);
    vsnprintf(buf->p + buf->n, (size_t)n + 1, format, args);
    va_end(args);
    buf->n += (size_t)n;
}

void buf_consume(struct buf *buf, size_t n)
{
    if (n >= buf->n) {
        buf_reset(buf);
        return;
    }
    memmove(buf->p, buf->p + n, buf->n - n + 1);
    buf->n -= n;
}

char *buf_take(struct buf *buf)
{
    char *p;

    buf_reserve(buf, 0);
    p = buf->p;
    *buf = BUF_INIT;
    return p;
}
