/* Writes faults. Called by the readers of this module and by whoever wraps their documents into larger ones.
 * Reasons are cut at 255 bytes: they may quote the document. */
#include "plan/plan.h"
#include "meridian/errors.h"
#include <stdarg.h>
#include <stdio.h>

int plan_refuse(struct plan_fault *fault, const char *format, ...)
{
    char reason[256];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    buf_add_text(&fault->reason, reason);
    return -E_VALIDATION;
}

int plan_within(struct plan_fault *fault, const char *key, int result)
{
    struct buf at = BUF_INIT;

    if (result >= 0)
        return result;
    buf_add_char(&at, '/');
    for (; *key; key++)
        if (*key == '~' || *key == '/')
            buf_add_text(&at, *key == '~' ? "~0" : "~1");
        else
            buf_add_char(&at, *key);
    buf_add_str(&at, buf_str(&fault->at));
    buf_fini(&fault->at);
    fault->at = at;
    return result;
}

int plan_within_element(struct plan_fault *fault, size_t index, int result)
{
    char key[24];

    snprintf(key, sizeof key, "%zu", index);
    return plan_within(fault, key, result);
}

int plan_check_names(struct plan_fault *fault, const json_t *object, const char *const *names, size_t n)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        const char *nearest = names[0];

        for (size_t i = 0; i < n; i++)
            if (str_distance(names[i], name) < str_distance(nearest, name))
                nearest = names[i];
        if (strcmp(nearest, name) != 0)
            return plan_within(fault, name,
                               plan_refuse(fault, "unknown; the nearest name known is \"%s\"", nearest));
    }
    return 0;
}
