/* What a feed says goes into calendars, what speaks against it, and what stays when a plan is written. */
#include "base/memory.h"
#include "holiday/feed_merge.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

/* 2026-06-01, Monday. */
static const int64_t now_s = 1780272000;

static const char document_text[] =
    "{'calendars': {'berlin': {'zone': 'Europe/Berlin', 'weekly': {'mon': [['09:00', '17:00']], 'tue': "
    "[['09:00', '17:00']]}, 'closed': ['2026-12-24'], 'open': {'2026-12-29': [['09:00', '12:00']]},"
    " 'imported': {'DE': {'closed': ['2026-01-06', '2026-07-06', '2026-08-03', '2026-09-07', '2026-10-05'], "
    "'open': {}, 'names': {}}}}, 'night': {'zone': 'UTC', 'weekly': {'tue': [['22:00', '06:00']]}}},"
    " 'feeds': {'DE': {'url': 'https://a/b', 'calendars': ['berlin']}, 'both': {'url': 'https://a/c', "
    "'calendars': ['berlin', 'night']}}}";

static json_t *parsed(const char *text)
{
    _cleanup_(freep) char *json = mem_str(text);
    json_t *value;

    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    value = json_loads(json, 0, NULL);
    cr_assert_not_null(value, "%s", json);
    return value;
}

/* Days off of 2025 to 2029, "2026-07-06" each; with a "!" in front they are worked on. */
static json_t *fetched(const char *dates)
{
    json_t *days = json_array();
    struct str rest = str_from(dates), one;

    while (rest.n) {
        bool works;

        str_cut(rest, ' ', &one, &rest);
        works = str_starts(one, STR("!"));
        json_array_append_new(
            days, json_pack("{s:s%, s:b}", "date", one.p + works, one.n - works, "isOffDay", !works));
    }
    return json_pack("{s:i, s:i, s:o}", "from", 2025, "to", 2029, "days", days);
}

struct scene {
    json_t *plan;
    struct zone_book zones;
    struct feed_merge merge;
    struct plan_fault fault;
};

static int merge(struct scene *s, const char *feed, const char *dates)
{
    json_auto_t *days = fetched(dates);

    *s = (struct scene){.plan = parsed(document_text)};
    return feed_merge(s->plan, feed, days, now_s, &s->zones, &s->merge, &s->fault);
}

static void scene_fini(struct scene *s)
{
    feed_merge_fini(&s->merge);
    plan_fault_fini(&s->fault);
    zone_book_fini(&s->zones);
    json_decref(s->plan);
}

static size_t count(const struct scene *s, const char *calendar, const char *list)
{
    return json_array_size(json_object_get(json_object_get(s->merge.changes, calendar), list));
}

static void expect_held(const struct scene *s, const char *held)
{
    json_auto_t *wanted = held ? parsed(held) : NULL;
    _cleanup_(freep) char *text = s->merge.held ? json_dumps(s->merge.held, 0) : NULL;

    cr_expect(held ? json_equal(s->merge.held, wanted) : !s->merge.held, "%s, not %s",
              text ? text : "nothing", held ? held : "nothing");
}

#define AS_BEFORE "2026-01-06 2026-07-06 2026-08-03 2026-09-07 2026-10-05"

Test(feed_merge, what_is_known_changes_nothing)
{
    struct scene s;

    cr_assert_eq(merge(&s, "DE", AS_BEFORE), 0);
    cr_expect(!s.merge.changed);
    cr_expect(json_equal(s.merge.plan, s.plan));
    cr_expect_eq(count(&s, "berlin", "kept"), 5);
    expect_held(&s, NULL);
    scene_fini(&s);
}

Test(feed_merge, what_is_new_goes_in_and_the_plan_given_stays)
{
    struct scene s;
    json_auto_t *before = parsed(document_text);

    cr_assert_eq(merge(&s, "DE", AS_BEFORE " 2026-12-25 2027-01-04"), 0);
    cr_expect(s.merge.changed);
    cr_expect(json_equal(before, s.plan));
    cr_expect_eq(count(&s, "berlin", "added"), 2);
    expect_held(&s, NULL);
    scene_fini(&s);
}

Test(feed_merge, manual_edits_win)
{
    struct scene s;
    const json_t *berlin;

    cr_assert_eq(merge(&s, "DE", AS_BEFORE " 2026-12-24 2026-12-29"), 0);
    cr_expect_eq(count(&s, "berlin", "overridden"), 1, "what is closed by hand and by the feed agrees");
    berlin = json_object_get(json_object_get(s.merge.plan, "calendars"), "berlin");
    cr_expect_not_null(json_object_get(json_object_get(berlin, "open"), "2026-12-29"));
    cr_expect_eq(json_array_size(json_object_get(berlin, "closed")), 1);
    scene_fini(&s);
}

Test(feed_merge, half_of_the_dates_may_go_and_more_may_not)
{
    struct scene s;

    cr_assert_eq(merge(&s, "DE", "2026-01-06 2026-07-06 2026-08-03"), 0);
    cr_expect(s.merge.changed);
    expect_held(&s, NULL);
    scene_fini(&s);
    cr_assert_eq(merge(&s, "DE", "2026-01-06 2026-07-06"), 0);
    expect_held(&s, "{'reason': 'drops_dates', 'calendar': 'berlin', 'before': 4, 'after': 1}");
    scene_fini(&s);
    cr_assert_eq(merge(&s, "DE", ""), 0);
    expect_held(&s, "{'reason': 'drops_dates', 'calendar': 'berlin', 'before': 4, 'after': 0}");
    scene_fini(&s);
}

Test(feed_merge, a_day_off_that_becomes_a_working_day_goes)
{
    struct scene s;

    cr_assert_eq(merge(&s, "DE", "!2026-01-06 !2026-07-06 !2026-08-03 2026-09-07 2026-10-05"), 0);
    cr_expect_eq(count(&s, "berlin", "changed"), 3);
    expect_held(&s, NULL);
    scene_fini(&s);
    cr_assert_eq(merge(&s, "DE", "2026-01-06 !2026-07-06 !2026-08-03 2026-10-05"), 0);
    expect_held(&s, "{'reason': 'drops_dates', 'calendar': 'berlin', 'before': 4, 'after': 1}");
    scene_fini(&s);
}

Test(feed_merge, dates_gone_by_do_not_count)
{
    struct scene s;

    cr_assert_eq(merge(&s, "DE", "2026-07-06 2026-08-03 2026-09-07 2026-10-05"), 0);
    cr_expect_eq(count(&s, "berlin", "removed"), 1);
    expect_held(&s, NULL);
    scene_fini(&s);
}

Test(feed_merge, a_calendar_is_not_emptied_by_days_off)
{
    struct scene s;
    _cleanup_buf_ struct buf dates = BUF_INIT;

    buf_add_text(&dates, AS_BEFORE);
    for (int64_t day = civil_day_of(now_s); day < civil_day_of(now_s) + 200; day++) {
        struct civil date = civil_from_days(day);

        buf_printf(&dates, " %04d-%02d-%02d", date.year, date.month, date.day);
    }
    cr_assert_eq(merge(&s, "DE", buf_text(&dates)), 0);
    cr_assert_not_null(s.merge.held);
    cr_expect_str_eq(json_string_value(json_object_get(s.merge.held, "reason")), "drops_working_time");
    scene_fini(&s);
}

Test(feed_merge, working_days_need_hours)
{
    struct scene s;

    cr_assert_eq(merge(&s, "both", "!2026-08-08"), -E_VALIDATION);
    cr_expect_str_eq(buf_text(&s.fault.at), "/calendars/night");
    cr_expect_not_null(strstr(buf_text(&s.fault.reason), "give the feed its \"hours\""));
    scene_fini(&s);
    cr_assert_eq(merge(&s, "DE", AS_BEFORE " !2026-08-08"), 0, "berlin has a Monday");
    cr_expect_eq(count(&s, "berlin", "added"), 1);
    scene_fini(&s);
}

Test(feed_merge, one_feed_for_several_calendars)
{
    struct scene s;

    cr_assert_eq(merge(&s, "both", "2026-08-04"), 0);
    cr_expect_eq(count(&s, "berlin", "added"), 1);
    cr_expect_eq(count(&s, "night", "added"), 1);
    scene_fini(&s);
}

Test(feed_merge, what_was_fetched_is_read_strictly)
{
    struct scene s;

    cr_assert_eq(merge(&s, "DE", "2026-02-30"), -E_VALIDATION);
    cr_expect_str_eq(buf_text(&s.fault.at), "/days/0/date");
    scene_fini(&s);
}

Test(feed_merge, what_feeds_brought_stays_when_a_plan_does_not_have_it)
{
    json_auto_t *in_force = parsed(document_text), *written = parsed(document_text),
                *empty = parsed("{'feeds': 1}");
    json_t *berlin = json_object_get(json_object_get(written, "calendars"), "berlin");

    json_object_del(berlin, "imported");
    feed_keep(written, in_force);
    cr_expect(json_equal(written, in_force), "without it, it is taken over");
    json_object_set_new(berlin, "imported", parsed("{'DE': {'closed': ['2026-07-06']}}"));
    feed_keep(written, in_force);
    cr_expect(!json_equal(written, in_force), "with it, it is as written");
    json_object_del(berlin, "imported");
    json_object_del(json_object_get(written, "feeds"), "DE");
    feed_keep(written, in_force);
    cr_expect_null(json_object_get(berlin, "imported"), "of a feed that is gone nothing stays");
    feed_keep(empty, in_force);
    feed_keep(written, empty);
}
