/* Files read whole and replaced whole. */
#pragma once
#include "base/buf.h"
#include <sys/types.h>

/** Appends a file of at most `max` bytes. 0, or -E_IO with errno set: EFBIG for a longer one, EISDIR for what
 * is no file. */
int whole_file_read(const char *path, size_t max, struct buf *out) __attribute__((warn_unused_result));
/** Replaces a file, or makes it with this mode (a file that is there keeps its own; a link stays a link): its
 * readers see the old text or the new one, also when the machine stops in between. 0, or -E_IO with errno set
 * and nothing changed. */
int whole_file_replace(const char *path, struct str text, mode_t mode) __attribute__((warn_unused_result));
