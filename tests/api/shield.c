/* SPDX-License-Identifier: MIT
 *
 * hoop_shield: awaiting a task without passing cancellation on to it.
 */
#include <errno.h>

#include "reports.h"

struct work {
    struct record record;
    int64_t outcome; /* what the shielded task will return */
    hoop_task *inner;
};

static int64_t work(void *arg)
{
    struct work *state = arg;
    int rc = hoop_sleep(10);
    if (rc < 0)
        return rc;
    record_add(&state->record, "inner");
    return state->outcome;
}

static int64_t shield_work(void *arg)
{
    struct work *state = arg;
    state->inner = hoop_create_task(work, state);
    int64_t rc = hoop_shield(state->inner);
    record_add(&state->record, "outer");
    return rc;
}

static void a_shield_gives_the_result_if_nobody_cancels(void **state)
{
    (void)state;
    struct work world = {.outcome = 9};
    assert_int_equal(run_virtually(shield_work, &world), 9);
    assert_record(&world.record, "inner outer");
}

static int64_t cancel_the_outer(void *arg)
{
    hoop_task *outer = hoop_create_task(shield_work, arg);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(outer));
    assert_int_equal(hoop_await(outer), -ECANCELED);
    assert_true(hoop_time(hoop_running_loop()) == 1);
    return hoop_sleep(20);
}

static void a_cancelled_caller_returns_at_once_and_the_task_runs_on(void **state)
{
    (void)state;
    struct work world = {.outcome = 9};
    assert_int_equal(run_virtually(cancel_the_outer, &world), 0);
    assert_record(&world.record, "outer inner");
}

static void an_error_after_the_caller_has_gone_is_reported(void **state)
{
    (void)state;
    struct work world = {.outcome = -EIO};
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, cancel_the_outer, &world), 0);
    hoop_close(loop);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EIO);
    assert_string_equal(reports.task, "work");
}

static int64_t shield_while_cancelled(void *arg)
{
    struct work *state = arg;
    assert_true(hoop_task_cancel(hoop_current_task()));
    assert_int_equal(shield_work(state), -ECANCELED);
    assert_int_equal(hoop_task_uncancel(hoop_current_task()), 0);
    return hoop_sleep(20);
}

static void a_shield_of_a_caller_that_is_being_cancelled_protects_too(void **state)
{
    (void)state;
    struct work world = {.outcome = 9};
    assert_int_equal(run_virtually(shield_while_cancelled, &world), 0);
    assert_record(&world.record, "outer inner");
}

static int64_t cancel_the_inner(void *arg)
{
    struct work *state = arg;
    hoop_task *outer = hoop_create_task(shield_work, state);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(state->inner));
    return hoop_await(outer);
}

static void a_shielded_task_can_still_be_cancelled_itself(void **state)
{
    (void)state;
    struct work world = {.outcome = 9};
    assert_int_equal(run_virtually(cancel_the_inner, &world), -ECANCELED);
    assert_record(&world.record, "outer");
}

static int64_t shield_a_finished_one(void *arg)
{
    hoop_task *inner = hoop_create_task(work, arg);
    assert_int_equal(hoop_sleep(20), 0);
    return hoop_shield(inner);
}

static void a_shield_of_a_finished_task_returns_at_once(void **state)
{
    (void)state;
    struct work world = {.outcome = 9};
    assert_int_equal(run_virtually(shield_a_finished_one, &world), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_shield_gives_the_result_if_nobody_cancels),
        BEHAVIOUR(a_cancelled_caller_returns_at_once_and_the_task_runs_on),
        BEHAVIOUR(an_error_after_the_caller_has_gone_is_reported),
        BEHAVIOUR(a_shield_of_a_caller_that_is_being_cancelled_protects_too),
        BEHAVIOUR(a_shielded_task_can_still_be_cancelled_itself),
        BEHAVIOUR(a_shield_of_a_finished_task_returns_at_once),
    };
    return cmocka_run_group_tests_name("shield", tests, NULL, NULL);
}
