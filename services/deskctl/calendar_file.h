/* A calendar's document, JSON or YAML, in a file of its own. */
#pragma once
#include "deskctl/cli.h"
#include "deskctl/document_file.h"
#include "domain/calendar.h"

struct calendar_file {
    struct document_file file;
    json_t *document;          /* the file's */
    struct calendar *calendar; /* as the engine knows it; NULL is around the clock */
    struct zone_book zones;
    const struct zone *zone; /* the document's own; NULL when it has none (joined, around the clock) */
};

/** Reads and checks a file. An exit code, after printing why it is not 0. Closed in any case. */
int calendar_file_open(struct calendar_file *file, const char *path);
void calendar_file_close(struct calendar_file *file);
#define _cleanup_calendar_file_ _cleanup_(calendar_file_close)
/** Makes `calendar` anew from the document, which changed. 0, or -E_VALIDATION with *fault. */
int calendar_file_check(struct calendar_file *file, struct plan_fault *fault) _must_check_;
/** Writes the document, as YAML if it was that. An exit code, after printing why it is not 0. */
int calendar_file_save(const struct calendar_file *file);

/** Prints a fault of a file of holidays. Returns EXIT_ERROR. */
int calendar_file_fault(const char *path, const struct plan_fault *fault);
/** Appends a file's text, at most HOLIDAY_FILE_MAX long. An exit code, after printing why it is not 0. */
int calendar_file_text(const char *path, struct buf *out);
