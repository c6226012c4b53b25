/* Folds the periods of a window into shifts and into a report. */
#include "domain/oncall_window.h"
#include "base/memory.h"

/* Room for one more element of an array that grows by doubling. */
#define MAKE_ROOM(array, n)                                                                                  \
    do {                                                                                                     \
        if (((n) & ((n)-1)) == 0)                                                                            \
            (array) = mem_grow((array), ((n) ? (n)*2 : 1) * sizeof *(array));                                \
    } while (0)

void oncall_shifts_fini(struct oncall_shifts *shifts)
{
    free(shifts->items);
    *shifts = (struct oncall_shifts){0};
}

static void add_shift(struct oncall_shifts *shifts, struct oncall_shift shift)
{
    MAKE_ROOM(shifts->items, shifts->n);
    shifts->items[shifts->n++] = shift;
}

static int by_start(const void *a, const void *b)
{
    const struct oncall_shift *x = a, *y = b;

    if (x->from_s != y->from_s)
        return x->from_s < y->from_s ? -1 : 1;
    return (x->person > y->person) - (x->person < y->person);
}

int oncall_shifts(const struct oncall *schedule, int64_t from_s, int64_t to_s, size_t max,
                  struct oncall_shifts *ret_shifts)
{
    static const int64_t off_s = INT64_MIN;
    _cleanup_oncall_walk_ struct oncall_walk walk;
    _cleanup_oncall_shifts_ struct oncall_shifts shifts = {0};
    _cleanup_(freep) int64_t *since_s = NEW_ARRAY(int64_t, schedule->people + 1); /* or off_s */

    for (size_t i = 0; i < schedule->people; i++)
        since_s[i] = off_s;
    oncall_walk_init(&walk, schedule, from_s, to_s);
    while (oncall_walk_next(&walk) && shifts.n <= max)
        for (size_t i = 0; i < schedule->people; i++) {
            if (!walk.on[i] && since_s[i] != off_s)
                add_shift(&shifts, (struct oncall_shift){(int32_t)i, since_s[i], walk.from_s});
            if (!walk.on[i])
                since_s[i] = off_s;
            else if (since_s[i] == off_s)
                since_s[i] = walk.from_s;
        }
    for (size_t i = 0; i < schedule->people; i++)
        if (since_s[i] != off_s)
            add_shift(&shifts, (struct oncall_shift){(int32_t)i, since_s[i], to_s});
    if (shifts.n > max)
        return ONCALL_TOO_MANY;
    if (shifts.n)
        qsort(shifts.items, shifts.n, sizeof *shifts.items, by_start);
    *ret_shifts = shifts;
    shifts = (struct oncall_shifts){0};
    return 0;
}

/* ---- report ---- */

void oncall_report_fini(struct oncall_report *report)
{
    free(report->gaps);
    free(report->overlaps);
    free(report->people);
    free(report->on_call_s);
    *report = (struct oncall_report){0};
}

static void add_gap(struct oncall_report *report, const struct oncall_walk *walk)
{
    MAKE_ROOM(report->gaps, report->ngaps);
    report->gaps[report->ngaps++] = (struct oncall_period){walk->from_s, walk->to_s, 0, 0};
    report->gap_s += walk->to_s - walk->from_s;
}

static void add_overlap(struct oncall_report *report, const struct oncall_walk *walk)
{
    MAKE_ROOM(report->overlaps, report->noverlaps);
    report->overlaps[report->noverlaps++] =
        (struct oncall_period){walk->from_s, walk->to_s, report->npeople, walk->count};
    for (size_t i = 0; i < walk->schedule->people; i++)
        if (walk->on[i]) {
            MAKE_ROOM(report->people, report->npeople);
            report->people[report->npeople++] = (int32_t)i;
        }
    report->overlap_s += walk->to_s - walk->from_s;
}

static int balance_percent(const int64_t *on_call_s, size_t people)
{
    double sum = 0, pairs = 0;

    for (size_t i = 0; i < people; i++)
        for (size_t j = i + 1; j < people; j++) {
            int64_t a = on_call_s[i], b = on_call_s[j];

            if (a && b) {
                sum += (double)(a < b ? a : b) / (double)(a < b ? b : a);
                pairs++;
            }
        }
    return pairs > 0 ? (int)(sum / pairs * 100 + 0.5) : 100;
}

int oncall_report(const struct oncall *schedule, int64_t from_s, int64_t to_s, size_t max,
                  struct oncall_report *ret_report)
{
    _cleanup_oncall_walk_ struct oncall_walk walk;
    _cleanup_oncall_report_ struct oncall_report report = {
        .on_call_s = NEW_ARRAY(int64_t, schedule->people + 1),
    };

    oncall_walk_init(&walk, schedule, from_s, to_s);
    while (oncall_walk_next(&walk)) {
        if (walk.count == 0)
            add_gap(&report, &walk);
        else if (walk.count > 1)
            add_overlap(&report, &walk);
        if (report.ngaps > max || report.npeople > max)
            return ONCALL_TOO_MANY;
        for (size_t i = 0; i < schedule->people; i++)
            report.on_call_s[i] += walk.on[i] ? walk.to_s - walk.from_s : 0;
    }
    report.balance_percent = balance_percent(report.on_call_s, schedule->people);
    *ret_report = report;
    report = (struct oncall_report){0};
    return 0;
}
