/* Opaque cursors of lists: base64url(list "\n" key || 8 bytes of HMAC). They tell nothing a client could
 * build on, and a forged one is refused. Pure. */
#pragma once
#include "base/buf.h"

/** Appends the cursor for `key`, the last row of a page of `list`. */
void cursor_add(struct buf *out, struct str secret, const char *list, struct str key);
/** Appends the key, NUL-terminated, of a cursor of the same list. -E_RANGE for anything else. */
int cursor_read(struct str cursor, struct str secret, const char *list, struct buf *ret_key) _must_check_;
