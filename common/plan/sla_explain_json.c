/* Writes folds down. Nothing is decided here, but everything shown is computed from the spans again, so that
 * the sum, the target and what remains can be checked by whoever reads it. */
#include "plan/sla_explain_json.h"
#include "base/clock.h"
#include <stdio.h>

void sla_json_instant(struct buf *out, struct instant at)
{
    char text[CLOCK_TEXT_SIZE], fraction[8];
    int us = (int)(at.us - instant_second(at) * US_PER_S), digits = 6;

    buf_printf(out, "\"%.19s", clock_format(at.us, text));
    if (us) {
        snprintf(fraction, sizeof fraction, "%06d", us);
        while (fraction[digits - 1] == '0')
            digits--;
        buf_printf(out, ".%.*s", digits, fraction);
    }
    buf_add_text(out, "Z\"");
}

static void add_instant(struct buf *out, const char *name, struct instant at)
{
    buf_printf(out, ",\"%s\":", name);
    if (at.us)
        sla_json_instant(out, at);
    else
        buf_add_text(out, "null");
}

static void add_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, ",\"%s\":", name);
    buf_json_text(out, text);
}

/* The intervals of working time within [from, to). Returns false when there are more than may be shown. */
static bool add_intervals(struct buf *out, const struct calendar *calendar, struct instant from,
                          struct instant to, int *shown)
{
    int64_t at = instant_second(from), end = instant_second(to), next;

    while (at < end) {
        if (!calendar_is_open(calendar, at)) {
            if (calendar_next_open(calendar, at, &next) != 0)
                return true;
            at = next;
            continue;
        }
        if (*shown == SLA_EXPLAIN_INTERVALS_MAX)
            return false;
        if (!calendar || calendar_next_close(calendar, at, &next) != 0 || next > end)
            next = end;
        buf_add_text(out, *shown ? ",[" : "[");
        sla_json_instant(out, (struct instant){at * US_PER_S});
        buf_add_char(out, ',');
        sla_json_instant(out, (struct instant){next * US_PER_S});
        buf_add_char(out, ']');
        ++*shown;
        at = next;
    }
    return true;
}

static void add_spans(struct buf *out, const struct sla_run *run, struct instant now)
{
    const struct calendar *calendar = run->calendar->calendar;
    const struct worktime worktime = {.calendar = calendar};
    bool complete = true;
    int shown = 0;

    buf_add_text(out, ",\"spans\":[");
    for (size_t i = 0; i < run->nspans; i++) {
        const struct sla_span *span = &run->spans[i];
        struct instant to = span->to.us ? span->to : now;

        buf_printf(out, "%s{\"%s\":true", i ? "," : "", span->counts ? "counted" : "paused");
        add_instant(out, "from", span->from);
        add_instant(out, "to", span->to);
        buf_printf(out, ",\"working_s\":%lld}", (long long)worktime_elapsed(&worktime, span->from, to));
    }
    buf_add_text(out, "],\"intervals\":[");
    for (size_t i = 0; i < run->nspans && complete; i++)
        if (run->spans[i].counts)
            complete = add_intervals(out, calendar, run->spans[i].from,
                                     run->spans[i].to.us ? run->spans[i].to : now, &shown);
    buf_printf(out, "],\"intervals_complete\":%s", complete ? "true" : "false");
}

static void add_step(struct buf *out, const char *before, size_t number, int loop, struct instant at)
{
    buf_printf(out, "%s{\"step\":%zu,\"loop\":%d", before, number, loop);
    add_instant(out, "at", at);
    buf_add_char(out, '}');
}

/* Which steps were told, and the next one to be. */
static void add_escalation(struct buf *out, const struct sla_step *steps, size_t n, const struct sla_run *run)
{
    size_t first = 0, told = 0;
    const struct escalation *escalation = escalation_of(steps, n, run, &first);
    const struct escalation_next next = escalation_next_of(steps, n, run);

    if (!escalation)
        return;
    buf_add_text(out, ",\"escalation\":{\"name\":");
    buf_json_text(out, escalation->name);
    buf_printf(out, ",\"plan\":%lld,\"told\":[", (long long)steps[first].plan->version);
    for (size_t i = first; i < n; i++)
        if (escalation_is_told(escalation, run, &steps[i]))
            add_step(out, told++ ? "," : "", steps[i].escalation_step, steps[i].escalation_loop, steps[i].at);
    buf_add_text(out, "],\"next\":");
    if (next.escalation)
        add_step(out, "", next.step + 1, next.loop, next.at);
    else
        buf_add_text(out, "null");
    buf_add_char(out, '}');
}

static void add_run(struct buf *out, const struct sla_step *steps, size_t n, const struct sla_run *run,
                    struct instant now)
{
    const struct sla_clock *clock = &run->clock;
    int64_t counted_s = sla_run_counted_s(run, now);

    buf_add_text(out, "{\"target\":");
    buf_json_text(out, run->name);
    buf_printf(out, ",\"cycle\":%d", run->cycle);
    add_text(out, "state", sla_clock_state_name(clock->state));
    add_text(out, "policy", run->policy->name);
    buf_printf(out, ",\"plan\":%lld", (long long)run->plan->version);
    buf_add_text(out, ",\"calendar\":{\"name\":");
    buf_json_text(out, run->calendar->name);
    buf_printf(out, ",\"version\":%lld", (long long)run->calendar->version);
    add_text(out, "by", sla_source_name(run->source));
    buf_printf(out, "},\"target_s\":%lld,\"counted_s\":%lld,\"remaining_s\":%lld", (long long)clock->target_s,
               (long long)counted_s, (long long)(clock->target_s - counted_s));
    add_instant(out, "started_at", clock->started);
    add_instant(out, "due_at", clock->due);
    add_instant(out, "warn_at", clock->warn);
    add_instant(out, "warned_at", clock->warned);
    add_instant(out, "breached_at", clock->breached);
    add_instant(out, "stopped_at", clock->stopped);
    add_spans(out, run, now);
    add_escalation(out, steps, n, run);
    buf_add_char(out, '}');
}

void sla_explain_json(const struct sla_step *steps, size_t n, const struct sla_fold *fold, struct instant now,
                      struct buf *out)
{
    buf_add_text(out, "{\"policy\":");
    buf_json_text(out, fold->policy ? fold->policy->name : NULL);
    add_text(out, "tzdata", zone_tzdata_version());
    add_instant(out, "at", now);
    buf_add_text(out, ",\"clocks\":[");
    for (size_t i = 0; i < fold->n; i++) {
        if (i)
            buf_add_char(out, ',');
        add_run(out, steps, n, &fold->runs[i], now);
    }
    buf_add_text(out, "]}");
}
