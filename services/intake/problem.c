/* Rendering of problems. Titles, statuses and slugs come from meridian/errors.h; nothing here decides
 * anything. */
#include "intake/problem.h"
#include "meridian/errors.h"

/* The members of an object, with a comma before them; nothing for an empty object or for what is none. */
static void add_members(struct buf *out, struct str object)
{
    object = str_trim(object);
    if (object.n < 3 || object.p[0] != '{' || object.p[object.n - 1] != '}')
        return;
    object = str_trim((struct str){object.p + 1, object.n - 2});
    if (!object.n)
        return;
    buf_add_char(out, ',');
    buf_add_str(out, object);
}

void problem_add(struct buf *out, const struct problem *problem)
{
    const struct error_info *info = error_info(problem->code);
    bool zh = problem->language && strcmp(problem->language, "zh") == 0;

    buf_printf(out, "{\"type\":\"urn:meridian:problem:%s\",\"title\":", info->slug);
    buf_json_text(out, zh ? info->title_zh : info->title_en);
    buf_printf(out, ",\"status\":%d", info->http_status);
    if (problem->detail && problem->detail[0]) {
        buf_add_text(out, ",\"detail\":");
        buf_json_text(out, problem->detail);
    }
    if (problem->instance.n) {
        buf_add_text(out, ",\"instance\":");
        buf_json_str(out, problem->instance);
    }
    buf_printf(out, ",\"code\":\"%s\"", info->slug);
    if (problem->errors.n) {
        buf_add_text(out, ",\"errors\":");
        buf_add_str(out, problem->errors);
    }
    if (problem->trace_id) {
        buf_add_text(out, ",\"trace_id\":");
        buf_json_text(out, problem->trace_id);
    }
    add_members(out, problem->members);
    buf_add_char(out, '}');
}

int problem_retry_after_s(int code)
{
    const struct error_info *info = error_info(code);

    if (info->retry != RETRY_LATER && info->retry != RETRY_UNCERTAIN)
        return 0;
    return info->http_status == 503 || info->http_status == 429 || info->http_status == 409 ? 1 : 0;
}
