/* The evaluator in every zone around every clock change: against its own windows, and against a walker that
 * looks at every minute and knows nothing but what the wall shows in each. */
#include "base/civil.h"
#include "domain/oncall_window.h"
#include "every_zone.h"
#include "random_schedule.h"
#include <criterion/criterion.h>

/* ---- what the window says, the instant says ---- */

static void check_instant(const struct oncall *oncall, const struct oncall_shifts *shifts, int64_t at_s)
{
    bool on[RANDOM_PEOPLE], in_shift[RANDOM_PEOPLE] = {false};

    oncall_at(oncall, at_s, on);
    for (size_t i = 0; i < shifts->n; i++)
        if (shifts->items[i].from_s <= at_s && at_s < shifts->items[i].to_s) {
            cr_assert(!in_shift[shifts->items[i].person], "two shifts of one person at once");
            in_shift[shifts->items[i].person] = true;
        }
    cr_assert_arr_eq(on, in_shift, sizeof on, "%s at %lld", zone_name(oncall->zone), (long long)at_s);
}

static void check_window(const struct zone *zone, void *ctx)
{
    uint64_t *random = ctx;
    int64_t changes[128];
    size_t n = zone_changes(zone, changes, ARRAY_SIZE(changes));

    for (size_t i = 0; i < n; i++) {
        int64_t from_s = changes[i] - 2 * DAY_S, to_s = changes[i] + 2 * DAY_S;
        struct random_schedule schedule;
        _cleanup_oncall_shifts_ struct oncall_shifts shifts = {0};

        random_schedule_make(&schedule, zone, changes[i], random);
        cr_assert_eq(oncall_shifts(&schedule.oncall, from_s, to_s, 1000, &shifts), 0);
        for (int k = 0; k < 8; k++)
            check_instant(&schedule.oncall, &shifts,
                          from_s + (int64_t)(random_next(random) % (uint64_t)(to_s - from_s)));
        check_instant(&schedule.oncall, &shifts, changes[i] - 1);
        check_instant(&schedule.oncall, &shifts, changes[i]);
        if (shifts.n) {
            check_instant(&schedule.oncall, &shifts, shifts.items[shifts.n / 2].from_s);
            check_instant(&schedule.oncall, &shifts, shifts.items[shifts.n / 2].to_s - 1);
        }
    }
}

Test(oncall_zones, windows_agree_with_instants)
{
    uint64_t random = 20200329;

    cr_assert_gt(every_zone(check_window, &random), 300);
}

/* ---- the minute walker ---- */

enum { MINUTES = 9 * 1440, MARGIN = 3 * 1440 }; /* of which the middle is compared */

static int64_t walls_s[MINUTES]; /* what the wall shows in each minute */
static bool expected[MINUTES][RANDOM_PEOPLE];
static int32_t turns[RANDOM_ROTATIONS][MINUTES]; /* participant in force */

/* The first minute that shows a wall time or, when none does, the first after the gap. */
static int first_minute(int64_t wall_s)
{
    int i = 0;

    while (i < MINUTES && walls_s[i] < wall_s)
        i++;
    return i;
}

static int last_minute(int64_t wall_s)
{
    for (int i = MINUTES - 1; i >= 0; i--)
        if (walls_s[i] == wall_s)
            return i;
    return first_minute(wall_s);
}

/* The grid of a rotation, drawn by stepping from its start, a day of the calendar at a time for months. */
static int64_t grid_wall_s(const struct rotation *rotation, int64_t n)
{
    static const int64_t unit_s[] = {3600, DAY_S, 7 * DAY_S};
    struct civil date = civil_from_days(civil_day_of(rotation->start_wall_s));
    int64_t first;

    if (rotation->type != ROTATION_MONTHLY)
        return rotation->start_wall_s + n * rotation->length * unit_s[rotation->type];
    first = civil_to_days((struct civil){date.year, date.month, 1});
    for (int64_t k = 0; k < n; k++, first += civil_month_days(date.year, date.month))
        date = civil_from_days(first);
    for (int64_t k = 0; k > n; k--) {
        date = civil_from_days(first - 1);
        first -= civil_month_days(date.year, date.month);
    }
    date = civil_from_days(civil_day_of(rotation->start_wall_s));
    return (first + date.day - 1) * DAY_S + civil_second_of(rotation->start_wall_s);
}

static void draw_rotation(const struct rotation *rotation, int32_t *turn)
{
    int64_t n = 0;
    int minute = 0;

    while (grid_wall_s(rotation, n) > walls_s[0])
        n -= 1;
    while (grid_wall_s(rotation, n + 1) <= walls_s[0])
        n += 1;
    for (;; n++) {
        int next = first_minute(grid_wall_s(rotation, n + 1));

        for (; minute < next; minute++)
            turn[minute] =
                (int32_t)((n % rotation->participants + rotation->participants) % rotation->participants);
        if (next >= MINUTES)
            return;
    }
}

static void draw_rule(const struct oncall *oncall, const struct oncall_rule *rule)
{
    int64_t first = civil_day_of(walls_s[0]) + 1, last = civil_day_of(walls_s[MINUTES - 1]) - 2;

    for (int64_t day = first; day <= last; day++) {
        int64_t end = rule->end_s + (rule->start_s < rule->end_s ? 0 : DAY_S);
        int to = last_minute(day * DAY_S + end);

        if (!(rule->days >> ((day + 3) % 7) & 1))
            continue;
        for (int i = first_minute(day * DAY_S + rule->start_s); i < to; i++) {
            int32_t person = rule->person;

            if (person == ONCALL_NONE)
                person = oncall->rotations[rule->rotation].people[turns[rule->rotation][i]];
            expected[i][person] = true;
        }
    }
}

static void change_minute(const struct oncall *oncall, int64_t at_s, bool *on)
{
    bool before[RANDOM_PEOPLE];

    memcpy(before, on, sizeof before);
    for (size_t i = 0; i < oncall->noverrides; i++) {
        const struct oncall_override *o = &oncall->overrides[i];

        if (at_s < o->from_s || at_s >= o->to_s)
            continue;
        if (o->remove != ONCALL_NONE)
            on[o->remove] = false;
        if (o->add != ONCALL_NONE && (o->remove == ONCALL_NONE || before[o->remove]))
            on[o->add] = true;
    }
    for (size_t i = 0; i < oncall->ntemporaries; i++) {
        const struct oncall_temporary *t = &oncall->temporaries[i];

        if (at_s < t->from_s || at_s >= t->to_s)
            continue;
        memset(on, 0, sizeof before);
        for (size_t k = 0; k < t->nshifts; k++)
            if (at_s >= t->shifts[k].from_s && at_s < t->shifts[k].to_s)
                on[t->shifts[k].person] = true;
    }
}

static void draw(const struct oncall *oncall, int64_t begin_s)
{
    memset(expected, 0, sizeof expected);
    for (int i = 0; i < MINUTES; i++)
        walls_s[i] = zone_wall_s(oncall->zone, begin_s + i * 60);
    for (size_t i = 0; i < oncall->nrotations; i++)
        draw_rotation(&oncall->rotations[i].rotation, turns[i]);
    for (size_t i = 0; i < oncall->nrules; i++)
        draw_rule(oncall, &oncall->rules[i]);
    for (int i = 0; i < MINUTES; i++)
        change_minute(oncall, begin_s + i * 60, expected[i]);
}

static void compare(const struct oncall *oncall, int64_t begin_s)
{
    int64_t until_s = begin_s + (MINUTES - MARGIN) * 60, covered_s = begin_s + MARGIN * 60;
    _cleanup_oncall_walk_ struct oncall_walk walk;
    bool before[RANDOM_PEOPLE];

    oncall_walk_init(&walk, oncall, covered_s, until_s);
    while (oncall_walk_next(&walk)) {
        cr_assert(walk.from_s == covered_s && walk.to_s > walk.from_s && walk.to_s <= until_s);
        cr_assert_eq(walk.from_s % 60, 0);
        for (int64_t at_s = walk.from_s; at_s < walk.to_s; at_s += 60)
            cr_assert_arr_eq(walk.on, expected[(at_s - begin_s) / 60], sizeof before, "%s at %lld",
                             zone_name(oncall->zone), (long long)at_s);
        if (walk.from_s > begin_s + MARGIN * 60)
            cr_assert_arr_neq(walk.on, before, sizeof before, "not the longest period");
        memcpy(before, walk.on, sizeof before);
        covered_s = walk.to_s;
    }
    cr_assert_eq(covered_s, until_s);
}

static void check_minutes(const struct zone *zone, int64_t change_s, uint64_t *random)
{
    struct random_schedule schedule;
    int64_t begin_s = change_s - change_s % 60 - MINUTES / 2 * 60;

    random_schedule_make(&schedule, zone, change_s, random);
    draw(&schedule.oncall, begin_s);
    compare(&schedule.oncall, begin_s);
}

/* Every 17th change, so that the suite stays short; the zones take turns. */
static void check_some(const struct zone *zone, void *ctx)
{
    static size_t turn;
    int64_t changes[128];
    size_t n = zone_changes(zone, changes, ARRAY_SIZE(changes));

    for (size_t i = 0; i < n; i++)
        if (turn++ % 17 == 0)
            check_minutes(zone, changes[i], ctx);
}

Test(oncall_zones, minute_by_minute)
{
    static const struct {
        const char *zone;
        int64_t change_s;
    } odd[] = {
        {"Pacific/Apia", 1325239200},        /* 30 December 2011 is skipped */
        {"Australia/Lord_Howe", 1617462000}, /* 30 minutes back */
        {"Antarctica/Troll", 1603587600},    /* two hours back */
        {"Antarctica/Casey", 1520575200},    /* three hours back */
        {"America/Havana", 1572757200},      /* 01:00 to 00:00 */
        {"America/Asuncion", 1584846000},    /* 00:00 to 23:00 of the day before */
    };
    uint64_t random = 20111230;

    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        _cleanup_zone_ struct zone *zone = zone_open(odd[i].zone);
        int64_t change_s = 0;

        cr_assert(zone && zone_next_change(zone, odd[i].change_s - 2 * DAY_S, &change_s) &&
                      change_s < odd[i].change_s + 2 * DAY_S,
                  "%s changes at %lld", odd[i].zone, (long long)change_s);
        for (int k = 0; k < 8; k++)
            check_minutes(zone, change_s, &random);
    }
    every_zone(check_some, &random);
}
