/* The JSON form of a condition, read strictly. An object: all its members must hold.
 *
 *   {"state": ["new", "open"], "priority": 1}     each field is one of these values; null: it has none
 *   {"any": [{...}, {...}]}  {"all": [...]}       of conditions
 *   {"not": {...}}
 *   {}                                            always
 *
 * Fields and their values are in domain/sla_condition.h. Limits: 8 deep, 64 parts an object or list, 200
 * values a list. Pure. */
#pragma once
#include "domain/sla_condition.h"
#include "plan/node.h"

/** Reads a condition, to be ended by the caller, whose texts are those of the JSON. `but` are fields (bits)
 * that make no sense here. 0 or -E_VALIDATION with *fault. */
int sla_condition_json_read(const struct plan_node *node, unsigned but, struct sla_condition *ret_condition,
                            struct plan_fault *fault) _must_check_;
