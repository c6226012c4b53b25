/* Giving pages back must change nothing but what is resident. */
#include "service/residence.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static long resident_file_kb(void)
{
    char line[256];
    long kb = -1;
    FILE *status = fopen("/proc/self/status", "r");

    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "RssFile: %ld kB", &kb) == 1)
            break;
    if (status)
        fclose(status);
    return kb;
}

Test(residence, lets_go_of_code_and_goes_on)
{
    long before = resident_file_kb(), after;

#ifdef __SANITIZE_THREAD__
    cr_skip("ThreadSanitizer touches every page of code again at once");
#endif
    residence_release();
    after = resident_file_kb();
    cr_assert(before > 0 && after > 0);
    cr_assert_lt(after, before);
    residence_release(); /* what was dropped is there again when it is used */
    cr_assert_str_eq(strerror(2), "No such file or directory");
}
