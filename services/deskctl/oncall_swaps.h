/* The swaps of on-call shifts that a server knows, put into a schedule of a plan. One thread. */
#pragma once
#include "deskctl/client.h"

/** Adds to `schedule` (its JSON, changed) the swaps that were taken by `known_us` (microseconds; INT64_MAX:
 * by now) and may touch anything from the instant or wall time `at` on, in the order in which they were
 * agreed; those of people whom the schedule does not name are left out. When `at` is no time nothing is
 * added: whoever evaluates it says so. An exit code, after printing why it is not 0. */
int oncall_swaps_add(struct client *client, const char *name, const char *at, int64_t known_us,
                     json_t *schedule);
/** A time as people type it, perhaps without seconds ("2026-01-05T12:00Z"), as RFC 3339 has it. To be freed.
 */
char *oncall_time(const char *text);
