/* SPDX-License-Identifier: MIT
 *
 * Timeouts, groups, gathers, waits and iterators while each allocation and each system call
 * fails in turn: the error comes up, nothing leaks, and no task is left cancelled.
 */
#include "job.h"

enum { ALL = HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL, COUNT = 9 };

/* As run_virtually, but what fails may be reported, and a loop may not come to be. */
static int run_quietly(hoop_coroutine_fn fn, void *arg)
{
    struct reports reports = {0};
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, reports_add, &reports);
    int64_t result = hoop_run_until_complete(loop, fn, arg);
    hoop_close(loop);
    return result < 0 ? (int)result : 0;
}

/* ---- timeouts ---- */

static int64_t use_scopes(void *arg)
{
    (void)arg;
    hoop_timeout outer, inner;
    int64_t rc = hoop_timeout_enter(&outer, NEVER);
    if (rc < 0)
        return rc;
    rc = hoop_timeout_reschedule(&outer, 5);
    assert_true(rc == 0 || isinf(hoop_timeout_when(&outer))); /* the old limit holds */
    if (rc == 0)
        rc = hoop_timeout_enter_at(&inner, 1);
    if (rc == 0) {
        rc = hoop_sleep(2);
        assert_int_equal(rc == -ECANCELED, hoop_timeout_expired(&inner));
        rc = hoop_timeout_exit(&inner, rc);
        assert_int_equal(rc == -ETIMEDOUT, hoop_timeout_expired(&inner));
    }
    rc = hoop_timeout_exit(&outer, rc);
    assert_int_equal(requests_left(), 0);
    return rc == -ETIMEDOUT ? 0 : rc;
}

static int scopes(void *arg)
{
    return run_quietly(use_scopes, arg);
}

static void a_scope_without_memory_is_not_entered(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, scopes, NULL);
    fail_each(ALL, scopes, NULL);
}

static int64_t limit_a_task(void *arg)
{
    (void)arg;
    static const struct job job = {.seconds = 5};
    hoop_task *task = hoop_create_task_copy(do_job, &job, sizeof job);
    int64_t rc = hoop_wait_for_task(task, 1); /* consumes the reference, whatever comes */
    assert_int_equal(requests_left(), 0);
    return rc == -ETIMEDOUT ? 0 : rc;
}

static int limited_task(void *arg)
{
    return run_quietly(limit_a_task, arg);
}

static void a_limited_await_consumes_its_reference_in_any_case(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, limited_task, NULL);
    fail_each(ALL, limited_task, NULL);
}

/* The heap of timers has room for some: here it has none left. */
static int64_t limit_without_a_timer(void *arg)
{
    (void)arg;
    struct job job = {.seconds = 0, .result = 3};
    hoop_timeout timeouts[100];
    int count = 0, rc = 0;
    hoop_task *task = hoop_create_task(do_job, &job);
    hoop_task *kept = hoop_task_ref(task);
    for (;;) {
        hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
        rc = hoop_timeout_enter(&timeouts[count], 50);
        hoop_testing_fail_nth(0, 0);
        if (rc < 0)
            break;
        assert_true(++count < 100);
    }
    assert_int_equal(rc, -ENOMEM);
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_int_equal(hoop_wait_for_task(task, 50), -ENOMEM);
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_int_equal(hoop_wait(&kept, 1, HOOP_ALL_COMPLETED, 50), -ENOMEM);
    hoop_testing_fail_nth(0, 0);
    while (count > 0)
        rc |= (int)hoop_timeout_exit(&timeouts[--count], 0);
    assert_false(hoop_task_is_done(kept)); /* it runs on, detached */
    return hoop_await(kept);
}

static void without_room_for_a_timer_no_limited_await_begins(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(limit_without_a_timer, NULL), 3);
}

/* ---- groups ---- */

static int64_t use_a_group(void *arg)
{
    (void)arg;
    static const struct job job = {.seconds = 1, .name = "job"};
    hoop_task_group group;
    int64_t rc = hoop_task_group_enter(&group);
    if (rc < 0)
        return rc;
    hoop_task_options options = {.name = "own name", .stack_size = 1 << 18, .eager = true};
    if (hoop_task_group_create_task(&group, do_job, (void *)(uintptr_t)&job) == NULL ||
        hoop_task_group_create_task_copy(&group, do_job, &job, sizeof job) == NULL ||
        hoop_task_group_create_task_with(&group, do_job, (void *)(uintptr_t)&job, &options) == NULL)
        rc = hoop_last_error();
    rc = hoop_task_group_exit(&group, rc);
    assert_int_equal(hoop_task_group_size(&group), 0);
    assert_int_equal(requests_left(), 0);
    return rc;
}

static int group(void *arg)
{
    return run_quietly(use_a_group, arg);
}

static void a_group_ends_with_the_error_of_a_child_that_cannot_be(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, group, NULL);
    fail_each(ALL, group, NULL);
}

static int64_t begin_a_child_without_a_stack(void *arg)
{
    (void)arg;
    struct job job = {.seconds = 9};
    hoop_task_options options = {.stack_size = 1 << 20, .eager = true};
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(hoop_task_group_create_task(&group, do_job, &job));
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 2); /* 1: the task itself */
    (void)!hoop_task_group_create_task_with(&group, do_job, &job, &options);
    assert_true(hoop_testing_failed());
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(hoop_task_group_error_count(&group), 1);
    assert_int_equal(hoop_task_group_exit(&group, 0), -ENOMEM);
    assert_now(0);
    assert_int_equal(requests_left(), 0);
    return hoop_sleep(1);
}

static void a_child_without_a_stack_fails_its_group(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(begin_a_child_without_a_stack, NULL), 0);
}

/* ---- gather ---- */

static int64_t gather_nine(void *arg)
{
    const unsigned *flags = arg;
    static const struct job job = {.seconds = 1, .result = 2};
    hoop_task *tasks[COUNT];
    int64_t results[COUNT];
    for (int i = 0; i < COUNT; i++)
        tasks[i] = hoop_create_task_copy(do_job, &job, sizeof job);
    int64_t rc = hoop_gather(tasks, COUNT, results, *flags); /* consumes the references */
    for (int i = 0; i < COUNT && rc == 0; i++)
        rc = results[i] < 0 ? results[i] : 0;
    return rc;
}

static int gather(void *arg)
{
    return run_quietly(gather_nine, arg);
}

static void a_gather_consumes_its_references_in_any_case(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags <= HOOP_RETURN_ERRORS; flags++) {
        fail_each(HOOP_FAIL_ALLOCATION, gather, &flags);
        fail_each(ALL, gather, &flags);
    }
}

static int64_t gather_without_memory(void *arg)
{
    struct job job = {.seconds = 1, .name = "job", .record = arg};
    hoop_task *tasks[COUNT];
    for (int i = 0; i < COUNT; i++)
        tasks[i] = hoop_create_task(do_job, &job);
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_int_equal(hoop_gather(tasks, COUNT, NULL, 0), -ENOMEM);
    hoop_testing_fail_nth(0, 0);
    hoop_future *futures[COUNT];
    for (int i = 0; i < COUNT; i++)
        futures[i] = hoop_future_new(NULL);
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_int_equal(hoop_gather_futures(futures, COUNT, NULL, 0), -ENOMEM);
    hoop_testing_fail_nth(0, 0);
    for (int i = 0; i < COUNT; i++)
        hoop_future_unref(futures[i]); /* borrowed as ever */
    return hoop_sleep(2);
}

static void the_tasks_of_a_gather_without_memory_run_on(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(gather_without_memory, &record), 0);
    assert_record(&record, "job job job job job job job job job");
}

/* ---- wait, as_completed ---- */

static int64_t wait_for_nine(void *arg)
{
    (void)arg;
    static const struct job job = {.seconds = 1};
    hoop_task *tasks[COUNT];
    size_t count = 0;
    while (count < COUNT &&
           (tasks[count] = hoop_create_task_copy(do_job, &job, sizeof job)) != NULL)
        count++;
    int64_t rc = count < COUNT ? hoop_last_error() : 0;
    if (rc == 0)
        rc = hoop_wait(tasks, count, HOOP_ALL_COMPLETED, 5);
    hoop_as_completed *iterator = hoop_as_completed_new(tasks, count);
    if (iterator == NULL)
        rc = hoop_last_error();
    for (size_t i = 0; i < count; i++) {
        if (rc >= 0 && hoop_task_is_done(tasks[i]))
            rc = hoop_task_result(tasks[i]);
        hoop_task_unref(tasks[i]);
    }
    hoop_task *next;
    while (iterator != NULL && hoop_as_completed_next(iterator, &next) == 1)
        (void)hoop_task_result(next);
    hoop_as_completed_free(iterator);
    return rc < 0 ? rc : 0;
}

static int wait_and_iterate(void *arg)
{
    return run_quietly(wait_for_nine, arg);
}

static void waits_and_iterators(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, wait_and_iterate, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_scope_without_memory_is_not_entered),
        BEHAVIOUR(a_limited_await_consumes_its_reference_in_any_case),
        BEHAVIOUR(without_room_for_a_timer_no_limited_await_begins),
        BEHAVIOUR(a_group_ends_with_the_error_of_a_child_that_cannot_be),
        BEHAVIOUR(a_child_without_a_stack_fails_its_group),
        BEHAVIOUR(a_gather_consumes_its_references_in_any_case),
        BEHAVIOUR(the_tasks_of_a_gather_without_memory_run_on),
        BEHAVIOUR(waits_and_iterators),
    };
    return cmocka_run_group_tests_name("combine_failures", tests, NULL, NULL);
}
