/* Runs Criterion tests without Criterion's runner, for ThreadSanitizer.
 *
 * Criterion keeps its tests in an arena at a fixed address, which ThreadSanitizer needs for itself. Here each
 * test is a plain fork: the symbols below take the place of libcriterion's, the library is still linked for
 * the formatting of messages. Tests, suites and the two report hooks are found in the same ELF sections.
 * Prints the same last line as Criterion. A parameterised test or a theory is counted as failed, so that none
 * is passed over in silence.
 */
#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern struct criterion_test *const tests_begin[] __asm__("__start_cr_tst") __attribute__((weak));
extern struct criterion_test *const tests_end[] __asm__("__stop_cr_tst") __attribute__((weak));
extern struct criterion_suite *const suites_begin[] __asm__("__start_cr_sts") __attribute__((weak));
extern struct criterion_suite *const suites_end[] __asm__("__stop_cr_sts") __attribute__((weak));
extern const f_report_hook before_begin[] __asm__("__start_cr_pra") __attribute__((weak));
extern const f_report_hook before_end[] __asm__("__stop_cr_pra") __attribute__((weak));
extern const f_report_hook after_begin[] __asm__("__start_cr_poa") __attribute__((weak));
extern const f_report_hook after_end[] __asm__("__stop_cr_poa") __attribute__((weak));

enum { FAILED_STATUS = 101, SKIPPED_STATUS = 102, DEFAULT_TIMEOUT_S = 120 };

static const struct criterion_test *current;
static const struct criterion_suite *suite;
static jmp_buf out;
static bool failed;

/* ---- what the tests call ---- */

void criterion_send_assert(struct criterion_assert_stats *stats)
{
    if (stats->passed)
        return;
    failed = true;
    fprintf(stderr, "[----] %s:%u: Assertion Failed: %s\n", stats->file, stats->line,
            stats->message ? stats->message : "");
}

void cri_asserts_passed_incr(void)
{
}

void criterion_abort_test(void)
{
    longjmp(out, 1);
}

void criterion_continue_test(void)
{
}

void criterion_skip_test(const char *format, ...)
{
    (void)format;
    fflush(NULL);
    _exit(SKIPPED_STATUS);
}

void criterion_internal_test_setup(void)
{
    if (suite && suite->data && suite->data->init)
        suite->data->init();
    if (current->data->init)
        current->data->init();
}

void criterion_internal_test_main(void (*test)(void))
{
    if (setjmp(out) == 0)
        test();
}

void criterion_internal_test_teardown(void)
{
    if (current->data->fini)
        current->data->fini();
    if (suite && suite->data && suite->data->fini)
        suite->data->fini();
}

/* ---- the runner ---- */

static const struct criterion_suite *suite_of(const struct criterion_test *test)
{
    for (struct criterion_suite *const *s = suites_begin; s < suites_end; s++)
        if (*s && strcmp((*s)->name, test->category) == 0)
            return *s;
    return NULL;
}

static double timeout_of(const struct criterion_test *test, const struct criterion_suite *of)
{
    double seconds = test->data->timeout > 0                   ? test->data->timeout
                     : of && of->data && of->data->timeout > 0 ? of->data->timeout
                                                               : DEFAULT_TIMEOUT_S;
    return seconds * 10; /* ThreadSanitizer is slow; the limit is against hanging */
}

/* 0 passed, 1 failed, 2 skipped. */
static int run(const struct criterion_test *test)
{
    int status, wanted_signal = test->data->signal, wanted_exit = test->data->exit_code;

    current = test;
    suite = suite_of(test);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm((unsigned)timeout_of(test, suite) + 1);
        test->test();
        fflush(NULL);
        /* exit and not _exit: leaks and races at the end count too. */
        exit(failed ? FAILED_STATUS : 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return 1;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) != wanted_signal;
    if (WEXITSTATUS(status) == SKIPPED_STATUS)
        return 2;
    return wanted_signal != 0 || WEXITSTATUS(status) != wanted_exit;
}

int main(int argc, char **argv)
{
    int tested = 0, failing = 0;
    struct criterion_test_set none = {0};
    struct criterion_global_stats stats = {0};

    for (const f_report_hook *hook = before_begin; hook < before_end; hook++)
        ((void (*)(struct criterion_test_set *)) * hook)(&none);
    for (struct criterion_test *const *test = tests_begin; test < tests_end; test++) {
        if (!*test || (*test)->data->disabled || (argc > 1 && !strstr((*test)->data->identifier_, argv[1])))
            continue;
        int outcome = (*test)->data->kind_ == CR_TEST_NORMAL ? run(*test) : 1;
        tested += outcome != 2;
        failing += outcome == 1;
        if (outcome == 1)
            fprintf(stderr, "[FAIL] %s::%s\n", (*test)->category, (*test)->name);
    }
    for (const f_report_hook *hook = after_begin; hook < after_end; hook++)
        ((void (*)(struct criterion_global_stats *)) * hook)(&stats);
    fprintf(stderr, "[====] Synthesis: Tested: %d | Passing: %d | Failing: %d | Crashing: 0\n", tested,
            tested - failing, failing);
    return failing != 0;
}
