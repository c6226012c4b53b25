/* The verdict on a replay: what clients were told against what the desk recorded. Pure: it knows no API and
 * no file; replay_check.c feeds it. */
#pragma once
#include <jansson.h>
#include <stdbool.h>

/** What was counted; see replay_verdict.c for what each means. */
struct replay_verdict {
    long unique_tickets, events; /* how much was looked at */
    long lost, duplicated, double_claims, mismatched_wins, chain_gaps;
};
/** False when anything that must be zero is not. */
bool replay_verdict_clean(const struct replay_verdict *verdict);

struct replay_judge;

struct replay_judge *replay_judge_new(void);
/** NULL is fine; returns NULL. */
struct replay_judge *replay_judge_free(struct replay_judge *judge);

/** One event as GET /api/v1/audit shows it. All of them come before the first line, those of a ticket in
 * order. */
void replay_judge_event(struct replay_judge *judge, const json_t *event);
/** True when it can tell which ticket the number is of. Else the caller asks the desk, and says so with
 * replay_judge_alias before it gives a line with that number. */
bool replay_judge_knows(const struct replay_judge *judge, const char *number);
/** The number leads to the ticket that is recorded as `real`; NULL: to none. */
void replay_judge_alias(struct replay_judge *judge, const char *number, const char *real);
/** One line of the client's log. */
void replay_judge_line(struct replay_judge *judge, const json_t *line);

struct replay_verdict replay_judge_verdict(const struct replay_judge *judge);
