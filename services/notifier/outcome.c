/* Names and numbers of outcomes. */
#include "notifier/outcome.h"

const char *outcome_name(enum delivery_outcome outcome)
{
    switch (outcome) {
#define X(name, number, text)                                                                                \
    case name:                                                                                               \
        return text;
        DELIVERY_OUTCOMES(X)
#undef X
    }
    return "temporary";
}

enum delivery_outcome outcome_from(unsigned number)
{
    switch (number) {
#define X(name, value, text)                                                                                 \
    case value:                                                                                              \
        return name;
        DELIVERY_OUTCOMES(X)
#undef X
    default:
        return OUTCOME_TEMPORARY;
    }
}
