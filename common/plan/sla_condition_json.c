/* Reads conditions. A member of the object is a field, or one of all, any, not; the object itself is "all" of
 * them. On a fault nothing is left behind. */
#include "plan/sla_condition_json.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include <stdio.h>

enum { DEPTH_MAX = 8, PARTS_MAX = 64, VALUES_MAX = 200, VALUE_MAX = 200 };

struct reader {
    unsigned but;
    struct plan_fault *fault;
};

static int read_object(const struct reader *r, const struct plan_node *node, int depth,
                       struct sla_condition *condition);

/* ---- a field and its values ---- */

/* A value of a field that has only some: the text of the table, so that numbers are texts too. */
static int read_known(const struct reader *r, const struct plan_node *node, enum sla_field field,
                      const char **ret_value)
{
    _cleanup_buf_ struct buf known = BUF_INIT;
    char number[24] = "";
    const char *text = json_string_value(node->json), *value;

    if (text && strlen(text) != json_string_length(node->json))
        text = NULL;
    if (json_is_integer(node->json)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(node->json));
        text = number;
    }
    for (size_t i = 0; (value = sla_field_value(field, i)); i++) {
        if (text && strcmp(text, value) == 0) {
            *ret_value = value;
            return 0;
        }
        buf_printf(&known, "%s%s", i ? ", " : "", value);
    }
    return plan_fail(node, r->fault, "must be a value of \"%s\": %s", sla_field_name(field),
                     buf_text(&known));
}

static int read_value(const struct reader *r, const struct plan_node *node, enum sla_field field,
                      const char **ret_value)
{
    if (json_is_null(node->json)) {
        *ret_value = NULL;
        return 0;
    }
    if (sla_field_value(field, 0))
        return read_known(r, node, field, ret_value);
    return plan_text(node, VALUE_MAX, ret_value, r->fault);
}

static int read_field(const struct reader *r, const struct plan_node *node, enum sla_field field,
                      struct sla_condition *condition)
{
    size_t n = 1;
    int rc = 0;

    condition->kind = SLA_IS;
    condition->field = field;
    if (json_is_array(node->json))
        rc = plan_array(node, VALUES_MAX, &n, r->fault);
    if (rc == 0 && n == 0)
        rc = plan_fail(node, r->fault, "must list at least one value: nothing is one of none");
    if (rc < 0)
        return rc;
    condition->values = NEW_ARRAY(const char *, n);
    condition->nvalues = n;
    if (!json_is_array(node->json))
        return read_value(r, node, field, &condition->values[0]);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct plan_node item = plan_item(node, i);

        rc = read_value(r, &item, field, &condition->values[i]);
    }
    return rc;
}

/* ---- conditions of conditions ---- */

static int read_list(const struct reader *r, const struct plan_node *node, int depth,
                     enum sla_condition_kind kind, struct sla_condition *condition)
{
    size_t n;
    int rc = plan_array(node, PARTS_MAX, &n, r->fault);

    if (rc == 0 && n == 0)
        rc = plan_fail(node, r->fault, "must list at least one condition");
    if (rc < 0)
        return rc;
    condition->kind = kind;
    condition->parts = NEW_ARRAY(struct sla_condition, n);
    condition->nparts = n;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct plan_node item = plan_item(node, i);

        rc = read_object(r, &item, depth + 1, &condition->parts[i]);
    }
    return rc;
}

static int fail_name(const struct reader *r, const struct plan_node *node)
{
    const char *names[SLA_FIELD_COUNT + 3] = {"all", "any", "not"}, *near;
    size_t n = 3;

    for (int f = 0; f < SLA_FIELD_COUNT; f++)
        if (!(r->but & 1u << f))
            names[n++] = sla_field_name((enum sla_field)f);
    near = plan_nearest(node->key, names, n);
    return plan_fail(node, r->fault, "is no field of a ticket%s%s%s", near ? "; did you mean \"" : "",
                     near ? near : "", near ? "\"?" : "");
}

static int read_member(const struct reader *r, const struct plan_node *node, int depth,
                       struct sla_condition *condition)
{
    enum sla_field field;

    if (strcmp(node->key, "all") == 0)
        return read_list(r, node, depth, SLA_ALL, condition);
    if (strcmp(node->key, "any") == 0)
        return read_list(r, node, depth, SLA_ANY, condition);
    if (strcmp(node->key, "not") == 0) {
        condition->kind = SLA_NOT;
        condition->parts = NEW_ARRAY(struct sla_condition, 1);
        condition->nparts = 1;
        return read_object(r, node, depth + 1, condition->parts);
    }
    if (!sla_field_find(node->key, &field))
        return fail_name(r, node);
    if (r->but & 1u << field)
        return plan_fail(node, r->fault, "can only be asked in \"reset\": it tells of one moment");
    return read_field(r, node, field, condition);
}

static int read_object(const struct reader *r, const struct plan_node *node, int depth,
                       struct sla_condition *condition)
{
    size_t n = json_object_size(node->json), i = 0;
    const char *key;
    json_t *value;
    int rc = 0;

    if (!json_is_object(node->json))
        return plan_fail(node, r->fault, "must be a condition: an object, as {\"state\": [\"open\"]}");
    if (depth > DEPTH_MAX)
        return plan_fail(node, r->fault, "is nested too deep; at most %d levels are allowed", DEPTH_MAX);
    if (n > PARTS_MAX)
        return plan_fail(node, r->fault, "has %zu members; at most %d are allowed", n, PARTS_MAX);
    condition->kind = SLA_ALL;
    condition->parts = NEW_ARRAY(struct sla_condition, n + 1);
    condition->nparts = n;
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node member = plan_member(node, key);

        if (rc == 0)
            rc = read_member(r, &member, depth, &condition->parts[i++]);
    }
    return rc;
}

int sla_condition_json_read(const struct plan_node *node, unsigned but, struct sla_condition *ret_condition,
                            struct plan_fault *fault)
{
    const struct reader r = {but, fault};
    struct sla_condition condition = {0};
    int rc = read_object(&r, node, 1, &condition);

    if (rc < 0) {
        sla_condition_fini(&condition);
        return rc;
    }
    *ret_condition = condition;
    return 0;
}
