/* What the tests of service levels are made of: conditions, plans and stories, in short. Each program frees
 * what it makes with sla_plan_fini and sla_condition_fini, as everybody else. */
#pragma once
#include "domain/sla_fold.h"
#include <stddef.h>

/** Stands for the value that is missing. */
extern const char sla_made_missing[];

/** A field is one of these values (literals, at least one), the last of which is followed by NULL. */
struct sla_condition sla_made_is(enum sla_field field, ...);
struct sla_condition sla_made_list(enum sla_condition_kind kind, const struct sla_condition *parts, size_t n);
#define IS(...) sla_made_is(__VA_ARGS__, NULL)
#define PARTS(...)                                                                                           \
    (const struct sla_condition[])                                                                           \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }
#define MADE(k, ...)                                                                                         \
    sla_made_list(k, PARTS(__VA_ARGS__), sizeof(PARTS(__VA_ARGS__)) / sizeof(struct sla_condition))
#define ALL(...)     MADE(SLA_ALL, __VA_ARGS__)
#define ANY(...)     MADE(SLA_ANY, __VA_ARGS__)
#define NOT(...)     MADE(SLA_NOT, __VA_ARGS__)
#define ALWAYS_HOLDS ((struct sla_condition){0})
#define NEVER_HOLDS  NOT(ALWAYS_HOLDS)
/** A tree over some of the fields (bits), `depth` high, of the values that the fields can have, of "a" and
 * "b" where that is any text, and missing ones. */
struct sla_condition sla_made_random(uint64_t *seed, unsigned fields, int depth);
/** A value of the field as sla_made_random uses it; NULL for missing. */
const char *sla_made_value(uint64_t *seed, enum sla_field field);

/** A plan with the calendars "always" (the usual one) and "office" (Berlin, Monday to Friday 09:00 to 17:00)
 * and room for policies, all of which apply always. Zones stay for ever. */
void sla_made_plan(struct sla_plan *plan, size_t npolicies);
/** Adds a target, to be changed before the next is added: around the clock, from the first step until the
 * ticket is resolved or closed, 75 %, never cancelled. */
struct sla_target *sla_made_target(struct sla_policy *policy, const char *name, int64_t amount_s);

/* A story starts on Monday 2026-03-02 at 00:00 UTC with a new ticket of priority 3 and tier 1. */
enum { STORY_MAX = 64 };
struct story {
    const struct sla_plan *plan; /* in force from the next step on */
    struct sla_step steps[STORY_MAX];
    size_t n;
};
struct instant story_minute(int64_t minute);
/** The next step: at this minute a field gets a value. */
struct sla_step *story_goes(struct story *story, int64_t minute, enum sla_field field, const char *value);
struct sla_step *story_fires(struct story *story, int64_t minute, const char *target, int cycle,
                             enum sla_firing fired);
void story_fold(const struct story *story, struct sla_fold *ret_fold);

/** What is not true of every fold; NULL: nothing. Spans lie end to end, sums and what remains agree, there is
 * one clock of a target and cycle, in order; those that have not ended have the policy in force. */
const char *sla_made_law(const struct sla_fold *fold, struct instant now);
