/* What agents can do and tickets need: as a document says it, as routing decides it, and whom it leaves with
 * nobody. */
#include "base/memory.h"
#include "meridian/errors.h"
#include "plan/organisation_json.h"
#include <criterion/criterion.h>

#define TITLE "\"title\": {\"en\": \"T\", \"zh\": \"组\"}, \"tier\": 1"
#define TEAMS                                                                                                \
    "\"teams\": {\"first\": {" TITLE "}, \"network\": {" TITLE ", \"claims\": \"on_shift\"}}, "              \
    "\"default_team\": \"first\""

static const char whole[] =
    "{" TEAMS ", \"agents\": {\"wei\": {\"teams\": [\"network\"], \"skills\": {\"vpn\": 3, \"linux\": 1},"
    "  \"languages\": [\"zh\", \"en\"], \"capacity\": 12}, \"ann\": {\"teams\": [\"first\", \"network\"], "
    "\"skills\": {\"linux\": 5}}},"
    " \"services\": {\"net\": {\"team\": \"network\", \"skills\": {\"vpn\": 2}}, \"net/dns\": {\"skills\": "
    "{}}, \"net/vpn\": {}, \"net/both\": {\"skills\": {\"vpn\": 3, \"linux\": 2}}, \"mail\": {\"skills\": "
    "{\"vpn\": 1}}},"
    " \"rules\": [{\"name\": \"gold\", \"when\": {\"customer_tier\": \"gold\"}, \"skills\": {\"vpn\": 3}},"
    "  {\"name\": \"silver\", \"when\": {\"customer_tier\": \"silver\"}, \"tags\": [\"s\"]},"
    "  {\"name\": \"iron\", \"when\": {\"customer_tier\": \"iron\"}, \"team\": \"first\", \"skills\": "
    "{\"linux\": 5}},"
    "  {\"name\": \"lead\", \"when\": {\"customer_tier\": \"lead\"}, \"team\": \"first\", \"skills\": "
    "{\"vpn\": 1}}],"
    " \"weights\": {\"P1\": 0, \"P3\": 3}}";

static int read_text(const char *text, struct org_document **ret_document, struct plan_fault *fault)
{
    json_auto_t *json = json_loads(text, 0, NULL);

    cr_assert_not_null(json, "%s", text);
    return organisation_json_read(json, 0, ret_document, fault);
}

static struct org_document *document_of(const char *text)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct org_document *document = NULL;

    cr_assert_eq(read_text(text, &document, &fault), 0, "%s at %s", buf_text(&fault.reason),
                 buf_text(&fault.at));
    return document;
}

Test(skills_json, every_member)
{
    _cleanup_org_document_ struct org_document *document = document_of(whole);
    const struct organisation *o = &document->organisation;
    const struct org_agent *wei = &o->agents[0];

    cr_expect_eq(o->teams[0].claims, ORG_CLAIMS_ANYBODY);
    cr_expect_eq(o->teams[1].claims, ORG_CLAIMS_ON_SHIFT);
    cr_assert_eq(wei->skills.n, 2);
    cr_expect_str_eq(wei->skills.items[0].name, "linux", "ordered by name");
    cr_expect_eq(wei->skills.items[1].level, 3);
    cr_expect(wei->capacity == 12 && o->agents[1].capacity == 0);
    cr_expect(o->weights[0] == 0 && o->weights[1] == 4 && o->weights[2] == 3 && o->weights[3] == 1);
    cr_expect_str_eq(org_claims_name(ORG_CLAIMS_ON_SHIFT), "on_shift");
    cr_expect_str_eq(org_claims_name((enum org_claims)9), "unknown");
}

static const struct org_skills *needs(const struct org_document *document, const char *service,
                                      const char *tier)
{
    struct sla_facts facts = {{0}};

    facts.values[SLA_SERVICE] = service;
    facts.values[SLA_CUSTOMER_TIER] = tier;
    return organisation_route(&document->organisation, &facts, 0, 0).skills;
}

static void expect_vpn(const struct org_skills *skills, int level)
{
    cr_assert_not_null(skills);
    cr_assert_eq(skills->n, 1);
    cr_expect_str_eq(skills->items[0].name, "vpn");
    cr_expect_eq(skills->items[0].level, level);
}

Test(skills, are_handed_down_by_services_and_replaced_by_rules)
{
    _cleanup_org_document_ struct org_document *document = document_of(whole);

    expect_vpn(needs(document, "net", NULL), 2);
    expect_vpn(needs(document, "net/vpn/client", NULL), 2);
    cr_expect_eq(needs(document, "net/dns", NULL)->n, 0, "none is something said, too");
    cr_expect_null(needs(document, "printers", NULL));
    expect_vpn(needs(document, "net/dns", "gold"), 3);
    expect_vpn(needs(document, "net", "silver"), 2);
}

Test(skills, suffice_at_their_level_or_above)
{
    struct org_skill have[] = {{"linux", 1}, {"vpn", 3}}, want[] = {{"vpn", 3}, {"linux", 2}};
    struct org_skills skills = {have, 2, true}, none = {0};

    cr_expect(org_skills_suffice(&skills, NULL));
    cr_expect(org_skills_suffice(&none, &none));
    cr_expect(org_skills_suffice(&skills, &(struct org_skills){want, 1, true}));
    cr_expect_not(org_skills_suffice(&skills, &(struct org_skills){want, 2, true}));
    cr_expect_not(org_skills_suffice(&none, &(struct org_skills){want, 1, true}));
}

/* Two agents who have one of the skills each are not one who has both. */
Test(skills, that_nobody_of_the_team_has_are_found)
{
    _cleanup_org_document_ struct org_document *document = document_of(whole);
    const struct organisation *o = &document->organisation;
    size_t team, i = organisation_service_lacking(o, 0, &team);

    cr_assert_lt(i, o->nservices);
    cr_expect_str_eq(o->services[i].name, "mail", "of the default team");
    cr_expect_eq(team, 0);
    i = organisation_service_lacking(o, i + 1, &team);
    cr_assert_lt(i, o->nservices);
    cr_expect_str_eq(o->services[i].name, "net/both");
    cr_expect_eq(team, 1);
    cr_expect_eq(organisation_service_lacking(o, i + 1, &team), o->nservices);
    i = organisation_rule_lacking(o, 0, &team);
    cr_assert_lt(i, o->nrules);
    cr_expect_str_eq(o->rules[i].name, "lead");
    cr_expect_eq(organisation_rule_lacking(o, i + 1, &team), o->nrules);
}

#define AGENT(members)   "{\"agents\": {\"ann\": {" members "}}}"
#define SERVICE(members) "{\"services\": {\"net\": {" members "}}}"

static const struct {
    const char *text, *at, *reason; /* part of it */
} faults[] = {
    {AGENT("\"skills\": []"), "/agents/ann/skills", "must be"},
    {AGENT("\"skills\": {\"VPN\": 1}"), "/agents/ann/skills/VPN", "small letters"},
    {AGENT("\"skills\": {\"a:b\": 1}"), "/agents/ann/skills/a:b", "small letters"},
    {AGENT("\"skills\": {\"vpn\": 0}"), "/agents/ann/skills/vpn", "1"},
    {AGENT("\"skills\": {\"vpn\": 6}"), "/agents/ann/skills/vpn", "5"},
    {AGENT("\"skills\": {\"vpn\": \"2\"}"), "/agents/ann/skills/vpn", "whole"},
    {AGENT("\"languages\": \"en\""), "/agents/ann/languages", "array"},
    {AGENT("\"languages\": [\"de\"]"), "/agents/ann/languages/0", "\"zh\""},
    {AGENT("\"languages\": [\"en\", \"en\"]"), "/agents/ann/languages/1", "twice"},
    {AGENT("\"capacity\": 0"), "/agents/ann/capacity", "leave it out for no limit"},
    {AGENT("\"capacity\": -1"), "/agents/ann/capacity", "1"},
    {AGENT("\"capacity\": 1001"), "/agents/ann/capacity", "1000"},
    {SERVICE("\"skills\": {\"a\": 1, \"b\": 1, \"c\": 1, \"d\": 1, \"e\": 1, \"f\": 1}"),
     "/services/net/skills", "5"},
    {"{\"teams\": {\"a\": {" TITLE ", \"claims\": \"nobody\"}}}", "/teams/a/claims", "\"on_shift\""},
    {"{\"weights\": {\"P5\": 1}}", "/weights/P5", "no key"},
    {"{\"weights\": {\"P1\": 101}}", "/weights/P1", "100"},
};

Test(skills_json, faults_name_their_place)
{
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        _cleanup_plan_fault_ struct plan_fault fault = {0};
        struct org_document *document = NULL;

        cr_expect_eq(read_text(faults[i].text, &document, &fault), -E_VALIDATION, "%s", faults[i].text);
        cr_expect_str_eq(buf_text(&fault.at), faults[i].at, "%s: %s at %s", faults[i].text,
                         buf_text(&fault.reason), buf_text(&fault.at));
        cr_expect_not_null(strstr(buf_text(&fault.reason), faults[i].reason), "%s: %s", faults[i].text,
                           buf_text(&fault.reason));
        cr_expect_null(document);
    }
}
