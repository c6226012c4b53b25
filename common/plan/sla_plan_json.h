/* The JSON form of a plan of service levels, read strictly and checked: a plan that is accepted has no policy
 * that nothing reaches and no target whose conditions contradict each other.
 *
 *   {"calendars": {"berlin": {...}},                   by name, as in plan/calendar_json.h; "always" is there
 *    "default_calendar": "berlin",                     "always" when left out
 *    "attach": {"contract": {"gold": "always"},        whose value in this field counts by which calendar,
 *               "site": {}, "requester": {}, "zone": {}, in this order
 *               "team": {"network": "berlin"}},
 *    "policies": [                                     the first whose "when" holds applies
 *      {"name": "P1", "when": {"priority": 1},
 *       "targets": {
 *         "first_response": {"amount": "30m", "calendar": "always"},
 *         "level_1": {"amount": "1m", "start": {"tier": 1, "state": ["new", "open"]}, "stop": {"tier": [2,
 * 3]}, "pause": {...}, "reset": {...}, "cancel": {...} or "never", "again": "anew", "warn_percent": 75}}}],
 *    "schedules": {"network": {...}},                  by name, as in plan/oncall_json.h
 *    "escalations": [...],                             as in plan/escalation_json.h
 *    "feeds": {"DE": {...}}}                           as in plan/feed_json.h
 *
 *    "closing": {"auto_close": {"working_days": 5},     after the resolution, unless it is reopened,
 *                "calendar": "berlin",                  counted so (default: the default calendar)
 *                "survey": "24h",                       after the resolution
 *                "pending_reminder": "48h",             to the requester, again and again while it is pending
 *                "reopen_within": "336h",               after it was closed (default), or "never"
 *                "resolve": [{"when": {...}, "needs": ["solution"]}]}}   the first that holds (default: all
 * three)
 *
 * An amount is seconds, or "90s", "30m", "4h", or {"working_days": 2}. The targets first_response,
 * next_reply, update and resolve have conditions of their own, which may be replaced one by one. Limits: 200
 * policies, 32 targets each, 500 calendars, 10,000 attachments, 100 schedules, amounts up to ten years. Pure,
 * but for the zones. */
#pragma once
#include "plan/oncall_json.h"
#include "plan/sla_value_json.h"

enum {
    SLA_DOCUMENT_MAX = 255 * 1024, /* bytes of compact JSON: what fits into a request with its envelope */
    SLA_POLICIES_MAX = 200,
    SLA_TARGETS_MAX = 32,
    SLA_ATTACHMENTS_MAX = 10000,
    SLA_SCHEDULES_MAX = 100,
};

/** A plan with what it borrows from. */
struct sla_document {
    json_t *json;
    struct zone_book zones;
    struct oncall_plan *schedules;
    size_t nschedules;
    struct sla_plan plan;
};

/** NULL is fine; returns NULL. */
struct sla_document *sla_document_free(struct sla_document *document);
DEFINE_CLEANUP(struct sla_document, sla_document_free)
#define _cleanup_sla_document_ _cleanup_(sla_document_freep)

/** Reads a plan, to be freed. The JSON is not changed and not needed afterwards. `version` is the plan's.
 * `versions` are those of its calendars by name: a plan that has them is stored and was checked before, so
 * that what its conditions do to each other, which can take seconds, is not judged again. NULL: it is new. 0
 * or -E_VALIDATION with *fault. */
int sla_plan_json_read(const json_t *json, int64_t version, const json_t *versions,
                       struct sla_document **ret_document, struct plan_fault *fault) _must_check_;
