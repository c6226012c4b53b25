/* The checks llhttp leaves out, over the raw bytes of a request head. Pure: no sockets, no memory of its own.
 */
#pragma once
#include "base/cleanup.h"
#include "meridian/errors.h"
#include <stdbool.h>
#include <stddef.h>

/** Where the scan stands; zero is the start of a request. Survives any split of the bytes over reads. */
struct guard {
    enum guard_state {
        GUARD_START,       /* before the request line; empty lines are skipped */
        GUARD_START_LF,    /* CR of such an empty line seen */
        GUARD_LINE,        /* in the request line */
        GUARD_LINE_LF,     /* its CR seen */
        GUARD_FIELD_START, /* first byte of a field line, or of the empty line that ends the head */
        GUARD_FIELD,
        GUARD_FIELD_LF,
        GUARD_END_LF, /* CR of the last, empty line seen */
    } state;
    size_t bytes;      /* of the head so far */
    size_t line_bytes; /* of the request line so far */
    int line_spaces;   /* in it: two, not side by side */
    bool after_space;
};

enum { GUARD_MORE, GUARD_HEAD_END };

/** Scans `n` bytes that follow those scanned before. *ret_used: how many belong to the head.
 * GUARD_MORE, GUARD_HEAD_END (the byte after *ret_used belongs to the body), -E_BAD_REQUEST, -E_URI_TOO_LONG
 * or -E_HEADERS_TOO_LARGE. */
int guard_scan(struct guard *guard, const char *bytes, size_t n, size_t *ret_used) _must_check_;

struct request;
/** Judges a complete head: method, target, Host, framing. Sets what it learns in the request (target parts,
 * expect_continue). 0 or a failure to answer with. */
int guard_request(struct request *request) _must_check_;
