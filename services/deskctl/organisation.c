/* Where organisations come from. Called by the commands of command_organisation.c. */
#include "deskctl/organisation.h"
#include <string.h>

void org_source_fini(struct org_source *source)
{
    org_document_free(source->document);
    json_decref(source->json);
    document_file_close(&source->file);
    *source = (struct org_source){0};
}

static int check_size(const struct org_source *source)
{
    _cleanup_(freep) char *text = json_dumps(source->json, JSON_COMPACT);

    if (text && strlen(text) <= ORG_DOCUMENT_MAX)
        return EXIT_OK_;
    return cli_fail(EXIT_ERROR,
                    T("%s: the organisation has %zu bytes as JSON; at most %d fit",
                      "%s：组织文件转为 JSON 后共 %zu 字节，上限为 %d 字节"),
                    source->file.path, text ? strlen(text) : 0, ORG_DOCUMENT_MAX);
}

int organisation_of_file(const char *path, struct org_source *source)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    int code;

    code = document_file_open(&source->file, path);
    if (code)
        return code;
    source->json = json_incref(source->file.document.json);
    if (organisation_json_read(source->json, 0, &source->document, &fault) < 0)
        return document_file_fault(&source->file, &fault);
    return check_size(source);
}

int organisation_of_server(struct client *client, int64_t version, struct org_source *source)
{
    _cleanup_response_ struct response response = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_buf_ struct buf path = BUF_INIT;

    buf_add_text(&path, "/api/v1/organisation");
    if (version)
        buf_printf(&path, "?version=%lld", (long long)version);
    client_call_patient(client, "GET", buf_text(&path), NULL, NULL, 10, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    source->json = json_incref(json_object_get(response.json, "document"));
    source->version = json_integer_value(json_object_get(response.json, "version"));
    if (organisation_json_read(source->json, source->version, &source->document, &fault) < 0)
        return cli_fail(EXIT_ERROR, T("organisation %lld: at %s: %s", "组织 %lld：位于 %s：%s"),
                        (long long)source->version, buf_text(&fault.at), buf_text(&fault.reason));
    return EXIT_OK_;
}

int organisation_of(struct cli *cli, struct org_source *source)
{
    const char *path = cli_flag(cli, "file");

    return path ? organisation_of_file(path, source) : organisation_of_server(cli_client(cli), 0, source);
}

static void explain_fault(const struct document_file *file, const char *pointer, const char *detail)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};

    buf_add_text(&fault.at, pointer);
    buf_add_text(&fault.reason, detail);
    document_file_fault(file, &fault);
}

int organisation_explain(const struct org_source *source, const struct response *response, const char *url)
{
    static const char prefix[] = "/document";
    const json_t *error;
    size_t i;

    json_array_foreach(json_object_get(response->json, "errors"), i, error)
    {
        const char *pointer = json_string_value(json_object_get(error, "pointer")),
                   *detail = json_string_value(json_object_get(error, "detail"));

        if (pointer && strncmp(pointer, prefix, sizeof prefix - 1) == 0)
            explain_fault(&source->file, pointer + sizeof prefix - 1, detail ? detail : "");
    }
    return client_explain(response, url);
}
