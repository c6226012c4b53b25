/* Who is on duty for teams, and every way in which it is refused. */
#include "base/memory.h"
#include "meridian/errors.h"
#include "plan/organisation_duty_json.h"
#include "plan/organisation_json.h"
#include <criterion/criterion.h>

/* A document with one team that has this "on_duty". */
static int read_duty(const char *duty, struct org_document **ret_document, struct plan_fault *fault)
{
    _cleanup_(freep) char *text = mem_printf("{\"teams\": {\"a\": {\"title\": {\"en\": \"A\", \"zh\": "
                                             "\"A\"}, \"tier\": 3, \"on_duty\": %s}}, \"default_team\": "
                                             "\"a\"}",
                                             duty);
    json_auto_t *json = json_loads(text, 0, NULL);

    cr_assert_not_null(json, "%s", text);
    return organisation_json_read(json, 0, ret_document, fault);
}

Test(organisation_duty_json, every_member)
{
    static const struct {
        const char *duty, *main, *backup;
        int64_t after_s;
    } cases[] = {
        {"{\"main\": \"first\"}", "first", NULL, ORG_BACKUP_AFTER_S},
        {"{\"main\": \"first\", \"backup\": \"second\"}", "first", "second", ORG_BACKUP_AFTER_S},
        {"{\"main\": \"first\", \"backup\": \"second\", \"backup_after\": 60}", "first", "second", 60}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_org_document_ struct org_document *document = NULL;
        _cleanup_plan_fault_ struct plan_fault fault = {0};
        const struct org_team *team;

        cr_assert_eq(read_duty(cases[i].duty, &document, &fault), 0, "%s", buf_text(&fault.reason));
        team = &document->organisation.teams[0];
        cr_expect_str_eq(team->duty_main, cases[i].main);
        cr_expect(cases[i].backup ? strcmp(team->duty_backup, cases[i].backup) == 0 : !team->duty_backup);
        cr_expect_eq(team->backup_after_s, cases[i].after_s);
    }
}

Test(organisation_duty_json, faults_name_their_place)
{
    static const struct {
        const char *duty, *at, *reason; /* part of it */
    } cases[] = {
        {"\"first\"", "", "must be"},
        {"{}", "/main", "missing"},
        {"{\"main\": \"\"}", "/main", "empty"},
        {"{\"main\": \"a\", \"backups\": \"b\"}", "/backups", "did you mean \"backup\""},
        {"{\"main\": \"a\", \"backup_after\": 60}", "/backup_after", "no \"backup\""},
        {"{\"main\": \"a\", \"backup\": \"b\", \"backup_after\": 0}", "/backup_after", "1"},
        {"{\"main\": \"a\", \"backup\": \"b\", \"backup_after\": 86401}", "/backup_after", "86400"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_plan_fault_ struct plan_fault fault = {0};
        _cleanup_(freep) char *at = mem_printf("/teams/a/on_duty%s", cases[i].at);
        struct org_document *document = NULL;

        cr_expect_eq(read_duty(cases[i].duty, &document, &fault), -E_VALIDATION, "%s", cases[i].duty);
        cr_expect_str_eq(buf_text(&fault.at), at);
        cr_expect_not_null(strstr(buf_text(&fault.reason), cases[i].reason), "%s: %s", cases[i].duty,
                           buf_text(&fault.reason));
    }
}
