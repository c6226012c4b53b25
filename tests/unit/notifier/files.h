/* Golden files of tests/golden/notifier. */
#pragma once
#include "base/buf.h"

/** The whole file; the test ends when it cannot be read. */
void golden_read(const char *name, struct buf *ret_content);
/** The text must be what the file holds. With MERIDIAN_GOLDEN_UPDATE set the file is written instead: look at
 * the difference before you commit it. */
void golden_expect(const char *name, struct str text);
