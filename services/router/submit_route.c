/* Called by submit.c for each record. The facts are those that the first event will tell. */
#include "router/submit_route.h"
#include "meridian/limits.h"

const enum sla_field submit_customer[SUBMIT_CUSTOMER_FIELDS] = {SLA_CONTRACT, SLA_SITE, SLA_CUSTOMER_TIER};

const char *submit_customer_value(const json_t *attributes, enum sla_field field)
{
    const char *value = json_string_value(json_object_get(attributes, sla_field_name(field)));

    return value && *value && strlen(value) <= LIMIT_SERVICE_CHARS * 4 ? value : NULL;
}

static struct sla_facts facts_of(const Meridian__Submission *s, const struct submit_place *place,
                                 const json_t *attributes)
{
    struct sla_facts facts = {{0}};

    facts.values[SLA_SERVICE] = s->service && s->service[0] ? s->service : NULL;
    facts.values[SLA_REGION] = s->region;
    facts.values[SLA_CHANNEL] = s->channel;
    facts.values[SLA_LANGUAGE] = s->language ? s->language : "en";
    facts.values[SLA_REQUESTER] = place->requester;
    for (size_t i = 0; i < SUBMIT_CUSTOMER_FIELDS && place->by_desk; i++)
        facts.values[submit_customer[i]] = submit_customer_value(attributes, submit_customer[i]);
    return facts;
}

void submit_route(const Meridian__Submission *s, const struct org_entry *entry, struct submit_place *place)
{
    const struct organisation *o = entry->organisation;
    _cleanup_(json_decrefp) json_t *attributes =
        place->by_desk && s->attributes ? json_loads(s->attributes, 0, NULL) : NULL;
    const struct sla_facts facts = facts_of(s, place, attributes);

    place->organisation = o->version;
    place->route = organisation_route(o, &facts, s->has_impact ? (int)s->impact : 0,
                                      s->has_urgency ? (int)s->urgency : 0);
    if (place->route.team == ORG_NONE)
        return;
    place->team = entry->team_ids[place->route.team];
    place->team_slug = o->teams[place->route.team].name;
    place->tier = o->teams[place->route.team].tier;
    place->restricted = o->teams[place->route.team].restricted;
}
