/* What every reader of this module answers beside its result: the first fault of a document, precise enough
 * to mend it. */
#pragma once
#include "base/buf.h"
#include "base/cleanup.h"
#include <jansson.h>

/** Where a document is wrong and why. Texts are English, for operators and logs. */
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

/* How readers write one. The fault is written where it is found, with an empty pointer; on the way out every
 * frame that stepped into a member or element puts that step in front. Reading what is right so costs no
 * pointers. */

/** Writes the reason; returns -E_VALIDATION. */
int plan_refuse(struct plan_fault *fault, const char *format, ...) _printf_(2, 3);
/** Passes a result on; when it is a failure, it happened within this member or element. */
int plan_within(struct plan_fault *fault, const char *key, int result);
int plan_within_element(struct plan_fault *fault, size_t index, int result);
/** Refuses members of an object (NULL has none) that have none of these names, naming the nearest. 0 or
 * -E_VALIDATION. */
int plan_check_names(struct plan_fault *fault, const json_t *object, const char *const *names,
                     size_t n) _must_check_;
