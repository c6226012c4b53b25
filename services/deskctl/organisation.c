/* Where organisations come from. Called by the commands of command_organisation.c. */
#include "deskctl/organisation.h"
#include "deskctl/output.h"
#include "deskctl/whole_file.h"
#include "deskctl/yaml.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

void org_source_fini(struct org_source *source)
{
    org_document_free(source->document);
    json_decref(source->json);
    json_decref(source->lines);
    *source = (struct org_source){0};
}

static void print_fault(const struct org_source *file, const char *pointer, const char *reason)
{
    _cleanup_buf_ struct buf at = BUF_INIT, why = BUF_INIT;

    output_line(&at, pointer);
    output_line(&why, reason);
    fprintf(stderr, "%s:%d: %s%s%s\n", file->path, yaml_line(file->lines, pointer), buf_text(&at),
            at.n ? ": " : "", buf_text(&why));
}

static int read_yaml(const char *path, struct org_source *source)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_yaml_fault_ struct yaml_fault fault = {0};

    if (whole_file_read(path, YAML_FILE_MAX, &text) < 0)
        return cli_fail(EXIT_ERROR, "%s: %s", path, strerror(errno));
    if (yaml_read(buf_str(&text), &source->json, &source->lines, &fault) < 0)
        return cli_fail(EXIT_ERROR, "%s:%d:%d: %s", path, fault.line, fault.column, buf_text(&fault.reason));
    return EXIT_OK_;
}

static int check_size(const struct org_source *source)
{
    _cleanup_(freep) char *text = json_dumps(source->json, JSON_COMPACT);

    if (text && strlen(text) <= ORG_DOCUMENT_MAX)
        return EXIT_OK_;
    return cli_fail(EXIT_ERROR,
                    T("%s: the organisation has %zu bytes as JSON; at most %d fit",
                      "%s：组织文件转为 JSON 后共 %zu 字节，上限为 %d 字节"),
                    source->path, text ? strlen(text) : 0, ORG_DOCUMENT_MAX);
}

int organisation_of_file(const char *path, struct org_source *source)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    int code;

    source->path = path;
    code = read_yaml(path, source);
    if (code)
        return code;
    if (organisation_json_read(source->json, 0, &source->document, &fault) < 0) {
        print_fault(source, buf_text(&fault.at), buf_text(&fault.reason));
        return EXIT_ERROR;
    }
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

int organisation_explain(const struct org_source *file, const struct response *response, const char *url)
{
    static const char prefix[] = "/document";
    const json_t *error;
    size_t i;

    json_array_foreach(json_object_get(response->json, "errors"), i, error)
    {
        const char *pointer = json_string_value(json_object_get(error, "pointer")),
                   *detail = json_string_value(json_object_get(error, "detail"));

        if (pointer && strncmp(pointer, prefix, sizeof prefix - 1) == 0)
            print_fault(file, pointer + sizeof prefix - 1, detail ? detail : "");
    }
    return client_explain(response, url);
}
