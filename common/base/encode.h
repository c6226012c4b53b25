/* Hex and base64url (RFC 4648 section 5, no padding) and base64. */
#pragma once
#include "base/buf.h"

void buf_add_hex(struct buf *buf, const void *bytes, size_t n);
void buf_add_base64url(struct buf *buf, const void *bytes, size_t n);
void buf_add_base64(struct buf *buf, const void *bytes, size_t n);
/** Appends the decoded bytes. 0 or -E_BAD_REQUEST (nothing appended). */
int buf_add_unhex(struct buf *buf, struct str text) __attribute__((warn_unused_result));
int buf_add_unbase64url(struct buf *buf, struct str text) __attribute__((warn_unused_result));
int buf_add_unbase64(struct buf *buf, struct str text) __attribute__((warn_unused_result));
/** Percent-decoding of one URI component ('+' stays); -E_BAD_REQUEST on a bad escape or a NUL. */
int buf_add_unpercent(struct buf *buf, struct str text) __attribute__((warn_unused_result));
void buf_add_percent(struct buf *buf, struct str text);
