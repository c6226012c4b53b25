// links: plan
/* Plans of service levels. What is refused says why and where; under what is taken, one story makes clocks
 * whose spans lie end to end and whose sums agree, and explains them in valid JSON. */
#include "base/clock.h"
#include "fuzz.h"
#include "plan/sla_explain_json.h"
#include "plan/sla_history.h"
#include "plan/sla_plan_json.h"

static const struct {
    int64_t minute;
    const char *type, *actor, *data;
} story[] = {
    {0, "ticket.created", "wei",
     "{\"state\":\"new\",\"owner\":null,\"priority\":3,\"tier\":1,\"team\":\"network\",\"service\":\"vpn\","
     "\"region\":\"ap\",\"channel\":\"web\",\"language\":\"zh\",\"requester\":\"wei\",\"contract\":\"gold\","
     "\"site\":\"sha\"}"},
    {12, "ticket.claimed", "ann", "{\"state\":\"open\",\"owner\":\"ann\"}"},
    {30, "ticket.replied", "ann", "{}"},
    {31, "ticket.pended", "ann", "{\"state\":\"pending\"}"},
    {40, "sla.warned", "system:sla", "{\"target\":\"resolve\"}"},
    {500, "ticket.replied", "wei", "{\"state\":\"open\"}"},
    {501, "ticket.changed", "ann", "{\"priority\":1}"},
    {3000, "ticket.transferred", "ann", "{\"owner\":null,\"team\":\"core\",\"tier\":2}"},
    {3001, "sla.breached", "system:sla", "{\"target\":\"resolve\"}"},
    {9000, "ticket.resolved", "bob", "{\"state\":\"resolved\"}"},
    {9500, "ticket.reopened", "wei", "{\"state\":\"open\"}"},
    {9501, "ticket.changed", "ann", "{\"priority\":3,\"tier\":1}"},
    {20000, "ticket.cancelled", "ann", "{\"state\":\"cancelled\",\"owner\":null}"},
};

static struct instant minute(int64_t n)
{
    return (struct instant){(1774623600 + n * 60) * US_PER_S}; /* Friday 2026-03-27 16:00 in Berlin */
}

static const struct sla_plan *the_plan(void *ctx, int64_t version)
{
    (void)version;
    return ctx;
}

static void check_run(const struct sla_run *run, struct instant now)
{
    const struct worktime worktime = {.calendar = run->calendar->calendar};
    int64_t left_s = run->clock.target_s - sla_run_counted_s(run, now);

    MUST(run->nspans && run->spans[0].from.us == run->clock.started.us);
    for (size_t i = 0; i + 1 < run->nspans; i++)
        MUST(run->spans[i].to.us == run->spans[i + 1].from.us);
    if (run->clock.state != SLA_CLOCK_RUNNING)
        MUST(run->clock.remaining_s == left_s);
    else if (run->clock.due.us > CALENDAR_BEGIN_S * US_PER_S && run->clock.due.us < CALENDAR_END_S * US_PER_S)
        MUST(worktime_elapsed(&worktime, now, run->clock.due) == left_s);
}

static void check_fold(const struct sla_history *history, size_t n)
{
    _cleanup_sla_fold_ struct sla_fold fold = {0};
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct instant now = history->steps[n - 1].at;
    json_t *json;

    sla_fold(history->steps, n, &fold);
    for (size_t i = 0; i < fold.n; i++)
        check_run(&fold.runs[i], now);
    sla_explain_json(history->steps, n, &fold, now, &out);
    json = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
    MUST(json);
    json_decref(json);
}

static void tell(struct sla_plan *plan)
{
    _cleanup_sla_history_ struct sla_history history;

    sla_history_init(&history, the_plan, plan);
    for (size_t i = 0; i < ARRAY_SIZE(story); i++) {
        json_auto_t *data = json_loads(story[i].data, 0, NULL);

        MUST(sla_history_add(&history, story[i].type, minute(story[i].minute), story[i].actor, data) == 0);
        check_fold(&history, history.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_auto_t *json = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_sla_document_ struct sla_document *document = NULL;

    if (!json)
        return 0;
    if (sla_plan_json_read(json, 1, NULL, &document, &fault) < 0)
        MUST(!document && fault.reason.n && (fault.at.n == 0 || fault.at.p[0] == '/'));
    else
        tell(&document->plan);
    return 0;
}
