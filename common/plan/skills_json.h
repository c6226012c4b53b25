/* Skills at levels, languages and weights of an organisation: {"vpn": 2}, ["en", "zh"], {"P1": 8}. */
#pragma once
#include "domain/organisation.h"
#include "plan/node.h"

enum {
    ORG_LEVEL_MAX = 5,
    ORG_SKILLS_MAX = 30, /* of an agent */
    ORG_NEEDS_MAX = 5,   /* of a ticket */
    ORG_CAPACITY_MAX = 1000,
    ORG_WEIGHT_MAX = 100,
};

/** Reads at most `max` skills, ordered by name, borrowed from the document; ret_skills->items is the caller's
 * to free, also on failure. A node without a value leaves them as "not given". 0, or -E_VALIDATION with the
 * fault. */
int skills_json_read(const struct plan_node *node, size_t max, struct org_skills *ret_skills,
                     struct plan_fault *fault) _must_check_;
/** Languages of tickets, each once; none when the node has no value. */
int languages_json_check(const struct plan_node *node, struct plan_fault *fault) _must_check_;
/** Points that an agent carries at most; 0, no limit, when the node has no value. */
int capacity_json_read(const struct plan_node *node, int *ret_capacity,
                       struct plan_fault *fault) _must_check_;
/** Points of an open ticket by priority: those that are named replace the usual ones in ret_weights. */
int weights_json_read(const struct plan_node *node, int ret_weights[ORG_PRIORITIES],
                      struct plan_fault *fault) _must_check_;
