/* Judges conditions, and whether several can hold together. Called by whoever compiles policies and by the
 * fold of the clocks. Pure.
 *
 * The question whether conditions can hold together is answered by trial: the fields are few, and only the
 * values that some condition names can make a difference. Tickets that cannot be (an owner of a new ticket)
 * are left out, so that what holds for these alone counts as impossible.
 */
#include "domain/sla_condition.h"
#include "base/memory.h"
#include <string.h>

static const struct {
    const char *name, *values;
} fields[SLA_FIELD_COUNT] = {
#define X(constant, name, values) {name, values},
    SLA_FIELDS(X)
#undef X
};

const char *sla_field_name(enum sla_field field)
{
    return fields[field].name;
}

bool sla_field_find(const char *name, enum sla_field *ret_field)
{
    for (size_t i = 0; i < SLA_FIELD_COUNT; i++)
        if (strcmp(fields[i].name, name) == 0) {
            *ret_field = (enum sla_field)i;
            return true;
        }
    return false;
}

const char *sla_field_value(enum sla_field field, size_t i)
{
    const char *value = fields[field].values;

    while (value && *value && i--)
        value += strlen(value) + 1;
    return value && *value ? value : NULL;
}

void sla_condition_fini(struct sla_condition *condition)
{
    for (size_t i = 0; i < condition->nparts; i++)
        sla_condition_fini(&condition->parts[i]);
    free(condition->parts);
    free(condition->values);
    *condition = (struct sla_condition){0};
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_one_of(const struct sla_condition *condition, const char *value)
{
    for (size_t i = 0; i < condition->nvalues; i++)
        if (same(condition->values[i], value))
            return true;
    return false;
}

bool sla_condition_holds(const struct sla_condition *condition, const struct sla_facts *facts)
{
    /* Of all, one that does not hold decides; of any, and of not, one that does. */
    bool decisive = condition->kind != SLA_ALL;

    if (condition->kind == SLA_IS)
        return is_one_of(condition, facts->values[condition->field]);
    for (size_t i = 0; i < condition->nparts; i++)
        if (sla_condition_holds(&condition->parts[i], facts) == decisive)
            return condition->kind == SLA_ANY;
    return condition->kind != SLA_ANY;
}

unsigned sla_condition_fields(const struct sla_condition *condition)
{
    unsigned asked = condition->kind == SLA_IS ? 1u << condition->field : 0;

    for (size_t i = 0; i < condition->nparts; i++)
        asked |= sla_condition_fields(&condition->parts[i]);
    return asked;
}

/* ---- can they hold together? ---- */

/* The values of one field that are worth trying. */
struct choice {
    enum sla_field field;
    const char **values;
    size_t n, next;
};

enum { CHOICES_MAX = 1000 }; /* of a field; more of them leave it undecided */

static void choose(struct choice *choice, const char *value)
{
    for (size_t i = 0; i < choice->n; i++)
        if (same(choice->values[i], value))
            return;
    if (choice->n > CHOICES_MAX)
        return;
    choice->values = mem_more(choice->values, choice->n, sizeof *choice->values);
    choice->values[choice->n++] = value;
}

static void choose_named(struct choice *choice, const struct sla_condition *condition)
{
    if (condition->kind == SLA_IS && condition->field == choice->field)
        for (size_t i = 0; i < condition->nvalues; i++)
            choose(choice, condition->values[i]);
    for (size_t i = 0; i < condition->nparts; i++)
        choose_named(choice, &condition->parts[i]);
}

static void choose_all(struct choice *choice, const struct sla_wish *wishes, size_t n)
{
    static const char other[] = "\x01"; /* no text of a document has it */
    static const unsigned never_missing = 1u << SLA_STATE | 1u << SLA_PRIORITY | 1u << SLA_LANGUAGE |
                                          1u << SLA_OWNED | 1u << SLA_RESPONDED | 1u << SLA_AWAITING |
                                          1u << SLA_BY;
    const char *value;

    for (size_t i = 0; (value = sla_field_value(choice->field, i)); i++)
        choose(choice, value);
    if (!choice->n)
        choose(choice, other);
    if (!(never_missing & 1u << choice->field))
        choose(choice, NULL);
    for (size_t i = 0; i < n; i++)
        choose_named(choice, wishes[i].condition);
}

static bool may_be(const struct sla_facts *facts, unsigned asked)
{
    const char *state = facts->values[SLA_STATE];

    if (!(asked & 1u << SLA_STATE) || !state)
        return true;
    return !(asked & 1u << SLA_OWNED) || !same(facts->values[SLA_OWNED], "yes") ||
           (strcmp(state, "new") && strcmp(state, "cancelled"));
}

static bool granted(const struct sla_wish *wishes, size_t n, const struct sla_facts *facts)
{
    for (size_t i = 0; i < n; i++)
        if (sla_condition_holds(wishes[i].condition, facts) != wishes[i].holds)
            return false;
    return true;
}

/* The next combination, like the wheels of a counter. False when all have been seen. */
static bool turn(struct choice *choices, size_t n, struct sla_facts *facts)
{
    for (size_t i = 0; i < n; i++) {
        choices[i].next = (choices[i].next + 1) % choices[i].n;
        facts->values[choices[i].field] = choices[i].values[choices[i].next];
        if (choices[i].next)
            return true;
    }
    return false;
}

enum sla_possibility sla_wishes_possible(const struct sla_wish *wishes, size_t n)
{
    struct choice choices[SLA_FIELD_COUNT] = {0};
    enum sla_possibility found = SLA_IMPOSSIBLE;
    struct sla_facts facts = {0};
    size_t nchoices = 0, trials = 1;
    unsigned asked = 0;

    for (size_t i = 0; i < n; i++)
        asked |= sla_condition_fields(wishes[i].condition);
    for (size_t f = 0; f < SLA_FIELD_COUNT; f++) {
        struct choice *choice = &choices[nchoices];

        if (!(asked & 1u << f))
            continue;
        choice->field = (enum sla_field)f;
        choose_all(choice, wishes, n);
        facts.values[f] = choice->values[0];
        trials = trials > SLA_TRIALS_MAX || choice->n > CHOICES_MAX ? SLA_TRIALS_MAX + 1 : trials * choice->n;
        nchoices++;
    }
    if (trials > SLA_TRIALS_MAX) {
        found = SLA_UNDECIDED;
    } else {
        do {
            if (may_be(&facts, asked) && granted(wishes, n, &facts))
                found = SLA_POSSIBLE;
        } while (found == SLA_IMPOSSIBLE && turn(choices, nchoices, &facts));
    }
    for (size_t i = 0; i < nchoices; i++)
        free(choices[i].values);
    return found;
}
