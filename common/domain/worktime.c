/* Counts around pauses. Called by sla_clock.c, which has none (a paused clock keeps what remains), and by
 * whoever computes a whole history at once. What must stay true: the pauses given are merged. Linear in the
 * pauses; a ticket has few. */
#include "domain/worktime.h"
#include <stdlib.h>

enum { SECOND_US = 1000000 };

int64_t instant_second(struct instant at)
{
    return at.us >= 0 ? at.us / SECOND_US : -((-at.us + SECOND_US - 1) / SECOND_US);
}

static int by_start(const void *a, const void *b)
{
    int64_t x = ((const struct pause *)a)->from.us, y = ((const struct pause *)b)->from.us;

    return (x > y) - (x < y);
}

size_t pauses_merge(struct pause *pauses, size_t n)
{
    size_t kept = 0;

    if (n)
        qsort(pauses, n, sizeof *pauses, by_start);
    for (size_t i = 0; i < n; i++) {
        if (pauses[i].to.us == pauses[i].from.us)
            continue;
        if (!kept || pauses[i].from.us > pauses[kept - 1].to.us)
            pauses[kept++] = pauses[i];
        else if (pauses[i].to.us > pauses[kept - 1].to.us)
            pauses[kept - 1].to = pauses[i].to;
    }
    return kept;
}

static bool is_working(const struct worktime *worktime, int64_t at_s)
{
    for (size_t i = 0; i < worktime->npauses; i++)
        if (instant_second(worktime->pauses[i].from) <= at_s && at_s < instant_second(worktime->pauses[i].to))
            return false;
    return calendar_is_open(worktime->calendar, at_s);
}

/* Where time lands that went from `origin` to a whole second: see the header on fractions. */
static struct instant land(const struct worktime *worktime, struct instant origin, int64_t at_s)
{
    int64_t origin_s = instant_second(origin);
    bool carried = at_s == origin_s || is_working(worktime, origin_s);

    return (struct instant){at_s * SECOND_US + (carried ? origin.us - origin_s * SECOND_US : 0)};
}

int worktime_deadline(const struct worktime *worktime, struct instant start, int64_t amount_s,
                      struct instant *ret_at)
{
    int64_t at_s = instant_second(start), left_s = amount_s;
    int outcome;

    for (size_t i = 0; i < worktime->npauses && left_s > 0; i++) {
        int64_t from_s = instant_second(worktime->pauses[i].from);
        int64_t to_s = instant_second(worktime->pauses[i].to), worked_s = 0;

        if (from_s > at_s)
            worked_s = calendar_elapsed(worktime->calendar, at_s, from_s);
        if (worked_s >= left_s)
            break;
        left_s -= worked_s;
        at_s = to_s > at_s ? to_s : at_s;
    }
    outcome = calendar_deadline(worktime->calendar, at_s, left_s, &at_s);
    if (outcome)
        return outcome;
    *ret_at = land(worktime, start, at_s);
    return 0;
}

int worktime_latest_start(const struct worktime *worktime, struct instant end, int64_t amount_s,
                          struct instant *ret_at)
{
    int64_t at_s = instant_second(end), left_s = amount_s;
    int outcome;

    for (size_t i = worktime->npauses; i-- > 0 && left_s > 0;) {
        int64_t from_s = instant_second(worktime->pauses[i].from);
        int64_t to_s = instant_second(worktime->pauses[i].to), worked_s = 0;

        if (to_s < at_s)
            worked_s = calendar_elapsed(worktime->calendar, to_s, at_s);
        if (worked_s >= left_s)
            break;
        left_s -= worked_s;
        at_s = from_s < at_s ? from_s : at_s;
    }
    outcome = calendar_latest_start(worktime->calendar, at_s, left_s, &at_s);
    if (outcome)
        return outcome;
    *ret_at = land(worktime, end, at_s);
    return 0;
}

int64_t worktime_elapsed(const struct worktime *worktime, struct instant a, struct instant b)
{
    int64_t a_s = instant_second(a), b_s = instant_second(b), elapsed_s;

    if (b_s < a_s)
        return -worktime_elapsed(worktime, b, a);
    elapsed_s = calendar_elapsed(worktime->calendar, a_s, b_s);
    for (size_t i = 0; i < worktime->npauses; i++) {
        int64_t from_s = instant_second(worktime->pauses[i].from);
        int64_t to_s = instant_second(worktime->pauses[i].to);

        from_s = from_s > a_s ? from_s : a_s;
        to_s = to_s < b_s ? to_s : b_s;
        if (from_s < to_s)
            elapsed_s -= calendar_elapsed(worktime->calendar, from_s, to_s);
    }
    return elapsed_s;
}
