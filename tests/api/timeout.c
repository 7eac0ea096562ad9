/* SPDX-License-Identifier: MIT
 *
 * Timeout scopes: what becomes of a body that takes too long, whose cancellation is
 * whose, and moving the limit. Scopes in scopes are in timeout_nested.c.
 */
#include "job.h"

/* ---- in time, and too late ---- */

static int64_t take_too_long(void *arg)
{
    (void)arg;
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, 2), 0);
    assert_false(hoop_timeout_expired(&timeout));
    assert_true(hoop_timeout_when(&timeout) == 2);
    int rc = hoop_sleep(10);
    assert_int_equal(rc, -ECANCELED);
    assert_int_equal(requests_left(), 1);
    assert_true(hoop_timeout_expired(&timeout));
    assert_int_equal(hoop_timeout_exit(&timeout, rc), -ETIMEDOUT);
    assert_now(2);
    assert_int_equal(requests_left(), 0);
    assert_true(hoop_timeout_expired(&timeout));
    assert_true(hoop_timeout_when(&timeout) == 2);
    return hoop_sleep(1); /* the task itself goes on */
}

static void a_body_that_takes_too_long_is_cancelled_and_the_result_is_etimedout(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(take_too_long, NULL), 0);
}

static int64_t be_in_time(void *arg)
{
    (void)arg;
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, 2), 0);
    assert_int_equal(hoop_sleep(1), 0);
    assert_int_equal(hoop_timeout_exit(&timeout, 7), 7);
    assert_false(hoop_timeout_expired(&timeout));
    assert_true(hoop_timeout_when(&timeout) == 2);
    assert_int_equal(hoop_sleep(5), 0); /* no timer is left behind */
    assert_false(hoop_timeout_expired(&timeout));
    return 0;
}

static void a_body_that_is_in_time_keeps_its_result(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(be_in_time, NULL), 0);
}

static int64_t limit_by_the_clock(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_sleep(3), 0);
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter_at(&timeout, 5), 0);
    assert_true(hoop_timeout_when(&timeout) == 5);
    assert_int_equal(hoop_timeout_exit(&timeout, hoop_sleep(10)), -ETIMEDOUT);
    assert_now(5);
    return 0;
}

static void the_limit_may_be_a_time_of_the_loops_clock(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(limit_by_the_clock, NULL), 0);
}

static int64_t have_no_limit(void *arg)
{
    (void)arg;
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, NEVER), 0);
    assert_true(isinf(hoop_timeout_when(&timeout)));
    assert_int_equal(hoop_timeout_exit(&timeout, hoop_sleep(1000000)), 0);
    assert_int_equal(hoop_timeout_enter_at(&timeout, NEVER), 0);
    assert_int_equal(hoop_timeout_exit(&timeout, hoop_sleep(1000000)), 0);
    assert_false(hoop_timeout_expired(&timeout));
    return 0;
}

static void infinity_is_no_limit(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(have_no_limit, NULL), 0);
}

static int64_t begin_too_late(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_sleep(20), 0);
    const double whens[] = {20, 19, 0, -1, -NEVER};
    for (int i = 0; i < 5; i++) {
        hoop_timeout timeout;
        assert_int_equal(hoop_timeout_enter_at(&timeout, whens[i]), 0);
        assert_true(hoop_timeout_expired(&timeout));
        assert_int_equal(hoop_timeout_exit(&timeout, hoop_sleep(i % 2)), -ETIMEDOUT);
        assert_int_equal(hoop_timeout_enter(&timeout, whens[i] - 20), 0);
        assert_int_equal(hoop_timeout_exit(&timeout, hoop_sleep(i % 2)), -ETIMEDOUT);
        assert_int_equal(hoop_timeout_enter(&timeout, -i), 0);
        assert_int_equal(hoop_timeout_exit(&timeout, 3), 3); /* it never had to wait */
        assert_int_equal(requests_left(), 0);
    }
    assert_now(20);
    return 0;
}

static void a_limit_that_has_passed_already_cancels_the_first_await(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(begin_too_late, NULL), 0);
}

/* ---- what the body makes of it ---- */

static int64_t finish_all_the_same(void *arg)
{
    (void)arg;
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, 1), 0);
    assert_int_equal(hoop_sleep(10), -ECANCELED);
    assert_int_equal(hoop_timeout_exit(&timeout, 9), 9);
    assert_true(hoop_timeout_expired(&timeout));
    assert_int_equal(requests_left(), 0);
    return hoop_sleep(1);
}

static void a_body_that_finishes_all_the_same_keeps_its_result(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(finish_all_the_same, NULL), 0);
}

static int64_t fail_in_a_scope(void *arg)
{
    (void)arg;
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, 1), 0);
    hoop_error_set(-EPIPE, "in time");
    assert_int_equal(hoop_timeout_exit(&timeout, -EPIPE), -EPIPE);
    assert_string_equal(hoop_error_message(), "in time");
    assert_false(hoop_timeout_expired(&timeout));
    assert_int_equal(hoop_timeout_enter(&timeout, 1), 0);
    assert_int_equal(hoop_sleep(10), -ECANCELED);
    hoop_error_set(-EIO, "while it ended");
    assert_int_equal(hoop_timeout_exit(&timeout, -EIO), -EIO);
    assert_string_equal(hoop_error_message(), "while it ended");
    assert_true(hoop_timeout_expired(&timeout));
    assert_int_equal(requests_left(), 0);
    return 0;
}

static void an_error_of_the_body_is_passed_on(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(fail_in_a_scope, NULL), 0);
}

static int64_t time_out_after_an_error(void *arg)
{
    (void)arg;
    hoop_error_set(-EPIPE, "an older error");
    assert_int_equal(hoop_wait_for(do_job, &(struct job){.seconds = 5}, 1), -ETIMEDOUT);
    assert_string_equal(hoop_error_message(), "");
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, 1), 0);
    int rc = hoop_sleep(5);
    hoop_error_set(-EIO, "an error that the body saw to itself");
    assert_int_equal(hoop_timeout_exit(&timeout, rc), -ETIMEDOUT);
    assert_string_equal(hoop_error_message(), "");
    return 0;
}

static void a_timeout_does_not_come_with_the_message_of_an_older_error(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(time_out_after_an_error, NULL), 0);
}

/* ---- cancelled from outside ---- */

struct scope {
    hoop_timeout timeout;
    double seconds;
    int64_t result; /* what the exit said */
    bool survives;  /* it returns 7, cancelled or not */
};

static int64_t sleep_in_a_scope(void *arg)
{
    struct scope *scope = arg;
    assert_int_equal(hoop_timeout_enter(&scope->timeout, scope->seconds), 0);
    int64_t rc = hoop_sleep(10);
    scope->result = hoop_timeout_exit(&scope->timeout, scope->survives ? 7 : rc);
    return scope->result;
}

static int64_t cancel_after_a_second(void *arg)
{
    struct scope *scope = arg;
    hoop_task *task = hoop_create_task(sleep_in_a_scope, scope);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(task));
    hoop_task *kept = hoop_task_ref(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_int_equal(hoop_task_cancelling(kept), 1); /* only the scope's request was taken back */
    hoop_task_unref(kept);
    assert_int_equal(scope->result, -ECANCELED);
    return 0;
}

static void a_cancellation_from_outside_stays_one(void **state)
{
    (void)state;
    struct scope scope = {.seconds = 5};
    assert_int_equal(run_virtually(cancel_after_a_second, &scope), 0);
    assert_false(hoop_timeout_expired(&scope.timeout));
}

/* Both timers are due in one iteration, so the scope has expired when the task is cancelled. */
static void an_expiry_and_a_cancellation_from_outside_are_a_cancellation(void **state)
{
    (void)state;
    struct scope scope = {.seconds = 1};
    assert_int_equal(run_virtually(cancel_after_a_second, &scope), 0);
    assert_true(hoop_timeout_expired(&scope.timeout));
}

/* ---- moving the limit ---- */

static int64_t move_the_limit(void *arg)
{
    (void)arg;
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, 1), 0);
    assert_int_equal(hoop_timeout_reschedule(&timeout, 5), 0);
    assert_true(hoop_timeout_when(&timeout) == 5);
    assert_int_equal(hoop_sleep(3), 0);
    assert_int_equal(hoop_timeout_reschedule(&timeout, NEVER), 0);
    assert_true(isinf(hoop_timeout_when(&timeout)));
    assert_int_equal(hoop_sleep(3), 0);
    assert_int_equal(hoop_timeout_reschedule(&timeout, 8), 0);
    assert_int_equal(hoop_sleep(3), -ECANCELED);
    assert_now(8);
    assert_int_equal(hoop_timeout_reschedule(&timeout, 20), -ETIMEDOUT);
    assert_true(hoop_timeout_when(&timeout) == 8);
    assert_int_equal(hoop_timeout_exit(&timeout, -ECANCELED), -ETIMEDOUT);
    assert_int_equal(hoop_timeout_reschedule(&timeout, 20), HOOP_ENOTASK);
    return hoop_sleep(30);
}

static void the_limit_can_be_moved_until_it_has_passed(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(move_the_limit, NULL), 0);
}

static int64_t move_the_limit_to_the_past(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_sleep(2), 0);
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, 10), 0);
    assert_int_equal(hoop_timeout_reschedule(&timeout, 1), 0);
    assert_true(hoop_timeout_expired(&timeout));
    assert_int_equal(hoop_timeout_exit(&timeout, hoop_sleep(0)), -ETIMEDOUT);
    assert_now(2);
    return 0;
}

static void moved_to_the_past_it_expires_at_once(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(move_the_limit_to_the_past, NULL), 0);
}

static int64_t move_anothers_limit(void *arg)
{
    struct scope *scope = arg;
    double when = scope->seconds;
    scope->seconds = 5;
    hoop_task *task = hoop_create_task(sleep_in_a_scope, scope);
    assert_int_equal(hoop_sleep(3), 0);
    assert_int_equal(hoop_timeout_reschedule(&scope->timeout, when), 0);
    return hoop_await(task);
}

static void another_task_may_move_the_limit(void **state)
{
    (void)state;
    struct scope scope = {.seconds = 7};
    assert_int_equal(run_virtually(move_anothers_limit, &scope), -ETIMEDOUT);
    scope = (struct scope){.seconds = NEVER};
    assert_int_equal(run_virtually(move_anothers_limit, &scope), 0);
    scope = (struct scope){.seconds = 1}; /* that was before */
    assert_int_equal(run_virtually(move_anothers_limit, &scope), -ETIMEDOUT);
}

static void an_await_that_ended_before_the_limit_at_the_same_instant_counts(void **state)
{
    (void)state;
    struct scope scope = {.seconds = 10}; /* the sleep's timer is the older one now */
    assert_int_equal(run_virtually(move_anothers_limit, &scope), 0);
    assert_true(hoop_timeout_expired(&scope.timeout));
    scope = (struct scope){.seconds = 10, .survives = true};
    assert_int_equal(run_virtually(move_anothers_limit, &scope), 7);
}

/* ---- misuse ---- */

static void outside_of_a_task_there_is_no_scope(void **state)
{
    (void)state;
    hoop_timeout timeout = {0};
    assert_int_equal(hoop_timeout_enter(&timeout, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_timeout_enter_at(&timeout, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_timeout_reschedule(&timeout, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_timeout_exit(&timeout, 1), HOOP_ENOTASK);
}

static int64_t exit_anothers_scope(void *timeout)
{
    assert_int_equal(hoop_timeout_exit(timeout, 5), HOOP_ENOTASK);
    return 0;
}

static int64_t misuse_scopes(void *arg)
{
    (void)arg;
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, (double)NAN), -EINVAL);
    assert_int_equal(hoop_timeout_enter_at(&timeout, (double)NAN), -EINVAL);
    assert_int_equal(hoop_timeout_enter(&timeout, 1), 0);
    assert_int_equal(hoop_timeout_reschedule(&timeout, (double)NAN), -EINVAL);
    assert_true(hoop_timeout_when(&timeout) == 1);
    assert_int_equal(hoop_await(hoop_create_task(exit_anothers_scope, &timeout)), 0);
    assert_int_equal(hoop_timeout_exit(&timeout, hoop_sleep(5)), -ETIMEDOUT); /* as if not tried */
    assert_int_equal(hoop_timeout_exit(&timeout, 5), HOOP_ENOTASK);
    return hoop_sleep(5);
}

static void misuse_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(misuse_scopes, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_body_that_takes_too_long_is_cancelled_and_the_result_is_etimedout),
        BEHAVIOUR(a_body_that_is_in_time_keeps_its_result),
        BEHAVIOUR(the_limit_may_be_a_time_of_the_loops_clock),
        BEHAVIOUR(infinity_is_no_limit),
        BEHAVIOUR(a_limit_that_has_passed_already_cancels_the_first_await),
        BEHAVIOUR(a_body_that_finishes_all_the_same_keeps_its_result),
        BEHAVIOUR(an_error_of_the_body_is_passed_on),
        BEHAVIOUR(a_timeout_does_not_come_with_the_message_of_an_older_error),
        BEHAVIOUR(a_cancellation_from_outside_stays_one),
        BEHAVIOUR(an_expiry_and_a_cancellation_from_outside_are_a_cancellation),
        BEHAVIOUR(the_limit_can_be_moved_until_it_has_passed),
        BEHAVIOUR(moved_to_the_past_it_expires_at_once),
        BEHAVIOUR(another_task_may_move_the_limit),
        BEHAVIOUR(an_await_that_ended_before_the_limit_at_the_same_instant_counts),
        BEHAVIOUR(outside_of_a_task_there_is_no_scope),
        BEHAVIOUR(misuse_changes_nothing),
    };
    return cmocka_run_group_tests_name("timeout", tests, NULL, NULL);
}
