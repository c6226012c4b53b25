/* How refusals get their words. Called by the rules and the work functions; never fails. */
#include "router/outcome.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include <stdarg.h>
#include <stdio.h>

void outcome_reset(struct outcome *outcome)
{
    buf_reset(&outcome->json);
    buf_reset(&outcome->detail);
}

void outcome_fini(struct outcome *outcome)
{
    buf_fini(&outcome->json);
    buf_fini(&outcome->detail);
}

int outcome_refuse(struct outcome *outcome, int failure, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_reset(&outcome->detail);
    buf_add_text(&outcome->detail, text);
    return failure;
}

int outcome_refuse_field(struct outcome *outcome, const char *pointer, const char *detail)
{
    buf_reset(&outcome->json);
    buf_add_text(&outcome->json, "{\"errors\":[{\"pointer\":");
    buf_json_text(&outcome->json, pointer);
    buf_add_text(&outcome->json, ",\"detail\":");
    buf_json_text(&outcome->json, detail);
    buf_add_text(&outcome->json, "}]}");
    return outcome_refuse(outcome, -E_VALIDATION, "%s: %s", pointer, detail);
}
