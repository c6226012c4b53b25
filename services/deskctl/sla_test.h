/* What a plan of service levels means for tickets, without a server, for json_lines_run: policy, targets,
 * calendars, due times. The form is in docs/how-to/sla.md. */
#pragma once
#include "deskctl/json_lines.h"
#include "plan/sla_plan_json.h"

/** Answers {"ticket": {...}, "at": ...} or {"events": [...]} with what sla_explain_json writes. The context
 * is a const struct sla_document. */
json_lines_answer sla_test_answer;
