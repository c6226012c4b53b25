/* Conditions over what a ticket says of itself: which policy applies, when a target starts, stops, rests.
 * Pure.
 *
 * Only fields that the ticket's events carry may be asked, so that a condition can be judged again for any
 * moment of the past (semantics.md: ServiceNow's "dot-walked" fields replay only their last value, and its
 * repair gives other results than the first run).
 *
 * A condition is a tree. What a field lists is "is one of"; `all` of nothing is true, `any` of nothing false.
 */
#pragma once
#include "base/cleanup.h"
#include <stdbool.h>
#include <stddef.h>

/* X(constant, name, the values it can have; NULL: any text). A value may also be missing. */
#define SLA_FIELDS(X)                                                                                        \
    X(SLA_STATE, "state", "new\0open\0pending\0resolved\0closed\0cancelled\0")                               \
    X(SLA_PRIORITY, "priority",                                                                              \
      "1\0"                                                                                                  \
      "2\0"                                                                                                  \
      "3\0"                                                                                                  \
      "4\0")                                                                                                 \
    X(SLA_SERVICE, "service", NULL)                                                                          \
    X(SLA_TEAM, "team", NULL)                                                                                \
    X(SLA_TIER, "tier",                                                                                      \
      "1\0"                                                                                                  \
      "2\0"                                                                                                  \
      "3\0")                                                                                                 \
    X(SLA_REGION, "region", NULL)                                                                            \
    X(SLA_CHANNEL, "channel", NULL)                                                                          \
    X(SLA_LANGUAGE, "language", "en\0zh\0")                                                                  \
    X(SLA_CUSTOMER_TIER, "customer_tier", NULL)                                                              \
    X(SLA_CONTRACT, "contract", NULL)                                                                        \
    X(SLA_SITE, "site", NULL)                                                                                \
    X(SLA_ZONE, "zone", NULL)                                                                                \
    X(SLA_CUSTOMER, "customer", NULL)                                                                        \
    X(SLA_REQUESTER, "requester", NULL)                                                                      \
    X(SLA_OWNED, "owned", "yes\0no\0")                                                                       \
    X(SLA_RESPONDED, "responded", "yes\0no\0")                                                               \
    X(SLA_AWAITING, "awaiting", "agent\0requester\0")                                                        \
    X(SLA_EVENT, "event", NULL)                                                                              \
    X(SLA_BY, "by", "requester\0agent\0system\0")

#define X(constant, name, values) constant,
enum sla_field { SLA_FIELDS(X) SLA_FIELD_COUNT };
#undef X

/** What a ticket says: a value for each field, NULL where it is missing. `event` and `by` tell what happened
 * last and who did it. Texts are borrowed. */
struct sla_facts {
    const char *values[SLA_FIELD_COUNT];
};

/** Static storage. */
const char *sla_field_name(enum sla_field field);
/** True with the field of this name. */
bool sla_field_find(const char *name, enum sla_field *ret_field);
/** The i-th value that the field can have; NULL past the last, and for a field of any text. */
const char *sla_field_value(enum sla_field field, size_t i);

enum sla_condition_kind { SLA_ALL, SLA_ANY, SLA_NOT, SLA_IS };

/** All zero is the condition that always holds. */
struct sla_condition {
    enum sla_condition_kind kind;
    struct sla_condition *parts; /* of all, any, not; owned */
    size_t nparts;
    enum sla_field field; /* of is */
    const char **values;  /* the array is owned, the texts are the document's; NULL: missing */
    size_t nvalues;
};

void sla_condition_fini(struct sla_condition *condition);

bool sla_condition_holds(const struct sla_condition *condition, const struct sla_facts *facts);
/** The fields it asks, as bits 1 << field. */
unsigned sla_condition_fields(const struct sla_condition *condition);

/** What one would like of a condition. */
struct sla_wish {
    const struct sla_condition *condition;
    bool holds;
};
enum sla_possibility {
    SLA_IMPOSSIBLE,
    SLA_POSSIBLE,
    SLA_UNDECIDED, /* the conditions compare too many values to try them all: over 1000 of one field, or: */
};
enum { SLA_TRIALS_MAX = 200000 };
/** Is there a ticket for which all wishes come true? Decided by trying every combination of the values that
 * matter: those that a field can have, or, where that is any text, those that are named and another one; and
 * none, of texts and of the tier, which older events do not tell. Found fast when the first wishes are those
 * that few tickets fulfil: their values are tried first. */
enum sla_possibility sla_wishes_possible(const struct sla_wish *wishes, size_t n);
