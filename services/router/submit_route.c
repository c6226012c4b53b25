/* Called by submit.c for each record. The facts are those that the first event will tell. */
#include "router/submit_route.h"
#include "meridian/limits.h"

const enum sla_field submit_customer[SUBMIT_CUSTOMER_FIELDS] = {SLA_CUSTOMER, SLA_CUSTOMER_TIER, SLA_CONTRACT,
                                                                SLA_SITE, SLA_ZONE};

static const char *of_organisation(const struct submit_place *place, enum sla_field field)
{
    const struct org_customer *customer = place->customer;

    switch (field) {
    case SLA_CUSTOMER:
        return customer ? customer->name : NULL;
    case SLA_CUSTOMER_TIER:
        return customer ? customer->tier : NULL;
    case SLA_CONTRACT:
        return customer ? customer->contract : NULL;
    case SLA_SITE:
        return place->who ? place->who->site : NULL;
    case SLA_ZONE:
        return place->who ? place->who->zone : NULL;
    default:
        return NULL;
    }
}

const char *submit_customer_value(const struct submit_place *place, enum sla_field field)
{
    const char *known = of_organisation(place, field), *said;

    if (known || field == SLA_CUSTOMER || field == SLA_ZONE)
        return known;
    said = json_string_value(json_object_get(place->attributes, sla_field_name(field)));
    return said && *said && strlen(said) <= LIMIT_SERVICE_CHARS * 4 ? said : NULL;
}

static struct sla_facts facts_of(const Meridian__Submission *s, const struct submit_place *place)
{
    struct sla_facts facts = {{0}};

    facts.values[SLA_SERVICE] = s->service && s->service[0] ? s->service : NULL;
    facts.values[SLA_REGION] = s->region;
    facts.values[SLA_CHANNEL] = s->channel;
    facts.values[SLA_LANGUAGE] = s->language ? s->language : "en";
    facts.values[SLA_REQUESTER] = place->requester;
    for (size_t i = 0; i < SUBMIT_CUSTOMER_FIELDS; i++)
        facts.values[submit_customer[i]] = submit_customer_value(place, submit_customer[i]);
    return facts;
}

void submit_route(const Meridian__Submission *s, const struct org_entry *entry, struct submit_place *place)
{
    const struct organisation *o = entry->organisation;
    struct sla_facts facts;

    place->who = organisation_requester(o, place->requester);
    if (place->who && place->who->customer != ORG_NONE)
        place->customer = &o->customers[place->who->customer];
    facts = facts_of(s, place);
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
