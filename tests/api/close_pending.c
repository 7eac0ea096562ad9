/* SPDX-License-Identifier: MIT
 *
 * Closing a loop whose tasks have not finished: each is reported and destroyed without
 * running again, and what the program still holds stays readable.
 */
#include <errno.h>
#include <math.h>

#include "reports.h"

static int64_t sleep_for_ever(void *arg)
{
    (void)arg;
    return hoop_sleep((double)INFINITY);
}

static int64_t give_way_for_ever(void *arg)
{
    bool *ends = arg;
    while (!*ends)
        (void)!hoop_sleep(0);
    return 0;
}

static int64_t await_future(void *future)
{
    return hoop_future_await(future);
}

static int64_t await_task(void *task)
{
    return hoop_await(task);
}

static int64_t shield_task(void *task)
{
    return hoop_shield(task);
}

static hoop_task *start(hoop_loop *loop, hoop_coroutine_fn fn, void *arg)
{
    hoop_task *task = hoop_create_task_with(fn, arg, &(hoop_task_options){.loop = loop});
    assert_non_null(task);
    return task;
}

static void iterate(hoop_loop *loop)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
}

static void assert_all_reported(const struct reports *reports, unsigned count)
{
    assert_int_equal(reports->count, count);
    assert_string_equal(reports->message, "task was destroyed but it is pending");
    assert_int_equal(reports->error, 0);
}

static void a_pending_task_is_reported_and_reads_as_cancelled(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task *task = start(loop, sleep_for_ever, NULL);
    iterate(loop);
    assert_int_equal(hoop_close(loop), 0);
    assert_all_reported(&reports, 1);
    assert_string_equal(reports.task, "task");
    assert_true(hoop_task_is_done(task));
    assert_true(hoop_task_is_cancelled(task));
    assert_int_equal(hoop_task_result(task), -ECANCELED);
    assert_string_equal(hoop_task_error_message(task), "");
    assert_string_equal(hoop_task_name(task), "task");
    assert_int_equal(hoop_task_id(task), 1);
    assert_false(hoop_task_cancel(task));
    assert_null(hoop_future_loop(hoop_task_future(task)));
    hoop_task_unref(task);
    assert_int_equal(reports.count, 1);
}

static void tasks_go_in_whatever_state_they_are(void **state)
{
    (void)state;
    struct reports reports = {0};
    bool ends = false;
    hoop_loop *loop = reporting_loop(&reports);
    hoop_future *future = hoop_future_new(loop);
    hoop_task_detach(start(loop, sleep_for_ever, NULL));
    hoop_task_detach(start(loop, give_way_for_ever, &ends));
    hoop_task_detach(start(loop, await_future, future));
    iterate(loop);
    hoop_task_detach(start(loop, sleep_for_ever, NULL)); /* not begun */
    hoop_info info;
    hoop_loop_info(loop, &info);
    assert_int_equal(info.tasks, 4);
    assert_int_equal(info.stacks_in_use, 3);
    assert_int_equal(info.timers, 1);
    hoop_close(loop);
    assert_all_reported(&reports, 4);
    assert_int_equal(hoop_future_set_result(future, 1), 0); /* its waiter is gone */
    assert_int_equal(hoop_future_result(future), 1);
    hoop_future_unref(future);
}

/* ---- tasks that wait for tasks ---- */

static void who_awaits_an_older_task_goes_with_it(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task *older = start(loop, sleep_for_ever, NULL);
    hoop_task *kept = start(loop, await_task, hoop_task_ref(older));
    hoop_task_detach(start(loop, shield_task, hoop_task_ref(older)));
    hoop_task_detach(start(loop, await_future, hoop_task_future(older)));
    iterate(loop);
    hoop_close(loop);
    assert_all_reported(&reports, 4);
    assert_true(hoop_task_is_cancelled(older));
    assert_true(hoop_task_is_cancelled(kept));
    hoop_task_unref(older);
    hoop_task_unref(kept);
}

static int64_t await_new_ones(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    if (depth == 0)
        return hoop_sleep((double)INFINITY);
    return hoop_await(hoop_create_task(await_new_ones, (void *)(depth - 1)));
}

static void who_awaits_a_younger_task_goes_with_it(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task_detach(start(loop, await_new_ones, (void *)3));
    for (int i = 0; i < 3; i++)
        iterate(loop);
    hoop_close(loop);
    assert_all_reported(&reports, 4);
}

static void a_task_in_the_middle_of_being_cancelled_goes_too(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task *task = start(loop, await_new_ones, (void *)2);
    for (int i = 0; i < 3; i++)
        iterate(loop);
    assert_true(hoop_task_cancel(task)); /* the innermost is ready now */
    hoop_task_detach(task);
    hoop_close(loop);
    assert_all_reported(&reports, 3);
}

/* ---- done callbacks ---- */

static void must_not_run(hoop_future *future, void *arg)
{
    (void)future;
    (void)arg;
    fail_msg("a callback ran after the loop was closed");
}

static void a_pending_tasks_done_callbacks_are_dropped(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task *kept = start(loop, sleep_for_ever, NULL);
    hoop_task *detached = start(loop, sleep_for_ever, NULL);
    hoop_task *const tasks[] = {kept, detached};
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            hoop_future_add_done_callback(hoop_task_future(tasks[i % 2]), must_not_run, NULL), 0);
    hoop_task_detach(detached);
    iterate(loop);
    hoop_close(loop);
    assert_all_reported(&reports, 2);
    assert_true(hoop_task_is_cancelled(kept));
    hoop_task_unref(kept);
}

/* ---- what the handler may do ---- */

struct meddling {
    hoop_future *future;
    hoop_task *other;
    unsigned count;
};

static void meddle(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    struct meddling *meddling = arg;
    meddling->count++;
    assert_false(hoop_task_is_done(exception->task));
    assert_true(hoop_task_cancel(exception->task));
    if (!hoop_future_is_done(meddling->future)) {
        assert_int_equal(hoop_future_set_result(meddling->future, 1), 0);
        assert_true(hoop_task_cancel(meddling->other));
        hoop_task_detach(meddling->other);
    }
    hoop_task_options options = {.loop = loop};
    assert_null(hoop_create_task_with(sleep_for_ever, NULL, &options));
    assert_int_equal(hoop_last_error(), HOOP_ECLOSED);
    assert_int_equal(hoop_call_soon(loop, hoop_ensure_future, NULL), HOOP_ECLOSED);
    assert_int_equal(hoop_sleep(1), HOOP_ENOTASK);
}

static void the_handler_may_cancel_and_set_but_not_start(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    struct meddling meddling = {.future = hoop_future_new(loop)};
    hoop_set_exception_handler(loop, meddle, &meddling);
    hoop_task_detach(start(loop, sleep_for_ever, NULL));
    hoop_task_detach(start(loop, await_future, meddling.future));
    meddling.other = start(loop, sleep_for_ever, NULL);
    hoop_task_detach(start(loop, await_task, hoop_task_ref(meddling.other)));
    assert_int_equal(hoop_future_add_done_callback(meddling.future, must_not_run, NULL), 0);
    iterate(loop);
    hoop_close(loop);
    assert_int_equal(meddling.count, 4);
    hoop_future_unref(meddling.future);
}

/* ---- arguments and contexts ---- */

static int released;

static void count_release(void *value)
{
    (void)value;
    released++;
}

static const hoop_context_var counted = {.name = "counted", .release = count_release};

static int64_t start_with_a_binding(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_context_set(&counted, &released), 0);
    char copied[1000] = "copied";
    hoop_task_detach(hoop_create_task_copy(sleep_for_ever, copied, sizeof copied));
    hoop_task_detach(hoop_create_task_with(
        sleep_for_ever, NULL, &(hoop_task_options){.name = "own", .stack_size = 1 << 20}));
    return 0;
}

static void its_context_copied_argument_name_and_odd_stack_go_with_it(void **state)
{
    (void)state;
    struct reports reports = {0};
    released = 0;
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, start_with_a_binding, NULL), 0);
    iterate(loop);
    assert_int_equal(released, 0);
    hoop_close(loop);
    assert_all_reported(&reports, 2);
    assert_string_equal(reports.task, "own");
    assert_int_equal(released, 1);
}

static void a_thousand_pending_tasks_leave_nothing(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    for (int i = 0; i < 1000; i++)
        hoop_task_detach(start(loop, await_new_ones, (void *)(intptr_t)(i % 4)));
    for (int i = 0; i < 3; i++)
        iterate(loop);
    hoop_close(loop);
    assert_all_reported(&reports, 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_pending_task_is_reported_and_reads_as_cancelled),
        BEHAVIOUR(tasks_go_in_whatever_state_they_are),
        BEHAVIOUR(who_awaits_an_older_task_goes_with_it),
        BEHAVIOUR(who_awaits_a_younger_task_goes_with_it),
        BEHAVIOUR(a_task_in_the_middle_of_being_cancelled_goes_too),
        BEHAVIOUR(a_pending_tasks_done_callbacks_are_dropped),
        BEHAVIOUR(the_handler_may_cancel_and_set_but_not_start),
        BEHAVIOUR(its_context_copied_argument_name_and_odd_stack_go_with_it),
        BEHAVIOUR(a_thousand_pending_tasks_leave_nothing),
    };
    return cmocka_run_group_tests_name("close_pending", tests, NULL, NULL);
}
