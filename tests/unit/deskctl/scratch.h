/* A folder of the test's own as the current one, and deskctl run in it as from a shell. */
#pragma once
#include "base/buf.h"

/** Makes the folder and goes into it. Each test is a process of its own; nothing is undone but by
 * scratch_leave. */
void scratch_enter(void);
/** Goes away and removes it with the files in it. */
void scratch_leave(void);
void scratch_write(const char *name, struct str text);
/** A file's text, appended; nothing where there is no file. */
void scratch_read(const char *name, struct buf *out);
/** How many files there are. */
int scratch_count(void);

/** Runs a command line of words with the standard input of this file, or of nothing when NULL. Both outputs
 * are appended to *out in the order in which they are written. Returns the exit code. */
int scratch_run(const char *const *words, const char *input, struct buf *out);
/** The same for a line in which words may be quoted with ' or ", and `< FILE` may stand at the end. */
int scratch_shell(const char *line, struct buf *out);
