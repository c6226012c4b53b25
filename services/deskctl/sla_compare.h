/* An incident log of ServiceNow (UCI 498) against a plan of service levels: was the time to resolve kept, as
 * the log's own made_sla says? Where the two disagree, one assumption after the other is changed until they
 * agree: that is the explanation. No server. */
#pragma once
#include "plan/sla_plan_json.h"

/* X(constant, name): what has to be assumed for the plan to agree with the log. */
#define SLA_EXPLANATIONS(X)                                                                                  \
    X(SLA_AS_IT_IS, "as it is")                                                                              \
    X(SLA_WITHOUT_PAUSES, "waiting counts")                                                                  \
    X(SLA_FIRST_PRIORITY, "first priority")                                                                  \
    X(SLA_LAST_PRIORITY, "last priority")                                                                    \
    X(SLA_TO_CLOSURE, "until closed")                                                                        \
    X(SLA_TO_FIRST_RESOLUTION, "first resolution ends it")                                                   \
    X(SLA_AROUND_THE_CLOCK, "around the clock")                                                              \
    X(SLA_UNEXPLAINED, "none of these")
#define X(constant, name) constant,
enum sla_explanation { SLA_EXPLANATIONS(X) SLA_EXPLANATION_COUNT };
#undef X

struct sla_comparison {
    long incidents, unclocked; /* without a clock "resolve", or not resolved in the log */
    long kept, breached;       /* by the plan */
    long agree_kept, agree_breached;
    long only_log_breached[SLA_EXPLANATION_COUNT]; /* the plan says kept; by explanation */
    long only_plan_breached[SLA_EXPLANATION_COUNT];
};

const char *sla_explanation_name(enum sla_explanation explanation);
/** Reads at most `limit` incidents (0: all) of a .csv or .csv.gz file whose times are of `zone`. `around` is
 * the same plan around the clock. An exit code, after printing why it is not 0. */
int sla_compare(const char *file, int limit, const struct zone *zone, const struct sla_plan *plan,
                const struct sla_plan *around, struct sla_comparison *ret_comparison);
