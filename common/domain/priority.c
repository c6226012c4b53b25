/* The impact x urgency matrix of the desk. Called by the router when a submission becomes a ticket. */
#include "domain/priority.h"
#include "meridian/errors.h"
#include "meridian/ticket.h"

/* Rows: impact high, medium, low; columns: urgency high, medium, low. */
static const int matrix[3][3] = {
    {1, 2, 3},
    {2, 3, 4},
    {3, 4, 4},
};

int priority_of(unsigned impact, unsigned urgency, int *ret_priority)
{
    if (!impact)
        impact = LEVEL_MEDIUM;
    if (!urgency)
        urgency = LEVEL_MEDIUM;
    if (impact > LEVEL_LOW || urgency > LEVEL_LOW)
        return -E_VALIDATION;
    *ret_priority = matrix[impact - 1][urgency - 1];
    return 0;
}
