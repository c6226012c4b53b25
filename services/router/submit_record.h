/* One submission on its way into submit_store.sql. */
#pragma once
#include "base/buf.h"
#include "base/uuid.h"
#include "domain/sla_clock.h"
#include "wire/wire.h"

/** Targets by priority, as configured now. */
struct sla_targets {
    struct {
        int64_t seconds; /* 0: none configured */
        int warn_percent;
    } response[5], resolve[5]; /* [priority] */
};

/** Finds what makes a submission impossible to store for ever, whatever the database holds. Returns the
 * reason (static text) or NULL. */
const char *submit_record_fault(const Meridian__Submission *submission);
/** Appends the record as submit_store.sql reads it. Clocks start when the submission was accepted, but never
 * later than now. The submission has passed submit_record_fault. */
void submit_record_json(const Meridian__Submission *submission, int ordinal,
                        const struct sla_targets *targets, int64_t now_us, struct buf *json);
/** The submission key as the database knows it. */
struct uuid submit_record_key(const Meridian__Submission *submission);
