/* Priority from impact and urgency. Pure. */
#pragma once
#include "base/cleanup.h"

/** P1..P4 (1..4) by the matrix; a level that is missing (0) counts as medium. -E_VALIDATION for any other
 * number. */
int priority_of(unsigned impact, unsigned urgency, int *ret_priority) _must_check_;
