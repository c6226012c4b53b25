/* Called by organisation_json.c for agents, services and rules. */
#include "plan/skills_json.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

enum { NAME_CHARS = 63, LANGUAGE_CHARS = 2 };

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct org_skill *)a)->name, ((const struct org_skill *)b)->name);
}

/* No colon, which divides a skill from its level in the database. */
static int read_skill(const struct plan_node *node, struct org_skill *skill, struct plan_fault *fault)
{
    size_t n = strlen(node->key);
    int64_t level = 0;
    int rc;

    if (!n || n > NAME_CHARS || strspn(node->key, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
        return plan_fail(node, fault, "must be named by 1 to %d small letters, digits and -", NAME_CHARS);
    rc = plan_whole(node, 1, ORG_LEVEL_MAX, &level, fault);
    *skill = (struct org_skill){node->key, (int)level};
    return rc;
}

int skills_json_read(const struct plan_node *node, size_t max, struct org_skills *ret_skills,
                     struct plan_fault *fault)
{
    const char *key;
    json_t *value;
    int rc = node->json ? plan_map(node, max, fault) : 0;

    *ret_skills = (struct org_skills){.given = node->json};
    if (rc < 0 || !node->json)
        return rc;
    ret_skills->items = NEW_ARRAY(struct org_skill, json_object_size(node->json) + 1);
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node skill = plan_member(node, key);

        rc = read_skill(&skill, &ret_skills->items[ret_skills->n++], fault);
        if (rc < 0)
            return rc;
    }
    qsort(ret_skills->items, ret_skills->n, sizeof *ret_skills->items, by_name);
    return 0;
}

int languages_json_check(const struct plan_node *node, struct plan_fault *fault)
{
    static const char *const known[] = {"en", "zh"};
    bool named[ARRAY_SIZE(known)] = {false};
    size_t n = 0;
    int rc = node->json ? plan_array(node, ARRAY_SIZE(known), &n, fault) : 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct plan_node item = plan_item(node, i);
        const char *text = NULL;
        size_t k = 0;

        rc = plan_text(&item, LANGUAGE_CHARS, &text, fault);
        while (rc == 0 && k < ARRAY_SIZE(known) && strcmp(known[k], text) != 0)
            k++;
        if (rc == 0 && k == ARRAY_SIZE(known))
            rc = plan_fail(&item, fault, "must be \"en\" or \"zh\"");
        else if (rc == 0 && named[k])
            rc = plan_fail(&item, fault, "is named twice");
        else if (rc == 0)
            named[k] = true;
    }
    return rc;
}

int capacity_json_read(const struct plan_node *node, int *ret_capacity, struct plan_fault *fault)
{
    int64_t points = 0;
    int rc;

    *ret_capacity = 0;
    if (!node->json)
        return 0;
    if (json_is_integer(node->json) && json_integer_value(node->json) == 0)
        return plan_fail(node, fault,
                         "must be at least 1: leave it out for no limit; whoever is to get no tickets, leave "
                         "out of the teams");
    rc = plan_whole(node, 1, ORG_CAPACITY_MAX, &points, fault);
    *ret_capacity = (int)points;
    return rc;
}

int weights_json_read(const struct plan_node *node, int ret_weights[ORG_PRIORITIES], struct plan_fault *fault)
{
    static const char *const keys[] = {"P1", "P2", "P3", "P4", NULL};
    int rc = node->json ? plan_object(node, keys, fault) : 0;

    for (size_t i = 0; i < ORG_PRIORITIES && rc == 0; i++) {
        const struct plan_node weight = plan_member(node, keys[i]);
        int64_t points = 0;

        if (!weight.json)
            continue;
        rc = plan_whole(&weight, 0, ORG_WEIGHT_MAX, &points, fault);
        ret_weights[i] = (int)points;
    }
    return rc;
}
