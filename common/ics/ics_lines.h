/* The content lines of an iCalendar text (RFC 5545 section 3.1), one by one: unfolded, checked, and with
 * their place. What it lets through is bounded and nested properly. Pure. */
#pragma once
#include "plan/node.h"

enum {
    ICS_DEPTH_MAX = 8, /* components within each other */
};

struct ics_lines {
    struct str rest; /* private, all of it */
    long next_line;
    struct buf unfolded;
    int depth;
    struct {
        char name[24]; /* in capitals */
        long line;
    } open[ICS_DEPTH_MAX];

    /* The line that ics_lines_next read, until the next call: */
    long line;        /* where it begins, from 1 */
    struct str text;  /* all of it, valid UTF-8 */
    char name[24];    /* of the property, in capitals, cut */
    struct str value; /* behind the first colon outside quotes; parameters are not looked at */
};

void ics_lines_init(struct ics_lines *lines, struct str text);
void ics_lines_fini(struct ics_lines *lines);
#define _cleanup_ics_lines_ _cleanup_(ics_lines_fini)

/** Reads the next line. BEGIN and END come too, when the component is open and still open, respectively.
 * 1, 0 at the end of a text in which everything is closed, or -E_VALIDATION with *fault, whose place is
 * "line N". */
int ics_lines_next(struct ics_lines *lines, struct plan_fault *fault) _must_check_;
/** True when the innermost component is this, `depth` deep (the whole is 1). */
bool ics_lines_within(const struct ics_lines *lines, int depth, const char *component);

/** A fault at a line. Returns -E_VALIDATION. */
int ics_fail(long line, struct plan_fault *fault, const char *format, ...) _must_check_ _printf_(3, 4);
