/* Reads customers first, as requesters name them. Called by organisation_json.c. */
#include "plan/organisation_people_json.h"
#include "base/memory.h"
#include "meridian/limits.h"
#include "plan/organisation_name.h"
#include <stdlib.h>
#include <string.h>

enum { TITLE_MAX = 100 }; /* characters */

/* One of a few words; `what` is told when it is none of them. */
static int read_word(const struct plan_node *node, const char *const *words, const char *what,
                     const char **ret_word, struct plan_fault *fault)
{
    const char *text = json_string_value(node->json);

    for (; *words; words++)
        if (text && strcmp(text, *words) == 0) {
            *ret_word = *words;
            return 0;
        }
    return plan_fail(node, fault, "%s", what);
}

/* ---- customers ---- */

static int read_customer(const struct plan_node *node, struct org_customer *customer,
                         struct plan_fault *fault)
{
    static const char *const keys[] = {"title", "tier", "contract", NULL};
    static const char *const tiers[] = {"strategic", "standard", NULL};
    const struct plan_node title = plan_member(node, "title"), tier = plan_member(node, "tier"),
                           contract = plan_member(node, "contract");
    int rc = org_name_check(node, fault);

    customer->name = node->key;
    if (rc == 0)
        rc = plan_object(node, keys, fault);
    if (rc == 0 && title.json)
        rc = plan_text(&title, TITLE_MAX, &customer->title, fault);
    if (rc == 0)
        rc = read_word(&tier, tiers, tier.json ? "must be \"strategic\" or \"standard\"" : "is missing",
                       &customer->tier, fault);
    if (rc == 0 && contract.json)
        rc = plan_text(&contract, LIMIT_SERVICE_CHARS, &customer->contract, fault);
    return rc;
}

static int read_customers(const struct plan_node *node, struct organisation *o, struct plan_fault *fault)
{
    const char *key;
    json_t *value;
    int rc = plan_map(node, ORG_CUSTOMERS_MAX, fault);

    if (rc < 0)
        return rc;
    o->customers = NEW_ARRAY(struct org_customer, json_object_size(node->json) + 1);
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node customer = plan_member(node, key);

        rc = read_customer(&customer, &o->customers[o->ncustomers++], fault);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- requesters ---- */

static int read_customer_name(const struct plan_node *node, const struct organisation *o,
                              size_t *ret_customer, struct plan_fault *fault)
{
    const char *name, *names[ORG_CUSTOMERS_MAX];
    int rc = plan_text(node, ORG_NAME_MAX, &name, fault);

    if (rc < 0)
        return rc;
    *ret_customer = organisation_customer(o, name);
    if (*ret_customer != ORG_NONE)
        return 0;
    for (size_t i = 0; i < o->ncustomers; i++)
        names[i] = o->customers[i].name;
    return org_name_missing(node, "customer", name, names, o->ncustomers, fault);
}

static int read_requester(const struct plan_node *node, struct zone_book *zones, const struct organisation *o,
                          struct org_requester *requester, struct plan_fault *fault)
{
    static const char *const keys[] = {"customer", "site", "zone", "language", NULL};
    static const char *const languages[] = {"en", "zh", NULL};
    const struct plan_node customer = plan_member(node, "customer"), site = plan_member(node, "site"),
                           zone = plan_member(node, "zone"), language = plan_member(node, "language");
    const struct zone *read;
    int rc = org_login_check(node, fault);

    *requester = (struct org_requester){.login = node->key, .customer = ORG_NONE};
    if (rc == 0)
        rc = plan_object(node, keys, fault);
    if (rc == 0 && customer.json)
        rc = read_customer_name(&customer, o, &requester->customer, fault);
    if (rc == 0 && site.json)
        rc = plan_text(&site, LIMIT_SERVICE_CHARS, &requester->site, fault);
    if (rc == 0 && zone.json)
        rc = plan_zone(&zone, zones, &read, fault);
    if (rc == 0 && zone.json)
        requester->zone = json_string_value(zone.json);
    if (rc == 0 && language.json)
        rc = read_word(&language, languages, "must be \"en\" or \"zh\"", &requester->language, fault);
    return rc;
}

static int by_login(const void *a, const void *b)
{
    return strcmp(((const struct org_requester *)a)->login, ((const struct org_requester *)b)->login);
}

static int read_requesters(const struct plan_node *node, struct zone_book *zones, struct organisation *o,
                           struct plan_fault *fault)
{
    const char *key;
    json_t *value;
    int rc = plan_map(node, ORG_REQUESTERS_MAX, fault);

    if (rc < 0)
        return rc;
    o->requesters = NEW_ARRAY(struct org_requester, json_object_size(node->json) + 1);
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node requester = plan_member(node, key);

        rc = read_requester(&requester, zones, o, &o->requesters[o->nrequesters++], fault);
        if (rc < 0)
            return rc;
    }
    qsort(o->requesters, o->nrequesters, sizeof *o->requesters, by_login);
    return 0;
}

int organisation_people_json_read(const struct plan_node *document, struct zone_book *zones,
                                  struct organisation *organisation, struct plan_fault *fault)
{
    const struct plan_node customers = plan_member(document, "customers"),
                           requesters = plan_member(document, "requesters");
    int rc = read_customers(&customers, organisation, fault);

    return rc < 0 ? rc : read_requesters(&requesters, zones, organisation, fault);
}
