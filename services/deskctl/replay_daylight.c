/* Whose desk was open while they owned a case, by the log's own times and the hours of an organisation. The
 * replay takes minutes for years, so nothing can be seen of this at the desk that it runs against: what is
 * measured is how the people of the log worked, held against the hours that desks have there. Pure.
 *
 * A case is owned from a line on which somebody works or waits until the next line, whatever that is; the
 * last line owns nothing. The owner's desks are those of the owner's region.
 */
#include "deskctl/replay_daylight.h"
#include <string.h>

struct hours {
    bool always;
    struct calendar *calendar; /* NULL, and not `always`: never */
};

/* Calendars are joined into one of our own; the first with itself. One that is too fine adds nothing. */
static void hours_add(struct hours *hours, const struct calendar *more)
{
    struct calendar *joined;

    if (!more)
        hours->always = true;
    else if (!hours->calendar && calendar_union(more, more, &joined) == 0)
        hours->calendar = joined;
    else if (hours->calendar && calendar_union(hours->calendar, more, &joined) == 0) {
        calendar_free(hours->calendar);
        hours->calendar = joined;
    }
}

static int64_t hours_within(const struct hours *hours, int64_t from_s, int64_t to_s)
{
    if (hours->always)
        return to_s - from_s;
    return hours->calendar ? calendar_elapsed(hours->calendar, from_s, to_s) : 0;
}

static bool owned(const struct replay_step *step)
{
    return step->kind == STEP_WORK || step->kind == STEP_WAIT;
}

static bool same_owner(const struct replay_step *a, const struct replay_step *b)
{
    return owned(a) && owned(b) && a->agent == b->agent && a->region == b->region;
}

static void add_case(const struct replay_case *c, const struct hours *regions, const struct hours *anybody,
                     struct replay_daylight *sum)
{
    bool taken = false, on_shift = true;

    for (int i = 0; i < c->nsteps; i++) {
        const struct replay_step *step = &c->steps[i];
        const struct hours *own = &regions[step->region];
        int64_t end_s;

        if (!owned(step))
            continue;
        if (i == 0 || !same_owner(step, step - 1)) {
            taken = true;
            on_shift &= hours_within(own, step->at_s, step->at_s + 1) > 0;
        }
        end_s = i + 1 < c->nsteps ? step[1].at_s : step->at_s;
        if (end_s <= step->at_s)
            continue;
        sum->owned_s += end_s - step->at_s;
        sum->on_shift_s += hours_within(own, step->at_s, end_s);
        sum->somebody_s += hours_within(anybody, step->at_s, end_s);
    }
    sum->tickets += taken;
    sum->tickets_on_shift += taken && on_shift;
}

static bool has_times(const struct replay_log *log)
{
    for (int i = 0; i < log->n; i++)
        for (int j = 0; j < log->cases[i].nsteps; j++)
            if (!log->cases[i].steps[j].at_s)
                return false;
    return log->n > 0;
}

bool replay_daylight(const struct replay_log *log, const struct organisation *organisation,
                     struct replay_daylight *ret_daylight)
{
    struct hours regions[REGIONS] = {0}, anybody = {0};

    *ret_daylight = (struct replay_daylight){0};
    if (!has_times(log))
        return false;
    for (size_t i = 0; i < organisation->ndesks; i++) {
        const struct org_desk *desk = &organisation->desks[i];

        hours_add(&anybody, desk->hours);
        for (int r = 0; r < REGIONS; r++)
            if (strcmp(desk->region, replay_regions[r]) == 0)
                hours_add(&regions[r], desk->hours);
    }
    for (int i = 0; i < log->n; i++)
        add_case(&log->cases[i], regions, &anybody, ret_daylight);
    for (int r = 0; r < REGIONS; r++)
        calendar_free(regions[r].calendar);
    calendar_free(anybody.calendar);
    return true;
}
