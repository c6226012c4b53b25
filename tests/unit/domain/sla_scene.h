/* One plan, one story told in minutes, and what is expected of the clocks. For tests, each in a process of
 * its own; times are around the clock unless a test says otherwise. */
#pragma once
#include "domain/sla_fold.h"
#include "sla_made.h"

extern struct sla_plan plan;
extern struct story story;
extern struct sla_fold fold;      /* of the story, after any of the expectations */
extern struct sla_target *target; /* the one that was made last */

/** A plan of so many policies without targets; tear_down ends it. */
void make(size_t npolicies);
void tear_down(void);
/** The target rests while the ticket is pending. */
void pauses_while_pending(void);

/** In this minute a field gets another value; `state` is the most common one. */
void goes(int64_t minute, enum sla_field field, const char *value);
void state(int64_t minute, const char *value);

/** Folds all so far, and keeps the laws. The expectations below do it, too. */
void refold(void);
/** Ends the test when there is none. */
const struct sla_run *run_of(const char *name, int cycle);
void expect_running(const char *name, int cycle, int64_t due_minute);
void expect_paused(const char *name, int cycle, int64_t left_minutes);
void expect_ended(const char *name, int cycle, enum sla_clock_state state, int64_t minute);
void expect_none(const char *name, int cycle);
