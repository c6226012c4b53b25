/* The template engine: our rules one by one, mustache.js on four hundred templates, and what is refused. */
#include "files.h"
#include "meridian/errors.h"
#include "notifier/template.h"
#include "notifier/templates.h"
#include <criterion/criterion.h>

static void expect(const char *source, const char *json, enum template_place place, const char *expected)
{
    _cleanup_buf_ struct buf problem = BUF_INIT, out = BUF_INIT;
    _cleanup_template_ struct template *template = NULL;
    json_auto_t *data = json_loads(json, JSON_DECODE_ANY, NULL);

    cr_assert_not_null(data, "bad test data: %s", json);
    cr_assert_eq(template_parse(str_from(source), &template, &problem), 0, "%s: %s", source,
                 buf_text(&problem));
    cr_assert_eq(template_render(template, data, place, &out), 0);
    cr_expect_str_eq(buf_text(&out), expected, "template %s with %s", source, json);
}

Test(template, rules)
{
    static const struct {
        const char *source, *data, *expected;
    } cases[] = {
        {"", "{}", ""},
        {"no tags { or } here", "{}", "no tags { or } here"},
        {"Hello {{name}}!", "{\"name\":\"Joe\"}", "Hello Joe!"},
        {"{{ name }}{{{ name }}}{{& name }}", "{\"name\":\"<\"}", "&lt;<<"},
        {"{{missing}}|{{a.b}}|{{a.b.c}}", "{\"a\":{}}", "||"},
        {"{{a.b.c}}", "{\"a\":{\"b\":{\"c\":\"deep\"}}}", "deep"},
        {"{{n}} {{r}} {{t}} {{f}} {{z}}", "{\"n\":42,\"r\":1.21,\"t\":true,\"f\":false,\"z\":null}",
         "42 1.21 true false "},
        {"{{o}}{{l}}", "{\"o\":{\"a\":1},\"l\":[1]}", ""},
        /* A dotted name belongs to the context that has its first part, even if the rest is not there. */
        {"{{#a}}{{b.c}}{{/a}}", "{\"a\":{\"b\":{}},\"b\":{\"c\":\"no\"}}", ""},
        {"{{#a}}{{b.c}}{{/a}}", "{\"a\":{\"x\":1},\"b\":{\"c\":\"outer\"}}", "outer"},
        {"{{#s}}[{{.}} {{s}}]{{/s}}", "{\"s\":\"x\"}", "[x x]"},
        {"{{#list}}({{.}}){{/list}}", "{\"list\":[1,\"a\",2.5]}", "(1)(a)(2.5)"},
        {"{{#list}}({{#.}}{{.}}{{/.}}){{/list}}", "{\"list\":[[1,2],[\"a\"]]}", "(12)(a)"},
        {"{{#p}}{{name}} {{t}}{{/p}}", "{\"p\":{\"name\":\"Joe\"},\"t\":\"outer\"}", "Joe outer"},
        {"{{#t}}yes{{/t}}{{^t}}no{{/t}}", "{\"t\":true}", "yes"},
        {"{{#t}}yes{{/t}}{{^t}}no{{/t}}", "{\"t\":false}", "no"},
        {"{{#t}}yes{{/t}}{{^t}}no{{/t}}", "{\"t\":\"\"}", "no"},
        {"{{#t}}yes{{/t}}{{^t}}no{{/t}}", "{\"t\":0}", "no"},
        {"{{#t}}yes{{/t}}{{^t}}no{{/t}}", "{\"t\":0.0}", "no"},
        {"{{#t}}yes{{/t}}{{^t}}no{{/t}}", "{\"t\":[]}", "no"},
        {"{{#t}}yes{{/t}}{{^t}}no{{/t}}", "{\"t\":{}}", "yes"},
        {"{{#t}}yes{{/t}}{{^t}}no{{/t}}", "{}", "no"},
        {"a{{! gone }}b", "{}", "ab"},
        {"a{{!\n over\n lines }}b\n", "{}", "ab\n"},
        {"begin\n  {{! alone }}  \nend\n", "{}", "begin\nend\n"},
        {"{{#t}}\nin\n{{/t}}\nout\n", "{\"t\":true}", "in\nout\n"},
        {"  {{#t}}\r\nin\r\n  {{/t}}\r\nout", "{\"t\":true}", "in\r\nout"},
        {"{{#t}} x {{/t}}\n", "{\"t\":true}", " x \n"},
        {" {{v}}\n", "{\"v\":1}", " 1\n"},
        {"{{#t}}{{#t}}\nx{{/t}}{{/t}}", "{\"t\":true}", "\nx"},
        {"end\n  {{! no newline }}", "{}", "end\n"},
        {"{{v}}", "{\"v\":\"& \\\" ' < > / ` =\"}", "&amp; &quot; &#39; &lt; &gt; &#x2F; &#x60; &#x3D;"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect(cases[i].source, cases[i].data, TEMPLATE_HTML, cases[i].expected);
}

Test(template, a_value_cannot_leave_its_place)
{
    static const struct {
        enum template_place place;
        const char *value, *expected; /* JSON string without quotes */
    } cases[] = {
        {TEMPLATE_LINE, "a\\r\\nBcc: x@example.org", "a  Bcc: x@example.org"},
        {TEMPLATE_LINE, "a\\tb\\u0000c", NULL},
        {TEMPLATE_LINE, "a\\tb\\u007fc", "a b c"},
        {TEMPLATE_LINE, "a\\u0085b\\u2028c\\u2029d", "a b c d"},
        {TEMPLATE_LINE, "in\\u202evoice\\u202c \\u2066x\\u2069", "in voice   x "},
        {TEMPLATE_LINE, "中文—ok", "中文—ok"},
        {TEMPLATE_TEXT, "a\\r\\nb\\rc\\nd\\te", "a\nb\nc\nd\te"},
        {TEMPLATE_TEXT, "bell\\u0007 esc\\u001b[31m c1\\u009b31m", "bell esc[31m c131m"},
        {TEMPLATE_TEXT, "& < > \\\"", "& < > \""},
        {TEMPLATE_TEXT, "\\u202e", "\xe2\x80\xae"},
        {TEMPLATE_HTML, "<script>alert('x')</script>",
         "&lt;script&gt;alert(&#39;x&#39;)&lt;&#x2F;script&gt;"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf json = BUF_INIT;

        buf_printf(&json, "{\"v\":\"%s\"}", cases[i].value);
        if (cases[i].expected)
            expect("{{v}}", buf_text(&json), cases[i].place, cases[i].expected);
        else
            cr_expect_null(json_loads(buf_text(&json), 0, NULL), "NUL never reaches a template");
    }
}

Test(template, refuses_what_it_does_not_know)
{
    static const struct {
        const char *source, *problem;
    } cases[] = {
        {"{{", "line 1: a tag is not closed"},
        {"a\n{{name", "line 2: a tag is not closed"},
        {"{{{name}}", "line 1: a tag is not closed"},
        {"{{}}", "line 1: a tag has no proper name"},
        {"{{a b}}", "line 1: a tag has no proper name"},
        {"{{.a}}", "line 1: a tag has no proper name"},
        {"{{a..b}}", "line 1: a tag has no proper name"},
        {"{{#a}}", "line 1: a section is not closed"},
        {"x\n\n{{/a}}", "line 3: a section is closed that is not open"},
        {"{{#a}}{{/b}}", "line 1: a section is closed by another name"},
        {"{{#a}}{{^b}}{{/a}}{{/b}}", "line 1: a section is closed by another name"},
        {"{{> partial}}", "line 1: partials, parents and delimiters are not supported"},
        {"{{=<% %>=}}", "line 1: partials, parents and delimiters are not supported"},
        {"{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#"
         "a}}",
         "line 1: sections are nested too deeply"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf problem = BUF_INIT;
        struct template *template = NULL;

        cr_expect_eq(template_parse(str_from(cases[i].source), &template, &problem), -E_BAD_REQUEST, "%s",
                     cases[i].source);
        cr_expect_null(template);
        cr_expect_str_eq(buf_text(&problem), cases[i].problem);
    }
}

Test(template, output_is_bounded)
{
    _cleanup_buf_ struct buf problem = BUF_INIT, out = BUF_INIT;
    _cleanup_template_ struct template *template = NULL;
    json_auto_t *data = json_pack("{s:[]}", "l");
    const char *source = "{{#l}}{{#l}}{{#l}}{{#l}}{{/l}}{{/l}}{{/l}}{{/l}}";

    for (int i = 0; i < 200; i++)
        json_array_append_new(json_object_get(data, "l"), json_integer(i));
    cr_assert_eq(template_parse(str_from(source), &template, &problem), 0);
    cr_expect_eq(template_render(template, data, TEMPLATE_TEXT, &out), -E_TOO_LARGE,
                 "1.6 thousand million empty turns end early");
}

Test(template, agrees_with_mustache_js)
{
    _cleanup_buf_ struct buf content = BUF_INIT;
    json_auto_t *cases = NULL;
    json_t *one;
    size_t i;

    golden_read("template_cases.json", &content);
    cases = json_loads(buf_text(&content), 0, NULL);
    cr_assert_gt(json_array_size(cases), 100);
    json_array_foreach(cases, i, one)
    {
        _cleanup_(freep) char *data = json_dumps(json_object_get(one, "data"), JSON_ENCODE_ANY);

        expect(json_string_value(json_object_get(one, "template")), data, TEMPLATE_HTML,
               json_string_value(json_object_get(one, "expected")));
    }
}

Test(templates, all_of_them_parse_and_each_language_has_each_event)
{
    static const char *const events[] = {
        "ticket.created",      "ticket.replied",    "ticket.pended",   "ticket.resolved", "ticket.reopened",
        "sla.warned",          "sla.breached",      "ticket.reminded", "ticket.closed",   "ticket.progress",
        "escalation.notified", "ticket.taken_over", "ticket.assigned", "ticket.nudged",   "ticket.merged",
        "ticket.unmerged",     "duty.notified",     "ticket.offered"};
    _cleanup_buf_ struct buf problems = BUF_INIT;
    struct templates *templates = NULL;

    cr_assert_eq(templates_open(&templates, &problems), 0, "%s", buf_text(&problems));
    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        const struct template *en = templates_find(templates, "en", events[i], "txt"),
                              *zh = templates_find(templates, "zh", events[i], "txt");

        cr_expect(en && templates_find(templates, "en", events[i], "subject"), "%s", events[i]);
        cr_expect(zh && zh != en, "%s is translated", events[i]);
        cr_expect_eq(templates_find(templates, "xx", events[i], "txt"), en,
                     "an unknown language reads English");
    }
    cr_expect_null(templates_find(templates, "en", "ticket.noted", "txt"), "notes are never mailed");
    templates_close(templates);
}
