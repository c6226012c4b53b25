/* Objects inside of bodies: read into the same target, their faults told with the whole path. */
#include "base/cleanup.h"
#include "intake/body.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

struct target {
    json_t *inner;
    const char *text;
    int64_t at_us;
};

static const struct body_field outer[] = {
    {"inner", BODY_OBJECT, offsetof(struct target, inner), 0, true, NULL}};
static const struct body_field inner[] = {{"text", BODY_TEXT, offsetof(struct target, text), 8, true, NULL},
                                          {"at", BODY_TIME, offsetof(struct target, at_us), 0, false, NULL}};

/* The faults, as a JSON array. */
static const char *faults(const char *text, struct buf *array)
{
    _cleanup_errors_ struct body_errors errors = {0};
    _cleanup_(json_decrefp) json_t *json = json_loads(text, 0, NULL);
    struct target target = {0};
    int r = body_read(json, outer, ARRAY_SIZE(outer), &target, &errors);

    if (target.inner)
        r = body_read_within(target.inner, "/inner", inner, ARRAY_SIZE(inner), &target, &errors);
    cr_expect_eq(r, errors.n ? -E_VALIDATION : 0, "%s", text);
    body_errors_add(array, &errors);
    return buf_text(array);
}

Test(body, objects_inside_of_bodies)
{
    static const struct {
        const char *text, *faults;
    } cases[] = {
        {"{\"inner\":{\"text\":\"x\",\"at\":\"2026-11-23T08:00:00Z\"}}", "[]"},
        {"{\"inner\":{\"text\":\"x\",\"at\":null}}", "[]"},
        {"{}", "[{\"pointer\":\"/inner\",\"detail\":\"is required\"}]"},
        {"{\"inner\":[]}", "[{\"pointer\":\"/inner\",\"detail\":\"must be an object, not an array\"}]"},
        {"{\"inner\":{}}", "[{\"pointer\":\"/inner/text\",\"detail\":\"is required\"}]"},
        {"{\"inner\":{\"text\":\" \"}}", "[{\"pointer\":\"/inner/text\",\"detail\":\"must not be empty\"}]"},
        {"{\"inner\":{\"text\":\"123456789\"}}",
         "[{\"pointer\":\"/inner/text\",\"detail\":\"must have at most 8 bytes\"}]"},
        {"{\"inner\":{\"text\":\"x\",\"txt\":\"x\"}}",
         "[{\"pointer\":\"/inner/txt\",\"detail\":\"unknown field; did you mean \\\"text\\\"?\"}]"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf array = BUF_INIT;

        cr_expect_str_eq(faults(cases[i].text, &array), cases[i].faults);
    }
}
