/* JSON log lines on standard output: ts, level, msg, svc, region, instance, then fields. Message texts are
 * static; what varies goes into fields. Never log bodies, passwords or tokens. Any thread may call; a line is
 * one write(2). */
#pragma once
#include "base/str.h"
#include "meridian/errors.h" /* L_ERROR */
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key;
    enum { LOG_TEXT, LOG_STR, LOG_INTEGER, LOG_DOUBLE } kind;
    union {
        const char *text; /* NULL is written as null */
        struct str str;
        int64_t integer;
        double real;
    };
};

#define L_TEXT(k, v) ((struct log_field){.key = (k), .kind = LOG_TEXT, .text = (v)})
#define L_STR(k, v)  ((struct log_field){.key = (k), .kind = LOG_STR, .str = (v)})
#define L_INT(k, v)  ((struct log_field){.key = (k), .kind = LOG_INTEGER, .integer = (v)})
#define L_REAL(k, v) ((struct log_field){.key = (k), .kind = LOG_DOUBLE, .real = (v)})
/** A failure code: its name from meridian/errors.h. */
#define L_ERROR(code) L_TEXT("error", error_info(code)->name)

/** Sets what every line carries. The texts are copied. Call once, before threads start; without it lines have
 * no svc. */
void log_open(const char *service, const char *region, const char *instance, enum log_level least);
/** Changes the level; any thread, any time. */
void log_set_level(enum log_level least);
/** "debug", "info", "warn" or "error". 0 or -E_CONFIG. */
int log_level_parse(const char *text, enum log_level *ret_level) __attribute__((warn_unused_result));
/** Writes one line. A value longer than 1 KiB is cut at a code point and ends in "..."; a field that would
 * make the line longer than a pipe takes in one piece (4 KiB) is left out and `"cut":true` says so. A line
 * that cannot be written is dropped and counted. */
void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t n);
/** Lines lost so far because standard output was full or closed. */
uint64_t log_dropped(void);

/* log_info("claimed", L_STR("ticket", number), L_INT("epoch", epoch)); with at least no field:
 * log_info("ready"); */
#define LOG_CALL(level, message, ...)                                                                        \
    log_write(level, message, (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}},                           \
              sizeof((struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}}) / sizeof(struct log_field) - 1)
#define log_debug(message, ...) LOG_CALL(LOG_DEBUG, message __VA_OPT__(, ) __VA_ARGS__)
#define log_info(message, ...)  LOG_CALL(LOG_INFO, message __VA_OPT__(, ) __VA_ARGS__)
#define log_warn(message, ...)  LOG_CALL(LOG_WARN, message __VA_OPT__(, ) __VA_ARGS__)
#define log_error(message, ...) LOG_CALL(LOG_ERROR, message __VA_OPT__(, ) __VA_ARGS__)
