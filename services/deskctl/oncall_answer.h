/* Answers about rotations and on-call schedules: from a JSON document to text, for json_lines_run. The forms
 * of questions and answers are in docs/how-to/oncall.md. Nothing but the clock is read, and that only for
 * DTSTAMP. */
#pragma once
#include "deskctl/json_lines.h"

/** The context of the answers below. */
struct oncall_asked {
    struct zone_book zones; /* kept from one document to the next; the caller's to end */
    const char *user;       /* iCalendar only: just this person; NULL: everybody */
};

/** {"handoffs": [...]} of a rotation. */
json_lines_answer rotation_answer;
/** {"on_call": [...], "next_change": ...} at an instant, {"shifts": [...]} of a window. */
json_lines_answer oncall_answer;
/** The shifts of a window as an iCalendar object. */
json_lines_answer oncall_ical_answer;
