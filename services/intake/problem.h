/* Failures as the API shows them: application/problem+json (RFC 9457). Pure. */
#pragma once
#include "base/buf.h"

#define PROBLEM_TYPE "application/problem+json"

struct problem {
    int code;             /* as returned (negative) or its number */
    const char *language; /* "zh" takes the Chinese title */
    const char *detail;   /* one sentence, or NULL */
    struct str instance;  /* path of the request; empty: left out */
    const char *trace_id; /* or NULL */
    struct str errors;    /* JSON array of field errors; empty: left out */
    struct str members;   /* JSON object with further members; empty: none */
};
void problem_add(struct buf *out, const struct problem *problem);
/** Seconds for Retry-After, or 0 when repeating makes no sense. */
int problem_retry_after_s(int code);
