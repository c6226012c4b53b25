/* Asks the server for plans and keeps them. */
#include "deskctl/sla_plans.h"
#include "base/memory.h"
#include "deskctl/cli.h"

void sla_plans_fini(struct sla_plans *plans)
{
    for (size_t i = 0; i < plans->n; i++)
        sla_document_free(plans->documents[i]);
    free(plans->documents);
    plans->documents = NULL;
    plans->n = 0;
}

static void fail(struct sla_plans *plans, int code)
{
    if (!plans->code)
        plans->code = code;
}

static struct sla_document *read_plan(struct sla_plans *plans, int64_t version)
{
    _cleanup_response_ struct response response = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_buf_ struct buf path = BUF_INIT;
    struct sla_document *document = NULL;

    buf_printf(&path, "/api/v1/sla/plan?version=%lld", (long long)version);
    client_call_patient(plans->client, "GET", buf_text(&path), NULL, NULL, 10, &response);
    if (response.status != 200) {
        fail(plans, client_explain(&response, plans->client->url));
        return NULL;
    }
    if (sla_plan_json_read(json_object_get(response.json, "document"), version,
                           json_object_get(response.json, "calendar_versions"), &document, &fault) < 0)
        fail(plans, cli_fail(EXIT_ERROR, T("plan %lld: at %s: %s", "方案 %lld：位于 %s：%s"),
                             (long long)version, buf_text(&fault.at), buf_text(&fault.reason)));
    return document;
}

const struct sla_plan *sla_plans_find(void *ctx, int64_t version)
{
    struct sla_plans *plans = ctx;
    struct sla_document *document;

    for (size_t i = 0; i < plans->n; i++)
        if (plans->documents[i]->plan.version == version)
            return &plans->documents[i]->plan;
    document = plans->code ? NULL : read_plan(plans, version);
    if (!document)
        return NULL;
    plans->documents = mem_more(plans->documents, plans->n, sizeof *plans->documents);
    plans->documents[plans->n++] = document;
    return &document->plan;
}

int sla_plans_latest(struct sla_plans *plans, json_t **ret_document, int64_t *ret_version)
{
    _cleanup_response_ struct response response = {0};

    client_call_patient(plans->client, "GET", "/api/v1/sla/plan", NULL, NULL, 10, &response);
    if (response.status != 200)
        return client_explain(&response, plans->client->url);
    *ret_document = json_incref(json_object_get(response.json, "document"));
    *ret_version = json_integer_value(json_object_get(response.json, "version"));
    return EXIT_OK_;
}
