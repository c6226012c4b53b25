/* Shifts are lists of who, from when, until when. What both rules give alike cancels out; what is left is
 * paired in order of time, each shift of before with one of the same name and person after. */
#include "deskctl/zone_moves.h"
#include "base/clock.h"
#include "base/memory.h"
#include "domain/oncall_window.h"
#include "meridian/errors.h"
#include "plan/calendar_json.h"
#include "plan/oncall_json.h"
#include <string.h>

enum { SHIFTS_MAX = 20000 };

struct shift {
    char *user; /* "" for a desk's */
    int64_t from_s, to_s;
};

struct shifts {
    struct shift *items;
    size_t n;
};

static void shifts_fini(struct shifts *shifts)
{
    for (size_t i = 0; i < shifts->n; i++)
        free(shifts->items[i].user);
    free(shifts->items);
}
#define _cleanup_shifts_ _cleanup_(shifts_fini)

static void add(struct shifts *shifts, const char *user, int64_t from_s, int64_t to_s)
{
    shifts->items = mem_more(shifts->items, shifts->n, sizeof *shifts->items);
    shifts->items[shifts->n++] = (struct shift){mem_str(user), from_s, to_s};
}

/* ---- what moves ---- */

static void add_time(json_t *move, const char *name, int64_t at_s)
{
    char text[CLOCK_TEXT_SIZE];

    json_object_set_new(move, name, json_string(clock_format(at_s * US_PER_S, text)));
}

static void add_move(struct zone_moves *moves, const char *kind, const char *name, const struct shift *before,
                     const struct shift *after)
{
    json_t *move = json_pack("{s:s, s:s, s:s, s:n, s:n, s:n, s:n}", "kind", kind, "name", name, "user",
                             before ? before->user : after->user, "from", "to", "new_from", "new_to");

    if (before) {
        add_time(move, "from", before->from_s);
        add_time(move, "to", before->to_s);
    }
    if (after) {
        add_time(move, "new_from", after->from_s);
        add_time(move, "new_to", after->to_s);
    }
    json_array_append_new(moves->items, move);
}

/* Takes a shift of the list out that is not taken yet: the very same, or (`near`) the next of that person. */
static struct shift *take(struct shifts *list, bool *taken, const struct shift *like, bool near)
{
    for (size_t i = 0; i < list->n; i++) {
        struct shift *shift = &list->items[i];

        if (taken[i] || strcmp(shift->user, like->user) != 0)
            continue;
        if (near || (shift->from_s == like->from_s && shift->to_s == like->to_s)) {
            taken[i] = true;
            return shift;
        }
    }
    return NULL;
}

static void compare(struct zone_moves *moves, const char *kind, const char *name, struct shifts *before,
                    struct shifts *after)
{
    _cleanup_(freep) bool *same = NEW_ARRAY(bool, before->n + 1), *taken = NEW_ARRAY(bool, after->n + 1);

    moves->shifts += (long)after->n;
    for (size_t i = 0; i < before->n; i++)
        same[i] = take(after, taken, &before->items[i], false) != NULL;
    for (size_t i = 0; i < before->n; i++)
        if (!same[i])
            add_move(moves, kind, name, &before->items[i], take(after, taken, &before->items[i], true));
    for (size_t i = 0; i < after->n; i++)
        if (!taken[i])
            add_move(moves, kind, name, NULL, &after->items[i]);
}

/* ---- desks ---- */

static int read_desk(const struct zone_moves *moves, struct zone_book *zones, const struct plan_node *hours,
                     struct shifts *ret_shifts)
{
    _cleanup_calendar_ struct calendar *calendar = NULL;
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    int64_t opens_s = moves->from_s, closes_s;
    int r = calendar_json_read(hours, zones, &calendar, &fault);

    if (r < 0 || !calendar) /* around the clock */
        return r;
    if (!calendar_is_open(calendar, opens_s) && calendar_next_open(calendar, opens_s, &opens_s))
        return 0;
    while (opens_s < moves->to_s && ret_shifts->n < SHIFTS_MAX &&
           calendar_next_close(calendar, opens_s, &closes_s) == 0) {
        add(ret_shifts, "", opens_s, closes_s);
        if (calendar_next_open(calendar, closes_s - 1, &opens_s))
            break;
    }
    return 0;
}

int zone_moves_of_desks(struct zone_moves *moves, const json_t *organisation)
{
    const char *name;
    json_t *desk;
    int r = 0;

    json_object_foreach(json_object_get(organisation, "desks"), name, desk)
    {
        const struct plan_node root = plan_root(desk), hours = plan_member(&root, "hours");
        _cleanup_shifts_ struct shifts before = {0}, after = {0};

        if (!hours.json)
            continue;
        r = read_desk(moves, moves->before, &hours, &before);
        if (!r)
            r = read_desk(moves, moves->after, &hours, &after);
        if (r < 0)
            return r;
        compare(moves, "desk", name, &before, &after);
    }
    return 0;
}

/* ---- on call ---- */

static int read_schedule(const struct zone_moves *moves, struct zone_book *zones,
                         const struct plan_node *node, struct shifts *ret_shifts)
{
    _cleanup_oncall_plan_ struct oncall_plan plan = {0};
    _cleanup_oncall_shifts_ struct oncall_shifts shifts = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    int r = oncall_json_read(node, zones, &plan, &fault);

    if (r < 0 || oncall_shifts(&plan.schedule, moves->from_s, moves->to_s, SHIFTS_MAX, &shifts))
        return r < 0 ? r : -E_VALIDATION;
    for (size_t i = 0; i < shifts.n; i++)
        add(ret_shifts, plan.people[shifts.items[i].person], shifts.items[i].from_s, shifts.items[i].to_s);
    return 0;
}

int zone_moves_of_schedules(struct zone_moves *moves, const json_t *plan)
{
    const char *name;
    json_t *schedule;
    int r = 0;

    json_object_foreach(json_object_get(plan, "schedules"), name, schedule)
    {
        const struct plan_node root = plan_root(schedule);
        _cleanup_shifts_ struct shifts before = {0}, after = {0};

        r = read_schedule(moves, moves->before, &root, &before);
        if (!r)
            r = read_schedule(moves, moves->after, &root, &after);
        if (r < 0)
            return r;
        compare(moves, "on_call", name, &before, &after);
    }
    return 0;
}
