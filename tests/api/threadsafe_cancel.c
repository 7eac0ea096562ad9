/* SPDX-License-Identifier: MIT
 *
 * Coroutines that another thread starts in a loop: cancelling them, and letting go of them.
 */
#include "other_thread.h"

/* ---- cancelling ---- */

static void a_thread_can_cancel_the_task(void **state)
{
    (void)state;
    struct host host;
    struct sleeper sleeper = {0};
    sem_init(&sleeper.sleeps, 0, 0);
    host_start(&host);
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(host.loop, sleep_forever, &sleeper);
    sem_take(&sleeper.sleeps);
    assert_true(hoop_thread_future_cancel(future));
    assert_int_equal(hoop_thread_future_result(future, INFINITY), -ECANCELED);
    assert_int_equal(sleeper.woken_by, -ECANCELED);
    assert_string_equal(hoop_thread_future_error_message(future), "woken");
    assert_false(hoop_thread_future_cancel(future));
    hoop_thread_future_free(future);
    host_end(&host);
    sem_destroy(&sleeper.sleeps);
}

static void a_task_that_is_cancelled_before_it_begins_begins_all_the_same(void **state)
{
    (void)state;
    struct sleeper sleeper = {0};
    sem_init(&sleeper.sleeps, 0, 0);
    hoop_loop *loop = virtual_loop();
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(loop, sleep_forever, &sleeper);
    for (int i = 0; i < 3; i++)
        assert_true(hoop_thread_future_cancel(future));
    while (!hoop_thread_future_is_done(future))
        assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(result_of(future), -ECANCELED);
    assert_int_equal(sleeper.woken_by, -ECANCELED);
    hoop_close(loop);
    sem_destroy(&sleeper.sleeps);
}

static int64_t resist(void *arg)
{
    struct sleeper *sleeper = arg;
    sem_post(&sleeper->sleeps);
    sleeper->woken_by = hoop_sleep(INFINITY);
    hoop_task_uncancel(hoop_current_task());
    int rc = hoop_sleep(0);
    return rc < 0 ? rc : 9;
}

static void a_task_may_end_with_a_result_though_it_was_cancelled(void **state)
{
    (void)state;
    struct host host;
    struct sleeper sleeper = {0};
    sem_init(&sleeper.sleeps, 0, 0);
    host_start(&host);
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(host.loop, resist, &sleeper);
    sem_take(&sleeper.sleeps);
    assert_true(hoop_thread_future_cancel(future));
    assert_int_equal(result_of(future), 9);
    host_end(&host);
    sem_destroy(&sleeper.sleeps);
}

static int64_t cancel_own(void *arg)
{
    struct sleeper *sleeper = arg;
    hoop_thread_future *future =
        hoop_run_coroutine_threadsafe(hoop_running_loop(), sleep_forever, sleeper);
    assert_int_equal(hoop_sleep(0), 0);
    assert_true(hoop_thread_future_cancel(future));
    while (!hoop_thread_future_is_done(future))
        assert_int_equal(hoop_sleep(0), 0);
    return result_of(future) == -ECANCELED ? 0 : 1;
}

static void the_loops_own_thread_can_cancel(void **state)
{
    (void)state;
    struct sleeper sleeper = {0};
    sem_init(&sleeper.sleeps, 0, 0);
    assert_int_equal(run_virtually(cancel_own, &sleeper), 0);
    sem_destroy(&sleeper.sleeps);
}

/* ---- letting go ---- */

static void an_error_after_the_future_was_freed_is_reported(void **state)
{
    (void)state;
    struct reports reports = {0};
    char file[] = "a file";
    hoop_loop *loop = reporting_loop(&reports);
    hoop_thread_future_free(hoop_run_coroutine_threadsafe(loop, fail_with_words, file));
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EIO);
    assert_string_equal(reports.error_message, "reading a file");
    assert_string_equal(reports.task, "fail_with_words");
    hoop_close(loop);
}

static void a_result_after_the_future_was_freed_is_dropped(void **state)
{
    (void)state;
    struct reports reports = {0};
    int64_t number = 1;
    hoop_loop *loop = reporting_loop(&reports);
    hoop_thread_future_free(NULL);
    hoop_thread_future_free(hoop_run_coroutine_threadsafe(loop, double_it, &number));
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_close(loop);
    assert_int_equal(reports.count, 0);
}

static void an_error_that_the_thread_can_still_ask_for_is_not_reported(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(loop, fail_silently, NULL);
    while (!hoop_thread_future_is_done(future))
        assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_close(loop);
    assert_int_equal(result_of(future), -EPERM); /* it outlives the loop */
    assert_int_equal(reports.count, 0);
}

static void a_future_that_is_cancelled_and_freed_at_once_ends_by_itself(void **state)
{
    (void)state;
    struct host host;
    struct sleeper sleeper = {0};
    sem_init(&sleeper.sleeps, 0, 0);
    host_start(&host);
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(host.loop, sleep_forever, &sleeper);
    assert_true(hoop_thread_future_cancel(future));
    hoop_thread_future_free(future);
    int64_t number = 1; /* runs after it */
    assert_int_equal(result_of(hoop_run_coroutine_threadsafe(host.loop, double_it, &number)), 2);
    host_end(&host);
    sem_destroy(&sleeper.sleeps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_thread_can_cancel_the_task),
        BEHAVIOUR(a_task_that_is_cancelled_before_it_begins_begins_all_the_same),
        BEHAVIOUR(a_task_may_end_with_a_result_though_it_was_cancelled),
        BEHAVIOUR(the_loops_own_thread_can_cancel),
        BEHAVIOUR(an_error_after_the_future_was_freed_is_reported),
        BEHAVIOUR(a_result_after_the_future_was_freed_is_dropped),
        BEHAVIOUR(an_error_that_the_thread_can_still_ask_for_is_not_reported),
        BEHAVIOUR(a_future_that_is_cancelled_and_freed_at_once_ends_by_itself),
    };
    return cmocka_run_group_tests_name("threadsafe_cancel", tests, NULL, NULL);
}
