/* One submission on its way into submit_store.sql. */
#pragma once
#include "base/buf.h"
#include "base/uuid.h"
#include "domain/organisation.h"
#include "domain/sla_plan.h"
#include "wire/wire.h"
#include <jansson.h>

/** What the database says of a submission (see submit_begin.sql), and where it is routed (submit_route.h).
 * Texts are borrowed. */
struct submit_place {
    int team, tier;
    const char *team_slug;
    bool restricted;
    const char *requester, *submitter;   /* logins; NULL: nobody there has that id */
    const struct org_requester *who;     /* what the organisation says of the requester; NULL: nothing */
    const struct org_customer *customer; /* whose they are; NULL: nobody's */
    const json_t *attributes;            /* of a submitter who is no requester, and believed; else NULL */
    const struct sla_plan *plan;         /* in force */
    int64_t now_us;
    struct org_route route; /* levels, and why it goes there */
    int64_t organisation;   /* the version that routed it */
    bool team_kept;         /* but for its team, which it has from the ticket that it is made from */
    const char *details;    /* more members of its first event, each with its comma before it; NULL: none */
};

/** Finds what makes a submission impossible to store for ever, whatever the database holds. Returns the
 * reason (static text) or NULL. */
const char *submit_record_fault(const Meridian__Submission *submission);
/** Appends the parts of the question that submit_begin.sql answers. */
void submit_record_ask(const Meridian__Submission *submission, int ordinal, struct buf *json);
/** Appends the record, its clocks and its timer as submit_store.sql reads them. Clocks start when the
 * submission was accepted, but never later than now. The submission has passed submit_record_fault. 0, or
 * -E_INTERNAL when the event cannot be folded. */
int submit_record_json(const Meridian__Submission *submission, int ordinal, const struct submit_place *place,
                       struct buf *json, struct buf *clocks) _must_check_;
/** The submission key as the database knows it. */
struct uuid submit_record_key(const Meridian__Submission *submission);
