/* Dates against the C library, both ways, and the ones that do not exist. */
#include "base/civil.h"
#include <criterion/criterion.h>
#include <time.h>

Test(civil, equals_the_c_library_for_six_centuries)
{
    for (int64_t day = -150000; day < 80000; day++) {
        time_t at = (time_t)(day * DAY_S);
        struct civil date = civil_from_days(day);
        struct tm tm;

        gmtime_r(&at, &tm);
        if (date.year != tm.tm_year + 1900 || date.month != tm.tm_mon + 1 || date.day != tm.tm_mday ||
            civil_weekday(day) != (tm.tm_wday + 6) % 7 || civil_to_days(date) != day || !civil_valid(date))
            cr_assert_fail("day %ld", (long)day);
    }
}

Test(civil, dates_that_do_not_exist)
{
    cr_expect_not(civil_valid((struct civil){2026, 2, 29}));
    cr_expect_not(civil_valid((struct civil){1900, 2, 29}));
    cr_expect(civil_valid((struct civil){2000, 2, 29}));
    cr_expect_not(civil_valid((struct civil){2026, 0, 1}));
    cr_expect_not(civil_valid((struct civil){2026, 13, 1}));
    cr_expect_not(civil_valid((struct civil){2026, 4, 31}));
    cr_expect_not(civil_valid((struct civil){2026, 4, 0}));
    cr_expect_eq(civil_to_days((struct civil){2026, 4, 31}), civil_to_days((struct civil){2026, 5, 1}));
}

Test(civil, the_day_and_second_of_a_wall_time)
{
    cr_expect_eq(civil_day_of(0), 0);
    cr_expect_eq(civil_day_of(-1), -1);
    cr_expect_eq(civil_day_of(-DAY_S), -1);
    cr_expect_eq(civil_day_of(-DAY_S - 1), -2);
    cr_expect_eq(civil_day_of(DAY_S - 1), 0);
    cr_expect_eq(civil_second_of(-1), DAY_S - 1);
    cr_expect_eq(civil_second_of(DAY_S + 5), 5);
}

Test(civil, dates_are_taken_from_texts)
{
    static const char *const wrong[] = {"",           "2026-4-03",  "2026-04-3",  "2026/04/03", "2026-02-29",
                                        "2026-13-01", "2026-00-01", "2026-01-00", "+026-01-01", "26-01-01"};
    struct str text = STR("2026-04-03T");
    struct civil date = {0};

    cr_expect(civil_take(&text, &date));
    cr_expect(date.year == 2026 && date.month == 4 && date.day == 3);
    cr_expect(str_eq(text, STR("T")));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        text = str_from(wrong[i]);
        cr_expect_not(civil_take(&text, &date), "%s", wrong[i]);
    }
    cr_expect_eq(date.day, 3, "untouched");
}
