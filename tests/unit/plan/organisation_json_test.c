/* Organisations: what they route, who is awake when, and every way in which they are refused. */
#include "base/memory.h"
#include "meridian/errors.h"
#include "plan/organisation_json.h"
#include <criterion/criterion.h>

#define OFFICE(zone)                                                                                         \
    "{\"zone\": \"" zone "\", \"weekly\": {\"mon\": [[\"09:00\", \"17:00\"]], \"tue\": [[\"09:00\", "        \
    "\"17:00\"]]}}"
#define TITLE "\"title\": {\"en\": \"T\", \"zh\": \"组\"}, \"tier\": 1"

#define SHANGHAI "\"shanghai\": {\"region\": \"ap\", \"hours\": " OFFICE("Asia/Shanghai") "}"
#define BERLIN   "\"berlin\": {\"region\": \"eu\", \"hours\": " OFFICE("Europe/Berlin") "}"

static const char whole[] =
    "{\"robots\": {\"hands_off_for\": 300}, \"desks\": {" SHANGHAI ", " BERLIN
    ", \"night\": {\"region\": \"us\"}},"
    " \"teams\": {\"first\": {" TITLE ", \"desks\": [\"night\"], \"restricted\": true},"
    "  \"network\": {" TITLE ", \"desks\": [\"shanghai\", \"berlin\"], \"minimum\": 2, \"restricted\": true,"
    "   \"shift_end\": \"hand_over\", \"handover\": {\"accept_within\": 1200}, \"mode\": \"offer\", "
    "\"offer\": {\"accept_within\": 90}, \"overflow\": "
    "{\"after\": 900, \"team\": \"first\"}}},"
    " \"default_team\": \"first\","
    " \"agents\": {\"wei\": {\"desk\": \"shanghai\", \"teams\": [\"network\", \"first\"]},"
    "  \"li\": {\"desk\": \"shanghai\", \"teams\": [\"network\"]},"
    "  \"ann\": {\"desk\": \"berlin\", \"teams\": [\"network\"]}, \"bo\": {}},"
    " \"services\": {\"net\": {\"team\": \"network\", \"urgency\": \"high\"}, \"net/vpn\": {\"impact\": "
    "\"high\"},"
    "  \"mail\": {\"impact\": \"low\"}},"
    " \"rules\": [{\"name\": \"gold\", \"when\": {\"customer_tier\": \"gold\"}, \"team\": \"network\","
    "   \"impact\": \"high\", \"tags\": [\"gold\", \"金\"]},"
    "  {\"name\": \"urgent\", \"when\": {\"priority\": 1, \"service\": \"net/vpn\"}, \"tags\": [\"hot\"]}]}";

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

Test(organisation_json, every_member)
{
    _cleanup_org_document_ struct org_document *document = document_of(whole);
    const struct organisation *o = &document->organisation;
    const struct org_team *network;

    cr_assert_eq(o->ndesks, 3);
    cr_expect_eq(o->hands_off_s, 300);
    cr_expect_str_eq(o->desks[0].name, "shanghai");
    cr_expect_str_eq(o->desks[0].region, "ap");
    cr_expect_null(o->desks[2].hours);
    cr_assert_eq(o->nteams, 2);
    network = &o->teams[organisation_team(o, "network")];
    cr_expect_str_eq(network->title_zh, "组");
    cr_expect(network->restricted && network->tier == 1 && network->minimum == 2);
    cr_expect_eq(network->shift_end, ORG_SHIFT_END_HAND_OVER);
    cr_expect_eq(network->handover_within_s, 1200);
    cr_expect_eq(o->teams[0].handover_within_s, 900);
    cr_expect(network->ndesks == 2 && network->staff[0] == 2 && network->staff[1] == 1);
    cr_expect_eq(o->teams[0].shift_end, ORG_SHIFT_END_KEEP);
    cr_expect_eq(o->teams[0].minimum, 1);
    cr_expect(network->mode == ORG_MODE_OFFER && network->accept_within_s == 90);
    cr_expect(network->overflow.after_s == 900 && network->overflow.team == organisation_team(o, "first"));
    cr_expect(o->teams[0].mode == ORG_MODE_PULL && o->teams[0].accept_within_s == 60);
    cr_expect(!o->teams[0].overflow.after_s && o->teams[0].overflow.team == ORG_NONE);
    cr_expect_eq(o->default_team, organisation_team(o, "first"));
    cr_assert_eq(o->nagents, 4);
    cr_expect_eq(o->agents[3].desk, ORG_NONE);
    cr_expect_eq(o->nservices, 3);
    cr_assert_eq(o->nrules, 2);
    cr_expect_str_eq(o->rules[0].tags[1], "金");
}

Test(organisation_json, one_without_anything)
{
    _cleanup_org_document_ struct org_document *document = document_of("{}");

    cr_expect_eq(document->organisation.default_team, ORG_NONE);
    cr_expect_eq(organisation_route(&document->organisation, &(struct sla_facts){{0}}, 0, 0).team, ORG_NONE);
}

/* ---- routing ---- */

static struct org_route route(const struct org_document *document, const char *service, const char *tier,
                              int impact, int urgency)
{
    struct sla_facts facts = {{0}};

    facts.values[SLA_SERVICE] = service;
    facts.values[SLA_CUSTOMER_TIER] = tier;
    return organisation_route(&document->organisation, &facts, impact, urgency);
}

static const char *team_of(const struct org_document *document, const struct org_route *route)
{
    return document->organisation.teams[route->team].name;
}

Test(organisation, services_hand_down_what_they_say)
{
    _cleanup_org_document_ struct org_document *document = document_of(whole);
    struct org_route r = route(document, "net/vpn/client", NULL, 0, 0);

    cr_expect_str_eq(r.service->name, "net/vpn");
    cr_expect_str_eq(team_of(document, &r), "network");
    cr_expect(r.impact == 1 && r.urgency == 1);
    cr_expect_null(r.rule); /* asks for that very service */
    r = route(document, "net/vpn", NULL, 3, 0);
    cr_expect(r.impact == 3 && r.urgency == 1, "what the submitter says counts");
    r = route(document, "net/vpn", NULL, 0, 0);
    cr_assert_not_null(r.rule);
    cr_expect_str_eq(r.rule->name, "urgent");
    r = route(document, "network", NULL, 0, 0);
    cr_expect_null(r.service);
    cr_expect_str_eq(team_of(document, &r), "network", "a team may be named");
    r = route(document, "mail", NULL, 0, 0);
    cr_expect_str_eq(team_of(document, &r), "first");
    cr_expect(r.impact == 3 && r.urgency == 2);
    r = route(document, "netz", NULL, 0, 0);
    cr_expect_null(r.service);
}

Test(organisation, the_first_rule_that_holds_decides)
{
    _cleanup_org_document_ struct org_document *document = document_of(whole);
    struct org_route r = route(document, "net/vpn", "gold", 2, 2);

    cr_assert_not_null(r.rule);
    cr_expect_str_eq(r.rule->name, "gold");
    cr_expect_str_eq(team_of(document, &r), "network");
    cr_expect(r.impact == 1 && r.urgency == 2);
}

/* ---- the sun ---- */

#define MONDAY INT64_C(1741564800) /* 2025-03-10T00:00:00Z */
enum { HOUR = 3600 };

Test(organisation, spans_follow_the_sun)
{
    _cleanup_org_document_ struct org_document *document = document_of(whole);
    const struct organisation *o = &document->organisation;
    size_t team = organisation_team(o, "network");
    struct org_span span = organisation_span(o, team, MONDAY);

    cr_expect(span.desks == 0 && span.agents == 0);
    cr_expect_eq(span.to_s, MONDAY + 1 * HOUR, "Shanghai opens");
    span = organisation_span(o, team, span.to_s);
    cr_expect(span.desks == 1 && span.agents == 2);
    cr_expect_eq(span.to_s, MONDAY + 8 * HOUR, "Berlin opens");
    span = organisation_span(o, team, span.to_s);
    cr_expect(span.desks == 2 && span.agents == 3, "handover");
    cr_expect_eq(span.to_s, MONDAY + 9 * HOUR);
    span = organisation_span(o, team, span.to_s);
    cr_expect(span.desks == 1 && span.agents == 1);
    span = organisation_span(o, organisation_team(o, "first"), MONDAY);
    cr_expect(span.desks == 1 && span.agents == 0 && span.to_s == INT64_MAX, "around the clock");
    cr_expect(organisation_is_served(o, team));
    cr_expect_not(organisation_is_served(o, organisation_team(o, "first")), "wei sits elsewhere");
}

/* ---- what is refused ---- */

static const struct {
    const char *text, *at, *reason; /* part of it */
} faults[] = {
    {"[]", "", "must be"},
    {"{\"desk\": {}}", "/desk", "did you mean \"desks\""},
    {"{\"desks\": {\"A\": {\"region\": \"eu\"}}}", "/desks/A", "must be named by"},
    {"{\"desks\": {\"a\": {\"region\": \"e\"}}}", "/desks/a/region", "code of a region"},
    {"{\"desks\": {\"a\": {\"region\": \"E1\"}}}", "/desks/a/region", "code of a region"},
    {"{\"desks\": {\"a\": {}}}", "/desks/a/region", "missing"},
    {"{\"desks\": {\"a\": {\"region\": \"eu\", \"hours\": {\"zone\": \"Europe/Berlln\"}}}}",
     "/desks/a/hours/zone", "zone"},
    {"{\"desks\": {\"a\": {\"region\": \"eu\", \"hours\": {\"zone\": \"UTC\"}}}}", "/desks/a/hours", "never"},
    {"{\"teams\": {\"a\": {" TITLE "}}}", "/default_team", "missing"},
    {"{\"teams\": {\"a\": {\"tier\": 1}}}", "/teams/a/title", "missing"},
    {"{\"teams\": {\"a\": {\"title\": {\"en\": \"A\"}, \"tier\": 1}}}", "/teams/a/title/zh", "missing"},
    {"{\"teams\": {\"a\": {\"title\": {\"en\": \"A\", \"zh\": \"A\"}, \"tier\": 4}}}", "/teams/a/tier", "3"},
    {"{\"teams\": {\"a\": {" TITLE ", \"desks\": [\"b\"]}}}", "/teams/a/desks/0", "names no desk"},
    {"{\"desks\": {\"b\": {\"region\": \"eu\"}}, \"teams\": {\"a\": {" TITLE ", \"desks\": [\"b\", \"b\"]}}}",
     "/teams/a/desks/1", "twice"},
    {"{\"teams\": {\"a\": {" TITLE ", \"shift_end\": \"drop\"}}}", "/teams/a/shift_end",
     "\"return\" or \"hand_over\""},
    {"{\"teams\": {\"a\": {" TITLE ", \"handover\": {\"accept_within\": 4}}}}",
     "/teams/a/handover/accept_within", "5"},
    {"{\"teams\": {\"a\": {" TITLE ", \"handover\": {\"accept_within\": 86401}}}}",
     "/teams/a/handover/accept_within", "86400"},
    {"{\"robots\": {}}", "/robots/hands_off_for", "missing"},
    {"{\"robots\": {\"hands_off_for\": -1}}", "/robots/hands_off_for", "0"},
    {"{\"robots\": {\"hands_off_for\": 86401}}", "/robots/hands_off_for", "86400"},
    {"{\"robots\": {\"hands_of\": 1}}", "/robots/hands_of", "hands_off_for"},
    {"{\"teams\": {\"a\": {" TITLE ", \"handover\": {}}}}", "/teams/a/handover/accept_within", "missing"},
    {"{\"teams\": {\"a\": {" TITLE ", \"mode\": \"push\"}}}", "/teams/a/mode", "\"assign\""},
    {"{\"teams\": {\"a\": {" TITLE ", \"offer\": {\"accept_within\": 0}}}}", "/teams/a/offer/accept_within",
     "5"},
    {"{\"teams\": {\"a\": {" TITLE ", \"offer\": {}}}}", "/teams/a/offer/accept_within", "missing"},
    {"{\"teams\": {\"a\": {" TITLE ", \"overflow\": {\"after\": 0, \"everybody\": true}}}}",
     "/teams/a/overflow/after", "1"},
    {"{\"teams\": {\"a\": {" TITLE ", \"overflow\": {\"after\": 9}}}}", "/teams/a/overflow", "where to"},
    {"{\"teams\": {\"a\": {" TITLE ", \"overflow\": {\"after\": 9, \"team\": \"a\", \"everybody\": true}}}}",
     "/teams/a/overflow", "where to"},
    {"{\"teams\": {\"a\": {" TITLE ", \"overflow\": {\"after\": 9, \"everybody\": false}}}}",
     "/teams/a/overflow", "where to"},
    {"{\"teams\": {\"net\": {" TITLE ", \"overflow\": {\"after\": 9, \"team\": \"nets\"}}}}",
     "/teams/net/overflow/team", "did you mean \"net\"?"},
    {"{\"teams\": {\"a\": {" TITLE ", \"overflow\": {\"after\": 9, \"team\": \"a\"}}}}",
     "/teams/a/overflow/team", "circle"},
    {"{\"teams\": {\"a\": {" TITLE ", \"overflow\": {\"after\": 9, \"team\": \"b\"}}, \"b\": {" TITLE
     ", \"overflow\": {\"after\": 9, \"team\": \"a\"}}}}",
     "/teams/a/overflow/team", "circle"},
    {"{\"teams\": {\"a\": {" TITLE ", \"restricted\": true, \"overflow\": {\"after\": 9, \"team\": \"b\"}}, "
     "\"b\": {" TITLE "}}}",
     "/teams/a/overflow/team", "not restricted"},
    {"{\"teams\": {\"a\": {" TITLE ", \"minimum\": -1}}}", "/teams/a/minimum", "0"},
    {"{\"teams\": {\"a\": {" TITLE ", \"restricted\": 1}}}", "/teams/a/restricted", "true or false"},
    {"{\"default_team\": \"a\"}", "/default_team", "names no team"},
    {"{\"agents\": {\"Ann\": {}}}", "/agents/Ann", "sign-in name"},
    {"{\"agents\": {\"ann\": {\"desk\": \"b\"}}}", "/agents/ann/desk", "names no desk"},
    {"{\"teams\": {\"netw0rk\": {" TITLE
     "}}, \"default_team\": \"netw0rk\", \"agents\": {\"ann\": {\"teams\": "
     "[\"network\"]}}}",
     "/agents/ann/teams/0", "did you mean \"netw0rk\"?"},
    {"{\"agents\": {\"ann\": {\"skill\": []}}}", "/agents/ann/skill", "no key"},
    {"{\"services\": {\"a//b\": {}}}", "/services/a~1~1b", "single slashes"},
    {"{\"services\": {\"/a\": {}}}", "/services/~1a", "single slashes"},
    {"{\"services\": {\"a\": {\"impact\": 1}}}", "/services/a/impact", "\"high\""},
    {"{\"rules\": {}}", "/rules", "array"},
    {"{\"rules\": [{\"name\": \"a\", \"when\": {}}]}", "/rules/0", "does nothing"},
    {"{\"rules\": [{\"name\": \"a\", \"when\": {\"team\": \"x\"}, \"tags\": [\"t\"]}]}", "/rules/0/when/team",
     ""},
    {"{\"rules\": [{\"name\": \"a\", \"when\": {}, \"tags\": [\"t\"]}, {\"name\": \"a\", \"when\": {}, "
     "\"tags\": [\"t\"]}]}",
     "/rules/1/name", "unique"},
    {"{\"rules\": [{\"name\": \"a\", \"when\": {\"region\": \"eu\"}, \"tags\": [\"t\"]}, {\"name\": \"b\", "
     "\"when\": {\"region\": \"eu\", \"priority\": 1}, \"tags\": [\"t\"]}]}",
     "/rules/1", "rule \"a\" before it"},
    {"{\"rules\": [{\"name\": \"a\", \"when\": {\"all\": [{\"priority\": 1}, {\"priority\": 2}]}, \"tags\": "
     "[\"t\"]}]}",
     "/rules/0/when", "contradict"},
};

Test(organisation_json, faults_name_their_place)
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

/* One typo in the last line of a huge file is found, and told. */
Test(organisation_json, a_typo_at_the_end_of_a_huge_document)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct org_document *document = NULL;

    buf_printf(&text, "{\"teams\": {\"a\": {%s}}, \"default_team\": \"a\", \"rules\": [", TITLE);
    for (int i = 0; i < ORG_RULES_MAX - 1; i++)
        buf_printf(&text, "{\"name\": \"r%d\", \"when\": {\"service\": \"s%d\"}, \"team\": \"a\"},", i, i);
    buf_add_text(&text, "{\"name\": \"last\", \"when\": {\"servce\": \"x\"}, \"team\": \"a\"}]}");
    cr_expect_eq(read_text(buf_text(&text), &document, &fault), -E_VALIDATION);
    cr_expect_str_eq(buf_text(&fault.at), "/rules/999/when/servce");
    cr_expect_not_null(strstr(buf_text(&fault.reason), "service"));
}
