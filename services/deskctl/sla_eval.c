/* Reads a question, asks worktime.h, writes the answer. Calendars come again and again in such files: the
 * last one is kept, which spares all the work that depends on its size. */
#include "deskctl/sla_eval.h"
#include "base/clock.h"
#include "base/memory.h"
#include "domain/worktime.h"
#include "plan/calendar_json.h"
#include "plan/sla_explain_json.h"

enum { PAUSES_MAX = 10000 };
static const int64_t amount_max_s = INT64_C(36525) * 86400; /* a hundred years */

struct question {
    struct instant start, until;
    bool has_until;
    int64_t amount_s;
    struct pause *pauses;
    size_t npauses;
};

static void question_fini(struct question *question)
{
    free(question->pauses);
}
#define _cleanup_question_ _cleanup_(question_fini)

void sla_eval_fini(struct sla_eval *eval)
{
    zone_book_fini(&eval->zones);
    json_decref(eval->document);
    eval->document = NULL;
    eval->calendar = calendar_free(eval->calendar);
}

/* ---- reading ---- */

static int read_calendar(struct sla_eval *eval, const struct plan_node *node, struct plan_fault *fault)
{
    struct calendar *calendar = NULL;
    int rc;

    if (eval->document && json_equal(node->json, eval->document))
        return 0;
    rc = calendar_json_read(node, &eval->zones, &calendar, fault);
    if (rc < 0)
        return rc;
    json_decref(eval->document);
    calendar_free(eval->calendar);
    eval->document = json_incref(node->json);
    eval->calendar = calendar;
    return 0;
}

static int read_instant(const struct plan_node *node, struct instant *ret_at, struct plan_fault *fault)
{
    struct str text = {json_string_value(node->json), json_string_length(node->json)};

    if (clock_parse(text, &ret_at->us) < 0)
        return plan_fail(node, fault, "must be a time with an offset, as \"2026-03-27T16:00:00+01:00\"");
    return 0;
}

/* An instant that the calendar has to know. */
static int read_known(const struct sla_eval *eval, const struct plan_node *node, struct instant *ret_at,
                      struct plan_fault *fault)
{
    int rc = read_instant(node, ret_at, fault);

    if (rc < 0 || !eval->calendar)
        return rc;
    if (ret_at->us < CALENDAR_BEGIN_S * US_PER_S || ret_at->us > CALENDAR_END_S * US_PER_S)
        return plan_fail(node, fault, "is outside the years %d to %d, which calendars know",
                         CALENDAR_FIRST_YEAR, CALENDAR_LAST_YEAR);
    return 0;
}

static int read_pause(const struct plan_node *node, struct pause *pause, struct plan_fault *fault)
{
    const struct plan_node from = plan_item(node, 0), to = plan_item(node, 1);
    int rc;

    if (json_array_size(node->json) != 2)
        return plan_fail(node, fault, "must be a pause [from, to]");
    rc = read_instant(&from, &pause->from, fault);
    if (rc == 0)
        rc = read_instant(&to, &pause->to, fault);
    if (rc == 0 && pause->to.us < pause->from.us)
        rc = plan_fail(node, fault, "ends before it starts");
    return rc;
}

static int read_pauses(const struct plan_node *node, struct question *question, struct plan_fault *fault)
{
    size_t n;
    int rc = plan_array(node, PAUSES_MAX, &n, fault);

    if (rc < 0)
        return rc;
    question->pauses = NEW_ARRAY(struct pause, n + 1);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct plan_node pause = plan_item(node, i);

        rc = read_pause(&pause, &question->pauses[i], fault);
    }
    if (rc == 0)
        question->npauses = pauses_merge(question->pauses, n);
    return rc;
}

/* `paused` and `until` may be null, which is as good as absent. */
static int read_question(struct sla_eval *eval, const struct plan_node *document, struct question *question,
                         struct plan_fault *fault)
{
    static const char *const keys[] = {"calendar", "start",        "amount_s", "paused",
                                       "until",    JSON_LINE_KEYS, NULL};
    const struct plan_node calendar = plan_member(document, "calendar");
    const struct plan_node start = plan_member(document, "start");
    const struct plan_node amount = plan_member(document, "amount_s");
    const struct plan_node paused = plan_member(document, "paused");
    const struct plan_node until = plan_member(document, "until");
    int rc = plan_object(document, keys, fault);

    question->has_until = until.json && !json_is_null(until.json);
    if (rc == 0)
        rc = read_calendar(eval, &calendar, fault);
    if (rc == 0)
        rc = read_known(eval, &start, &question->start, fault);
    if (rc == 0)
        rc = plan_whole(&amount, 0, amount_max_s, &question->amount_s, fault);
    if (rc == 0 && paused.json && !json_is_null(paused.json))
        rc = read_pauses(&paused, question, fault);
    if (rc == 0 && question->has_until)
        rc = read_known(eval, &until, &question->until, fault);
    return rc;
}

/* ---- answering ---- */

int sla_eval_answer(void *ctx, const struct plan_node *document, struct buf *out, struct plan_fault *fault)
{
    static const int64_t year_10000_us = INT64_C(253402300800) * US_PER_S;
    struct sla_eval *eval = ctx;
    const struct plan_node amount = plan_member(document, "amount_s");
    _cleanup_question_ struct question question = {0};
    struct worktime worktime;
    struct instant due;
    int rc = read_question(eval, document, &question, fault);

    if (rc < 0)
        return rc;
    worktime = (struct worktime){eval->calendar, question.pauses, question.npauses};
    if (worktime_deadline(&worktime, question.start, question.amount_s, &due) == CALENDAR_BEYOND)
        return plan_fail(&amount, fault, "so much working time does not come before the end of %d",
                         CALENDAR_LAST_YEAR);
    if (due.us >= year_10000_us)
        return plan_fail(&amount, fault, "it would be due after the year 9999");
    json_lines_open(document, out);
    buf_add_text(out, "\"due\": ");
    sla_json_instant(out, due);
    if (question.has_until)
        buf_printf(out, ", \"elapsed_s\": %lld",
                   (long long)worktime_elapsed(&worktime, question.start, question.until));
    buf_add_char(out, '}');
    return 0;
}
