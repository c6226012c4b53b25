/* Values: the six types of configuration keys, their units and ranges. Everything about a type is here;
 * conf.c knows none.
 *
 * Durations demand a unit, because "30" was seconds for one reader and milliseconds for the next; only 0 goes
 * without. Days are not offered: a day is not 24 hours in every zone. Texts are kept for ever on a list:
 * configuration is read at start and on SIGHUP, so this grows by a few bytes per reload and no reader ever
 * holds a dangling pointer.
 */
#include "conf/conf_value.h"
#include "base/memory.h"
#include "meridian/errors.h"

struct unit {
    const char *name;
    int64_t factor;
};
static const struct unit duration_units[] = {
    {"h", 3600000000}, {"m", 60000000}, {"s", 1000000}, {"ms", 1000}, {"us", 1}};
static const struct unit size_units[] = {{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"", 1}};

/* Splits "250ms" into digits and unit; -E_BAD_REQUEST unless both are fit. */
static int with_unit(struct str text, const struct unit *units, size_t nunits, int64_t *ret_value)
{
    size_t digits = 0;
    int64_t number;
    struct str unit;

    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    if (str_to_i64((struct str){text.p, digits}, 0, INT64_MAX, &number) < 0)
        return -E_BAD_REQUEST;
    unit = (struct str){text.p + digits, text.n - digits};
    for (size_t i = 0; i < nunits; i++) {
        if (!str_eq_nocase(unit, str_from(units[i].name)))
            continue;
        return __builtin_mul_overflow(number, units[i].factor, ret_value) ? -E_BAD_REQUEST : 0;
    }
    return -E_BAD_REQUEST;
}

static void add_with_unit(int64_t value, const struct unit *units, struct buf *out)
{
    while (value % units->factor != 0)
        units++;
    buf_add_i64(out, value / units->factor);
    buf_add_text(out, units->name);
}

int conf_duration_parse(struct str text, int64_t *ret_us)
{
    int64_t us = 0;

    if (!str_eq(text, STR("0")) && with_unit(text, duration_units, ARRAY_SIZE(duration_units), &us) < 0)
        return -E_BAD_REQUEST;
    *ret_us = us;
    return 0;
}

void conf_duration_format(int64_t us, struct buf *out)
{
    if (us)
        add_with_unit(us, duration_units, out);
    else
        buf_add_char(out, '0');
}

int conf_size_parse(struct str text, int64_t *ret_bytes)
{
    int64_t bytes;

    if (with_unit(text, size_units, ARRAY_SIZE(size_units), &bytes) < 0)
        return -E_BAD_REQUEST;
    *ret_bytes = bytes;
    return 0;
}

void conf_size_format(int64_t bytes, struct buf *out)
{
    if (bytes)
        add_with_unit(bytes, size_units, out);
    else
        buf_add_char(out, '0');
}

static struct kept {
    struct kept *next;
    char text[];
} * kept_texts;

const char *conf_keep(struct str text)
{
    struct kept *kept = mem_alloc(sizeof *kept + text.n + 1);

    if (text.n)
        memcpy(kept->text, text.p, text.n);
    kept->next = kept_texts;
    kept_texts = kept;
    return kept->text;
}

static int parse_bool(struct str text, bool *ret_flag)
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (str_eq_nocase(text, str_from(words[i]))) {
            *ret_flag = i % 2;
            return 0;
        }
    }
    return -E_BAD_REQUEST;
}

const char *conf_type_text(enum conf_type type)
{
    switch (type) {
    case CONF_TEXT:
        return "a text";
    case CONF_SECRET:
        return "a secret";
    case CONF_INTEGER:
        return "a whole number";
    case CONF_BOOL:
        return "true or false";
    case CONF_DURATION:
        return "a duration such as 250ms, 5s, 10m or 2h";
    case CONF_SIZE:
        return "a size such as 512, 64k, 10m or 1g";
    }
    return "a value";
}

static bool is_number(enum conf_type type)
{
    return type == CONF_INTEGER || type == CONF_DURATION || type == CONF_SIZE;
}

static int parse_number(const struct conf_key *key, struct str text, int64_t *ret_number)
{
    switch (key->type) {
    case CONF_DURATION:
        return conf_duration_parse(text, ret_number);
    case CONF_SIZE:
        return conf_size_parse(text, ret_number);
    default:
        return str_to_i64(text, INT64_MIN, INT64_MAX, ret_number);
    }
}

int conf_value_parse(const struct conf_key *key, struct str text, union conf_value *ret_value,
                     struct buf *ret_why)
{
    union conf_value value = {0};
    int r = 0;

    if (is_number(key->type)) {
        r = parse_number(key, text, &value.number);
    } else if (key->type == CONF_BOOL) {
        r = parse_bool(text, &value.flag);
    } else if (!utf8_printable(text)) {
        buf_add_text(ret_why, "is not plain UTF-8 text");
        return -E_CONFIG;
    } else {
        value.text = conf_keep(text);
    }
    if (r < 0) {
        buf_printf(ret_why, "is not %s", conf_type_text(key->type));
        return -E_CONFIG;
    }
    if (is_number(key->type) && (key->min || key->max) &&
        (value.number < key->min || value.number > key->max)) {
        buf_add_text(ret_why, "is out of range: ");
        conf_range_print(key, ret_why);
        return -E_CONFIG;
    }
    *ret_value = value;
    return 0;
}

static void number_print(const struct conf_key *key, int64_t number, struct buf *out)
{
    if (key->type == CONF_DURATION)
        conf_duration_format(number, out);
    else if (key->type == CONF_SIZE)
        conf_size_format(number, out);
    else
        buf_add_i64(out, number);
}

void conf_range_print(const struct conf_key *key, struct buf *out)
{
    if (!is_number(key->type) || (!key->min && !key->max))
        return;
    if (key->max == INT64_MAX)
        buf_add_text(out, "at least ");
    number_print(key, key->min, out);
    if (key->max == INT64_MAX)
        return;
    buf_add_text(out, " to ");
    number_print(key, key->max, out);
}

void conf_value_print(const struct conf_key *key, const union conf_value *value, struct buf *out)
{
    if (is_number(key->type))
        number_print(key, value->number, out);
    else if (key->type == CONF_BOOL)
        buf_add_text(out, value->flag ? "true" : "false");
    else if (key->type == CONF_SECRET)
        buf_add_text(out, value->text && value->text[0] ? "***" : "");
    else
        buf_add_text(out, value->text);
}

void conf_value_store(const struct conf_key *key, void *target, const union conf_value *value)
{
    char *field = (char *)target + key->offset;

    if (is_number(key->type))
        memcpy(field, &value->number, sizeof value->number);
    else if (key->type == CONF_BOOL)
        memcpy(field, &value->flag, sizeof value->flag);
    else
        memcpy(field, &value->text, sizeof value->text);
}

union conf_value conf_value_fetch(const struct conf_key *key, const void *target)
{
    const char *field = (const char *)target + key->offset;
    union conf_value value = {0};

    if (is_number(key->type))
        memcpy(&value.number, field, sizeof value.number);
    else if (key->type == CONF_BOOL)
        memcpy(&value.flag, field, sizeof value.flag);
    else
        memcpy(&value.text, field, sizeof value.text);
    return value;
}

bool conf_value_eq(const struct conf_key *key, const union conf_value *a, const union conf_value *b)
{
    if (is_number(key->type))
        return a->number == b->number;
    if (key->type == CONF_BOOL)
        return a->flag == b->flag;
    return strcmp(a->text ? a->text : "", b->text ? b->text : "") == 0;
}
