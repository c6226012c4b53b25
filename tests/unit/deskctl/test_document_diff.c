/* What differs between two documents. */
#include "base/cleanup.h"
#include "deskctl/document_diff.h"
#include <criterion/criterion.h>

static void expect(const char *before, const char *after, const char *expected)
{
    json_auto_t *a = json_loads(before, JSON_DECODE_ANY, NULL), *b = json_loads(after, JSON_DECODE_ANY, NULL),
                *out = json_array();
    size_t n = document_diff(a, b, out);
    _cleanup_(freep) char *text = json_dumps(out, JSON_COMPACT);

    cr_assert(a && b);
    cr_expect_str_eq(text, expected, "%s to %s: %s", before, after, text);
    cr_expect_eq(n, json_array_size(out));
}

Test(document_diff, members)
{
    expect("{}", "{}", "[]");
    expect("{\"a\":1,\"b\":{\"c\":2}}", "{\"b\":{\"c\":2},\"a\":1}", "[]");
    expect("{\"a\":1}", "{\"a\":2}", "[{\"change\":\"~\",\"at\":\"/a\",\"before\":1,\"after\":2}]");
    expect("{\"a\":{\"b/c\":1,\"x\":0}}", "{\"a\":{\"d~\":2,\"x\":0}}",
           "[{\"change\":\"+\",\"at\":\"/a/d~0\",\"after\":2},{\"change\":\"-\",\"at\":\"/a/"
           "b~1c\",\"before\":1}]");
    expect("{\"a\":{\"b\":1}}", "{\"a\":[1]}",
           "[{\"change\":\"~\",\"at\":\"/a\",\"before\":{\"b\":1},\"after\":[1]}]");
}

Test(document_diff, lists)
{
    expect("[1,2]", "[2,1]", "[{\"change\":\"~\",\"at\":\"\",\"before\":[1,2],\"after\":[2,1]}]");
    expect("{\"r\":[{\"name\":\"a\",\"v\":1},{\"name\":\"b\"}]}",
           "{\"r\":[{\"name\":\"a\",\"v\":2},{\"name\":\"b\"}]}",
           "[{\"change\":\"~\",\"at\":\"/r/a/v\",\"before\":1,\"after\":2}]");
    expect("{\"r\":[{\"name\":\"a\"}]}", "{\"r\":[{\"name\":\"n\"},{\"name\":\"a\"}]}",
           "[{\"change\":\"+\",\"at\":\"/r/n\",\"after\":{\"name\":\"n\"}}]");
    expect("{\"r\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", "{\"r\":[{\"name\":\"b\"}]}",
           "[{\"change\":\"-\",\"at\":\"/r/a\",\"before\":{\"name\":\"a\"}}]");
    expect("{\"r\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", "{\"r\":[{\"name\":\"b\"},{\"name\":\"a\"}]}",
           "[{\"change\":\"~\",\"at\":\"/r/b\",\"before\":2,\"after\":1},{\"change\":\"~\",\"at\":\"/r/a\","
           "\"before\":1,\"after\":2}]");
}
