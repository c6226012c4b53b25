/* Walks a schedule. A cursor stands on each rule (the span in force, or the next one) and on the rotation of
 * each rule in force (its shift); they move only when the walk passes their end. Evaluating an instant and
 * finding the next candidate for a change then read numbers only. A candidate at which the same people stay
 * on call is passed over. */
#include "domain/oncall.h"
#include "base/civil.h"
#include "base/memory.h"

struct oncall_span {
    int64_t from_s, to_s;
};

static bool covers(int64_t from_s, int64_t to_s, int64_t at_s)
{
    return from_s <= at_s && at_s < to_s;
}

bool oncall_conflict(const struct oncall_override *a, const struct oncall_override *b)
{
    if (a->from_s >= b->to_s || b->from_s >= a->to_s)
        return false;
    return (a->remove != ONCALL_NONE && (a->remove == b->remove || a->remove == b->add)) ||
           (a->add != ONCALL_NONE && (a->add == b->remove || a->add == b->add));
}

/* The first span of a rule that ends after an instant. Later days begin and end later, so if any span covers
 * the instant, this one does. It begins two days back: a shift lasts into the next day, and clocks may repeat
 * a day. */
static struct oncall_span rule_span(const struct oncall_rule *rule, const struct zone *zone, int64_t at_s)
{
    int64_t day = civil_day_of(zone_wall_s(zone, at_s)) - 2;
    int64_t end_s = rule->end_s + (rule->start_s < rule->end_s ? 0 : DAY_S);

    if (!(rule->days & ONCALL_EVERY_DAY))
        return (struct oncall_span){INT64_MAX, INT64_MAX};
    if (rule->days == ONCALL_EVERY_DAY && rule->start_s == rule->end_s)
        return (struct oncall_span){INT64_MIN, INT64_MAX};
    for (;; day++) {
        struct oncall_span span;

        if (!(rule->days >> civil_weekday(day) & 1))
            continue;
        span.to_s = zone_last_s(zone, day * DAY_S + end_s);
        span.from_s = zone_first_s(zone, day * DAY_S + rule->start_s);
        if (span.to_s > at_s && span.to_s > span.from_s)
            return span;
    }
}

static bool in_force(const struct oncall_walk *walk, size_t rule)
{
    return covers(walk->spans[rule].from_s, walk->spans[rule].to_s, walk->at_s);
}

/* Brings the cursors to the instant at_s. */
static void move_cursors(struct oncall_walk *walk)
{
    const struct oncall *schedule = walk->schedule;

    for (size_t i = 0; i < schedule->nrules; i++) {
        int32_t rotation = schedule->rules[i].rotation;

        if (walk->spans[i].to_s <= walk->at_s)
            walk->spans[i] = rule_span(&schedule->rules[i], schedule->zone, walk->at_s);
        if (rotation != ONCALL_NONE && in_force(walk, i) && walk->shifts[rotation].handoff_s <= walk->at_s)
            walk->shifts[rotation] = rotation_at(&schedule->rotations[rotation].rotation, walk->at_s);
    }
}

static const struct oncall_temporary *temporary_at(const struct oncall *schedule, int64_t at_s)
{
    for (size_t i = 0; i < schedule->ntemporaries; i++)
        if (covers(schedule->temporaries[i].from_s, schedule->temporaries[i].to_s, at_s))
            return &schedule->temporaries[i];
    return NULL;
}

static void apply_rules(const struct oncall_walk *walk, bool *on)
{
    const struct oncall *schedule = walk->schedule;

    for (size_t i = 0; i < schedule->nrules; i++) {
        int32_t person = schedule->rules[i].person, rotation = schedule->rules[i].rotation;

        if (!in_force(walk, i))
            continue;
        if (rotation != ONCALL_NONE) {
            const struct oncall_rotation *turns = &schedule->rotations[rotation];
            int32_t turn = rotation_participant(&turns->rotation, walk->shifts[rotation].n);

            if (turn < 0)
                continue;
            person = turns->people[turn];
        }
        on[person] = true;
    }
}

/* In any order: no two in force share a person. */
static void apply_overrides(const struct oncall *schedule, int64_t at_s, bool *on)
{
    for (size_t i = 0; i < schedule->noverrides; i++) {
        const struct oncall_override *override = &schedule->overrides[i];
        bool applies;

        if (!covers(override->from_s, override->to_s, at_s))
            continue;
        applies = override->remove == ONCALL_NONE || on[override->remove];
        if (override->remove != ONCALL_NONE)
            on[override->remove] = false;
        if (override->add != ONCALL_NONE && applies)
            on[override->add] = true;
    }
}

static void apply_fixed(const struct oncall_temporary *temporary, int64_t at_s, bool *on)
{
    for (size_t i = 0; i < temporary->nshifts; i++)
        if (covers(temporary->shifts[i].from_s, temporary->shifts[i].to_s, at_s))
            on[temporary->shifts[i].person] = true;
}

/* In their order: somebody may hand on what they took. */
static void apply_swaps(const struct oncall *schedule, int64_t at_s, bool *on)
{
    for (size_t i = 0; i < schedule->nswaps; i++) {
        const struct oncall_override *swap = &schedule->swaps[i];

        if (!covers(swap->from_s, swap->to_s, at_s) || !on[swap->remove])
            continue;
        on[swap->remove] = false;
        on[swap->add] = true;
    }
}

/* Who is on call at at_s, where the cursors are. */
static void evaluate(const struct oncall_walk *walk, bool *on)
{
    const struct oncall_temporary *temporary = temporary_at(walk->schedule, walk->at_s);

    memset(on, 0, walk->schedule->people * sizeof *on);
    if (temporary) {
        apply_fixed(temporary, walk->at_s, on);
    } else {
        apply_rules(walk, on);
        apply_overrides(walk->schedule, walk->at_s, on);
    }
    apply_swaps(walk->schedule, walk->at_s, on);
}

/* The nearer one of a candidate and the next boundary of a span after an instant. */
static int64_t nearer(int64_t candidate_s, int64_t at_s, int64_t from_s, int64_t to_s)
{
    int64_t boundary_s = from_s > at_s ? from_s : to_s;

    return boundary_s > at_s && boundary_s < candidate_s ? boundary_s : candidate_s;
}

/* The next instant after at_s at which anything begins or ends; INT64_MAX when nothing does. */
static int64_t next_candidate(const struct oncall_walk *walk)
{
    const struct oncall *schedule = walk->schedule;
    const struct oncall_temporary *present = temporary_at(schedule, walk->at_s);
    int64_t at_s = walk->at_s, next_s = INT64_MAX;

    for (size_t i = 0; i < schedule->nrules; i++) {
        int32_t rotation = schedule->rules[i].rotation;

        next_s = nearer(next_s, at_s, walk->spans[i].from_s, walk->spans[i].to_s);
        if (rotation != ONCALL_NONE && in_force(walk, i))
            next_s = nearer(next_s, at_s, walk->shifts[rotation].handoff_s, INT64_MAX);
    }
    for (size_t i = 0; i < schedule->noverrides; i++)
        next_s = nearer(next_s, at_s, schedule->overrides[i].from_s, schedule->overrides[i].to_s);
    for (size_t i = 0; i < schedule->nswaps; i++)
        next_s = nearer(next_s, at_s, schedule->swaps[i].from_s, schedule->swaps[i].to_s);
    for (size_t i = 0; i < schedule->ntemporaries; i++)
        next_s = nearer(next_s, at_s, schedule->temporaries[i].from_s, schedule->temporaries[i].to_s);
    for (size_t i = 0; present && i < present->nshifts; i++)
        next_s = nearer(next_s, at_s, present->shifts[i].from_s, present->shifts[i].to_s);
    return next_s;
}

void oncall_walk_init(struct oncall_walk *walk, const struct oncall *schedule, int64_t from_s,
                      int64_t until_s)
{
    *walk = (struct oncall_walk){
        .from_s = from_s,
        .to_s = from_s,
        .on = NEW_ARRAY(bool, schedule->people + 1),
        .schedule = schedule,
        .at_s = from_s,
        .until_s = until_s,
        .spans = NEW_ARRAY(struct oncall_span, schedule->nrules + 1),
        .shifts = NEW_ARRAY(struct rotation_shift, schedule->nrotations + 1),
        .ahead = NEW_ARRAY(bool, schedule->people + 1),
    };
    for (size_t i = 0; i < schedule->nrules; i++)
        walk->spans[i].to_s = INT64_MIN;
    for (size_t i = 0; i < schedule->nrotations; i++)
        walk->shifts[i].handoff_s = INT64_MIN;
    move_cursors(walk);
    evaluate(walk, walk->ahead);
}

void oncall_walk_fini(struct oncall_walk *walk)
{
    free(walk->on);
    free(walk->spans);
    free(walk->shifts);
    free(walk->ahead);
}

bool oncall_walk_next(struct oncall_walk *walk)
{
    size_t people = walk->schedule->people;

    if (walk->to_s >= walk->until_s)
        return false;
    walk->from_s = walk->to_s;
    memcpy(walk->on, walk->ahead, people * sizeof *walk->on);
    walk->count = 0;
    for (size_t i = 0; i < people; i++)
        walk->count += walk->on[i];
    do {
        int64_t next_s = next_candidate(walk);

        if (next_s >= walk->until_s) {
            walk->to_s = walk->until_s;
            return true;
        }
        walk->at_s = next_s;
        move_cursors(walk);
        evaluate(walk, walk->ahead);
    } while (memcmp(walk->on, walk->ahead, people * sizeof *walk->on) == 0);
    walk->to_s = walk->at_s;
    return true;
}

size_t oncall_at(const struct oncall *schedule, int64_t at_s, bool *ret_on)
{
    _cleanup_oncall_walk_ struct oncall_walk walk;

    oncall_walk_init(&walk, schedule, at_s, at_s + 1);
    (void)oncall_walk_next(&walk);
    memcpy(ret_on, walk.on, schedule->people * sizeof *ret_on);
    return walk.count;
}

bool oncall_next_change(const struct oncall *schedule, int64_t at_s, int64_t until_s, int64_t *ret_at_s)
{
    _cleanup_oncall_walk_ struct oncall_walk walk;

    oncall_walk_init(&walk, schedule, at_s, until_s);
    if (!oncall_walk_next(&walk) || walk.to_s >= until_s)
        return false;
    *ret_at_s = walk.to_s;
    return true;
}
