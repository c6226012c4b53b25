/* Reads a schedule in the order rotations, rules, overrides, temporary schedules, naming people as it goes:
 * when the overrides come, the people known so far are those whom a rule or a rotation names, and only they
 * can be removed.
 *
 * A person is never a rotation: a name that is both is refused, so that a rotation that was meant as a
 * participant of another one, or of itself, is a fault and not a person whom nobody knows. */
#include "plan/oncall_json.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "plan/rotation_json.h"

struct reader {
    struct oncall_plan *plan;
    struct zone_book *zones;
    struct plan_fault *fault;
};

/* ---- people ---- */

int32_t oncall_plan_person(const struct oncall_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->schedule.people; i++)
        if (strcmp(plan->people[i], name) == 0)
            return (int32_t)i;
    return ONCALL_NONE;
}

static int32_t rotation_of(const struct oncall_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->schedule.nrotations; i++)
        if (strcmp(plan->rotation_names[i], name) == 0)
            return (int32_t)i;
    return ONCALL_NONE;
}

/* A person by name, new ones included. */
static int read_person(struct reader *r, const struct plan_node *node, int32_t *ret_person)
{
    struct oncall_plan *plan = r->plan;
    const char *name;
    int rc = plan_text(node, ONCALL_NAME_MAX, &name, r->fault);

    if (rc < 0)
        return rc;
    if (rotation_of(plan, name) != ONCALL_NONE)
        return plan_fail(node, r->fault, "must be a person; \"%s\" is a rotation", name);
    *ret_person = oncall_plan_person(plan, name);
    if (*ret_person != ONCALL_NONE)
        return 0;
    if (plan->schedule.people == ONCALL_PEOPLE_MAX)
        return plan_fail(node, r->fault, "is one person too many; at most %d are allowed", ONCALL_PEOPLE_MAX);
    plan->people = mem_grow(plan->people, (plan->schedule.people + 1) * sizeof *plan->people);
    *ret_person = (int32_t)plan->schedule.people;
    plan->people[plan->schedule.people++] = mem_str(name);
    return 0;
}

/* ---- rotations ---- */

/* All names first: participants are checked against them. */
static int read_rotation_names(struct reader *r, const struct plan_node *node)
{
    struct oncall_plan *plan = r->plan;
    size_t n = json_object_size(node->json);
    const char *key;
    json_t *value;

    if (node->json && !json_is_object(node->json))
        return plan_fail(node, r->fault, "must be an object of rotations by name");
    if (n > ONCALL_ROTATIONS_MAX)
        return plan_fail(node, r->fault, "has %zu rotations; at most %d are allowed", n,
                         ONCALL_ROTATIONS_MAX);
    plan->rotation_names = NEW_ARRAY(char *, n + 1);
    plan->rotations = NEW_ARRAY(struct oncall_rotation, n + 1);
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node rotation = plan_member(node, key);

        if (!*key || utf8_length(str_from(key)) > ONCALL_NAME_MAX || !utf8_printable(str_from(key)))
            return plan_fail(&rotation, r->fault, "a rotation's name must have 1 to %d printable characters",
                             ONCALL_NAME_MAX);
        plan->rotation_names[plan->schedule.nrotations++] = mem_str(key);
    }
    plan->schedule.rotations = plan->rotations;
    return 0;
}

static int read_rotation(struct reader *r, const struct plan_node *node, struct oncall_rotation *rotation)
{
    static const char *const keys[] = {ROTATION_JSON_KEYS, NULL};
    const struct plan_node participants = plan_member(node, "participants");
    int32_t *people;
    size_t n;
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = rotation_json_read(node, r->zones, r->plan->schedule.zone, &rotation->rotation, r->fault);
    if (rc == 0)
        rc = plan_array(&participants, ROTATION_PARTICIPANTS_MAX, &n, r->fault);
    if (rc < 0)
        return rc;
    if (n == 0)
        return plan_fail(&participants, r->fault, "must name at least one person");
    rotation->people = people = NEW_ARRAY(int32_t, n);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct plan_node person = plan_item(&participants, i);

        rc = read_person(r, &person, &people[i]);
    }
    return rc;
}

static int read_rotations(struct reader *r, const struct plan_node *node)
{
    int rc = read_rotation_names(r, node);

    for (size_t i = 0; i < r->plan->schedule.nrotations && rc == 0; i++) {
        const struct plan_node rotation = plan_member(node, r->plan->rotation_names[i]);

        rc = read_rotation(r, &rotation, &r->plan->rotations[i]);
    }
    return rc;
}

/* ---- rules ---- */

static int read_days(struct reader *r, const struct plan_node *node, uint8_t *ret_days)
{
    size_t n;
    int rc;

    *ret_days = ONCALL_EVERY_DAY;
    if (!node->json)
        return 0;
    rc = plan_array(node, WEEK_DAYS, &n, r->fault);
    if (rc < 0)
        return rc;
    *ret_days = 0;
    for (size_t i = 0; i < n; i++) {
        const struct plan_node day = plan_item(node, i);
        const char *text;
        size_t k = 0;

        rc = plan_text(&day, 16, &text, r->fault);
        if (rc < 0)
            return rc;
        while (k < WEEK_DAYS && strcmp(plan_weekdays[k], text) != 0)
            k++;
        if (k == WEEK_DAYS)
            return plan_fail(&day, r->fault, "must be mon, tue, wed, thu, fri, sat or sun");
        if (*ret_days >> k & 1)
            return plan_fail(&day, r->fault, "is there twice");
        *ret_days = (uint8_t)(*ret_days | 1u << k);
    }
    return 0;
}

static int read_target(struct reader *r, const struct plan_node *node, struct oncall_rule *rule)
{
    const struct plan_node user = plan_member(node, "user"), rotation = plan_member(node, "rotation");
    const char *name, *nearest;
    int rc;

    rule->person = rule->rotation = ONCALL_NONE;
    if (user.json && rotation.json)
        return plan_fail(node, r->fault, "must have a user or a rotation, not both");
    if (user.json)
        return read_person(r, &user, &rule->person);
    if (!rotation.json)
        return plan_fail(node, r->fault, "must have a user or a rotation");
    rc = plan_text(&rotation, ONCALL_NAME_MAX, &name, r->fault);
    if (rc < 0)
        return rc;
    rule->rotation = rotation_of(r->plan, name);
    if (rule->rotation != ONCALL_NONE)
        return 0;
    nearest = plan_nearest(name, (const char *const *)r->plan->rotation_names, r->plan->schedule.nrotations);
    return nearest ? plan_fail(&rotation, r->fault, "names no rotation; did you mean \"%s\"?", nearest)
                   : plan_fail(&rotation, r->fault, "names no rotation of this schedule");
}

static int read_rule(struct reader *r, const struct plan_node *node, struct oncall_rule *rule)
{
    static const char *const keys[] = {"days", "start", "end", "user", "rotation", NULL};
    const struct plan_node days = plan_member(node, "days");
    const struct plan_node start = plan_member(node, "start"), end = plan_member(node, "end");
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = read_days(r, &days, &rule->days);
    if (rc == 0 && (start.json || end.json)) {
        rc = plan_clock(&start, &rule->start_s, r->fault);
        if (rc == 0)
            rc = plan_clock(&end, &rule->end_s, r->fault);
    }
    return rc < 0 ? rc : read_target(r, node, rule);
}

static int read_rules(struct reader *r, const struct plan_node *node)
{
    struct oncall *schedule = &r->plan->schedule;
    size_t n;
    int rc;

    if (!node->json)
        return 0;
    rc = plan_array(node, ONCALL_RULES_MAX, &n, r->fault);
    if (rc < 0)
        return rc;
    schedule->rules = r->plan->rules = NEW_ARRAY(struct oncall_rule, n + 1);
    for (; schedule->nrules < n && rc == 0; schedule->nrules++) {
        const struct plan_node rule = plan_item(node, schedule->nrules);

        rc = read_rule(r, &rule, &r->plan->rules[schedule->nrules]);
    }
    return rc;
}

/* ---- overrides and temporary schedules ---- */

/* The members from and to of a node. */
static int read_span(struct reader *r, const struct plan_node *node, int64_t *ret_from_s, int64_t *ret_to_s)
{
    const struct plan_node from = plan_member(node, "from"), to = plan_member(node, "to");
    int rc = plan_instant(&from, r->plan->schedule.zone, false, ret_from_s, r->fault);

    if (rc == 0)
        rc = plan_instant(&to, r->plan->schedule.zone, true, ret_to_s, r->fault);
    if (rc == 0 && *ret_to_s <= *ret_from_s)
        rc = plan_fail(&to, r->fault, "must be after from");
    return rc;
}

/* `known`: how many of the people a rule or a rotation names. */
static int read_override(struct reader *r, const struct plan_node *node, size_t known,
                         struct oncall_override *override)
{
    static const char *const keys[] = {"from", "to", "remove", "add", NULL};
    const struct plan_node remove = plan_member(node, "remove"), add = plan_member(node, "add");
    int rc = plan_object(node, keys, r->fault);

    override->remove = override->add = ONCALL_NONE;
    if (rc == 0)
        rc = read_span(r, node, &override->from_s, &override->to_s);
    if (rc == 0 && !remove.json && !add.json)
        rc = plan_fail(node, r->fault, "must remove a person, add one, or both");
    if (rc == 0 && remove.json)
        rc = read_person(r, &remove, &override->remove);
    if (rc < 0)
        return rc;
    if (override->remove >= (int32_t)known) {
        const char *name = r->plan->people[override->remove];
        const char *nearest = plan_nearest(name, (const char *const *)r->plan->people, known);

        return plan_fail(&remove, r->fault, "names \"%s\", who is in no rule and no rotation%s%s%s", name,
                         nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    }
    if (add.json)
        rc = read_person(r, &add, &override->add);
    if (rc == 0 && add.json && override->add == override->remove)
        rc = plan_fail(&add, r->fault, "must be another person than remove");
    return rc;
}

static int read_overrides(struct reader *r, const struct plan_node *node)
{
    struct oncall *schedule = &r->plan->schedule;
    struct oncall_override *overrides;
    size_t n, known = schedule->people;
    int rc;

    if (!node->json)
        return 0;
    rc = plan_array(node, ONCALL_OVERRIDES_MAX, &n, r->fault);
    if (rc < 0)
        return rc;
    schedule->overrides = r->plan->overrides = overrides = NEW_ARRAY(struct oncall_override, n + 1);
    for (; schedule->noverrides < n; schedule->noverrides++) {
        const struct plan_node override = plan_item(node, schedule->noverrides);

        rc = read_override(r, &override, known, &overrides[schedule->noverrides]);
        if (rc < 0)
            return rc;
        for (size_t i = 0; i < schedule->noverrides; i++)
            if (oncall_conflict(&overrides[i], &overrides[schedule->noverrides]))
                return plan_fail(&override, r->fault,
                                 "is in force at the same time as override %zu and shares a person with it",
                                 i);
    }
    return 0;
}

static int read_fixed_shift(struct reader *r, const struct plan_node *node,
                            const struct oncall_temporary *temporary, struct oncall_shift *shift)
{
    static const char *const keys[] = {"user", "from", "to", NULL};
    const struct plan_node user = plan_member(node, "user");
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = read_person(r, &user, &shift->person);
    if (rc == 0)
        rc = read_span(r, node, &shift->from_s, &shift->to_s);
    if (rc == 0 && (shift->from_s < temporary->from_s || shift->to_s > temporary->to_s))
        rc = plan_fail(node, r->fault, "must lie within its temporary schedule");
    return rc;
}

static int read_temporary(struct reader *r, const struct plan_node *node, struct oncall_temporary *temporary)
{
    static const char *const keys[] = {"from", "to", "shifts", NULL};
    const struct plan_node shifts = plan_member(node, "shifts");
    struct oncall_shift *items;
    size_t n;
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = read_span(r, node, &temporary->from_s, &temporary->to_s);
    if (rc == 0)
        rc = plan_array(&shifts, ONCALL_FIXED_SHIFTS_MAX, &n, r->fault);
    if (rc < 0)
        return rc;
    temporary->shifts = items = NEW_ARRAY(struct oncall_shift, n + 1);
    for (; temporary->nshifts < n && rc == 0; temporary->nshifts++) {
        const struct plan_node shift = plan_item(&shifts, temporary->nshifts);

        rc = read_fixed_shift(r, &shift, temporary, &items[temporary->nshifts]);
    }
    return rc;
}

static int read_temporaries(struct reader *r, const struct plan_node *node)
{
    struct oncall *schedule = &r->plan->schedule;
    struct oncall_temporary *temporaries;
    size_t n;
    int rc;

    if (!node->json)
        return 0;
    rc = plan_array(node, ONCALL_TEMPORARIES_MAX, &n, r->fault);
    if (rc < 0)
        return rc;
    schedule->temporaries = r->plan->temporaries = temporaries = NEW_ARRAY(struct oncall_temporary, n + 1);
    while (schedule->ntemporaries < n) {
        const struct plan_node node_i = plan_item(node, schedule->ntemporaries);
        struct oncall_temporary *temporary = &temporaries[schedule->ntemporaries++];

        rc = read_temporary(r, &node_i, temporary);
        if (rc < 0)
            return rc;
        for (size_t i = 0; &temporaries[i] < temporary; i++)
            if (temporaries[i].from_s < temporary->to_s && temporary->from_s < temporaries[i].to_s)
                return plan_fail(&node_i, r->fault, "is in force at the same time as temporary schedule %zu",
                                 i);
    }
    return 0;
}

/* ---- swaps ---- */

static int read_swaps(struct reader *r, const struct plan_node *node)
{
    struct oncall *schedule = &r->plan->schedule;
    size_t n, known = schedule->people;
    int rc;

    if (!node->json)
        return 0;
    rc = plan_array(node, ONCALL_SWAPS_MAX, &n, r->fault);
    if (rc < 0)
        return rc;
    schedule->swaps = r->plan->swaps = NEW_ARRAY(struct oncall_override, n + 1);
    for (; schedule->nswaps < n; schedule->nswaps++) {
        const struct plan_node swap = plan_item(node, schedule->nswaps);
        struct oncall_override *read = &r->plan->swaps[schedule->nswaps];

        rc = read_override(r, &swap, known, read);
        if (rc < 0)
            return rc;
        if (read->remove == ONCALL_NONE || read->add == ONCALL_NONE)
            return plan_fail(&swap, r->fault, "must have both remove and add");
    }
    return 0;
}

/* ---- the whole ---- */

static int read_schedule(struct reader *r, const struct plan_node *node)
{
    static const char *const keys[] = {"name",      "zone",      "rotations", "rules",
                                       "overrides", "temporary", "swaps",     NULL};
    const struct plan_node name = plan_member(node, "name"), zone = plan_member(node, "zone");
    const struct plan_node rotations = plan_member(node, "rotations"), rules = plan_member(node, "rules");
    const struct plan_node overrides = plan_member(node, "overrides");
    const struct plan_node temporary = plan_member(node, "temporary"), swaps = plan_member(node, "swaps");
    const char *text = NULL;
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0 && name.json)
        rc = plan_text(&name, ONCALL_NAME_MAX, &text, r->fault);
    if (rc == 0)
        rc = plan_zone(&zone, r->zones, &r->plan->schedule.zone, r->fault);
    if (rc < 0)
        return rc;
    r->plan->name = mem_str(text);
    rc = read_rotations(r, &rotations);
    if (rc == 0)
        rc = read_rules(r, &rules);
    if (rc == 0)
        rc = read_overrides(r, &overrides);
    if (rc == 0)
        rc = read_temporaries(r, &temporary);
    if (rc == 0)
        rc = read_swaps(r, &swaps);
    return rc;
}

int oncall_json_read(const struct plan_node *node, struct zone_book *zones, struct oncall_plan *ret_plan,
                     struct plan_fault *fault)
{
    struct oncall_plan plan = {0};
    struct reader reader = {&plan, zones, fault};
    int rc = read_schedule(&reader, node);

    if (rc < 0)
        oncall_plan_fini(&plan);
    else
        *ret_plan = plan;
    return rc;
}

void oncall_plan_fini(struct oncall_plan *plan)
{
    for (size_t i = 0; i < plan->schedule.people; i++)
        free(plan->people[i]);
    for (size_t i = 0; i < plan->schedule.nrotations; i++) {
        free((void *)plan->rotations[i].people);
        free(plan->rotation_names[i]);
    }
    for (size_t i = 0; i < plan->schedule.ntemporaries; i++)
        free((void *)plan->temporaries[i].shifts);
    free(plan->name);
    free(plan->people);
    free(plan->rotation_names);
    free(plan->rotations);
    free(plan->rules);
    free(plan->overrides);
    free(plan->temporaries);
    free(plan->swaps);
    *plan = (struct oncall_plan){0};
}
