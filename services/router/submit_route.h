/* Where a new ticket goes: what the organisation in force makes of a submission. Pure. */
#pragma once
#include "router/org_book.h"
#include "router/submit_record.h"

/* What is known of whom a ticket is for: that of the organisation; where it says nothing, what the attributes
 * say, if an agent submits: nobody promises himself a contract. */
enum { SUBMIT_CUSTOMER_FIELDS = 5 };
extern const enum sla_field submit_customer[SUBMIT_CUSTOMER_FIELDS];
/** NULL: nothing, or nothing of use. Borrowed from the organisation or the attributes. */
const char *submit_customer_value(const struct submit_place *place, enum sla_field field);

/** Routes a submission, which has passed submit_record_fault, by the rest of `place`: its levels always, and
 * who it is for; its team too, unless the organisation has none. */
void submit_route(const Meridian__Submission *submission, const struct org_entry *entry,
                  struct submit_place *place);
