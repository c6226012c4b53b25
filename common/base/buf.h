/* A growable byte buffer, always NUL-terminated behind its length. `BUF_INIT` or all zero is an empty one;
 * buf_fini frees. Appending never fails (memory.h). */
#pragma once
#include "base/cleanup.h"
#include "base/str.h"
#include <stdint.h>

struct buf {
    char *p;  /* NULL until the first append */
    size_t n; /* bytes in use, without the NUL */
    size_t capacity;
};

#define BUF_INIT ((struct buf){0})

void buf_fini(struct buf *buf);
static inline void buf_finip(struct buf *buf)
{
    buf_fini(buf);
}
#define _cleanup_buf_ _cleanup_(buf_finip)

void buf_reset(struct buf *buf); /* empties, keeps the memory */
void buf_reserve(struct buf *buf, size_t more);
void buf_add(struct buf *buf, const void *bytes, size_t n);
void buf_add_str(struct buf *buf, struct str s);
void buf_add_text(struct buf *buf, const char *text); /* NULL adds nothing */
void buf_add_char(struct buf *buf, char c);
void buf_add_utf8(struct buf *buf, struct str s); /* bytes that are no UTF-8 become U+FFFD */
void buf_add_i64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *buf, size_t n); /* drops the first n bytes */
char *buf_take(struct buf *buf);             /* the bytes, owned by the caller; the buffer is empty after */
static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->p ? buf->p : "", buf->n};
}
static inline const char *buf_text(const struct buf *buf)
{
    return buf->p ? buf->p : "";
}

/* JSON, written in order. The caller adds the punctuation; these escape the values (RFC 8259; input must be
 * UTF-8, other bytes become U+FFFD). */
void buf_json_str(struct buf *buf, struct str s);      /* with quotes */
void buf_json_text(struct buf *buf, const char *text); /* with quotes; NULL gives null */
