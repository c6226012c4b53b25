/* What a plan says of escalations: whom to tell, and when, while a clock runs that nobody has acknowledged.
 * Part of a plan of service levels (sla_plan.h) and as unchanging. What a ticket makes of it is in
 * escalation.h. */
#pragma once
#include "domain/oncall.h"
#include "domain/sla_condition.h"

struct sla_calendar;

/** An on-call schedule by its name; `people` are logins. All is borrowed from the document. */
struct escalation_schedule {
    const char *name;
    const struct oncall *schedule;
    char *const *people;
};

enum escalation_whom { ESCALATION_USER, ESCALATION_SCHEDULE, ESCALATION_OWNER, ESCALATION_LEADS };

struct escalation_recipient {
    enum escalation_whom whom;
    const char *login;                          /* of a user */
    const struct escalation_schedule *schedule; /* whose people of that moment */
};

/** When a step comes: by the working time of the clock, or some time after the step before it. */
enum escalation_moment {
    ESCALATION_PERCENT, /* of what the target allows has passed */
    ESCALATION_BEFORE,  /* so many seconds are left */
    ESCALATION_BREACH,  /* the clock is due */
    ESCALATION_AFTER,   /* so many seconds after the step before; the clock's rests do not count */
};

struct escalation_step {
    enum escalation_moment moment;
    int64_t amount;                      /* per cent or seconds */
    const struct sla_calendar *calendar; /* by which "after" counts; NULL: real time */
    struct escalation_recipient *recipients;
    size_t nrecipients;
    int impact, urgency;              /* to raise the ticket to; 0: as it is */
    const char *team;                 /* to which it goes unless somebody owns it; NULL: it stays */
    bool even_if_owned;               /* it goes there also when somebody does */
    bool always;                      /* also when somebody has acknowledged */
    const struct sla_calendar *hours; /* passed over outside these; NULL: at any time */
};

struct escalation {
    const char *name; /* unique in its plan */
    struct sla_condition when;
    const char *target;
    struct escalation_step *steps; /* at least one; the first is never "after" */
    size_t nsteps;
    int repeat; /* how often the "after" steps come again */
};

void escalation_fini(struct escalation *escalation);
