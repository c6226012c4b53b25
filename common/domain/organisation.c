/* Finds, routes and counts. Called by the router for each new ticket, and by the command line, which shows
 * what an organisation would do before it is applied. */
#include "domain/organisation.h"
#include "base/memory.h"
#include "domain/priority.h"
#include "meridian/ticket.h"
#include <stdlib.h>
#include <string.h>

void organisation_fini(struct organisation *o)
{
    for (size_t i = 0; i < o->ndesks; i++)
        calendar_free(o->desks[i].hours);
    for (size_t i = 0; i < o->nteams; i++) {
        free(o->teams[i].desks);
        free(o->teams[i].staff);
    }
    for (size_t i = 0; i < o->nagents; i++) {
        free(o->agents[i].teams);
        free(o->agents[i].skills.items);
    }
    for (size_t i = 0; i < o->nservices; i++)
        free(o->services[i].skills.items);
    for (size_t i = 0; i < o->nrules; i++) {
        free(o->rules[i].skills.items);
        sla_condition_fini(&o->rules[i].when);
        free(o->rules[i].tags);
    }
    free(o->desks);
    free(o->teams);
    free(o->agents);
    free(o->services);
    free(o->rules);
    free(o->customers);
    free(o->requesters);
    *o = (struct organisation){0};
}

const char *org_shift_end_name(enum org_shift_end end)
{
#define X(constant, name) name,
    static const char *const names[] = {ORG_SHIFT_ENDS(X)};
#undef X

    return (size_t)end < ARRAY_SIZE(names) ? names[end] : "unknown";
}

const char *org_claims_name(enum org_claims claims)
{
#define X(constant, name) name,
    static const char *const names[] = {ORG_CLAIMS(X)};
#undef X

    return (size_t)claims < ARRAY_SIZE(names) ? names[claims] : "unknown";
}

const char *org_mode_name(enum org_mode mode)
{
#define X(constant, name) name,
    static const char *const names[] = {ORG_MODES(X)};
#undef X

    return (size_t)mode < ARRAY_SIZE(names) ? names[mode] : "unknown";
}

size_t organisation_desk(const struct organisation *o, const char *name)
{
    for (size_t i = 0; i < o->ndesks; i++)
        if (strcmp(o->desks[i].name, name) == 0)
            return i;
    return ORG_NONE;
}

size_t organisation_team(const struct organisation *o, const char *name)
{
    for (size_t i = 0; i < o->nteams; i++)
        if (strcmp(o->teams[i].name, name) == 0)
            return i;
    return ORG_NONE;
}

size_t organisation_customer(const struct organisation *o, const char *name)
{
    for (size_t i = 0; i < o->ncustomers; i++)
        if (strcmp(o->customers[i].name, name) == 0)
            return i;
    return ORG_NONE;
}

static int is_login(const void *login, const void *requester)
{
    return strcmp(login, ((const struct org_requester *)requester)->login);
}

const struct org_requester *organisation_requester(const struct organisation *o, const char *login)
{
    return login && o->nrequesters
               ? bsearch(login, o->requesters, o->nrequesters, sizeof *o->requesters, is_login)
               : NULL;
}

/* ---- services ---- */

static const struct org_service *service_named(const struct organisation *o, const char *name, size_t n)
{
    size_t low = 0, high = o->nservices;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strncmp(o->services[mid].name, name, n);

        if (order == 0 && o->services[mid].name[n])
            order = 1;
        if (order == 0)
            return &o->services[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* The name without its last part; 0: it has but one. */
static size_t above(const char *name, size_t n)
{
    while (n && name[n - 1] != '/')
        n--;
    return n ? n - 1 : 0;
}

static const struct org_service *nearest_service(const struct organisation *o, const char *name, size_t n)
{
    const struct org_service *found = NULL;

    for (; n && !found; n = above(name, n))
        found = service_named(o, name, n);
    return found;
}

const struct org_service *organisation_service(const struct organisation *o, const char *name)
{
    return name ? nearest_service(o, name, strlen(name)) : NULL;
}

static const struct org_service *parent_of(const struct organisation *o, const struct org_service *service)
{
    return nearest_service(o, service->name, above(service->name, strlen(service->name)));
}

/* ---- routing ---- */

/* What the service says, and those above it where it says nothing. */
static void apply_service(const struct organisation *o, struct org_route *route)
{
    for (const struct org_service *s = route->service; s; s = parent_of(o, s)) {
        if (route->team == ORG_NONE)
            route->team = s->team;
        if (!route->impact)
            route->impact = s->impact;
        if (!route->urgency)
            route->urgency = s->urgency;
        if (!route->skills && s->skills.given)
            route->skills = &s->skills;
    }
}

static void apply_rule(const struct org_rule *rule, struct org_route *route)
{
    route->rule = rule;
    if (rule->team != ORG_NONE)
        route->team = rule->team;
    if (rule->impact)
        route->impact = rule->impact;
    if (rule->urgency)
        route->urgency = rule->urgency;
    if (rule->skills.given)
        route->skills = &rule->skills;
}

struct org_route organisation_route(const struct organisation *o, const struct sla_facts *facts, int impact,
                                    int urgency)
{
    static const char *const priorities[] = {"1", "2", "3", "4"};
    const char *name = facts->values[SLA_SERVICE];
    struct org_route route = {.team = ORG_NONE, .impact = impact, .urgency = urgency};
    struct sla_facts all = *facts;

    route.service = organisation_service(o, name);
    apply_service(o, &route);
    if (!route.impact)
        route.impact = LEVEL_MEDIUM;
    if (!route.urgency)
        route.urgency = LEVEL_MEDIUM;
    if (route.team == ORG_NONE && name)
        route.team = organisation_team(o, name);
    if (route.team == ORG_NONE)
        route.team = o->default_team;
    if (priority_of((unsigned)route.impact, (unsigned)route.urgency, &route.seen_priority) == 0)
        all.values[SLA_PRIORITY] = priorities[route.seen_priority - 1];
    for (size_t i = 0; i < o->nrules && !route.rule; i++)
        if (sla_condition_holds(&o->rules[i].when, &all))
            apply_rule(&o->rules[i], &route);
    return route;
}

static bool impossible(const struct sla_wish *wishes, size_t n)
{
    return sla_wishes_possible(wishes, n) == SLA_IMPOSSIBLE;
}

/* Some ticket for which a condition of the usual form, all of fields with values, holds. */
static struct sla_facts witness_of(const struct sla_condition *condition)
{
    struct sla_facts facts = {{0}};

    if (condition->kind == SLA_IS && condition->nvalues)
        facts.values[condition->field] = condition->values[0];
    for (size_t i = 0; i < condition->nparts && condition->kind == SLA_ALL; i++) {
        const struct sla_condition *part = &condition->parts[i];

        if (part->kind == SLA_IS && part->nvalues)
            facts.values[part->field] = part->values[0];
    }
    return facts;
}

size_t organisation_rule_shadow(const struct organisation *o, size_t i)
{
    struct sla_wish wishes[] = {{&o->rules[i].when, true}, {NULL, false}};
    const struct sla_facts witness = witness_of(&o->rules[i].when);
    bool fits = sla_condition_holds(&o->rules[i].when, &witness);

    if (impossible(wishes, 1))
        return i;
    for (size_t k = 0; k < i; k++) {
        wishes[1].condition = &o->rules[k].when;
        if (fits && !sla_condition_holds(wishes[1].condition, &witness))
            continue; /* the usual case: a ticket that this one takes and that one does not */
        if (impossible(wishes, 2))
            return k;
    }
    return ORG_NONE;
}

/* ---- skills ---- */

static int level_of(const struct org_skills *skills, const char *name)
{
    for (size_t i = 0; i < skills->n; i++)
        if (strcmp(skills->items[i].name, name) == 0)
            return skills->items[i].level;
    return 0;
}

bool org_skills_suffice(const struct org_skills *skills, const struct org_skills *needs)
{
    for (size_t i = 0; needs && i < needs->n; i++)
        if (level_of(skills, needs->items[i].name) < needs->items[i].level)
            return false;
    return true;
}

/* Some agent of the team can do it. */
static bool is_able(const struct organisation *o, size_t team, const struct org_skills *needs)
{
    if (!needs || !needs->n || team == ORG_NONE)
        return true;
    for (size_t i = 0; i < o->nagents; i++)
        for (size_t k = 0; k < o->agents[i].nteams; k++)
            if (o->agents[i].teams[k] == team && org_skills_suffice(&o->agents[i].skills, needs))
                return true;
    return false;
}

size_t organisation_service_lacking(const struct organisation *o, size_t from, size_t *ret_team)
{
    for (; from < o->nservices; from++) {
        struct org_route route = {.team = ORG_NONE, .service = &o->services[from]};

        apply_service(o, &route);
        if (route.team == ORG_NONE)
            route.team = organisation_team(o, route.service->name);
        *ret_team = route.team == ORG_NONE ? o->default_team : route.team;
        if (!is_able(o, *ret_team, route.skills))
            break;
    }
    return from;
}

size_t organisation_rule_lacking(const struct organisation *o, size_t from, size_t *ret_team)
{
    for (; from < o->nrules; from++) {
        *ret_team = o->rules[from].team;
        if (!is_able(o, *ret_team, &o->rules[from].skills))
            break;
    }
    return from;
}

/* ---- the sun ---- */

/* Where the desk stands in the team; the team's ndesks: it does not serve it. */
static size_t place_of(const struct org_team *team, size_t desk)
{
    size_t i = 0;

    while (i < team->ndesks && team->desks[i] != desk)
        i++;
    return i;
}

void organisation_count_staff(struct organisation *o)
{
    for (size_t i = 0; i < o->nteams; i++)
        o->teams[i].staff = NEW_ARRAY(int, o->teams[i].ndesks + 1);
    for (size_t i = 0; i < o->nagents; i++) {
        const struct org_agent *agent = &o->agents[i];

        for (size_t k = 0; k < agent->nteams; k++) {
            struct org_team *team = &o->teams[agent->teams[k]];

            team->staff[place_of(team, agent->desk)]++; /* the last place is for those at other desks */
        }
    }
}

/* When the desk opens or closes next; INT64_MAX: never. */
static int64_t next_change(const struct org_desk *desk, bool open, int64_t at_s)
{
    int64_t next = INT64_MAX;
    int r;

    if (!desk->hours)
        return INT64_MAX;
    r = open ? calendar_next_close(desk->hours, at_s, &next) : calendar_next_open(desk->hours, at_s, &next);
    return r ? INT64_MAX : next;
}

struct org_span organisation_span(const struct organisation *o, size_t team, int64_t at_s)
{
    const struct org_team *t = &o->teams[team];
    struct org_span span = {.from_s = at_s, .to_s = INT64_MAX};

    for (size_t i = 0; i < t->ndesks; i++) {
        const struct org_desk *desk = &o->desks[t->desks[i]];
        bool open = calendar_is_open(desk->hours, at_s);
        int64_t next = next_change(desk, open, at_s);

        if (open) {
            span.desks++;
            span.agents += t->staff[i];
        }
        if (next < span.to_s)
            span.to_s = next;
    }
    return span;
}

bool organisation_is_served(const struct organisation *o, size_t team)
{
    for (size_t i = 0; i < o->teams[team].ndesks; i++)
        if (o->teams[team].staff[i])
            return true;
    return false;
}
