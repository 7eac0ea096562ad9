/* SPDX-License-Identifier: MIT
 *
 * A watchdog's life: started by a call, an option or the environment, and stopped.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "stuck.h"

/* ---- start and stop ---- */

static int64_t start_here_and_get_stuck(void *arg)
{
    struct stuck *stuck = arg;
    stuck->loop = hoop_running_loop();
    assert_int_equal(hoop_watchdog_start(stuck->loop, LIMIT), 0);
    be_stuck(stuck);
    return 0;
}

static void it_can_be_started_by_what_runs(void **state)
{
    (void)state;
    struct stuck stuck = {.count = 1, .block = sleep_in_here};
    stderr_capture_begin(&capture);
    int64_t rc = hoop_run(start_here_and_get_stuck, &stuck);
    stderr_capture_end(&capture);
    assert_int_equal(rc, 0);
    assert_said("in task 'main' #1, at:\n");
}

static void started_again_another_time_counts_from_now_on(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(3600);
    struct stuck stuck = {.loop = loop, .count = 1, .block = sleep_in_here};
    rest(0.05); /* it has begun to wait for that long */
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_run_until_complete(loop, start_here_and_get_stuck, &stuck), 0);
    assert_int_equal(hoop_watchdog_reports(loop), 1); /* as ever: it was not stopped */
    assert_int_equal(hoop_watchdog_start(loop, 3600), 0);
    assert_int_equal(hoop_run_until_complete(loop, one_step, NULL), 0);
    assert_int_equal(hoop_watchdog_reports(loop), 1);
    hoop_close(loop);
    stderr_capture_end(&capture);
}

static void once_stopped_it_reports_nothing(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(LIMIT);
    struct stuck stuck = {.loop = loop, .count = 1, .block = sleep_in_here};
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck), 0);
    hoop_watchdog_stop(loop);
    hoop_watchdog_stop(loop); /* nothing to stop */
    stderr_capture_end(&capture);
    assert_int_equal(hoop_watchdog_reports(loop), 0);
    stderr_capture_begin(&capture);
    rest(0.01);
    assert_int_equal(hoop_run_until_complete(loop, one_step, NULL), 0);
    assert_string_equal(stderr_capture_end(&capture), "");
    hoop_close(loop);
}

static int64_t stop_and_start(void *arg)
{
    struct stuck *stuck = arg;
    be_stuck(stuck);
    hoop_watchdog_stop(stuck->loop);
    assert_int_equal(hoop_watchdog_reports(stuck->loop), 0);
    return start_here_and_get_stuck(stuck);
}

static void it_can_be_stopped_and_started_by_what_runs(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(LIMIT);
    struct stuck stuck = {.loop = loop, .count = 1, .block = spin_in_here};
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_run_until_complete(loop, stop_and_start, &stuck), 0);
    assert_int_equal(hoop_watchdog_reports(loop), 1);
    hoop_close(loop);
    stderr_capture_end(&capture);
    assert_int_equal(count_in(capture.text, "hoop: the loop is stuck for "), 2);
}

static void stopping_does_not_wait_for_long(void **state)
{
    (void)state;
    stderr_capture_begin(&capture);
    for (int i = 0; i < 20; i++) {
        hoop_loop *loop = watched_loop(0.01);
        assert_int_equal(hoop_run_until_complete(loop, do_nothing, NULL), 0);
        rest(0.002 * (i % 10));
        double start = now();
        hoop_close(loop);
        assert_true(now() - start < 5);
    }
    stderr_capture_end(&capture);
    assert_string_equal(capture.text, "");
}

/* ---- the environment ---- */

static const char *text_with_environment(const char *value, uint64_t *ret_reports)
{
    setenv("HOOP_WATCHDOG", value, 1);
    stderr_capture_begin(&capture);
    hoop_loop *loop = hoop_new_event_loop();
    unsetenv("HOOP_WATCHDOG");
    assert_non_null(loop);
    struct stuck stuck = {.loop = loop, .count = ret_reports != NULL, .block = sleep_in_here};
    assert_int_equal(hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck), 0);
    if (ret_reports != NULL)
        *ret_reports = hoop_watchdog_reports(loop);
    hoop_close(loop);
    return stderr_capture_end(&capture);
}

static void the_environment_starts_it_for_every_loop(void **state)
{
    (void)state;
    uint64_t reports = 0;
    (void)text_with_environment("0.05", &reports);
    assert_int_equal(reports, 1);
    assert_said("in task 'main' #1, at:\n");
    assert_string_equal(text_with_environment("", NULL), "");
}

static void garbage_in_the_environment_is_told_and_harmless(void **state)
{
    (void)state;
    static const char *const garbage[] = {"soon", "1s", "0", "-1", "nan", "inf", "0.0001", " "};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        char expected[96];
        snprintf(expected, sizeof expected,
                 "hoop: HOOP_WATCHDOG=%s is not a number of seconds >= 0.001\n", garbage[i]);
        assert_string_equal(text_with_environment(garbage[i], NULL), expected);
    }
}

static void the_options_come_before_the_environment(void **state)
{
    (void)state;
    setenv("HOOP_WATCHDOG", "garbage", 1);
    stderr_capture_begin(&capture);
    hoop_loop *loop = watched_loop(LIMIT);
    unsetenv("HOOP_WATCHDOG");
    struct stuck stuck = {.loop = loop, .count = 1, .block = sleep_in_here};
    assert_int_equal(hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck), 0);
    hoop_close(loop);
    stderr_capture_end(&capture);
    assert_null(strstr(capture.text, "HOOP_WATCHDOG"));
}

/* ---- refusals and failure ---- */

static void bad_times_are_refused(void **state)
{
    (void)state;
    static const double bad[] = {-1, 0.0009, (double)NAN, (double)INFINITY};
    hoop_loop *loop = hoop_new_event_loop();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(hoop_watchdog_start(loop, bad[i]), -EINVAL);
        assert_null(hoop_new_event_loop_with(&(hoop_loop_options){.watchdog = bad[i]}));
        assert_int_equal(hoop_last_error(), -EINVAL);
    }
    assert_int_equal(hoop_watchdog_start(loop, 0), -EINVAL); /* as an option: none */
    assert_int_equal(hoop_watchdog_start(loop, 1e9), 0);
    assert_int_equal(hoop_watchdog_start(loop, -1), -EINVAL);
    hoop_close(loop);
}

static void a_closed_loop_is_refused_and_has_no_reports(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_loop_ref(watched_loop(1));
    hoop_close(loop);
    assert_int_equal(hoop_watchdog_start(loop, 1), HOOP_ECLOSED);
    hoop_watchdog_stop(loop);
    assert_int_equal(hoop_watchdog_reports(loop), 0);
    hoop_loop_unref(loop);
}

static int watch_a_run(void *arg)
{
    hoop_loop *loop = hoop_new_event_loop_with(arg);
    if (loop == NULL)
        return hoop_last_error();
    int rc = hoop_watchdog_start(loop, 2);
    int64_t result = hoop_run_until_complete(loop, do_nothing, NULL);
    hoop_close(loop);
    return rc < 0 ? rc : (int)result;
}

static void starting_copes_with_each_failure(void **state)
{
    (void)state;
    hoop_loop_options options[] = {{.watchdog = 0}, {.watchdog = 1}};
    for (int i = 0; i < 2; i++) {
        fail_each(HOOP_FAIL_ALLOCATION, watch_a_run, &options[i]);
        fail_each(HOOP_FAIL_SYSCALL, watch_a_run, &options[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(it_can_be_started_by_what_runs),
        BEHAVIOUR(started_again_another_time_counts_from_now_on),
        BEHAVIOUR(once_stopped_it_reports_nothing),
        BEHAVIOUR(it_can_be_stopped_and_started_by_what_runs),
        BEHAVIOUR(stopping_does_not_wait_for_long),
        BEHAVIOUR(the_environment_starts_it_for_every_loop),
        BEHAVIOUR(garbage_in_the_environment_is_told_and_harmless),
        BEHAVIOUR(the_options_come_before_the_environment),
        BEHAVIOUR(bad_times_are_refused),
        BEHAVIOUR(a_closed_loop_is_refused_and_has_no_reports),
        BEHAVIOUR(starting_copes_with_each_failure),
    };
    return cmocka_run_group_tests_name("watchdog_life", tests, NULL, NULL);
}
