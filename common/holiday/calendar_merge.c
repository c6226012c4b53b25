/* Works on two objects of days, the source's old one and its new one, both by date. */
#include "holiday/calendar_merge.h"
#include "base/memory.h"
#include "holiday/calendar_document.h"

static bool within(const struct holiday_filter *years, const char *date)
{
    struct str text = str_from(date);
    struct civil day = {0};

    return civil_take(&text, &day) && civil_to_days(day) >= years->first && civil_to_days(day) <= years->last;
}

/* What the source says now: its days, and from before those of other years. */
static json_t *days_now(const json_t *before, const struct holidays *holidays,
                        const struct holiday_filter *years, json_t *hours)
{
    json_t *now = json_object(), *value;
    char date[DATE_TEXT_SIZE];
    const char *key;

    json_object_foreach((json_t *)before, key, value) if (!within(years, key))
        json_object_set(now, key, value);
    for (size_t i = 0; i < holidays->n; i++) {
        const struct holiday *day = &holidays->items[i];
        json_t *one = json_pack("{s:s}", "date", date_text(civil_from_days(day->day), date));

        if (day->working)
            json_object_set(one, "open", hours);
        else
            json_object_set_new(one, "closed", json_true());
        if (day->name)
            json_object_set_new(one, "name", json_string(day->name));
        json_object_set_new(now, date, one);
    }
    return now;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of both, in order, each once; borrowed from them. */
static const char **dates_of(const json_t *a, const json_t *b, size_t *ret_n)
{
    const char **dates = NEW_ARRAY(const char *, json_object_size(a) + json_object_size(b) + 1), *key;
    json_t *value;
    size_t n = 0;

    json_object_foreach((json_t *)a, key, value) dates[n++] = key;
    json_object_foreach((json_t *)b, key, value) if (!json_object_get(a, key)) dates[n++] = key;
    qsort(dates, n, sizeof *dates, by_text);
    *ret_n = n;
    return dates;
}

static void add(json_t *changes, const char *list, json_t *take_day)
{
    json_array_append_new(json_object_get(changes, list), take_day);
}

/* Says when the user wrote something else of the day. */
static void add_override(json_t *changes, const json_t *calendar, const char *date, const json_t *day)
{
    const json_t *hours, *open = json_object_get(day, "open");
    const char *hand = calendar_by_hand(calendar, date, &hours);
    json_t *overridden;

    if (!hand || (hours && open && json_equal(hours, open)) || (!hours && !open))
        return;
    overridden = json_copy((json_t *)day);
    json_object_set_new(overridden, "by_hand", json_string(hand));
    add(changes, "overridden", overridden);
}

static void compare(json_t *changes, const json_t *calendar, const char *date, json_t *was, json_t *is)
{
    json_t *changed;

    if (!is) {
        add(changes, "removed", json_incref(was));
        return;
    }
    add_override(changes, calendar, date, is);
    if (!was || json_equal(was, is)) {
        add(changes, was ? "kept" : "added", json_incref(is));
        return;
    }
    changed = json_copy(is);
    json_object_set(changed, "was", was);
    add(changes, "changed", changed);
}

static void add_left_out(json_t *changes, const struct holidays *holidays)
{
    static const char *const reasons[] = {
#define X(constant, name, en, zh) [constant] = name,
        HOLIDAY_REASONS(X)
#undef X
    };

    for (size_t i = 0; i < holidays->nleft; i++) {
        const struct holiday_left *left = &holidays->left[i];
        char date[DATE_TEXT_SIZE];
        json_t *one = json_pack("{s:s, s:s}", "date", date_text(civil_from_days(left->day), date), "reason",
                                reasons[left->reason]);

        if (left->name)
            json_object_set_new(one, "name", json_string(left->name));
        add(changes, "left_out", one);
    }
}

/* The source in the document; one without days is not kept. */
static void set_source(json_t *calendar, const char *source, const json_t *days)
{
    json_t *imported = json_object_get(calendar, "imported");

    if (json_object_size(days) == 0) {
        json_object_del(imported, source);
        if (imported && json_object_size(imported) == 0)
            json_object_del(calendar, "imported");
        return;
    }
    if (!imported) {
        json_object_set_new(calendar, "imported", json_object());
        imported = json_object_get(calendar, "imported");
    }
    json_object_set_new(imported, source, calendar_source_of(days));
}

json_t *calendar_merge(json_t *calendar, const char *source, const struct holidays *holidays,
                       const struct holiday_filter *years, json_t *hours)
{
    json_auto_t *was = calendar_source_days(json_object_get(json_object_get(calendar, "imported"), source));
    json_auto_t *now = days_now(was, holidays, years, hours), *sorted = json_object();
    json_t *changes = json_pack("{s:[], s:[], s:[], s:[], s:[], s:[]}", "added", "removed", "changed", "kept",
                                "overridden", "left_out");
    size_t n;
    _cleanup_(freep) const char **dates = dates_of(was, now, &n);

    for (size_t i = 0; i < n; i++) {
        json_t *is = json_object_get(now, dates[i]);

        if (within(years, dates[i]))
            compare(changes, calendar, dates[i], json_object_get(was, dates[i]), is);
        if (is)
            json_object_set(sorted, dates[i], is);
    }
    add_left_out(changes, holidays);
    set_source(calendar, source, sorted);
    return changes;
}

bool calendar_merge_changes(const json_t *changes)
{
    return json_array_size(json_object_get(changes, "added")) ||
           json_array_size(json_object_get(changes, "removed")) ||
           json_array_size(json_object_get(changes, "changed"));
}
