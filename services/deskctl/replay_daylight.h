/* How much of a log's work was done in daylight: by people whose desk was open. */
#pragma once
#include "deskctl/replay.h"
#include "domain/organisation.h"

/** What was counted; see replay_daylight.c for what each means. */
struct replay_daylight {
    long tickets;          /* that anybody took */
    long tickets_on_shift; /* of these, taken by people whose desk was open, each time */
    int64_t owned_s, on_shift_s /* while the owner's desk was open */, somebody_s /* while any desk was */;
};
/** Counts the whole log by the hours of the organisation's desks. False, with zeros, when the log does not
 * say when its lines were. */
bool replay_daylight(const struct replay_log *log, const struct organisation *organisation,
                     struct replay_daylight *ret_daylight);
