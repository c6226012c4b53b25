/* The life of one clock. Called by the router whenever a ticket's state changes, and by tests. Pure: no time
 * source, no database. What must stay true, and is asserted by the database's checks as well: running <=> has
 * a due time; only a running clock fires; what fired once (warned, breached) never fires again, whatever
 * pauses and restarts follow.
 */
#include "domain/sla_clock.h"
#include "meridian/errors.h"

static const struct instant first_known = {CALENDAR_BEGIN_S * 1000000};
static const struct instant last_known = {CALENDAR_END_S * 1000000};

static const struct {
    enum sla_clock_state state;
    const char *text;
} names[] = {
#define X(name, text) {name, text},
    SLA_CLOCK_STATES(X)
#undef X
};

const char *sla_clock_state_name(enum sla_clock_state state)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].state == state)
            return names[i].text;
    return "unknown";
}

int sla_clock_state_parse(struct str name, enum sla_clock_state *ret_state)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(str_from(names[i].text), name)) {
            *ret_state = names[i].state;
            return 0;
        }
    return -E_BAD_REQUEST;
}

/* The instant at which `left_s` seconds are left to work at `now`: in the past when it is negative. */
static struct instant due_at(const struct calendar *calendar, struct instant now, int64_t left_s)
{
    struct worktime worktime = {.calendar = calendar};
    struct instant due;

    if (left_s >= 0)
        return worktime_deadline(&worktime, now, left_s, &due) == 0 ? due : last_known;
    return worktime_latest_start(&worktime, now, -left_s, &due) == 0 ? due : first_known;
}

/* Sets due, warn and fire of a clock of which `remaining_s` are left. */
static struct sla_clock run(const struct calendar *calendar, struct sla_clock clock, struct instant now,
                            int64_t remaining_s)
{
    int64_t until_warning_s = remaining_s - (clock.target_s - clock.target_s * clock.warn_percent / 100);

    clock.state = SLA_CLOCK_RUNNING;
    clock.stopped = (struct instant){0};
    clock.remaining_s = 0;
    clock.due = due_at(calendar, now, remaining_s);
    clock.warn = due_at(calendar, now, until_warning_s);
    if (clock.breached.us)
        clock.fire = (struct instant){0};
    else
        clock.fire = clock.warned.us ? clock.due : clock.warn;
    return clock;
}

static struct sla_clock halt(const struct calendar *calendar, struct sla_clock clock, struct instant now,
                             enum sla_clock_state state)
{
    if (clock.state == SLA_CLOCK_RUNNING)
        clock.remaining_s = worktime_elapsed(&(struct worktime){.calendar = calendar}, now, clock.due);
    clock.state = state;
    clock.due = clock.warn = clock.fire = (struct instant){0};
    clock.generation++;
    return clock;
}

struct sla_clock sla_clock_start(const struct calendar *calendar, struct instant start, int64_t target_s,
                                 int warn_percent)
{
    struct sla_clock clock = {
        .started = start, .target_s = target_s, .warn_percent = warn_percent, .generation = 1};

    return run(calendar, clock, start, target_s);
}

struct sla_clock sla_clock_pause(const struct calendar *calendar, struct sla_clock clock, struct instant now)
{
    return clock.state == SLA_CLOCK_RUNNING ? halt(calendar, clock, now, SLA_CLOCK_PAUSED) : clock;
}

struct sla_clock sla_clock_resume(const struct calendar *calendar, struct sla_clock clock, struct instant now)
{
    if (clock.state != SLA_CLOCK_PAUSED)
        return clock;
    clock.generation++;
    return run(calendar, clock, now, clock.remaining_s);
}

static struct sla_clock stop(const struct calendar *calendar, struct sla_clock clock, struct instant now,
                             enum sla_clock_state state)
{
    if (clock.state == SLA_CLOCK_MET || clock.state == SLA_CLOCK_CANCELLED)
        return clock;
    clock = halt(calendar, clock, now, state);
    clock.stopped = now;
    return clock;
}

struct sla_clock sla_clock_meet(const struct calendar *calendar, struct sla_clock clock, struct instant now)
{
    return stop(calendar, clock, now, SLA_CLOCK_MET);
}

struct sla_clock sla_clock_cancel(const struct calendar *calendar, struct sla_clock clock, struct instant now)
{
    return stop(calendar, clock, now, SLA_CLOCK_CANCELLED);
}

struct sla_clock sla_clock_restart(const struct calendar *calendar, struct sla_clock clock,
                                   struct instant now)
{
    if (clock.state != SLA_CLOCK_MET)
        return clock;
    clock.generation++;
    return run(calendar, clock, now, clock.remaining_s);
}
