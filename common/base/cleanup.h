/* Scope-bound ownership: owning locals carry a cleanup attribute, so that every early return frees. */
#pragma once
#include <stdlib.h>

#define _cleanup_(fn)       __attribute__((cleanup(fn)))
#define _must_check_        __attribute__((warn_unused_result))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))
#define _unused_            __attribute__((unused))

/** Declares `name##p`, a cleanup function for `type *` that calls `name` when the pointer is set. */
#define DEFINE_CLEANUP(type, name)                                                                           \
    static inline void name##p(type **pointer)                                                               \
    {                                                                                                        \
        if (*pointer)                                                                                        \
            name(*pointer);                                                                                  \
    }

static inline void freep(void *pointer)
{
    free(*(void **)pointer);
}

/** Moves the value out of an owning variable, leaving NULL behind. */
#define TAKE(pointer)                                                                                        \
    ({                                                                                                       \
        __typeof__(pointer) taken_ = (pointer);                                                              \
        (pointer) = NULL;                                                                                    \
        taken_;                                                                                              \
    })

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
