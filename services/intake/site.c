/* The little that is served beside the API: its document, and a page that says where one is. The folder is
 * MERIDIAN_DOCS_DIR. */
#include "intake/api.h"
#include "meridian/errors.h"

static void serve(struct call *call, struct str path)
{
    struct intake *intake = call->intake;

    if (!intake->docs || http_files_respond(intake->docs, call->x, path) < 0)
        call_problem(call, E_NOT_FOUND, "this process was started without its documents");
}

void openapi_get(struct call *call)
{
    serve(call, STR("openapi.yaml"));
}

/* A word of welcome that needs no file: whoever types the address into a browser sees that it works. */
void home_get(struct call *call)
{
    static const char page_en[] = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta "
                                  "name=\"viewport\" content=\"width=device-width\">"
                                  "<title>Meridian</title><style>body{font:16px/1.5 "
                                  "system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;"
                                  "color-scheme:light dark}</style><h1>Meridian</h1><p>One queue, one owner "
                                  "per ticket, one clock, in every region.</p>"
                                  "<ul><li><a href=\"/openapi.yaml\">The API, as OpenAPI 3.1</a></li>"
                                  "<li>Sign in: <code>POST /api/v1/sessions</code></li><li>On the command "
                                  "line: <code>deskctl help</code></li></ul></html>";
    static const char page_zh[] =
        "<!doctype html><html lang=\"zh\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\">"
        "<title>Meridian</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem "
        "auto;padding:0 1rem;"
        "color-scheme:light "
        "dark}</style><h1>Meridian</h1><p>一个队列，每张工单一位负责人，一个时钟，遍及所有区域。</p>"
        "<ul><li><a href=\"/openapi.yaml\">API 文档（OpenAPI 3.1）</a></li>"
        "<li>登录：<code>POST /api/v1/sessions</code></li><li>命令行：<code>deskctl "
        "help</code></li></ul></html>";
    bool zh = strcmp(call->language, "zh") == 0;

    http_add_header(call->x, "Content-Language", call->language);
    http_add_header(call->x, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    http_respond(call->x, 200, "text/html; charset=utf-8", str_from(zh ? page_zh : page_en));
}
