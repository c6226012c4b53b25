/* Strict reading of JSON: a node is a value together with its place, so that the first fault can say where it
 * is.
 *
 * Nodes live on the stack of whoever reads; a child points to its parent. A node whose value is absent is
 * fine until it is read: every reader below fails with "is missing" for it. Readers give 0, or -E_VALIDATION
 * with *fault filled (nothing else set). What they return is borrowed from the JSON. Pure; any thread. */
#pragma once
#include "base/buf.h"
#include "base/civil.h"
#include "domain/zone_book.h"
#include <jansson.h>

/** Where a document is wrong and why: the first fault found. Texts are English, for operators and logs. All
 * zero is none. */
struct plan_fault {
    struct buf at;     /* JSON Pointer (RFC 6901) to the value, "" for the whole */
    struct buf reason; /* what is wrong and what would be right */
};

static inline void plan_fault_fini(struct plan_fault *fault)
{
    buf_fini(&fault->at);
    buf_fini(&fault->reason);
}
#define _cleanup_plan_fault_ _cleanup_(plan_fault_fini)

struct plan_node {
    const struct plan_node *up; /* NULL: the whole document */
    const char *key;            /* its name in the object above; NULL: */
    size_t index;               /* its place in the array above */
    json_t *json;               /* NULL: absent */
};

struct plan_node plan_root(json_t *json);
struct plan_node plan_member(const struct plan_node *object, const char *key);
struct plan_node plan_item(const struct plan_node *array, size_t index);

/** Writes the fault of a node. Returns -E_VALIDATION. */
int plan_fail(const struct plan_node *node, struct plan_fault *fault, const char *format, ...) _must_check_
    _printf_(3, 4);
/** The nearest of some names to a misspelt or shortened one, for "did you mean"; NULL when none is near. */
const char *plan_nearest(const char *name, const char *const *names, size_t n);

/** How documents name the days of a week, Monday first; NULL ends the list. */
extern const char *const plan_weekdays[WEEK_DAYS + 1];

/** An object with no member but these; `keys` ends with NULL. */
int plan_object(const struct plan_node *node, const char *const *keys, struct plan_fault *fault) _must_check_;
/** An object of at most `max` members of any names, or none. */
int plan_map(const struct plan_node *node, size_t max, struct plan_fault *fault) _must_check_;
/** An array of at most `max` items. */
int plan_array(const struct plan_node *node, size_t max, size_t *ret_n,
               struct plan_fault *fault) _must_check_;
/** One line of 1 to `max` characters, without control characters. */
int plan_text(const struct plan_node *node, size_t max, const char **ret_text,
              struct plan_fault *fault) _must_check_;
int plan_whole(const struct plan_node *node, int64_t min, int64_t max, int64_t *ret_value,
               struct plan_fault *fault) _must_check_;
int plan_bool(const struct plan_node *node, bool *ret_value, struct plan_fault *fault) _must_check_;

/** The name of a time zone. */
int plan_zone(const struct plan_node *node, struct zone_book *zones, const struct zone **ret_zone,
              struct plan_fault *fault) _must_check_;
/** A time of day, "09:00" or "09:00:30", before midnight. */
int plan_clock(const struct plan_node *node, int32_t *ret_s, struct plan_fault *fault) _must_check_;
/** The same, and "24:00". */
int plan_clock_or_midnight(const struct plan_node *node, int32_t *ret_s,
                           struct plan_fault *fault) _must_check_;
/** A date that exists, "2026-04-03". */
int plan_date(const struct plan_node *node, struct civil *ret_date, struct plan_fault *fault) _must_check_;
/** A wall time, "2020-10-25T02:30" or with seconds. */
int plan_wall(const struct plan_node *node, int64_t *ret_wall_s, struct plan_fault *fault) _must_check_;
/** An instant: RFC 3339 with an offset or Z, or a wall time of `zone`, of which `last` picks the last instant
 * that shows it and otherwise the first. Whole seconds. */
int plan_instant(const struct plan_node *node, const struct zone *zone, bool last, int64_t *ret_at_s,
                 struct plan_fault *fault) _must_check_;
