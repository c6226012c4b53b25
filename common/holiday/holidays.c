/* Collects days and judges their names. Called by the readers of files. What is dropped is kept beside with
 * its reason, so that a preview can say so: a holiday that silently does not count is found by a customer. */
#include "holiday/holidays.h"
#include "base/civil.h"
#include "base/memory.h"
#include "domain/calendar.h"

enum { YEARS_BACK = 1, YEARS_AHEAD = 3 };

void holidays_fini(struct holidays *holidays)
{
    for (size_t i = 0; i < holidays->n; i++)
        free(holidays->items[i].name);
    for (size_t i = 0; i < holidays->nleft; i++)
        free(holidays->left[i].name);
    free(holidays->items);
    free(holidays->left);
    *holidays = (struct holidays){0};
}

/* ---- years ---- */

static int32_t clamp(int32_t year)
{
    return year < CALENDAR_FIRST_YEAR  ? CALENDAR_FIRST_YEAR
           : year > CALENDAR_LAST_YEAR ? CALENDAR_LAST_YEAR
                                       : year;
}

void holiday_years(int64_t day, int32_t *ret_from, int32_t *ret_to)
{
    int32_t year = civil_from_days(day).year;

    *ret_from = clamp(year - YEARS_BACK);
    *ret_to = clamp(year + YEARS_AHEAD);
}

struct holiday_filter holiday_filter_of(int32_t from, int32_t to)
{
    return (struct holiday_filter){.first = civil_to_days((struct civil){from, 1, 1}),
                                   .last = civil_to_days((struct civil){to, 12, 31})};
}

/* ---- names ---- */

static bool has_any(const char *name, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasestr(name, words[i]))
            return true;
    return false;
}

static bool is_daylight(const char *name)
{
    static const char *const words[] = {"daylight saving", "sommerzeit", "summertime"};

    return has_any(name, words, ARRAY_SIZE(words));
}

/* "Christmas Eve (from 2pm)": closing the whole day would be wrong, and its hours are not said. */
static bool is_part(const char *name)
{
    static const char *const words[] = {"(from ", "(until ", "half day", "half-day", "半天", "半日"};

    return has_any(name, words, ARRAY_SIZE(words));
}

bool holiday_name_is_working(struct str name)
{
    static const char *const yes[] = {"上班", "补班", "補班", "（班）", "(班)", "working day", "workday"};
    static const char *const no[] = {"non-working", "non working", "nonworking", "不上班", "workday off"};
    _cleanup_(freep) char *text = mem_strn(name.p ? name.p : "", name.n);

    return has_any(text, yes, ARRAY_SIZE(yes)) && !has_any(text, no, ARRAY_SIZE(no));
}

/* One printable line of at most HOLIDAY_NAME_MAX characters of valid UTF-8; "" when nothing is left. */
static void clean(struct str name, struct buf *out)
{
    size_t characters = 0;

    for (size_t i = 0, next = 0; i < name.n && characters < HOLIDAY_NAME_MAX; i = next, characters++) {
        int32_t point = utf8_next(name, &next);

        if (point < 0)
            next = i + 1;
        else if (point < 0x20 || (point >= 0x7f && point < 0xa0))
            buf_add_char(out, ' ');
        else
            buf_add(out, name.p + i, next - i);
    }
}

/* Takes the parts that count of a name into *out. False when it had parts and none counts: *reason is that of
 * the first. */
static bool judge_parts(struct str name, const struct holiday_filter *filter, struct buf *out,
                        enum holiday_reason *reason)
{
    size_t dropped = 0;

    while (name.n) {
        struct str part, kept;
        _cleanup_(freep) char *text = NULL;
        bool daylight, except;

        (void)str_cut(name, ';', &part, &name);
        kept = str_trim(part);
        text = mem_strn(kept.p, kept.n);
        daylight = is_daylight(text);
        except = has_any(text, filter->except, filter->nexcept);
        if (daylight || except || is_part(text)) {
            if (dropped++ == 0)
                *reason = daylight ? HOLIDAY_DAYLIGHT : except ? HOLIDAY_EXCEPT : HOLIDAY_PART;
            continue;
        }
        if (kept.n)
            buf_printf(out, "%s%s", out->n ? "; " : "", text);
    }
    return out->n || !dropped;
}

/* ---- days ---- */

/* False when the list is full; *ret_wanted says whether the day is within the years. */
static bool make_room(struct holidays *holidays, const struct holiday_filter *filter, int64_t day,
                      bool *ret_wanted)
{
    *ret_wanted = day >= filter->first && day <= filter->last;
    if (!*ret_wanted) {
        holidays->outside++;
        return true;
    }
    return holidays->n + holidays->nleft < HOLIDAY_DAYS_MAX;
}

static void leave(struct holidays *holidays, int64_t day, const char *name, enum holiday_reason reason)
{
    holidays->left = mem_more(holidays->left, holidays->nleft, sizeof *holidays->left);
    holidays->left[holidays->nleft++] = (struct holiday_left){day, *name ? mem_str(name) : NULL, reason};
}

bool holidays_leave(struct holidays *holidays, const struct holiday_filter *filter, int64_t day,
                    struct str name, enum holiday_reason reason)
{
    _cleanup_buf_ struct buf line = BUF_INIT;
    bool wanted;

    if (!make_room(holidays, filter, day, &wanted))
        return false;
    clean(name, &line);
    if (wanted)
        leave(holidays, day, buf_text(&line), reason);
    return true;
}

bool holidays_add(struct holidays *holidays, const struct holiday_filter *filter, int64_t day, bool working,
                  struct str name)
{
    _cleanup_buf_ struct buf line = BUF_INIT, parts = BUF_INIT, kept = BUF_INIT;
    enum holiday_reason reason = HOLIDAY_PART;
    bool wanted;

    if (!make_room(holidays, filter, day, &wanted))
        return false;
    if (!wanted)
        return true;
    clean(name, &line);
    if (!judge_parts(buf_str(&line), filter, &parts, &reason)) {
        leave(holidays, day, buf_text(&line), reason);
        return true;
    }
    clean(buf_str(&parts), &kept); /* parts that are joined again may be longer than they were */
    holidays->items = mem_more(holidays->items, holidays->n, sizeof *holidays->items);
    holidays->items[holidays->n++] = (struct holiday){day, working, kept.n ? mem_str(buf_text(&kept)) : NULL};
    return true;
}

static int by_day(const void *a, const void *b)
{
    const struct holiday *x = a, *y = b;

    return (x->day > y->day) - (x->day < y->day);
}

/* Two entries of one day become the first; the name of the second is freed or joined to it. */
static void join(struct holiday *first, struct holiday *second)
{
    char *name = TAKE(second->name);

    first->working = first->working || second->working;
    if (first->name && name && !strstr(first->name, name)) {
        _cleanup_buf_ struct buf both = BUF_INIT, cut = BUF_INIT;

        buf_printf(&both, "%s; %s", first->name, name);
        clean(buf_str(&both), &cut);
        free(first->name);
        first->name = buf_take(&cut);
    } else if (!first->name) {
        first->name = TAKE(name);
    }
    free(name);
}

void holidays_seal(struct holidays *holidays)
{
    size_t n = 0;

    if (holidays->n)
        qsort(holidays->items, holidays->n, sizeof *holidays->items, by_day);
    for (size_t i = 0; i < holidays->n; i++) {
        if (n && holidays->items[n - 1].day == holidays->items[i].day)
            join(&holidays->items[n - 1], &holidays->items[i]);
        else
            holidays->items[n++] = holidays->items[i];
    }
    holidays->n = n;
}
