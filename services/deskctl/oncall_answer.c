/* Reads what is asked, lets common/domain compute it, writes the answer. The forms of rotations and schedules
 * are in common/plan; here are only the requests around them. */
#include "deskctl/oncall_answer.h"
#include "auth/auth.h"
#include "base/civil.h"
#include "base/clock.h"
#include "base/encode.h"
#include "deskctl/ical.h"
#include "domain/oncall_window.h"
#include "domain/wall_text.h"
#include "plan/oncall_json.h"
#include "plan/rotation_json.h"

enum {
    ENTRIES_MAX = 100000,   /* handoffs, shifts, gaps of one answer */
    WINDOW_DAYS_MAX = 1100, /* three years */
    REACH_DAYS = 62,        /* how far a calendar looks for where a shift really begins and ends */
    UID_BYTES = 16,
};

static void add_time(struct buf *out, const struct zone *zone, int64_t at_s)
{
    buf_add_char(out, '"');
    wall_add_rfc3339(out, zone, at_s);
    buf_add_char(out, '"');
}

/* ---- rotation eval ---- */

struct rotation_request {
    struct rotation rotation;
    int64_t from_s, to_s;
};

static int read_rotation_request(const struct plan_node *document, struct zone_book *zones,
                                 struct rotation_request *request, struct plan_fault *fault)
{
    static const char *const keys[] = {ROTATION_JSON_KEYS, "from_local", "to_local", JSON_LINE_KEYS, NULL};
    const struct plan_node from = plan_member(document, "from_local"), to = plan_member(document, "to_local");
    int64_t from_wall_s, to_wall_s;
    int rc = plan_object(document, keys, fault);

    if (rc == 0)
        rc = rotation_json_read(document, zones, NULL, &request->rotation, fault);
    if (rc == 0)
        rc = plan_wall(&from, &from_wall_s, fault);
    if (rc == 0)
        rc = plan_wall(&to, &to_wall_s, fault);
    if (rc < 0)
        return rc;
    request->from_s = zone_first_s(request->rotation.zone, from_wall_s);
    request->to_s = zone_first_s(request->rotation.zone, to_wall_s);
    if (request->to_s <= request->from_s)
        return plan_fail(&to, fault, "must be after from_local");
    return 0;
}

int rotation_answer(void *ctx, const struct plan_node *document, struct buf *out, struct plan_fault *fault)
{
    struct oncall_asked *asked = ctx;
    const struct plan_node to = plan_member(document, "to_local");
    struct rotation_request request;
    struct rotation_shift shift;
    int rc = read_rotation_request(document, &asked->zones, &request, fault), n = 1;

    if (rc < 0)
        return rc;
    shift = rotation_at(&request.rotation, request.from_s);
    json_lines_open(document, out);
    buf_add_text(out, "\"handoffs\": [");
    add_time(out, request.rotation.zone, shift.start_s);
    for (; shift.handoff_s < request.to_s; n++) {
        if (n == ENTRIES_MAX)
            return plan_fail(&to, fault,
                             "there are more than %d handoffs before it; ask for a shorter window",
                             ENTRIES_MAX);
        buf_add_text(out, ", ");
        add_time(out, request.rotation.zone, shift.handoff_s);
        shift = rotation_at(&request.rotation, shift.handoff_s);
    }
    buf_add_text(out, "]}");
    return 0;
}

/* ---- what is asked of a schedule ---- */

struct request {
    struct oncall_plan plan;
    bool at; /* an instant, from_s; otherwise a window */
    int64_t from_s, to_s;
    bool report;
};

static void request_fini(struct request *request)
{
    oncall_plan_fini(&request->plan);
}

static int read_window(const struct plan_node *document, struct request *request, struct plan_fault *fault)
{
    const struct plan_node from = plan_member(document, "from"), to = plan_member(document, "to");
    const struct zone *zone = request->plan.schedule.zone;
    int rc = plan_instant(&from, zone, false, &request->from_s, fault);

    if (rc == 0)
        rc = plan_instant(&to, zone, false, &request->to_s, fault);
    if (rc < 0)
        return rc;
    if (request->to_s <= request->from_s)
        return plan_fail(&to, fault, "must be after from");
    if (request->to_s - request->from_s > (int64_t)WINDOW_DAYS_MAX * DAY_S)
        return plan_fail(&to, fault, "must be at most %d days after from", WINDOW_DAYS_MAX);
    return 0;
}

static int read_request(const struct plan_node *document, struct zone_book *zones, struct request *request,
                        struct plan_fault *fault)
{
    static const char *const keys[] = {"schedule", "at", "from", "to", "report", JSON_LINE_KEYS, NULL};
    const struct plan_node schedule = plan_member(document, "schedule"), at = plan_member(document, "at");
    const struct plan_node from = plan_member(document, "from"), to = plan_member(document, "to");
    const struct plan_node report = plan_member(document, "report");
    int rc = plan_object(document, keys, fault);

    if (rc == 0)
        rc = oncall_json_read(&schedule, zones, &request->plan, fault);
    if (rc == 0 && report.json)
        rc = plan_bool(&report, &request->report, fault);
    if (rc < 0)
        return rc;
    request->at = at.json != NULL;
    if (!request->at)
        return from.json || to.json ? read_window(document, request, fault)
                                    : plan_fail(document, fault, "must have at, or from and to");
    if (from.json || to.json)
        return plan_fail(&at, fault, "must not stand beside from and to");
    if (request->report)
        return plan_fail(&report, fault, "needs from and to");
    return plan_instant(&at, request->plan.schedule.zone, false, &request->from_s, fault);
}

static int too_many(const struct plan_node *document, const char *what, struct plan_fault *fault)
{
    const struct plan_node to = plan_member(document, "to");

    return plan_fail(&to, fault, "there are more than %d %s before it; ask for a shorter window", ENTRIES_MAX,
                     what);
}

/* ---- oncall eval ---- */

static void answer_at(const struct request *request, const struct plan_node *document, struct buf *out)
{
    const struct oncall *schedule = &request->plan.schedule;
    int64_t horizon_s = request->from_s + (int64_t)WINDOW_DAYS_MAX * DAY_S, change_s;
    _cleanup_oncall_walk_ struct oncall_walk walk;
    const char *comma = "";

    oncall_walk_init(&walk, schedule, request->from_s, horizon_s);
    (void)oncall_walk_next(&walk);
    change_s = walk.to_s;
    json_lines_open(document, out);
    buf_add_text(out, "\"on_call\": [");
    for (size_t i = 0; i < schedule->people; i++)
        if (walk.on[i]) {
            buf_add_text(out, comma);
            buf_json_text(out, request->plan.people[i]);
            comma = ", ";
        }
    buf_add_text(out, "], \"next_change\": ");
    if (change_s < horizon_s)
        add_time(out, schedule->zone, change_s);
    else
        buf_add_text(out, "null");
    buf_add_char(out, '}');
}

static void add_span(const struct request *request, int64_t from_s, int64_t to_s, struct buf *out)
{
    buf_add_text(out, "\"from\": ");
    add_time(out, request->plan.schedule.zone, from_s);
    buf_add_text(out, ", \"to\": ");
    add_time(out, request->plan.schedule.zone, to_s);
}

static void add_shifts(const struct request *request, const struct oncall_shifts *shifts, struct buf *out)
{
    buf_add_text(out, "\"shifts\": [");
    for (size_t i = 0; i < shifts->n; i++) {
        buf_add_text(out, i ? ", {\"user\": " : "{\"user\": ");
        buf_json_text(out, request->plan.people[shifts->items[i].person]);
        buf_add_text(out, ", ");
        add_span(request, shifts->items[i].from_s, shifts->items[i].to_s, out);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void add_hours(struct buf *out, int64_t s)
{
    buf_printf(out, "%.2f", (double)s / 3600);
}

static void add_overlap(const struct request *request, const struct oncall_report *report,
                        const struct oncall_period *overlap, struct buf *out)
{
    add_span(request, overlap->from_s, overlap->to_s, out);
    buf_add_text(out, ", \"users\": [");
    for (size_t i = 0; i < overlap->n; i++) {
        buf_add_text(out, i ? ", " : "");
        buf_json_text(out, request->plan.people[report->people[overlap->first + i]]);
    }
    buf_add_char(out, ']');
}

static void add_report(const struct request *request, const struct oncall_report *report, struct buf *out)
{
    buf_add_text(out, "\"report\": {\"gaps\": [");
    for (size_t i = 0; i < report->ngaps; i++) {
        buf_add_text(out, i ? ", {" : "{");
        add_span(request, report->gaps[i].from_s, report->gaps[i].to_s, out);
        buf_add_char(out, '}');
    }
    buf_add_text(out, "], \"gap_hours\": ");
    add_hours(out, report->gap_s);
    buf_add_text(out, ", \"overlaps\": [");
    for (size_t i = 0; i < report->noverlaps; i++) {
        buf_add_text(out, i ? ", {" : "{");
        add_overlap(request, report, &report->overlaps[i], out);
        buf_add_char(out, '}');
    }
    buf_add_text(out, "], \"overlap_hours\": ");
    add_hours(out, report->overlap_s);
    buf_add_text(out, ", \"hours\": {");
    for (size_t i = 0; i < request->plan.schedule.people; i++) {
        buf_add_text(out, i ? ", " : "");
        buf_json_text(out, request->plan.people[i]);
        buf_add_text(out, ": ");
        add_hours(out, report->on_call_s[i]);
    }
    buf_printf(out, "}, \"balance_percent\": %d}", report->balance_percent);
}

int oncall_answer(void *ctx, const struct plan_node *document, struct buf *out, struct plan_fault *fault)
{
    _cleanup_(request_fini) struct request request = {0};
    _cleanup_oncall_shifts_ struct oncall_shifts shifts = {0};
    _cleanup_oncall_report_ struct oncall_report report = {0};
    const struct oncall *schedule = &request.plan.schedule;
    struct oncall_asked *asked = ctx;
    int rc = read_request(document, &asked->zones, &request, fault);

    if (rc < 0)
        return rc;
    if (request.at) {
        answer_at(&request, document, out);
        return 0;
    }
    if (oncall_shifts(schedule, request.from_s, request.to_s, ENTRIES_MAX, &shifts) == ONCALL_TOO_MANY)
        return too_many(document, "shifts", fault);
    if (request.report &&
        oncall_report(schedule, request.from_s, request.to_s, ENTRIES_MAX, &report) == ONCALL_TOO_MANY)
        return too_many(document, "gaps or overlaps", fault);
    json_lines_open(document, out);
    add_shifts(&request, &shifts, out);
    if (request.report) {
        buf_add_text(out, ", ");
        add_report(&request, &report, out);
    }
    buf_add_char(out, '}');
    return 0;
}

/* ---- oncall ical ---- */

/* A shift is known by its schedule's name, its person and its beginning. */
static void add_uid(const struct oncall_plan *plan, const struct oncall_shift *shift, struct buf *out)
{
    _cleanup_buf_ struct buf key = BUF_INIT;
    uint8_t hash[AUTH_HASH_SIZE];

    buf_printf(&key, "%s\x1f%s\x1f%lld", plan->name ? plan->name : "", plan->people[shift->person],
               (long long)shift->from_s);
    auth_sha256(key.p, key.n, hash);
    buf_add_hex(out, hash, UID_BYTES);
    buf_add_text(out, "@oncall.meridian");
}

static void add_event(const struct oncall_plan *plan, const struct oncall_shift *shift, struct buf *out)
{
    _cleanup_buf_ struct buf uid = BUF_INIT, summary = BUF_INIT;
    struct ical_event event = {.stamp_us = clock_now_us(), .from_s = shift->from_s, .to_s = shift->to_s};

    add_uid(plan, shift, &uid);
    buf_printf(&summary, "%s%s%s", plan->people[shift->person], plan->name ? ": " : "",
               plan->name ? plan->name : "");
    event.uid = buf_str(&uid);
    event.summary = buf_str(&summary);
    ical_event(out, &event);
}

int oncall_ical_answer(void *ctx, const struct plan_node *document, struct buf *out, struct plan_fault *fault)
{
    struct oncall_asked *asked = ctx;
    _cleanup_(request_fini) struct request request = {0};
    _cleanup_oncall_shifts_ struct oncall_shifts shifts = {0};
    const struct plan_node schedule = plan_member(document, "schedule"), at = plan_member(document, "at");
    const int64_t reach_s = (int64_t)REACH_DAYS * DAY_S;
    int32_t person = ONCALL_NONE;
    int rc = read_request(document, &asked->zones, &request, fault);

    if (rc < 0)
        return rc;
    if (request.at)
        return plan_fail(&at, fault, "is no window; a calendar needs from and to");
    if (asked->user && (person = oncall_plan_person(&request.plan, asked->user)) == ONCALL_NONE)
        return plan_fail(&schedule, fault, "does not name \"%s\"", asked->user);
    /* With where they really begin and end, or an event would change with the window. */
    if (oncall_shifts(&request.plan.schedule, request.from_s - reach_s, request.to_s + reach_s, ENTRIES_MAX,
                      &shifts) == ONCALL_TOO_MANY)
        return too_many(document, "shifts", fault);
    ical_begin(out, str_from(request.plan.name));
    for (size_t i = 0; i < shifts.n; i++) {
        const struct oncall_shift *shift = &shifts.items[i];

        if (shift->from_s < request.to_s && shift->to_s > request.from_s &&
            (!asked->user || shift->person == person))
            add_event(&request.plan, shift, out);
    }
    ical_end(out);
    return 0;
}
