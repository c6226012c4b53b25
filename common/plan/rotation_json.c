/* Reads a rotation, member by member. */
#include "plan/rotation_json.h"

static int read_type(const struct plan_node *node, enum rotation_type *ret_type, struct plan_fault *fault)
{
    const char *text;
    int rc = plan_text(node, 64, &text, fault);

    if (rc == 0 && rotation_type_parse(str_from(text), ret_type) < 0)
        rc = plan_fail(node, fault, "must be \"hourly\", \"daily\", \"weekly\" or \"monthly\"");
    return rc;
}

int rotation_json_read(const struct plan_node *node, struct zone_book *zones, const struct zone *fallback,
                       struct rotation *ret_rotation, struct plan_fault *fault)
{
    const struct plan_node zone = plan_member(node, "zone"), type = plan_member(node, "type");
    const struct plan_node length = plan_member(node, "length"), start = plan_member(node, "start_local");
    const struct plan_node participants = plan_member(node, "participants");
    struct rotation rotation = {.zone = fallback};
    int64_t units;
    size_t n = 0;
    int rc = 0;

    if (zone.json || !fallback)
        rc = plan_zone(&zone, zones, &rotation.zone, fault);
    if (rc == 0)
        rc = read_type(&type, &rotation.type, fault);
    if (rc == 0)
        rc = plan_whole(&length, 1, ROTATION_LENGTH_MAX, &units, fault);
    if (rc == 0)
        rc = plan_wall(&start, &rotation.start_wall_s, fault);
    if (rc == 0 && participants.json)
        rc = plan_array(&participants, ROTATION_PARTICIPANTS_MAX, &n, fault);
    if (rc < 0)
        return rc;
    rotation.length = (int32_t)units;
    rotation.participants = (int32_t)n;
    *ret_rotation = rotation;
    return 0;
}
