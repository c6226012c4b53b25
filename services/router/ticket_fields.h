/* The fields of a command, judged by themselves. Pure. */
#pragma once
#include "router/outcome.h"
#include "router/ticket_assignee.h"
#include "router/ticket_row.h"
#include "router/ticket_team.h"
#include "wire/wire.h"

/** True for NULL and for nothing but white space. */
bool ticket_fields_blank(const char *text);
/** `target` is the team that a transfer names, `assignee` whom an assignment names; NULL or without an id:
 * nobody was found. 0, or -E_VALIDATION or -E_BAD_REQUEST, which `out` explains. */
int ticket_fields_check(const Meridian__Command *command, const struct ticket_row *row,
                        const struct ticket_team *target, const struct ticket_assignee *assignee,
                        struct outcome *out) _must_check_;
