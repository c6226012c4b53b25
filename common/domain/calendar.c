/* Answers from the table of a calendar, and joins two tables. Called by worktime.c, by whoever plans, and by
 * tests; the tables are built in calendar_spec.c. What must stay true is in calendar_table.h. Nothing here
 * knows zones or dates. */
#include "domain/calendar.h"
#include "base/memory.h"
#include "domain/calendar_table.h"

struct calendar *calendar_free(struct calendar *calendar)
{
    if (calendar) {
        free(calendar->intervals);
        free(calendar);
    }
    return NULL;
}

/* ---- building ---- */

static int64_t clamp(int64_t at_s)
{
    return at_s < CALENDAR_BEGIN_S ? CALENDAR_BEGIN_S : at_s > CALENDAR_END_S ? CALENDAR_END_S : at_s;
}

void calendar_append(struct calendar *calendar, int64_t from_s, int64_t to_s)
{
    uint32_t from = (uint32_t)(clamp(from_s) - CALENDAR_BEGIN_S);
    uint32_t to = (uint32_t)(clamp(to_s) - CALENDAR_BEGIN_S), before = 0;

    if (from >= to)
        return;
    if (calendar->n) {
        struct calendar_interval *last = &calendar->intervals[calendar->n - 1];

        if (from <= last->to) {
            last->to = to > last->to ? to : last->to;
            return;
        }
        before = last->before + (last->to - last->from);
    }
    if ((calendar->n & (calendar->n - 1)) == 0)
        calendar->intervals =
            mem_grow(calendar->intervals, (calendar->n ? calendar->n * 2 : 1) * sizeof *calendar->intervals);
    calendar->intervals[calendar->n++] = (struct calendar_interval){from, to, before};
}

void calendar_seal(struct calendar *calendar)
{
    if (calendar->n)
        calendar->intervals = mem_grow(calendar->intervals, calendar->n * sizeof *calendar->intervals);
}

/* The edges of a table, numbered: 2i is where interval i opens, 2i + 1 where it closes. So the calendar is
 * open before edge e exactly when e is odd. */
static int64_t edge(const struct calendar *calendar, size_t e)
{
    if (!calendar || e / 2 == calendar->n)
        return INT64_MAX;
    return CALENDAR_BEGIN_S + (e % 2 ? calendar->intervals[e / 2].to : calendar->intervals[e / 2].from);
}

/* Walks the edges of both in order. 0 or CALENDAR_TOO_FINE. */
static int join(const struct calendar *a, const struct calendar *b, bool in_both,
                struct calendar **ret_calendar)
{
    _cleanup_calendar_ struct calendar *joined = NEW(struct calendar);
    size_t i = 0, j = 0;
    int64_t opened_s = 0;
    bool open = false;

    while (i < 2 * a->n || j < 2 * b->n) {
        int64_t x_s = edge(a, i), y_s = edge(b, j), at_s = x_s < y_s ? x_s : y_s;
        bool was = open;

        i += x_s == at_s;
        j += y_s == at_s;
        open = in_both ? i % 2 && j % 2 : i % 2 || j % 2;
        if (open && !was)
            opened_s = at_s;
        else if (was && !open)
            calendar_append(joined, opened_s, at_s);
        if (joined->n > CALENDAR_INTERVALS_MAX)
            return CALENDAR_TOO_FINE;
    }
    calendar_seal(joined);
    *ret_calendar = TAKE(joined);
    return 0;
}

int calendar_union(const struct calendar *a, const struct calendar *b, struct calendar **ret_calendar)
{
    if (a && b)
        return join(a, b, false, ret_calendar);
    *ret_calendar = NULL;
    return 0;
}

static struct calendar *copy(const struct calendar *calendar)
{
    struct calendar *copied = NEW(struct calendar);

    *copied = *calendar;
    copied->intervals = mem_dup(calendar->intervals, calendar->n * sizeof *calendar->intervals);
    return copied;
}

int calendar_intersection(const struct calendar *a, const struct calendar *b, struct calendar **ret_calendar)
{
    _cleanup_calendar_ struct calendar *joined = NULL;

    if (a && b) {
        int outcome = join(a, b, true, &joined);

        if (outcome)
            return outcome;
        if (!joined->n)
            return CALENDAR_NEVER;
    } else if (a || b) {
        joined = copy(a ? a : b);
    }
    *ret_calendar = TAKE(joined);
    return 0;
}

/* ---- how much ---- */

static bool is_known(int64_t at_s)
{
    return at_s >= CALENDAR_BEGIN_S && at_s <= CALENDAR_END_S;
}

/* How many intervals begin before or at an instant, or, with `counted`, have at most that much working time
 * before them. */
static size_t count_upto(const struct calendar *calendar, int64_t limit, bool counted)
{
    size_t low = 0, high = calendar->n; /* those below low do, those from high on do not */

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct calendar_interval *interval = &calendar->intervals[middle];

        if ((counted ? interval->before : interval->from) <= limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Working time before an instant. */
static int64_t worked_before(const struct calendar *calendar, int64_t at_s)
{
    int64_t at = clamp(at_s) - CALENDAR_BEGIN_S;
    size_t n = count_upto(calendar, at, false);
    const struct calendar_interval *last;

    if (!n)
        return 0;
    last = &calendar->intervals[n - 1];
    return last->before + ((at < last->to ? at : last->to) - last->from);
}

/* The working second number `number`, counted from 0; there is one. */
static int64_t second_number(const struct calendar *calendar, int64_t number)
{
    const struct calendar_interval *interval = &calendar->intervals[count_upto(calendar, number, true) - 1];

    return CALENDAR_BEGIN_S + interval->from + (number - interval->before);
}

bool calendar_is_open(const struct calendar *calendar, int64_t at_s)
{
    return calendar_elapsed(calendar, at_s, at_s + 1) == 1;
}

int64_t calendar_elapsed(const struct calendar *calendar, int64_t a_s, int64_t b_s)
{
    return calendar ? worked_before(calendar, b_s) - worked_before(calendar, a_s) : b_s - a_s;
}

int calendar_deadline(const struct calendar *calendar, int64_t start_s, int64_t amount_s, int64_t *ret_at_s)
{
    int64_t number;

    if (!calendar || amount_s == 0) {
        *ret_at_s = start_s + amount_s;
        return 0;
    }
    number = worked_before(calendar, start_s) + amount_s - 1;
    if (!is_known(start_s) || number >= worked_before(calendar, CALENDAR_END_S))
        return CALENDAR_BEYOND;
    *ret_at_s = second_number(calendar, number) + 1;
    return 0;
}

int calendar_latest_start(const struct calendar *calendar, int64_t end_s, int64_t amount_s, int64_t *ret_at_s)
{
    int64_t number;

    if (!calendar || amount_s == 0) {
        *ret_at_s = end_s - amount_s;
        return 0;
    }
    number = worked_before(calendar, end_s) - amount_s;
    if (!is_known(end_s) || number < 0)
        return CALENDAR_BEYOND;
    *ret_at_s = second_number(calendar, number);
    return 0;
}

/* ---- when it opens and closes ---- */

/* The number of edges at an instant or before. */
static size_t edges_upto(const struct calendar *calendar, int64_t at_s)
{
    size_t n = calendar ? count_upto(calendar, clamp(at_s) - CALENDAR_BEGIN_S, false) : 0;

    return n && edge(calendar, 2 * n - 1) > at_s ? 2 * n - 1 : 2 * n;
}

/* Where edge `e` lies, when the question was about a time that is known and the edge is one: where the years
 * known begin and end, nothing opens or closes. */
static int answer(const struct calendar *calendar, int64_t asked_s, size_t e, int64_t *ret_at_s)
{
    int64_t at_s = edge(calendar, e);

    if (!is_known(asked_s) || at_s <= CALENDAR_BEGIN_S || at_s >= CALENDAR_END_S)
        return CALENDAR_BEYOND;
    *ret_at_s = at_s;
    return 0;
}

int calendar_next_open(const struct calendar *calendar, int64_t at_s, int64_t *ret_at_s)
{
    size_t e = edges_upto(calendar, at_s);

    return answer(calendar, at_s, e + e % 2, ret_at_s);
}

int calendar_next_close(const struct calendar *calendar, int64_t at_s, int64_t *ret_at_s)
{
    return answer(calendar, at_s, edges_upto(calendar, at_s) | 1, ret_at_s);
}

int calendar_previous_open(const struct calendar *calendar, int64_t at_s, int64_t *ret_at_s)
{
    size_t e = edges_upto(calendar, at_s);

    return e < 1 ? CALENDAR_BEYOND : answer(calendar, at_s, (e - 1) / 2 * 2, ret_at_s);
}

int calendar_previous_close(const struct calendar *calendar, int64_t at_s, int64_t *ret_at_s)
{
    size_t e = edges_upto(calendar, at_s);

    return e < 2 ? CALENDAR_BEYOND : answer(calendar, at_s, e / 2 * 2 - 1, ret_at_s);
}
