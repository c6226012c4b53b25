/* Names in an organisation, as its readers judge them. Pure; any thread. */
#pragma once
#include "plan/node.h"

enum { ORG_NAME_MAX = 63, ORG_LOGIN_MAX = 64 };

/** True for 1 to `max` characters of `rest`, the first of them of `first`. */
bool org_name_spelt(const char *name, const char *first, const char *rest, size_t max);
/** The key of a desk, a team or a customer. */
int org_name_check(const struct plan_node *node, struct plan_fault *fault) _must_check_;
/** The key of a person. */
int org_login_check(const struct plan_node *node, struct plan_fault *fault) _must_check_;
/** The fault of a text that is none of `names`. */
int org_name_missing(const struct plan_node *node, const char *what, const char *name,
                     const char *const *names, size_t n, struct plan_fault *fault) _must_check_;
