/* Customers and requesters of organisations, and every way in which they are refused. */
#include "base/memory.h"
#include "meridian/errors.h"
#include "plan/organisation_json.h"
#include "plan/organisation_people_json.h"
#include <criterion/criterion.h>

static int read_text(const char *text, struct org_document **ret_document, struct plan_fault *fault)
{
    json_auto_t *json = json_loads(text, 0, NULL);

    cr_assert_not_null(json, "%s", text);
    return organisation_json_read(json, 0, ret_document, fault);
}

Test(organisation_people_json, every_member)
{
    _cleanup_org_document_ struct org_document *document = NULL;
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    const struct org_requester *wang, *bob;
    const struct organisation *o;

    cr_assert_eq(
        read_text("{\"requesters\": {\"wang\": {\"customer\": \"acme\", \"site\": \"上海\", \"zone\": "
                  "\"Asia/Shanghai\", \"language\": \"zh\"}, \"bob\": {}, \"ann\": {\"customer\": "
                  "\"post-2\"}},"
                  " \"customers\": {\"post-2\": {\"tier\": \"standard\"}, \"acme\": {\"title\": "
                  "\"Acme Ltd.\", \"tier\": \"strategic\", \"contract\": \"gold\"}}}",
                  &document, &fault),
        0, "%s at %s", buf_text(&fault.reason), buf_text(&fault.at));
    o = &document->organisation;
    cr_assert(o->ncustomers == 2 && o->nrequesters == 3);
    cr_expect_str_eq(o->customers[0].tier, "standard");
    cr_expect(!o->customers[0].title && !o->customers[0].contract);
    wang = organisation_requester(o, "wang");
    cr_assert_not_null(wang);
    cr_expect_str_eq(o->customers[wang->customer].name, "acme");
    cr_expect_str_eq(o->customers[wang->customer].title, "Acme Ltd.");
    cr_expect_str_eq(o->customers[wang->customer].contract, "gold");
    cr_expect_str_eq(wang->site, "上海");
    cr_expect_str_eq(wang->zone, "Asia/Shanghai");
    cr_expect_str_eq(wang->language, "zh");
    bob = organisation_requester(o, "bob");
    cr_assert_not_null(bob);
    cr_expect(bob->customer == ORG_NONE && !bob->site && !bob->zone && !bob->language);
    cr_expect_null(organisation_requester(o, "wan"));
    cr_expect_null(organisation_requester(o, NULL));
    cr_expect_eq(organisation_customer(o, "acm"), ORG_NONE);
}

static const struct {
    const char *text, *at, *reason; /* part of it */
} faults[] = {
    {"{\"customers\": []}", "/customers", "must be"},
    {"{\"customers\": {\"Acme\": {\"tier\": \"standard\"}}}", "/customers/Acme", "small letters"},
    {"{\"customers\": {\"acme\": {}}}", "/customers/acme/tier", "missing"},
    {"{\"customers\": {\"acme\": {\"tier\": \"gold\"}}}", "/customers/acme/tier", "\"strategic\""},
    {"{\"customers\": {\"acme\": {\"tier\": 1}}}", "/customers/acme/tier", "\"standard\""},
    {"{\"customers\": {\"acme\": {\"tier\": \"standard\", \"title\": \"\"}}}", "/customers/acme/title",
     "empty"},
    {"{\"customers\": {\"acme\": {\"tier\": \"standard\", \"contract\": 5}}}", "/customers/acme/contract",
     ""},
    {"{\"customers\": {\"acme\": {\"tier\": \"standard\", \"contrat\": \"x\"}}}", "/customers/acme/contrat",
     "did you mean \"contract\""},
    {"{\"requesters\": {\"Wang\": {}}}", "/requesters/Wang", "sign-in name"},
    {"{\"requesters\": {\"wang\": {\"customer\": \"acme\"}}}", "/requesters/wang/customer",
     "names no customer"},
    {"{\"customers\": {\"acme\": {\"tier\": \"standard\"}}, \"requesters\": {\"wang\": {\"customer\": "
     "\"acne\"}}}",
     "/requesters/wang/customer", "did you mean \"acme\"?"},
    {"{\"requesters\": {\"wang\": {\"zone\": \"Asia/Shangai\"}}}", "/requesters/wang/zone", "zone"},
    {"{\"requesters\": {\"wang\": {\"language\": \"de\"}}}", "/requesters/wang/language", "\"zh\""},
    {"{\"requesters\": {\"wang\": {\"site\": \"\"}}}", "/requesters/wang/site", "empty"},
    {"{\"requesters\": {\"wang\": {\"tier\": \"standard\"}}}", "/requesters/wang/tier", "no key"},
};

Test(organisation_people_json, faults_name_their_place)
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

static int read_many(const char *what, const char *item, int n, struct plan_fault *fault)
{
    _cleanup_org_document_ struct org_document *document = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_printf(&text, "{\"%s\": {", what);
    for (int i = 0; i < n; i++)
        buf_printf(&text, "%s\"p%d\": %s", i ? "," : "", i, item);
    buf_add_text(&text, "}}");
    return read_text(buf_text(&text), &document, fault);
}

Test(organisation_people_json, there_are_limits)
{
    static const struct {
        const char *what, *item, *at;
        int max;
    } cases[] = {{"customers", "{\"tier\": \"standard\"}", "/customers", ORG_CUSTOMERS_MAX},
                 {"requesters", "{}", "/requesters", ORG_REQUESTERS_MAX}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_plan_fault_ struct plan_fault fault = {0};

        cr_expect_eq(read_many(cases[i].what, cases[i].item, cases[i].max, &fault), 0, "%s",
                     buf_text(&fault.reason));
        cr_expect_eq(read_many(cases[i].what, cases[i].item, cases[i].max + 1, &fault), -E_VALIDATION);
        cr_expect_str_eq(buf_text(&fault.at), cases[i].at);
    }
}
