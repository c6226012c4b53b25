/* The plans of service levels of a server, by version, read when they are first asked for. One thread. */
#pragma once
#include "deskctl/client.h"
#include "plan/sla_history.h"
#include "plan/sla_plan_json.h"

struct sla_plans {
    struct client *client; /* the caller's */
    struct sla_document **documents;
    size_t n;
    int code; /* of the first failure, which has been printed; EXIT_OK_ */
};

void sla_plans_fini(struct sla_plans *plans);
#define _cleanup_sla_plans_ _cleanup_(sla_plans_fini)

/** A sla_plan_finder; ctx is the struct sla_plans. NULL after printing why, once. */
const struct sla_plan *sla_plans_find(void *ctx, int64_t version);
/** The plan in force: its document as JSON, to be freed, and its version. An exit code, after printing why it
 * is not 0. */
int sla_plans_latest(struct sla_plans *plans, json_t **ret_document, int64_t *ret_version);
