/* SPDX-License-Identifier: MIT
 *
 * hoop_future_shield: awaiting a future, borrowed, without passing cancellation on to it.
 */
#include <errno.h>
#include <string.h>

#include "in_a_task.h"

enum { MANY = 5 };

static int64_t shield(void *future)
{
    return hoop_future_shield(future);
}

static int64_t await(void *future)
{
    return hoop_future_await(future);
}

static void start_shields(hoop_future *future, hoop_task **ret_tasks)
{
    for (int i = 0; i < MANY; i++)
        ret_tasks[i] = hoop_create_task(shield, future);
    let_others_wait();
}

/* ---- the outcome ---- */

IN_A_TASK(a_shield_of_a_future_gives_its_result)
{
    hoop_future *future = hoop_future_new(NULL);
    hoop_task *task = hoop_create_task(shield, future);
    let_others_wait();
    assert_int_equal(hoop_future_set_result(future, 7), 0);
    assert_int_equal(hoop_await(task), 7);
    assert_int_equal(hoop_future_shield(future), 7); /* it was borrowed, and is done */
    hoop_future_unref(future);
}

IN_A_TASK(a_shield_of_a_future_gives_its_error_with_the_message)
{
    hoop_future *future = hoop_future_new(NULL);
    assert_int_equal(hoop_future_set_error(future, -EIO, "reading %s", "a"), 0);
    assert_int_equal(hoop_future_shield(future), -EIO);
    assert_string_equal(hoop_error_message(), "reading a");
    hoop_future_unref(future); /* the error was retrieved: it is not reported */
}

static void set_five(void *future)
{
    assert_int_equal(hoop_future_set_result(future, 5), 0);
    hoop_future_unref(future);
}

IN_A_TASK(a_shield_keeps_the_future_alive)
{
    hoop_future *future = hoop_future_new(NULL);
    assert_true(hoop_call_later(hoop_running_loop(), 1, set_five, future) >= 0);
    assert_int_equal(hoop_future_shield(future), 5);
}

static int64_t count_to_three(void *arg)
{
    for (int *count = arg; *count < 3; ++*count)
        let_one_iteration_pass();
    return 0;
}

IN_A_TASK(shields_of_what_is_done_let_others_have_their_turn)
{
    hoop_future *future = hoop_future_new(NULL);
    assert_int_equal(hoop_future_set_result(future, 1), 0);
    int count = 0;
    hoop_task *other = hoop_create_task(count_to_three, &count);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(hoop_future_shield(future), 1);
    assert_int_equal(count, 3);
    assert_int_equal(hoop_await(other), 0);
    hoop_future_unref(future);
}

/* ---- cancellation ---- */

IN_A_TASK(of_many_that_shield_a_future_only_the_cancelled_one_leaves)
{
    hoop_future *future = hoop_future_new(NULL);
    hoop_task *tasks[MANY];
    start_shields(future, tasks);
    double then = hoop_time(hoop_running_loop());
    assert_true(hoop_task_cancel(tasks[2]));
    assert_int_equal(hoop_await(tasks[2]), -ECANCELED);
    assert_true(hoop_time(hoop_running_loop()) == then);
    assert_false(hoop_future_is_done(future));
    let_others_wait();
    for (int i = 0; i < MANY; i++)
        assert_true(i == 2 || !hoop_task_is_done(tasks[i]));
    assert_int_equal(hoop_future_set_result(future, 7), 0);
    for (int i = 0; i < MANY; i++)
        assert_true(i == 2 || hoop_await(tasks[i]) == 7);
    hoop_future_unref(future);
}

IN_A_TASK(one_that_awaits_it_without_a_shield_cancels_it_for_all)
{
    hoop_future *future = hoop_future_new(NULL);
    hoop_task *tasks[MANY];
    start_shields(future, tasks);
    hoop_task *bare = hoop_create_task(await, future);
    let_others_wait();
    assert_true(hoop_task_cancel(bare));
    assert_true(hoop_future_is_cancelled(future));
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(hoop_task_cancelling(tasks[i]), 0); /* nobody asked them to stop */
        assert_int_equal(hoop_await(tasks[i]), -ECANCELED);
    }
    assert_int_equal(hoop_await(bare), -ECANCELED);
    hoop_future_unref(future);
}

IN_A_TASK(a_caller_that_is_being_cancelled_gets_what_is_there_and_leaves_the_rest_alone)
{
    hoop_future *pending = hoop_future_new(NULL), *done = hoop_future_new(NULL);
    assert_int_equal(hoop_future_set_result(done, 7), 0);
    assert_true(hoop_task_cancel(hoop_current_task()));
    assert_int_equal(hoop_future_shield(done), 7);
    assert_int_equal(hoop_future_shield(pending), -ECANCELED);
    assert_int_equal(hoop_future_shield(pending), -ECANCELED);
    assert_false(hoop_future_is_done(pending));
    assert_int_equal(hoop_task_uncancel(hoop_current_task()), 0);
    hoop_future_unref(pending);
    hoop_future_unref(done);
}

IN_A_TASK(who_was_served_before_being_cancelled_has_the_result)
{
    hoop_future *future = hoop_future_new(NULL);
    hoop_task *task = hoop_create_task(shield, future);
    let_others_wait();
    assert_int_equal(hoop_future_set_result(future, 7), 0);
    assert_true(hoop_task_cancel(task)); /* it is ready already */
    assert_int_equal(hoop_await(task), 7);
    hoop_future_unref(future);
}

IN_A_TASK(a_limit_ends_the_wait_and_not_the_future)
{
    hoop_future *future = hoop_future_new(NULL);
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, 2), 0);
    int64_t rc = hoop_future_shield(future);
    assert_int_equal(hoop_timeout_exit(&timeout, rc), -ETIMEDOUT);
    assert_true(hoop_time(hoop_running_loop()) == 2);
    assert_int_equal(hoop_future_set_result(future, 7), 0);
    assert_int_equal(hoop_future_shield(future), 7);
    hoop_future_unref(future);
}

static int64_t sleep_and_give_nine(void *arg)
{
    (void)arg;
    int rc = hoop_sleep(10);
    return rc < 0 ? rc : 9;
}

IN_A_TASK(a_task_is_shielded_as_a_future_by_many_at_once)
{
    hoop_task *inner = hoop_create_task(sleep_and_give_nine, NULL), *tasks[MANY];
    start_shields(hoop_task_future(inner), tasks);
    assert_true(hoop_task_cancel(tasks[0]));
    assert_int_equal(hoop_await(tasks[0]), -ECANCELED);
    assert_int_equal(hoop_task_cancelling(inner), 0);
    for (int i = 1; i < MANY; i++)
        assert_int_equal(hoop_await(tasks[i]), 9);
    assert_int_equal(hoop_await(inner), 9); /* its reference was borrowed */
}

/* ---- nobody is left ---- */

static int64_t leave_before_it_fails(void *arg)
{
    (void)arg;
    hoop_future *future = hoop_future_new(NULL);
    hoop_task *task = hoop_create_task(shield, future);
    let_others_wait();
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_int_equal(hoop_future_set_error(future, -EIO, "too late"), 0);
    hoop_future_unref(future);
    return 0;
}

static void an_error_after_all_have_left_is_reported(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, leave_before_it_fails, NULL), 0);
    hoop_close(loop);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EIO);
    assert_string_equal(reports.message, "future error was never retrieved");
    assert_string_equal(reports.error_message, "too late");
}

static int64_t shield_for_ever(void *arg)
{
    *(hoop_future **)arg = hoop_future_new(NULL);
    return hoop_future_shield(*(hoop_future **)arg);
}

static void a_shield_goes_with_its_loop_and_the_future_stays(void **state)
{
    (void)state;
    hoop_future *future = NULL;
    close_while_it_waits(shield_for_ever, &future, NULL);
    assert_false(hoop_future_is_done(future));
    assert_int_equal(hoop_future_set_result(future, 7), 0);
    assert_int_equal(hoop_future_result(future), 7);
    hoop_future_unref(future);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_shield_of_a_future_gives_its_result),
        BEHAVIOUR(a_shield_of_a_future_gives_its_error_with_the_message),
        BEHAVIOUR(a_shield_keeps_the_future_alive),
        BEHAVIOUR(shields_of_what_is_done_let_others_have_their_turn),
        BEHAVIOUR(of_many_that_shield_a_future_only_the_cancelled_one_leaves),
        BEHAVIOUR(one_that_awaits_it_without_a_shield_cancels_it_for_all),
        BEHAVIOUR(a_caller_that_is_being_cancelled_gets_what_is_there_and_leaves_the_rest_alone),
        BEHAVIOUR(who_was_served_before_being_cancelled_has_the_result),
        BEHAVIOUR(a_limit_ends_the_wait_and_not_the_future),
        BEHAVIOUR(a_task_is_shielded_as_a_future_by_many_at_once),
        BEHAVIOUR(an_error_after_all_have_left_is_reported),
        BEHAVIOUR(a_shield_goes_with_its_loop_and_the_future_stays),
    };
    return cmocka_run_group_tests_name("shield_future", tests, NULL, NULL);
}
