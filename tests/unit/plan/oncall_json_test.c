/* The JSON forms of rotations and schedules: what is read, and the fault of each thing that is wrong. */
#include "meridian/errors.h"
#include "plan/oncall_json.h"
#include "plan/rotation_json.h"
#include <criterion/criterion.h>
#include <stdio.h>

static int read(const char *text, struct zone_book *zones, struct oncall_plan *plan, struct plan_fault *fault)
{
    json_error_t error;
    json_auto_t *json = json_loads(text, 0, &error);
    const struct plan_node node = plan_root(json);

    cr_assert(json, "%s: %s", error.text, text);
    return oncall_json_read(&node, zones, plan, fault);
}

Test(oncall_json, reads_all_there_is)
{
    static const char text[] =
        "{\"name\": \"Network\", \"zone\": \"Europe/Berlin\","
        " \"rotations\": {\"first\": {\"type\": \"weekly\", \"length\": 2, \"start_local\": "
        "\"2020-01-06T09:00\","
        "                             \"participants\": [\"anna\", \"bo\", \"anna\"]},"
        "                 \"far\": {\"zone\": \"Asia/Tokyo\", \"type\": \"monthly\", \"length\": 1,"
        "                           \"start_local\": \"2020-01-31T00:00:01\", \"participants\": [\"chen\"]}},"
        " \"rules\": [{\"days\": [\"mon\", \"sun\"], \"start\": \"09:00\", \"end\": \"17:30:15\", "
        "\"rotation\": \"far\"},"
        "             {\"user\": \"dee\"}, {\"days\": [], \"user\": \"anna\"}],"
        " \"overrides\": [{\"from\": \"2020-10-25T02:30\", \"to\": \"2020-10-25T02:30\", \"remove\": \"dee\","
        "                  \"add\": \"eve\"}],"
        " \"temporary\": [{\"from\": \"2020-03-29T02:30:00+01:00\", \"to\": \"2020-03-30T00:00:00Z\","
        "                  \"shifts\": [{\"user\": \"zoe\", \"from\": \"2020-03-29T12:00\","
        "                              \"to\": \"2020-03-29T13:00\"}]}]}";
    _cleanup_zone_book_ struct zone_book zones = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_oncall_plan_ struct oncall_plan plan = {0};
    static const char *const people[] = {"anna", "bo", "chen", "dee", "eve", "zoe"};
    const struct oncall *schedule = &plan.schedule;

    cr_assert_eq(read(text, &zones, &plan, &fault), 0, "%s: %s", buf_text(&fault.at),
                 buf_text(&fault.reason));
    cr_expect_str_eq(plan.name, "Network");
    cr_expect_str_eq(zone_name(schedule->zone), "Europe/Berlin");
    cr_assert_eq(schedule->people, ARRAY_SIZE(people));
    for (size_t i = 0; i < ARRAY_SIZE(people); i++) {
        cr_expect_str_eq(plan.people[i], people[i]);
        cr_expect_eq(oncall_plan_person(&plan, people[i]), (int32_t)i);
    }
    cr_expect_eq(oncall_plan_person(&plan, "first"), ONCALL_NONE);
    cr_assert_eq(schedule->nrotations, 2);
    cr_expect_eq(schedule->rotations[0].rotation.participants, 3);
    cr_expect_eq(schedule->rotations[0].rotation.length, 2);
    cr_expect_eq(schedule->rotations[0].rotation.zone, schedule->zone);
    cr_expect_eq(schedule->rotations[0].people[2], 0);
    cr_expect_str_eq(zone_name(schedule->rotations[1].rotation.zone), "Asia/Tokyo");
    cr_expect_eq(schedule->rotations[1].rotation.start_wall_s, 1580428801);
    cr_assert_eq(schedule->nrules, 3);
    cr_expect_eq(schedule->rules[0].days, 0x41);
    cr_expect_eq(schedule->rules[0].end_s, 17 * 3600 + 1815);
    cr_expect(schedule->rules[0].rotation == 1 && schedule->rules[0].person == ONCALL_NONE);
    cr_expect(schedule->rules[1].days == ONCALL_EVERY_DAY &&
              schedule->rules[1].start_s == schedule->rules[1].end_s);
    cr_expect_eq(schedule->rules[2].days, 0);
    cr_assert_eq(schedule->noverrides, 1);
    cr_expect_eq(schedule->overrides[0].from_s, 1603585800, "the first 02:30");
    cr_expect_eq(schedule->overrides[0].to_s, 1603589400, "the last one");
    cr_assert_eq(schedule->ntemporaries, 1);
    cr_expect_eq(schedule->temporaries[0].from_s, 1585445400);
    cr_expect_eq(schedule->temporaries[0].shifts[0].to_s - schedule->temporaries[0].shifts[0].from_s, 3600);
}

/* A schedule with a part replaced, and the fault of it. */
#define WITH(part) "{\"zone\": \"UTC\", " part "}"
#define ROTATION(members)                                                                                    \
    WITH("\"rotations\": {\"a/b\": {\"type\": \"daily\", \"length\": 1, \"start_local\": "                   \
         "\"2020-01-01T00:00\", "                                                                            \
         "\"participants\": [\"anna\"]}, \"c\": {" members "}}")
#define RULES(rules)                                                                                         \
    WITH("\"rotations\": {\"primary\": {\"type\": \"daily\", \"length\": 1, \"start_local\": "               \
         "\"2020-01-01T00:00\", \"participants\": [\"anna\", \"bo\"]}}, \"rules\": [" rules "]")
#define SWAPS(swaps) WITH("\"rules\": [{\"user\": \"anna\"}, {\"user\": \"bo\"}], \"swaps\": [" swaps "]")
#define OVERRIDES(overrides)                                                                                 \
    WITH("\"rules\": [{\"user\": \"anna\"}, {\"user\": \"bo\"}], \"overrides\": [" overrides "]")
#define DAY1 "\"from\": \"2020-01-01T00:00\", \"to\": \"2020-01-02T00:00\""
#define DAY2 "\"from\": \"2020-01-02T00:00\", \"to\": \"2020-01-03T00:00\""

static const struct {
    const char *text, *at, *reason; /* the beginning of it */
} faults[] = {
    {"[]", "", "must be an object, not an array"},
    {"{}", "/zone", "is missing"},
    {"{\"zone\": \"EST5EDT,M3\"}", "/zone", "is no time zone"},
    {"{\"zone\": \"../etc/passwd\"}", "/zone", "is no time zone"},
    {"{\"zone\": 5}", "/zone", "must be the name of a time zone, as \"Europe/Berlin\", not a number"},
    {WITH("\"rule\": []"), "/rule", "is no key here; did you mean \"rules\"?"},
    {WITH("\"~a/b\": []"), "/~0a~1b", "is no key here; there are name, zone, rotations"},
    {WITH("\"name\": \"a\\nb\""), "/name", "must be one line"},
    {WITH("\"name\": \"\""), "/name", "must not be empty"},
    {WITH("\"rotations\": []"), "/rotations", "must be an object of rotations"},
    {WITH("\"rotations\": {\"\": {}}"), "/rotations/", "a rotation's name must have 1 to 64"},
    {ROTATION(""), "/rotations/c/type", "is missing"},
    {ROTATION("\"type\": \"yearly\""), "/rotations/c/type", "must be \"hourly\", \"daily\", \"weekly\" or"},
    {ROTATION("\"type\": \"daily\", \"length\": 0"), "/rotations/c/length", "must be from 1 to 9000, not 0"},
    {ROTATION("\"type\": \"daily\", \"length\": 9001"), "/rotations/c/length", "must be from 1 to 9000"},
    {ROTATION("\"type\": \"daily\", \"length\": 1.5"), "/rotations/c/length",
     "must be a whole number, not a fraction"},
    {ROTATION("\"type\": \"daily\", \"length\": 1, \"start_local\": \"2020-01-01T00:00Z\""),
     "/rotations/c/start_local", "must be a wall time from 1900 to 2100 without an offset"},
    {ROTATION("\"type\": \"daily\", \"length\": 1, \"start_local\": \"2020-01-01T00:00\""),
     "/rotations/c/participants", "is missing"},
    {ROTATION(
         "\"type\": \"daily\", \"length\": 1, \"start_local\": \"2020-01-01T00:00\", \"participants\": []"),
     "/rotations/c/participants", "must name at least one person"},
    {ROTATION("\"type\": \"daily\", \"length\": 1, \"start_local\": \"2020-01-01T00:00\", \"participants\": "
              "[\"bo\", 5]"),
     "/rotations/c/participants/1", "must be a text, not a number"},
    {ROTATION("\"type\": \"daily\", \"length\": 1, \"start_local\": \"2020-01-01T00:00\", \"participants\": "
              "[\"a/b\"]"),
     "/rotations/c/participants/0", "must be a person; \"a/b\" is a rotation"},
    {ROTATION("\"type\": \"daily\", \"length\": 1, \"start_local\": \"2020-01-01T00:00\", \"participants\": "
              "[\"c\"]"),
     "/rotations/c/participants/0", "must be a person; \"c\" is a rotation"}, /* a loop */
    {ROTATION("\"from\": 1"), "/rotations/c/from", "is no key here"},
    {RULES("{}"), "/rules/0", "must have a user or a rotation"},
    {RULES("{\"user\": \"anna\", \"rotation\": \"primary\"}"), "/rules/0",
     "must have a user or a rotation, not both"},
    {RULES("{\"rotation\": \"primry\"}"), "/rules/0/rotation",
     "names no rotation; did you mean \"primary\"?"},
    {RULES("{\"rotation\": \"second\"}"), "/rules/0/rotation", "names no rotation of this schedule"},
    {RULES("{\"user\": \"primary\"}"), "/rules/0/user", "must be a person; \"primary\" is a rotation"},
    {RULES("{\"user\": \"bo\"}, {\"user\": \"bo\", \"start\": \"09:00\"}"), "/rules/1/end", "is missing"},
    {RULES("{\"user\": \"bo\", \"start\": \"09:00\", \"end\": \"24:00\"}"), "/rules/0/end",
     "must be a time of day"},
    {RULES("{\"user\": \"bo\", \"days\": [\"mon\", \"Tue\"]}"), "/rules/0/days/1", "must be mon, tue,"},
    {RULES("{\"user\": \"bo\", \"days\": [\"mon\", \"mon\"]}"), "/rules/0/days/1", "is there twice"},
    {RULES("{\"user\": null}"), "/rules/0/user", "must be a text, not null"},
    {WITH("\"rules\": {}"), "/rules", "must be an array, not an object"},
    {OVERRIDES("{" DAY1 "}"), "/overrides/0", "must remove a person, add one, or both"},
    {SWAPS("{" DAY1 ", \"add\": \"bo\"}"), "/swaps/0", "must have both remove and add"},
    {SWAPS("{" DAY1 ", \"remove\": \"bo\"}"), "/swaps/0", "must have both remove and add"},
    {SWAPS("{" DAY1 ", \"remove\": \"bo\", \"add\": \"bo\"}"), "/swaps/0/add",
     "must be another person than remove"},
    {WITH("\"swaps\": 1"), "/swaps", "must be an array"},
    {OVERRIDES("{\"from\": \"2020-01-02T00:00\", \"to\": \"2020-01-02T00:00\", \"add\": \"bo\"}"),
     "/overrides/0/to", "must be after from"},
    {OVERRIDES("{\"from\": \"2020-01-02T00:00:00.5Z\", \"to\": \"2020-01-03T00:00\", \"add\": \"bo\"}"),
     "/overrides/0/from", "must be a time from 1900 to 2100 in whole seconds"},
    {OVERRIDES("{\"from\": \"2020-01-02T00:00\", \"to\": \"2101-01-01T00:00:00Z\", \"add\": \"bo\"}"),
     "/overrides/0/to", "must be a time from 1900 to 2100"},
    {OVERRIDES("{" DAY1 ", \"remove\": \"ana\"}"), "/overrides/0/remove",
     "names \"ana\", who is in no rule and no rotation; did you mean \"anna\"?"},
    {OVERRIDES("{" DAY1 ", \"add\": \"chen\"}, {" DAY2 ", \"remove\": \"chen\"}"), "/overrides/1/remove",
     "names \"chen\", who is in no rule and no rotation"},
    {OVERRIDES("{" DAY1 ", \"remove\": \"bo\", \"add\": \"bo\"}"), "/overrides/0/add",
     "must be another person than remove"},
    {OVERRIDES("{" DAY1 ", \"remove\": \"bo\"}, {" DAY2 ", \"remove\": \"bo\"}, {" DAY1
               ", \"remove\": \"anna\", "
               "\"add\": \"bo\"}"),
     "/overrides/2", "is in force at the same time as override 0 and shares a person with it"},
    {WITH("\"temporary\": [{" DAY1 "}]"), "/temporary/0/shifts", "is missing"},
    {WITH("\"temporary\": [{" DAY1 ", \"shifts\": []}, {" DAY2 ", \"shifts\": []}, {" DAY2
          ", \"shifts\": []}]"),
     "/temporary/2", "is in force at the same time as temporary schedule 1"},
    {WITH("\"temporary\": [{" DAY1 ", \"shifts\": [{\"user\": \"bo\", " DAY2 "}]}]"), "/temporary/0/shifts/0",
     "must lie within its temporary schedule"},
    {WITH("\"temporary\": [{" DAY1 ", \"shifts\": [{\"user\": \"bo\", \"until\": 1}]}]"),
     "/temporary/0/shifts/0/until", "is no key here"},
};

Test(oncall_json, faults)
{
    _cleanup_zone_book_ struct zone_book zones = {0};

    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        _cleanup_plan_fault_ struct plan_fault fault = {0};
        struct oncall_plan plan = {0};

        cr_expect_eq(read(faults[i].text, &zones, &plan, &fault), -E_VALIDATION, "%s", faults[i].text);
        cr_expect_str_eq(buf_text(&fault.at), faults[i].at, "%s: at \"%s\"", faults[i].text,
                         buf_text(&fault.at));
        cr_expect_eq(strncmp(buf_text(&fault.reason), faults[i].reason, strlen(faults[i].reason)), 0,
                     "%s: %s", faults[i].text, buf_text(&fault.reason));
        cr_expect_null(plan.people);
    }
}

Test(oncall_json, limits)
{
    _cleanup_zone_book_ struct zone_book zones = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct oncall_plan plan = {0};
    json_auto_t *json = json_pack("{s:s, s:[]}", "zone", "UTC", "rules");
    const struct plan_node node = plan_root(json);

    for (int i = 0; i <= ONCALL_RULES_MAX; i++)
        json_array_append_new(json_object_get(json, "rules"), json_pack("{s:s}", "user", "anna"));
    cr_expect_eq(oncall_json_read(&node, &zones, &plan, &fault), -E_VALIDATION);
    cr_expect_str_eq(buf_text(&fault.at), "/rules");
    cr_expect_str_eq(buf_text(&fault.reason), "has 201 items; at most 200 are allowed");
    json_array_remove(json_object_get(json, "rules"), 0);
    cr_expect_eq(oncall_json_read(&node, &zones, &plan, &fault), 0);
    cr_expect_eq(zones.n, 1, "one zone, opened once");
    oncall_plan_fini(&plan);
}

Test(oncall_json, people_are_counted)
{
    _cleanup_zone_book_ struct zone_book zones = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct oncall_plan plan = {0};
    json_auto_t *json = json_pack("{s:s, s:{}}", "zone", "UTC", "rotations");
    const struct plan_node node = plan_root(json);
    char name[16];

    for (int i = 0; i < 6; i++) {
        json_t *people = json_array();

        for (int k = 0; k < ROTATION_PARTICIPANTS_MAX; k++) {
            snprintf(name, sizeof name, "p%d.%d", i, k);
            json_array_append_new(people, json_string(name));
        }
        snprintf(name, sizeof name, "r%d", i);
        json_object_set_new(json_object_get(json, "rotations"), name,
                            json_pack("{s:s, s:i, s:s, s:o}", "type", "daily", "length", 1, "start_local",
                                      "2020-01-01T00:00", "participants", people));
    }
    cr_expect_eq(oncall_json_read(&node, &zones, &plan, &fault), -E_VALIDATION);
    cr_expect_str_eq(buf_text(&fault.at), "/rotations/r5/participants/0");
    cr_expect_str_eq(buf_text(&fault.reason), "is one person too many; at most 1000 are allowed");
}

Test(rotation_json, a_rotation_alone_needs_a_zone)
{
    _cleanup_zone_book_ struct zone_book zones = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    json_auto_t *json =
        json_pack("{s:s, s:i, s:s}", "type", "monthly", "length", 9000, "start_local", "2020-01-31T00:00");
    const struct plan_node node = plan_root(json);
    struct rotation rotation;

    cr_expect_eq(rotation_json_read(&node, &zones, NULL, &rotation, &fault), -E_VALIDATION);
    cr_expect_str_eq(buf_text(&fault.at), "/zone");
    json_object_set_new(json, "zone", json_string("Asia/Kathmandu"));
    cr_assert_eq(rotation_json_read(&node, &zones, NULL, &rotation, &fault), 0);
    cr_expect_str_eq(zone_name(rotation.zone), "Asia/Kathmandu");
    cr_expect_eq(rotation.participants, 0);
    cr_expect_eq(rotation.length, 9000);
}
