/* Writes clocks for people. The picture is a line of time from the start of the clock to now or its due time,
 * whichever is later: # working time that counted, = working time while it rested, . time in which nobody
 * works, - what is to come, and ! where it is due. */
#include "deskctl/sla_picture.h"
#include "base/clock.h"
#include "deskctl/cli.h"
#include "deskctl/output.h"

static void add_duration(struct buf *out, int64_t s)
{
    if (s < 0) {
        buf_add_char(out, '-');
        s = -s;
    }
    buf_printf(out, "%lld:%02d:%02d", (long long)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
}

static void add_time(struct buf *out, struct instant at)
{
    char text[CLOCK_TEXT_SIZE];

    if (at.us)
        buf_printf(out, "%.19sZ", clock_format(at.us, text));
    else
        buf_add_text(out, "...");
}

static const struct sla_span *span_at(const struct sla_run *run, int64_t at_us)
{
    for (size_t i = 0; i < run->nspans; i++)
        if (at_us >= run->spans[i].from.us && (!run->spans[i].to.us || at_us < run->spans[i].to.us))
            return &run->spans[i];
    return NULL;
}

static char column_of(const struct sla_run *run, struct instant now, int64_t at_us)
{
    const struct sla_span *span = at_us < now.us ? span_at(run, at_us) : NULL;

    if (!span)
        return at_us < now.us || sla_clock_ended(&run->clock) ? ' ' : '-';
    if (!calendar_is_open(run->calendar->calendar, instant_second((struct instant){at_us})))
        return '.';
    return span->counts ? '#' : '=';
}

static void add_picture(const struct sla_run *run, struct instant now, struct buf *out)
{
    int64_t from_us = run->clock.started.us;
    int64_t last_us = sla_clock_ended(&run->clock) ? run->clock.stopped.us : now.us;
    int64_t to_us = run->clock.due.us > last_us ? run->clock.due.us : last_us;
    double width_us = (double)(to_us - from_us) / SLA_PICTURE_COLUMNS;

    if (to_us <= from_us)
        return;
    buf_add_text(out, "  [");
    for (int i = 0; i < SLA_PICTURE_COLUMNS; i++) {
        int64_t begin_us = from_us + (int64_t)(i * width_us),
                end_us = from_us + (int64_t)((i + 1) * width_us);
        bool due = run->clock.due.us > begin_us && run->clock.due.us <= end_us;

        buf_add_char(out, due ? '!' : column_of(run, now, begin_us + (end_us - begin_us) / 2));
    }
    buf_add_text(out, "]\n");
}

static void add_spans(const struct sla_run *run, struct instant now, struct buf *out)
{
    const struct worktime worktime = {.calendar = run->calendar->calendar};

    for (size_t i = 0; i < run->nspans; i++) {
        const struct sla_span *span = &run->spans[i];

        buf_printf(out, "  %s  ", span->counts ? T("counted", "计时") : T("paused ", "暂停"));
        add_time(out, span->from);
        buf_add_text(out, "  ");
        add_time(out, span->to);
        buf_add_text(out, "  ");
        add_duration(out, worktime_elapsed(&worktime, span->from, span->to.us ? span->to : now));
        buf_add_char(out, '\n');
    }
}

static void add_event(struct buf *out, const char *what, struct instant at)
{
    if (!at.us)
        return;
    buf_printf(out, ", %s ", what);
    add_time(out, at);
}

static void add_sum(const struct sla_run *run, struct instant now, struct buf *out)
{
    int64_t counted_s = sla_run_counted_s(run, now);

    buf_printf(out, "  %s ", T("counted", "已计"));
    add_duration(out, counted_s);
    buf_printf(out, " %s ", T("of", "/"));
    add_duration(out, run->clock.target_s);
    buf_printf(out, ", %s ", T("left", "剩余"));
    add_duration(out, run->clock.target_s - counted_s);
    add_event(out, T("due", "到期"), run->clock.due);
    add_event(out, T("warned", "预警"), run->clock.warned);
    add_event(out, T("breached", "违约"), run->clock.breached);
    add_event(out, T("ended", "结束"), run->clock.stopped);
    buf_add_char(out, '\n');
}

void sla_picture_add(const struct sla_run *run, struct instant now, struct buf *out)
{
    buf_printf(out, "%s", run->name);
    if (run->cycle > 1)
        buf_printf(out, " #%d", run->cycle);
    buf_printf(out, "  %s  %s %s, %s %lld", output_state(sla_clock_state_name(run->clock.state)),
               T("policy", "策略"), run->policy->name, T("plan", "方案"), (long long)run->plan->version);
    buf_printf(out, "  %s %s", T("calendar", "日历"), run->calendar->name);
    if (run->calendar->version)
        buf_printf(out, " (%s %lld)", T("version", "版本"), (long long)run->calendar->version);
    buf_printf(out, ", %s %s\n", T("by", "来自"), sla_source_name(run->source));
    add_spans(run, now, out);
    add_sum(run, now, out);
    add_picture(run, now, out);
}

static void add_step(struct buf *out, const char *what, size_t number, int loop, struct instant at)
{
    buf_printf(out, ", %s %zu", what, number);
    if (loop)
        buf_printf(out, " (%s %d)", T("repeat", "重复"), loop);
    buf_add_char(out, ' ');
    add_time(out, at);
}

void sla_picture_add_escalation(const struct sla_step *steps, size_t n, const struct sla_run *run,
                                struct buf *out)
{
    size_t first;
    const struct escalation *escalation = escalation_of(steps, n, run, &first);
    const struct escalation_next next = escalation_next_of(steps, n, run);

    if (!escalation)
        return;
    buf_printf(out, "  %s %s", T("escalation", "升级"), escalation->name);
    for (size_t i = first; i < n; i++)
        if (escalation_is_told(escalation, run, &steps[i]))
            add_step(out, T("told step", "已通知步骤"), steps[i].escalation_step, steps[i].escalation_loop,
                     steps[i].at);
    if (next.escalation)
        add_step(out, T("next step", "下一步骤"), next.step + 1, next.loop, next.at);
    buf_add_char(out, '\n');
}
