/* Reads what the server says and compares it member by member. Called by deskctl and by tests; decides
 * nothing. */
#include "plan/sla_item_json.h"
#include "meridian/errors.h"
#include <stdio.h>

int sla_item_history(const json_t *item, sla_plan_finder *find, void *ctx, struct sla_history *ret_history)
{
    const json_t *events = json_object_get(item, "events");
    _cleanup_sla_history_ struct sla_history history = {0};
    json_t *event;
    size_t i;
    int r = 0;

    if (!json_array_size(events))
        return -E_BAD_REQUEST;
    sla_history_init(&history, find, ctx);
    json_array_foreach(events, i, event)
    {
        const char *type = json_string_value(json_object_get(event, "type"));
        const char *actor = json_string_value(json_object_get(event, "actor"));
        json_t *data = json_object_get(event, "data");
        struct instant at = {json_integer_value(json_object_get(event, "at_us"))};

        if (!type || !actor || !json_is_object(data) || !at.us)
            r = -E_BAD_REQUEST;
        if (r == 0)
            r = sla_history_add(&history, type, at, actor, data);
        if (r < 0)
            return r;
    }
    *ret_history = history;
    history = (struct sla_history){0};
    return 0;
}

/* ---- comparing ---- */

struct comparison {
    const char *target;
    int cycle;
    struct buf *out;
    size_t n;
};

static void differ(struct comparison *c, const char *member, const char *stored, const char *folded)
{
    buf_printf(c->out, "%s{\"target\":", c->out->n ? "," : "");
    buf_json_text(c->out, c->target);
    buf_printf(c->out, ",\"cycle\":%d,\"member\":\"%s\",\"stored\":", c->cycle, member);
    buf_json_text(c->out, stored);
    buf_add_text(c->out, ",\"folded\":");
    buf_json_text(c->out, folded);
    buf_add_char(c->out, '}');
    c->n++;
}

/* 0 is none. */
static void compare_number(struct comparison *c, const json_t *clock, const char *member, int64_t folded)
{
    int64_t stored = json_integer_value(json_object_get(clock, member));
    char stored_text[24], folded_text[24];

    if (stored == folded)
        return;
    snprintf(stored_text, sizeof stored_text, "%lld", (long long)stored);
    snprintf(folded_text, sizeof folded_text, "%lld", (long long)folded);
    differ(c, member, stored_text, folded_text);
}

static void compare_clock(struct comparison *c, const json_t *stored, const struct sla_clock *folded)
{
    const char *state = json_string_value(json_object_get(stored, "state"));

    if (!state || strcmp(state, sla_clock_state_name(folded->state)) != 0)
        differ(c, "state", state, sla_clock_state_name(folded->state));
    compare_number(c, stored, "started_us", folded->started.us);
    compare_number(c, stored, "target_s", folded->target_s);
    compare_number(c, stored, "warn_percent", folded->warn_percent);
    compare_number(c, stored, "due_us", folded->due.us);
    compare_number(c, stored, "warn_us", folded->warn.us);
    compare_number(c, stored, "remaining_s", folded->remaining_s);
    compare_number(c, stored, "warned_us", folded->warned.us);
    compare_number(c, stored, "breached_us", folded->breached.us);
    compare_number(c, stored, "stopped_us", folded->stopped.us);
    compare_number(c, stored, "fire_us", folded->fire.us);
}

static const json_t *stored_clock(const json_t *clocks, const char *target, int cycle)
{
    json_t *clock;
    size_t i;

    json_array_foreach(clocks, i, clock)
    {
        const char *name = json_string_value(json_object_get(clock, "target"));

        if (name && strcmp(name, target) == 0 && json_integer_value(json_object_get(clock, "cycle")) == cycle)
            return clock;
    }
    return NULL;
}

size_t sla_item_compare(const json_t *item, const struct sla_fold *fold, struct buf *out)
{
    const json_t *clocks = json_object_get(item, "clocks");
    struct comparison c = {.out = out};
    json_t *clock;
    size_t i;

    for (i = 0; i < fold->n; i++) {
        const struct sla_run *run = &fold->runs[i];
        const json_t *stored = stored_clock(clocks, run->name, run->cycle);

        c.target = run->name;
        c.cycle = run->cycle;
        if (stored)
            compare_clock(&c, stored, &run->clock);
        else
            differ(&c, "state", NULL, sla_clock_state_name(run->clock.state));
    }
    json_array_foreach(clocks, i, clock)
    {
        c.target = json_string_value(json_object_get(clock, "target"));
        c.cycle = (int)json_integer_value(json_object_get(clock, "cycle"));
        if (c.target && !sla_fold_find(fold, c.target, c.cycle))
            differ(&c, "state", json_string_value(json_object_get(clock, "state")), NULL);
    }
    return c.n;
}
