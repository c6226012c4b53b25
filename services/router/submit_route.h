/* Where a new ticket goes: what the organisation in force makes of a submission. Pure. */
#pragma once
#include "router/org_book.h"
#include "router/submit_record.h"
#include <jansson.h>

/* What is said of the customer in the attributes; believed when an agent says it: nobody promises himself a
 * contract. */
enum { SUBMIT_CUSTOMER_FIELDS = 3 };
extern const enum sla_field submit_customer[SUBMIT_CUSTOMER_FIELDS];
/** NULL: nothing, or nothing of use. Borrowed from the attributes. */
const char *submit_customer_value(const json_t *attributes, enum sla_field field);

/** Routes a submission, which has passed submit_record_fault, by the rest of `place`: its levels always; its
 * team too, unless the organisation has none. */
void submit_route(const Meridian__Submission *submission, const struct org_entry *entry,
                  struct submit_place *place);
