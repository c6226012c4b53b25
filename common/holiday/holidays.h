/* The days that a source calls holidays or make-up working days, as its files are read. One owner. */
#pragma once
#include "base/buf.h"

enum {
    HOLIDAY_FILE_MAX = 8 * 1024 * 1024, /* bytes of a file */
    HOLIDAY_DAYS_MAX = 50000, /* days given to holidays_add, in the range or left out by their name */
    HOLIDAY_NAME_MAX = 200,   /* characters; longer names are cut */
};

/** Why a day that a source has is not taken: name for scripts, texts for people. */
#define HOLIDAY_REASONS(X)                                                                                   \
    X(HOLIDAY_DAYLIGHT, "daylight_saving", "a change of the clock", "时钟调整")                              \
    X(HOLIDAY_PART, "part_of_a_day", "part of a day", "非全天")                                              \
    X(HOLIDAY_EXCEPT, "except", "left out by --except", "被 --except 排除")                                  \
    X(HOLIDAY_CANCELLED, "cancelled", "cancelled", "已取消")

enum holiday_reason {
#define X(constant, name, en, zh) constant,
    HOLIDAY_REASONS(X)
#undef X
};

struct holiday {
    int64_t day;  /* since 1970-01-01 */
    bool working; /* a make-up working day; otherwise a day off */
    char *name;   /* one line; NULL when it has none */
};

struct holiday_left {
    int64_t day;
    char *name; /* may be NULL */
    enum holiday_reason reason;
};

struct holidays {
    struct holiday *items; /* by day, each day once, after holidays_seal */
    size_t n;
    struct holiday_left *left;
    size_t nleft;
    size_t outside; /* days that the filter's years do not have */
};

/** What is taken of a source. */
struct holiday_filter {
    int64_t first, last;       /* days since 1970-01-01, both within */
    const char *const *except; /* not days whose name contains one of these, small and capital alike */
    size_t nexcept;
};

/** The years that are taken when nobody says which: from the last one to three years ahead of `day`, as far
 * as a calendar knows years. */
void holiday_years(int64_t day, int32_t *ret_from, int32_t *ret_to);
/** A filter of these years, both included, without exceptions. */
struct holiday_filter holiday_filter_of(int32_t from, int32_t to);

void holidays_fini(struct holidays *holidays);
#define _cleanup_holidays_ _cleanup_(holidays_fini)

/** Adds a day, or counts it as left out. A name in parts ("Easter Sunday; Sunday") is judged part by part:
 * the day counts as long as one is left. False, and nothing added, when there are HOLIDAY_DAYS_MAX already.
 */
bool holidays_add(struct holidays *holidays, const struct holiday_filter *filter, int64_t day, bool working,
                  struct str name) _must_check_;
/** Adds a day to those left out; the same limit. */
bool holidays_leave(struct holidays *holidays, const struct holiday_filter *filter, int64_t day,
                    struct str name, enum holiday_reason reason) _must_check_;
/** Sorts, and makes one of several entries of a day: their names together, working when any of them is. */
void holidays_seal(struct holidays *holidays);

/** True when a name says of its day that work is done on it ("Special Working Day", "上班(补春节假期)"):
 * events of calendars have no other way. */
bool holiday_name_is_working(struct str name);
