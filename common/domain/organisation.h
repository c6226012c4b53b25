/* Who works when, on what, for whom: desks, teams, agents, services, requesters, routing rules. Pure; made by
 * plan/organisation_json.h and never changed afterwards, so threads may share it.
 *
 * A desk is a regional team with opening hours in its own zone. A team does one kind of work and is served by
 * desks of several regions, so that it follows the sun; an agent sits at one desk and works in any number of
 * teams. An organisation is a snapshot with a version: what routed a ticket is in its first event, with that
 * version, and a later one changes nothing about it. */
#pragma once
#include "domain/calendar.h"
#include "domain/sla_condition.h"
#include "domain/zone.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(constant, name): what happens to the open tickets of agents when their desk closes. */
#define ORG_SHIFT_ENDS(X)                                                                                    \
    X(ORG_SHIFT_END_KEEP, "keep")           /* they stay with their owner */                                 \
    X(ORG_SHIFT_END_RETURN, "return")       /* they go back into the queue, for whoever is awake */          \
    X(ORG_SHIFT_END_HAND_OVER, "hand_over") /* they are offered to whoever is awake, with a note */

#define X(constant, name) constant,
enum org_shift_end { ORG_SHIFT_ENDS(X) };
#undef X

/* X(constant, name): who may take the tickets of a team; P1 is for all of it. */
#define ORG_CLAIMS(X)                                                                                        \
    X(ORG_CLAIMS_ANYBODY, "anybody")                                                                         \
    X(ORG_CLAIMS_ON_SHIFT, "on_shift") /* those whose desk is open */

#define X(constant, name) constant,
enum org_claims { ORG_CLAIMS(X) };
#undef X

/** A skill at a level of 1 to 5: what an agent can do, or a ticket needs at least. */
struct org_skill {
    const char *name;
    int level;
};

/** Ordered by name, each once. */
struct org_skills {
    struct org_skill *items;
    size_t n;
    bool given; /* else: as it was without */
};

enum { ORG_PRIORITIES = 4 };
#define ORG_USUAL_WEIGHTS                                                                                    \
    {                                                                                                        \
        8, 4, 2, 1                                                                                           \
    }

/* X(constant, name): how the ready tickets of a team find an agent; in each of them they may be claimed. */
#define ORG_MODES(X)                                                                                         \
    X(ORG_MODE_PULL, "pull")     /* agents take them */                                                      \
    X(ORG_MODE_OFFER, "offer")   /* they are offered to the best one who is there */                         \
    X(ORG_MODE_ASSIGN, "assign") /* who owns them at once */

#define X(constant, name) constant,
enum org_mode { ORG_MODES(X) };
#undef X

/** What happens to a ticket that nobody took in time. */
struct org_overflow {
    int64_t after_s; /* in the queue; 0: nothing happens */
    size_t team;     /* it goes there; ORG_NONE: everybody of its team may take it, whatever the shift */
};

struct org_desk {
    const char *name, *region;
    struct calendar *hours; /* NULL: around the clock */
};

struct org_team {
    const char *name; /* the slug */
    const char *title_en, *title_zh;
    int tier;
    bool restricted;
    size_t *desks; /* places in the organisation's desks */
    int *staff;    /* beside them: how many agents of the team sit there */
    size_t ndesks;
    int minimum; /* agents that should be on shift; fewer is thin */
    enum org_shift_end shift_end;
    enum org_claims claims;
    const char *duty_main, *duty_backup; /* on-call schedules of who is on duty; NULL: none */
    int64_t backup_after_s;              /* that nobody takes a ticket until the backup person is told */
    enum org_mode mode;
    int accept_within_s;   /* of an offer */
    int handover_within_s; /* of a handover */
    struct org_overflow overflow;
};

struct org_agent {
    const char *login;
    size_t desk; /* ORG_NONE: at none */
    size_t *teams;
    size_t nteams;
    struct org_skills skills;
    int capacity; /* points of open tickets, from which on only P1 is given; 0: no limit */
};
#define ORG_NONE SIZE_MAX

/** Names are paths: "network/vpn" is below "network" and has what that has, unless it says otherwise. */
struct org_service {
    const char *name;
    size_t team;         /* ORG_NONE: as above it */
    int impact, urgency; /* 0: as above it */
    struct org_skills skills;
};

struct org_rule {
    const char *name;
    struct sla_condition when;
    size_t team;         /* ORG_NONE: as it is */
    int impact, urgency; /* 0: as they are */
    struct org_skills skills;
    const char **tags;
    size_t ntags;
};

/** Whose people the desk serves. */
struct org_customer {
    const char *name;            /* the slug */
    const char *title;           /* as people call them; NULL: */
    const char *tier, *contract; /* "strategic" or "standard"; NULL: none */
};

/** Who asks for help; NULL where nothing is said. */
struct org_requester {
    const char *login;
    size_t customer; /* ORG_NONE: nobody's */
    const char *site, *zone, *language;
};

struct organisation {
    int64_t version; /* 0: not stored */
    struct org_desk *desks;
    struct org_team *teams;
    struct org_agent *agents;
    struct org_service *services; /* ordered by name */
    struct org_rule *rules;       /* the first whose condition holds decides */
    struct org_customer *customers;
    struct org_requester *requesters; /* ordered by login */
    size_t ndesks, nteams, nagents, nservices, nrules, ncustomers, nrequesters;
    size_t default_team; /* ORG_NONE exactly when there are no teams */
    int64_t hands_off_s; /* how long automatic acts leave alone what a person has decided; 0: not at all */
    int weights[ORG_PRIORITIES]; /* points of an open ticket, from P1 */
};

void organisation_fini(struct organisation *organisation);

/** Fills in `staff`, when all else is there. */
void organisation_count_staff(struct organisation *organisation);

const char *org_shift_end_name(enum org_shift_end end);
const char *org_claims_name(enum org_claims claims);
const char *org_mode_name(enum org_mode mode);
/** Their place; ORG_NONE: there is none of this name. */
size_t organisation_desk(const struct organisation *organisation, const char *name);
size_t organisation_team(const struct organisation *organisation, const char *name);
size_t organisation_customer(const struct organisation *organisation, const char *name);
/** NULL: nothing is said of them. */
const struct org_requester *organisation_requester(const struct organisation *organisation,
                                                   const char *login);
/** The service of this name, else the nearest above it; NULL: none. */
const struct org_service *organisation_service(const struct organisation *organisation, const char *name);

/* ---- routing ---- */

/* What rules may not ask: they decide it, or it has not happened yet. */
#define ORG_RULE_BUT                                                                                         \
    (1u << SLA_STATE | 1u << SLA_TEAM | 1u << SLA_TIER | 1u << SLA_OWNED | 1u << SLA_RESPONDED |             \
     1u << SLA_AWAITING | 1u << SLA_EVENT | 1u << SLA_BY)

/** Where a new ticket goes, and why. */
struct org_route {
    size_t team; /* ORG_NONE: the organisation has no teams */
    int impact, urgency;
    int seen_priority;                 /* that rules were asked with */
    const struct org_skills *skills;   /* that the ticket needs; NULL: none */
    const struct org_service *service; /* that it was found under; NULL: none */
    const struct org_rule *rule;       /* that decided; NULL: none */
};

/** Routes a ticket by its facts. `impact` and `urgency` are the submitter's, 0 where nothing was said: then
 * the service's count, then medium. The priority that rules see is that of these. The team is that of the
 * rule, else that of the service, else the team named like the service, else the default one. The skills are
 * those of the rule, else those of the service. */
struct org_route organisation_route(const struct organisation *organisation, const struct sla_facts *facts,
                                    int impact, int urgency);
/** The place of the first rule before the i-th that holds whenever that one does, so that it is never
 * reached; i when it can never hold; ORG_NONE when all is well. */
size_t organisation_rule_shadow(const struct organisation *organisation, size_t i);

/* ---- the sun ---- */

/** A time in which the same desks of a team are open. */
struct org_span {
    int64_t from_s, to_s; /* to_s is INT64_MAX when nothing changes any more */
    int desks;            /* open */
    int agents;           /* of the team, at those desks */
};

/** The span at `at_s`, from there on. Adjacent spans may be equal in what is open. */
struct org_span organisation_span(const struct organisation *organisation, size_t team, int64_t at_s);
/** True when some agent of the team sits at a desk that serves it and opens at all. */
bool organisation_is_served(const struct organisation *organisation, size_t team);

/* ---- skills ---- */

/** True when whoever has `skills` has all that is needed. NULL: nothing is. */
bool org_skills_suffice(const struct org_skills *skills, const struct org_skills *needs);
/** The first of the services, from the `from`th on, whose tickets some team gets that has no agent with the
 * skills they need, so that they could only wait; `*ret_team` is that team. The number of services: none. */
size_t organisation_service_lacking(const struct organisation *organisation, size_t from, size_t *ret_team);
/** The same of the rules that name skills: of the team that they name. */
size_t organisation_rule_lacking(const struct organisation *organisation, size_t from, size_t *ret_team);
