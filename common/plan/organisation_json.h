/* The JSON form of an organisation, read strictly and checked: every name is there, and no rule is never
 * reached. docs/how-to/organisation.md describes it for people.
 *
 *   {"desks": {"shanghai": {"region": "ap",
 *                           "hours": {...}}},            as in plan/calendar_json.h; left out: around the
 * clock "teams": {"network": {"title": {"en": "Network", "zh": "网络"}, "tier": 2, "restricted": false, its
 * tickets are hidden from other agents "desks": ["shanghai"],        that serve it "minimum": 2, agents on
 * shift; 1 when left out "shift_end": "return"}},      or "hand_over", or "keep", when left out
 * "default_team": "network", required when there are teams "agents": {"wei": {"desk": "shanghai", "teams":
 * ["network"]}}, "services":
 * {"network/vpn": {"team": "network", "impact": "high", "urgency": "low"}}, "rules": [{"name": "gold",
 * "when": {"customer_tier": "gold"}, "team": "network", "impact": "high", "urgency": "high", "tags":
 * ["gold"]}]}
 * and customers and requesters, see plan/organisation_people_json.h.
 *
 * A team may also have "mode", "offer" and "overflow": plan/dispatch_json.h.
 *
 * Limits: 100 desks, 500 teams, 5,000 agents, 2,000 services, 1,000 rules, 10 tags a rule. Pure, but for the
 * zones. */
#pragma once
#include "domain/organisation.h"
#include "plan/node.h"

enum {
    ORG_DOCUMENT_MAX = 255 * 1024, /* bytes of compact JSON: what fits into a request with its envelope */
    ORG_DESKS_MAX = 100,
    ORG_TEAMS_MAX = 500,
    ORG_AGENTS_MAX = 5000,
    ORG_SERVICES_MAX = 2000,
    ORG_RULES_MAX = 1000,
    ORG_TAGS_MAX = 10,
    ORG_TITLE_MAX = 100, /* characters */
};

/** An organisation with what it borrows from. */
struct org_document {
    json_t *json;
    struct organisation organisation;
};

/** NULL is fine; returns NULL. */
struct org_document *org_document_free(struct org_document *document);
DEFINE_CLEANUP(struct org_document, org_document_free)
#define _cleanup_org_document_ _cleanup_(org_document_freep)

/** Reads an organisation, to be freed. The JSON is not changed and not needed afterwards. `version` is the
 * organisation's; one that has a version was judged before, so that what its rules do to each other, which
 * can take seconds, is not judged again. 0 or -E_VALIDATION with *fault. */
int organisation_json_read(const json_t *json, int64_t version, struct org_document **ret_document,
                           struct plan_fault *fault) _must_check_;
