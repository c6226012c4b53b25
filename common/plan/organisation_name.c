/* Called by organisation_json.c and organisation_people_json.c. */
#include "plan/organisation_name.h"
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

bool org_name_spelt(const char *name, const char *first, const char *rest, size_t max)
{
    size_t n = strlen(name);

    return n && n <= max && strchr(first, name[0]) && strspn(name, rest) == n;
}

int org_name_check(const struct plan_node *node, struct plan_fault *fault)
{
    if (org_name_spelt(node->key, LETTERS DIGITS, LETTERS DIGITS "-", ORG_NAME_MAX))
        return 0;
    return plan_fail(node, fault, "must be named by 1 to %d small letters, digits and -", ORG_NAME_MAX);
}

int org_login_check(const struct plan_node *node, struct plan_fault *fault)
{
    if (org_name_spelt(node->key, LETTERS DIGITS, LETTERS DIGITS "._@-", ORG_LOGIN_MAX))
        return 0;
    return plan_fail(node, fault, "must be a sign-in name: 1 to %d small letters, digits and . _ @ -",
                     ORG_LOGIN_MAX);
}

int org_name_missing(const struct plan_node *node, const char *what, const char *name,
                     const char *const *names, size_t n, struct plan_fault *fault)
{
    const char *near = plan_nearest(name, names, n);

    return plan_fail(node, fault, "names no %s of the document%s%s%s", what, near ? "; did you mean \"" : "",
                     near ? near : "", near ? "\"?" : "");
}
