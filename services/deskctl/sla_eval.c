/* Reads a question, asks worktime.h, writes the answer. Called by command_sla.c for every line, and by tests.
 * A fault ends its line and nothing else. Calendars come again and again in such files: the last one is kept,
 * which spares all the work that depends on its size. */
#include "deskctl/sla_eval.h"
#include "base/clock.h"
#include "base/memory.h"
#include "domain/worktime.h"
#include "plan/calendar_json.h"
#include <stdio.h>

enum { LINE_MAX_BYTES = 1024 * 1024, PAUSES_MAX = 10000 };
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

static int read_calendar(struct sla_eval *eval, json_t *json, struct plan_fault *fault)
{
    struct calendar *calendar = NULL;
    int r;

    if (eval->document && json_equal(json, eval->document))
        return 0;
    r = calendar_json_read(json, &eval->zones, &calendar, fault);
    if (r < 0)
        return r;
    json_decref(eval->document);
    calendar_free(eval->calendar);
    eval->document = json_incref(json);
    eval->calendar = calendar;
    return 0;
}

static int read_instant(const json_t *json, struct instant *ret_at, struct plan_fault *fault)
{
    struct str text = {json_string_value(json), json_string_length(json)};

    if (clock_parse(text, &ret_at->us) < 0)
        return plan_refuse(fault, "a time is a text such as \"2026-03-27T16:00:00+01:00\"");
    return 0;
}

/* An instant that the calendar has to know. */
static int read_known(const struct sla_eval *eval, const json_t *json, struct instant *ret_at,
                      struct plan_fault *fault)
{
    int r = read_instant(json, ret_at, fault);

    if (r < 0 || !eval->calendar)
        return r;
    if (ret_at->us < CALENDAR_BEGIN_S * US_PER_S || ret_at->us > CALENDAR_END_S * US_PER_S)
        return plan_refuse(fault, "outside the years %d to %d, which calendars know", CALENDAR_FIRST_YEAR,
                           CALENDAR_LAST_YEAR);
    return 0;
}

static int read_amount(const json_t *json, int64_t *ret_amount_s, struct plan_fault *fault)
{
    *ret_amount_s = json_integer_value(json);
    if (!json_is_integer(json) || *ret_amount_s < 0 || *ret_amount_s > amount_max_s)
        return plan_refuse(fault, "must be a whole number of seconds from 0 to %lld",
                           (long long)amount_max_s);
    return 0;
}

static int read_pause(const json_t *json, struct pause *pause, struct plan_fault *fault)
{
    int r;

    if (json_array_size(json) != 2)
        return plan_refuse(fault, "a pause is a list [from, to]");
    r = plan_within_element(fault, 0, read_instant(json_array_get(json, 0), &pause->from, fault));
    if (r == 0)
        r = plan_within_element(fault, 1, read_instant(json_array_get(json, 1), &pause->to, fault));
    if (r == 0 && pause->to.us < pause->from.us)
        r = plan_refuse(fault, "it ends before it starts");
    return r;
}

static int read_pauses(const json_t *json, struct question *question, struct plan_fault *fault)
{
    size_t n = json_array_size(json);
    int r = 0;

    if (!json_is_array(json) || n > PAUSES_MAX)
        return plan_refuse(fault, "must be a list of at most %d pauses", PAUSES_MAX);
    question->pauses = NEW_ARRAY(struct pause, n + 1);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = plan_within_element(fault, i, read_pause(json_array_get(json, i), &question->pauses[i], fault));
    if (r == 0)
        question->npauses = pauses_merge(question->pauses, n);
    return r;
}

static int read_question(struct sla_eval *eval, const json_t *json, struct question *question,
                         struct plan_fault *fault)
{
    static const char *const names[] = {"calendar", "start", "amount_s", "paused", "until"};
    json_t *paused = json_object_get(json, "paused"), *until = json_object_get(json, "until");
    int r;

    if (!json_is_object(json))
        return plan_refuse(fault, "must be an object with calendar, start and amount_s");
    question->has_until = until && !json_is_null(until);
    r = plan_check_names(fault, json, names, ARRAY_SIZE(names));
    if (r == 0)
        r = plan_within(fault, "calendar", read_calendar(eval, json_object_get(json, "calendar"), fault));
    if (r == 0)
        r = plan_within(fault, "start",
                        read_known(eval, json_object_get(json, "start"), &question->start, fault));
    if (r == 0)
        r = plan_within(fault, "amount_s",
                        read_amount(json_object_get(json, "amount_s"), &question->amount_s, fault));
    if (r == 0 && paused && !json_is_null(paused))
        r = plan_within(fault, "paused", read_pauses(paused, question, fault));
    if (r == 0 && question->has_until)
        r = plan_within(fault, "until", read_known(eval, until, &question->until, fault));
    return r;
}

/* ---- answering ---- */

/* Whole seconds, and a fraction only where there is one. */
static void add_instant(struct buf *out, struct instant at)
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

static int answer_question(const struct sla_eval *eval, const struct question *question, struct buf *answer,
                           struct plan_fault *fault)
{
    static const int64_t year_10000_us = INT64_C(253402300800) * US_PER_S;
    struct worktime worktime = {eval->calendar, question->pauses, question->npauses};
    struct instant due;

    if (worktime_deadline(&worktime, question->start, question->amount_s, &due) == CALENDAR_BEYOND)
        return plan_within(fault, "amount_s",
                           plan_refuse(fault, "so much working time does not come before the end of %d",
                                       CALENDAR_LAST_YEAR));
    if (due.us >= year_10000_us)
        return plan_within(fault, "amount_s", plan_refuse(fault, "it would be due after the year 9999"));
    buf_add_text(answer, "{\"due\":");
    add_instant(answer, due);
    if (question->has_until)
        buf_printf(answer, ",\"elapsed_s\":%lld",
                   (long long)worktime_elapsed(&worktime, question->start, question->until));
    buf_add_text(answer, "}");
    return 0;
}

bool sla_eval_line(struct sla_eval *eval, struct str line, struct buf *answer)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_question_ struct question question = {0};
    json_error_t error;
    json_t *json = NULL;
    int r;

    if (line.n > LINE_MAX_BYTES)
        r = plan_refuse(&fault, "the line is longer than %d bytes", LINE_MAX_BYTES);
    else if (!(json = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &error)))
        r = plan_refuse(&fault, "not JSON: %s", error.text);
    else
        r = read_question(eval, json, &question, &fault);
    if (r == 0)
        r = answer_question(eval, &question, answer, &fault);
    if (r < 0) {
        buf_add_text(answer, "{\"error\":");
        buf_json_str(answer, buf_str(&fault.reason));
        buf_add_text(answer, ",\"at\":");
        buf_json_str(answer, buf_str(&fault.at));
        buf_add_text(answer, "}");
    }
    json_decref(json);
    return r == 0;
}
