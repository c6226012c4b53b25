/* What every reader of this module answers beside its result: the first fault of a document, precise enough
 * to mend it. */
#pragma once
#include "base/buf.h"
#include "base/cleanup.h"

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
