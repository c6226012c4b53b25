/* Called by the readers of plans and of escalations. */
#include "plan/sla_value_json.h"
#include "base/memory.h"

int sla_name_json_check(const struct plan_node *node, const char *name, struct plan_fault *fault)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    if (!n || name[n] || n > SLA_NAME_MAX)
        return plan_fail(node, fault, "must be named by 1 to %d letters, digits, _ and -", SLA_NAME_MAX);
    return 0;
}

bool sla_amount_parse(struct str text, int64_t *ret_s)
{
    struct str digits = text;
    int64_t n, unit;

    if (text.n < 2)
        return false;
    digits.n--;
    unit = text.p[digits.n] == 's' ? 1 : text.p[digits.n] == 'm' ? 60 : text.p[digits.n] == 'h' ? 3600 : 0;
    if (!unit || str_to_i64(digits, 1, SLA_AMOUNT_MAX_S / unit, &n) < 0)
        return false;
    *ret_s = n * unit;
    return true;
}

int sla_calendar_json_read(const struct plan_node *node, const struct sla_plan *plan,
                           const struct sla_calendar **ret_calendar, struct plan_fault *fault)
{
    const char *name, *names[SLA_CALENDARS_MAX + 1], *near;
    int rc = plan_text(node, SLA_NAME_MAX, &name, fault);

    if (rc < 0)
        return rc;
    *ret_calendar = sla_plan_named(plan, name);
    if (*ret_calendar)
        return 0;
    for (size_t i = 0; i < plan->ncalendars; i++)
        names[i] = plan->calendars[i].name;
    near = plan_nearest(name, names, plan->ncalendars);
    return plan_fail(node, fault, "names no calendar of \"calendars\"%s%s%s", near ? "; did you mean \"" : "",
                     near ? near : "", near ? "\"?" : "");
}
