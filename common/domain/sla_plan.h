/* The plan of service levels: which policy a ticket has, which targets the policy sets, and by which calendar
 * each counts. Pure; made by plan/sla_plan_json.h and never changed afterwards, so threads may share it.
 *
 * A plan is a snapshot with a version: it holds its calendars. A ticket keeps the plan it was created under
 * until somebody decides otherwise, so that a clock can be computed again from the ticket's events and this
 * one number. The first policy whose condition holds wins; without one a ticket has no clocks.
 */
#pragma once
#include "domain/escalation_policy.h"
#include "domain/worktime.h"
#include "domain/zone.h"

enum { SLA_WORKING_DAYS_MAX = 366 };

/** What a clock does when its target starts again after it was met. */
#define SLA_AGAINS(X)                                                                                        \
    X(SLA_AGAIN_NEVER, "never")       /* what was kept stays kept */                                         \
    X(SLA_AGAIN_CONTINUE, "continue") /* goes on with what was left */                                       \
    X(SLA_AGAIN_ANEW, "anew")         /* another clock, of the next cycle */
/** When a clock is cancelled. */
enum sla_cancels { SLA_CANCELS_UNLESS_START, SLA_CANCELS_WHEN, SLA_CANCELS_NEVER };

#define X(constant, name) constant,
enum sla_again { SLA_AGAINS(X) };
#undef X

struct sla_target {
    const char *name; /* unique in its policy */
    int64_t amount_s; /* of working time; 0: */
    int working_days;
    int warn_percent;
    const char *calendar; /* NULL: the ticket's, see sla_plan_calendar */
    struct sla_condition start, stop, pause, reset, cancel;
    bool pauses, resets;
    enum sla_cancels cancels;
    enum sla_again again;
};

struct sla_policy {
    const char *name;
    struct sla_condition when;
    struct sla_target *targets;
    size_t ntargets;
};

struct sla_calendar {
    const char *name;
    int64_t version;           /* of the plan that brought it in this form; 0: not stored */
    struct calendar *calendar; /* NULL: around the clock */
    const struct zone *zone;   /* in which its days are counted; NULL: UTC */
};

/* Where a calendar may come from, in this order. */
#define SLA_SOURCES(X)                                                                                       \
    X(SLA_BY_CONTRACT, "contract", SLA_CONTRACT)                                                             \
    X(SLA_BY_SITE, "site", SLA_SITE)                                                                         \
    X(SLA_BY_REQUESTER, "requester", SLA_REQUESTER)                                                          \
    X(SLA_BY_ZONE, "zone", SLA_ZONE)                                                                         \
    X(SLA_BY_TEAM, "team", SLA_TEAM)

#define X(constant, name, field) constant,
enum sla_source { SLA_SOURCES(X) SLA_BY_DEFAULT, SLA_BY_TARGET };
#undef X

/** "contract", "site", "requester", "zone", "team", "default", "target". */
const char *sla_source_name(enum sla_source source);
const char *sla_again_name(enum sla_again again);

/** A calendar for those who have this value in the field of the source. */
struct sla_attachment {
    enum sla_source source;
    const char *value;
    const struct sla_calendar *calendar;
};

/** What a resolution has to tell. */
enum { SLA_NEEDS_CAUSE = 1, SLA_NEEDS_SOLUTION = 2, SLA_NEEDS_PREVENTION = 4, SLA_NEEDS_ALL = 7 };
struct sla_needs {
    struct sla_condition when;
    unsigned parts; /* of the above */
};

/** What happens in time after the work is done, or while nobody can work; and what "done" takes. */
struct sla_closing {
    struct sla_target
        auto_close; /* how long a resolved ticket waits for its requester; only its amount counts */
    const struct sla_calendar *calendar; /* by which */
    int64_t survey_s;                    /* from the resolution to the survey */
    int64_t remind_s;                    /* between reminders of a pending ticket */
    int64_t reopen_s;                    /* how long a closed ticket can be reopened; 0: never */
    struct sla_needs *needs;             /* the first whose condition holds; where none does: all */
    size_t nneeds;
};

struct sla_plan {
    int64_t version; /* 0: not stored */
    struct sla_calendar *calendars;
    size_t ncalendars;
    struct sla_attachment *attachments;
    size_t nattachments;
    const struct sla_calendar *usual; /* when nothing else says */
    struct sla_policy *policies;
    size_t npolicies;
    struct escalation_schedule *schedules;
    size_t nschedules;
    struct escalation *escalations; /* of a target the first whose condition holds */
    size_t nescalations;
    struct sla_closing closing;
};

void sla_plan_fini(struct sla_plan *plan);

/** The policy that applies; NULL: none. */
const struct sla_policy *sla_plan_policy(const struct sla_plan *plan, const struct sla_facts *facts);
/** NULL: the policy has no such target. */
const struct sla_target *sla_policy_target(const struct sla_policy *policy, const char *name);
/** NULL: no calendar of this name. */
const struct sla_calendar *sla_plan_named(const struct sla_plan *plan, const char *name);
/** NULL: no on-call schedule of this name. */
const struct escalation_schedule *sla_plan_schedule(const struct sla_plan *plan, const char *name);
/** By which calendar a target of a ticket counts: the target's own, else that of the contract, the site, the
 * requester, the requester's zone, the team, else the usual one. Borrowed from the plan. */
const struct sla_calendar *sla_plan_calendar(const struct sla_plan *plan, const struct sla_target *target,
                                             const struct sla_facts *facts, enum sla_source *ret_source);
/** How many seconds a target allows from `start`. Working days are those on which the calendar is open: n of
 * them reach to the same time of the n-th such day after the first; they are turned into working time here,
 * once, so that pauses can be counted. */
int64_t sla_target_seconds(const struct sla_target *target, const struct sla_calendar *calendar,
                           struct instant start);
/** When a ticket that is resolved now closes by itself; none: never. */
struct instant sla_closing_due(const struct sla_closing *closing, struct instant resolved);
/** Until when a ticket that is closed now can be reopened; none: it cannot. */
struct instant sla_closing_reopen_until(const struct sla_closing *closing, struct instant closed);
/** What the resolution of a ticket has to tell: bits of SLA_NEEDS_. */
unsigned sla_closing_needs(const struct sla_closing *closing, const struct sla_facts *facts);
/** True when the claim of a ticket, which makes it open and owned, can move a clock or begin an escalation:
 * such tickets cannot be claimed without a look at their clocks. */
bool sla_plan_minds_claims(const struct sla_plan *plan);

/** What is wrong with a target of a policy: conditions that can never do what they are for. Static text, NULL
 * when nothing is. These are the traps of semantics.md, section 2. */
const char *sla_target_fault(const struct sla_policy *policy, const struct sla_target *target);
/** True when the policies before the i-th leave it no ticket. */
bool sla_policy_is_shadowed(const struct sla_plan *plan, size_t i);
/** True when the escalations of its target before the i-th leave it no ticket. */
bool sla_escalation_is_shadowed(const struct sla_plan *plan, size_t i);
