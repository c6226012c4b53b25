/* The UCI 498 audit log of one ServiceNow instance: one line per update of an incident. It has no countries:
 * the caller's location is hashed onto the three regions, and the resolver's name onto a region and an agent,
 * so that work crosses regions. '?' means missing; state -100 is an import fault and taken as queued. */
#include "deskctl/cli.h"
#include "deskctl/replay.h"
#include <string.h>

struct reader {
    struct replay_log *log;
    int limit;
};

static const char *level_of(const char *text)
{
    return text[0] == '1' ? "high" : text[0] == '3' ? "low" : "medium";
}

static int on_row(void *ctx, char *const *v)
{
    enum { ID, STATE, IMPACT, URGENCY, LOCATION, CALLER, CATEGORY, GROUP, ASSIGNED };
    struct reader *reader = ctx;
    struct replay_log *log = reader->log;
    struct replay_case *c = log->n ? &log->cases[log->n - 1] : NULL;
    struct replay_step step = {.reason = "waiting"};
    const char *state = v[STATE];

    if (!c || strcmp(c->id, v[ID]) != 0) {
        if (reader->limit && log->n == reader->limit)
            return 1;
        c = replay_log_add(log, v[ID]);
        c->region = (enum replay_region)(replay_hash(v[LOCATION]) % REGIONS);
        c->requester = replay_hash(v[CALLER]);
        c->impact = level_of(v[IMPACT]);
        c->urgency = level_of(v[URGENCY]);
        snprintf(c->subject, sizeof c->subject, "%s: incident %s", v[CATEGORY], v[ID]);
    }
    step.agent = replay_hash(v[ASSIGNED]);
    step.region = strcmp(v[ASSIGNED], "?") == 0 ? c->region : (enum replay_region)(step.agent / 16 % REGIONS);
    step.team = strcmp(v[GROUP], "?") == 0 ? 0 : (int)(replay_hash(v[GROUP]) % REPLAY_TEAMS);
    if (strcmp(state, "Resolved") == 0)
        step.kind = STEP_RESOLVE;
    else if (strcmp(state, "Closed") == 0)
        step.kind = STEP_CLOSE;
    else if (strncmp(state, "Awaiting", 8) == 0)
        step.kind = STEP_WAIT;
    else if (strcmp(state, "Active") == 0 && strcmp(v[ASSIGNED], "?") != 0)
        step.kind = STEP_WORK;
    else
        step.kind = STEP_QUEUE;
    if (step.kind == STEP_WAIT)
        step.reason = strstr(state, "Vendor") ? "vendor" : strstr(state, "Problem") ? "problem" : "requester";
    replay_case_add(c, step);
    return 0;
}

int replay_read_servicenow(const char *file, int limit, struct replay_log *ret_log)
{
    static const char *const columns[] = {
        "number",    "incident_state", "impact",           "urgency",     "location",
        "caller_id", "category",       "assignment_group", "assigned_to", NULL};
    struct reader reader = {ret_log, limit};

    return csv_read(file, columns, on_row, &reader);
}
