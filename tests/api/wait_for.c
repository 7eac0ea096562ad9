/* SPDX-License-Identifier: MIT
 *
 * hoop_wait_for and hoop_wait_for_task: one call, or one task, with a limit.
 */
#include "job.h"

/* ---- a coroutine ---- */

static int64_t tell_who_runs(void *arg)
{
    *(hoop_task **)arg = hoop_current_task();
    return hoop_sleep(1);
}

static int64_t limit_a_call(void *arg)
{
    (void)arg;
    hoop_task *runner = NULL;
    assert_int_equal(hoop_wait_for(tell_who_runs, &runner, 2), 0);
    assert_ptr_equal(runner, hoop_current_task());
    assert_int_equal(hoop_wait_for(do_job, &(struct job){.result = 4}, NEVER), 4);
    assert_int_equal(hoop_wait_for(do_job, &(struct job){.seconds = 9}, 2), -ETIMEDOUT);
    assert_now(3);
    struct job survivor = {.seconds = 9, .if_cancelled = 6};
    assert_int_equal(hoop_wait_for(do_job, &survivor, 2), 6);
    assert_int_equal(hoop_wait_for(do_job, &(struct job){.seconds = 9}, 0), -ETIMEDOUT);
    assert_int_equal(hoop_wait_for(do_job, &(struct job){.seconds = 9}, -3), -ETIMEDOUT);
    assert_now(5);
    assert_int_equal(requests_left(), 0);
    return 0;
}

static void a_coroutine_is_called_with_a_limit_in_the_running_task(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(limit_a_call, NULL), 0);
}

static int64_t wait_for_one_with_less_time(void *arg)
{
    return hoop_wait_for(do_job, arg, 2);
}

static int64_t limit_a_limit(void *arg)
{
    struct job job = {.seconds = 9};
    (void)arg;
    assert_int_equal(hoop_wait_for(wait_for_one_with_less_time, &job, 5), -ETIMEDOUT);
    assert_now(2);
    assert_int_equal(hoop_wait_for(wait_for_one_with_less_time, &job, 1), -ETIMEDOUT);
    assert_now(3);
    assert_int_equal(requests_left(), 0);
    return 0;
}

static void the_shorter_of_two_limits_ends_both_calls(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(limit_a_limit, NULL), 0);
}

static int64_t shield_the_job(void *task)
{
    return hoop_shield(task);
}

static int64_t limit_a_shield(void *arg)
{
    hoop_task *task = hoop_create_task(do_job, arg);
    hoop_task *kept = hoop_task_ref(task);
    assert_int_equal(hoop_wait_for(shield_the_job, task, 2), -ETIMEDOUT);
    assert_now(2);
    assert_false(hoop_task_is_done(kept));
    return hoop_await(kept);
}

static void a_shielded_task_outlives_the_limit(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(limit_a_shield, &(struct job){.seconds = 5, .result = 8}), 8);
}

/* ---- a task ---- */

struct limited {
    struct job job;
    double seconds; /* the limit */
    double end;     /* when the result was there */
    int64_t head_start;
    bool was_cancelled;
};

static int64_t limit_a_task(void *arg)
{
    struct limited *limited = arg;
    hoop_task *task = hoop_create_task(do_job, &limited->job);
    assert_int_equal(hoop_sleep((double)limited->head_start), 0);
    hoop_task *kept = hoop_task_ref(task);
    int64_t rc = hoop_wait_for_task(task, limited->seconds);
    limited->end = hoop_time(hoop_running_loop());
    assert_true(hoop_task_is_done(kept));
    limited->was_cancelled = hoop_task_is_cancelled(kept);
    hoop_task_unref(kept);
    assert_int_equal(requests_left(), 0);
    return rc;
}

static void a_task_that_takes_too_long_is_cancelled_and_its_end_awaited(void **state)
{
    (void)state;
    struct limited limited = {.job = {.seconds = 9, .cleanup = 3}, .seconds = 2};
    assert_int_equal(run_virtually(limit_a_task, &limited), -ETIMEDOUT);
    assert_true(limited.was_cancelled);
    assert_true(limited.end == 5);
    for (int seconds = 0; seconds >= -1; seconds--) {
        limited.seconds = seconds;
        limited.head_start = 4;
        assert_int_equal(run_virtually(limit_a_task, &limited), -ETIMEDOUT);
        assert_true(limited.end == 7);
    }
}

static void a_task_in_time_gives_its_result(void **state)
{
    (void)state;
    struct limited limited = {.job = {.seconds = 1, .result = 3}, .seconds = 2};
    assert_int_equal(run_virtually(limit_a_task, &limited), 3);
    limited.seconds = NEVER;
    assert_int_equal(run_virtually(limit_a_task, &limited), 3);
    assert_true(limited.end == 1);
}

static void a_finished_task_is_in_time_however_short_that_is(void **state)
{
    (void)state;
    struct limited limited = {.job = {.seconds = 1, .result = 3}, .head_start = 4};
    assert_int_equal(run_virtually(limit_a_task, &limited), 3);
    limited.seconds = -1;
    assert_int_equal(run_virtually(limit_a_task, &limited), 3);
}

static void a_task_that_finishes_though_it_was_cancelled_gives_its_result(void **state)
{
    (void)state;
    struct limited limited = {.job = {.seconds = 9, .if_cancelled = 42}, .seconds = 1};
    assert_int_equal(run_virtually(limit_a_task, &limited), 42);
    assert_false(limited.was_cancelled);
    limited.job.if_cancelled = -EPIPE;
    assert_int_equal(run_virtually(limit_a_task, &limited), -EPIPE);
}

static int64_t cancel_it(void *task)
{
    int rc = hoop_sleep(1);
    hoop_task_cancel(task);
    return rc;
}

static int64_t limit_a_task_that_another_one_cancels(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(do_job, &(struct job){.seconds = 9});
    hoop_task_detach(hoop_create_task(cancel_it, task));
    return hoop_wait_for_task(task, 5);
}

static void a_task_cancelled_by_somebody_else_did_not_take_too_long(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(limit_a_task_that_another_one_cancels, NULL), -ECANCELED);
}

static int64_t cancel_the_waiter(void *arg)
{
    struct limited *limited = arg;
    hoop_task *waiter = hoop_create_task(limit_a_task, limited);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(waiter));
    assert_int_equal(hoop_task_cancelling(waiter), 1);
    assert_int_equal(hoop_task_uncancel(waiter), 0); /* for limit_a_task's assertion */
    return hoop_await(waiter);
}

static void cancelling_the_waiter_cancels_the_task(void **state)
{
    (void)state;
    struct limited limited = {.job = {.seconds = 99, .cleanup = 2}, .seconds = NEVER};
    assert_int_equal(run_virtually(cancel_the_waiter, &limited), -ECANCELED);
    assert_true(limited.was_cancelled);
    assert_true(limited.end == 3);
    limited.seconds = 60;
    assert_int_equal(run_virtually(cancel_the_waiter, &limited), -ECANCELED);
    assert_true(limited.was_cancelled);
}

static int64_t wait_and_go_on(void *task)
{
    assert_int_equal(hoop_wait_for_task(task, 100), 5); /* it was finished by then */
    return hoop_sleep(1);
}

static int64_t cancel_the_waiter_of_a_finished_task(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(do_job, &(struct job){.result = 5});
    hoop_task *waiter = hoop_create_task(wait_and_go_on, hoop_task_ref(task));
    while (!hoop_task_is_done(task))
        assert_int_equal(hoop_sleep(0), 0);
    hoop_task_cancel(waiter);
    assert_int_equal(hoop_await(waiter), -ECANCELED);
    return hoop_await(task);
}

static void a_result_that_was_there_before_the_cancellation_is_not_lost(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_the_waiter_of_a_finished_task, NULL), 5);
}

/* ---- misuse ---- */

static int64_t misuse_wait_for(void *arg)
{
    (void)arg;
    struct job job = {.result = 5};
    assert_int_equal(hoop_wait_for(do_job, &job, (double)NAN), -EINVAL);
    assert_int_equal(hoop_wait_for_task(hoop_create_task(NULL, NULL), 1), -EINVAL);
    assert_int_equal(hoop_wait_for_task(hoop_current_task(), 1), -EDEADLK);
    assert_int_equal(hoop_wait_for_task(hoop_current_task(), 0), -EDEADLK);
    assert_int_equal(requests_left(), 0);
    hoop_task *task = hoop_create_task(do_job, &job);
    assert_int_equal(hoop_wait_for_task(task, (double)NAN), -EINVAL);
    return hoop_await(task); /* the reference is still ours */
}

static void misuse_leaves_the_reference_alone(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(misuse_wait_for, NULL), 5);
    struct job job = {.result = 5};
    assert_int_equal(hoop_wait_for(do_job, &job, 1), HOOP_ENOTASK);
    hoop_loop *loop = virtual_loop();
    hoop_task *task = hoop_create_task_with(do_job, &job, &(hoop_task_options){.loop = loop});
    assert_int_equal(hoop_wait_for_task(task, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_run_until_done(loop, hoop_task_future(task)), 5);
    hoop_task_unref(task);
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_coroutine_is_called_with_a_limit_in_the_running_task),
        BEHAVIOUR(the_shorter_of_two_limits_ends_both_calls),
        BEHAVIOUR(a_shielded_task_outlives_the_limit),
        BEHAVIOUR(a_task_that_takes_too_long_is_cancelled_and_its_end_awaited),
        BEHAVIOUR(a_task_in_time_gives_its_result),
        BEHAVIOUR(a_finished_task_is_in_time_however_short_that_is),
        BEHAVIOUR(a_task_that_finishes_though_it_was_cancelled_gives_its_result),
        BEHAVIOUR(a_task_cancelled_by_somebody_else_did_not_take_too_long),
        BEHAVIOUR(cancelling_the_waiter_cancels_the_task),
        BEHAVIOUR(a_result_that_was_there_before_the_cancellation_is_not_lost),
        BEHAVIOUR(misuse_leaves_the_reference_alone),
    };
    return cmocka_run_group_tests_name("wait_for", tests, NULL, NULL);
}
