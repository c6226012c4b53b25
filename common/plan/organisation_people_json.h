/* The part of an organisation that says whom it serves:
 *
 *   {"customers": {"acme": {"title": "Acme Ltd.", "tier": "strategic",   or "standard"
 *                           "contract": "gold"}},
 *    "requesters": {"wang": {"customer": "acme", "site": "shanghai", "zone": "Asia/Shanghai",
 *                            "language": "zh"}}}                         each left out where nothing is said
 *
 * Limits: 1,000 customers, 5,000 requesters. Pure, but for the zones. */
#pragma once
#include "domain/organisation.h"
#include "plan/node.h"

enum { ORG_CUSTOMERS_MAX = 1000, ORG_REQUESTERS_MAX = 5000 };

/** Reads them from the members of the document; texts are borrowed from it. 0 or -E_VALIDATION with *fault.
 */
int organisation_people_json_read(const struct plan_node *document, struct zone_book *zones,
                                  struct organisation *organisation, struct plan_fault *fault) _must_check_;
