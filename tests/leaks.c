/* Which processes of a test program LeakSanitizer judges: the tests themselves, not Criterion's runner.
 *
 * Criterion's scheduler leaves memory behind that depends on how its workers end. It starts each test by
 * running the program again with BXFI_MAP in the environment, which tells the two apart. A leak in a test
 * ends that process with a report but does not fail the test, because its result was sent before;
 * tests/run.py counts the reports.
 */
#include <stdlib.h>

int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
    return !getenv("BXFI_MAP");
}
