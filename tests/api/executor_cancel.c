/* SPDX-License-Identifier: MIT
 *
 * Cancelling what waits for a thread: a function that has not begun is not called any more; one
 * that has is waited for where it is awaited, and left alone where it was submitted.
 */
#include "gate.h"
#include "reports.h"

#include <errno.h>

/* One thread, which the first function keeps until its gate is opened. */
struct world {
    hoop_executor *executor;
    struct gate gate;
    hoop_future *running; /* the first function */
    atomic_int calls;     /* of others */
    int64_t seen[2];      /* what a task's awaits returned */
};

static void occupy(struct world *world)
{
    world->running = hoop_executor_submit(world->executor, pass_gate, &world->gate);
    assert_non_null(world->running);
    sem_take(&world->gate.begun);
}

static void let_go(struct world *world)
{
    gate_open(&world->gate);
    assert_int_equal(hoop_future_await(world->running), 5);
    hoop_future_unref(world->running);
}

static void in_a_world(hoop_coroutine_fn fn)
{
    struct world world = {.executor = executor_of(1), .seen = {-1, -1}};
    gate_init(&world.gate, 5);
    assert_int_equal(run_really(fn, &world), 0);
    executor_end(world.executor);
    gate_done(&world.gate);
}

static int64_t await_count(void *arg)
{
    struct world *world = arg;
    world->seen[0] = hoop_run_in_executor(world->executor, count_call, &world->calls);
    return world->seen[0];
}

/* ---- before it begins ---- */

static int64_t cancel_queued(void *arg)
{
    struct world *world = arg;
    occupy(world);
    hoop_task *task = hoop_create_task(await_count, world);
    assert_int_equal(hoop_sleep(0), 0);
    assert_int_equal(hoop_executor_pending(world->executor), 1);
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_executor_pending(world->executor), 0);
    assert_int_equal(hoop_await(task), -ECANCELED); /* the thread is still busy */
    let_go(world);
    assert_int_equal(hoop_run_in_executor(world->executor, count_call, &world->calls), 1);
    return 0;
}

static void a_function_that_has_not_begun_is_not_called_any_more(void **state)
{
    (void)state;
    in_a_world(cancel_queued);
}

static int64_t cancel_in_the_middle(void *arg)
{
    struct world *world = arg;
    struct world others[3] = {{.executor = world->executor},
                              {.executor = world->executor},
                              {.executor = world->executor}};
    hoop_task *tasks[3];
    occupy(world);
    for (int i = 0; i < 3; i++)
        tasks[i] = hoop_create_task(await_count, &others[i]);
    assert_int_equal(hoop_sleep(0), 0);
    hoop_task_cancel(tasks[1]);
    assert_int_equal(hoop_await(tasks[1]), -ECANCELED);
    let_go(world);
    assert_int_equal(hoop_await(tasks[0]), 1);
    assert_int_equal(hoop_await(tasks[2]), 1);
    assert_int_equal(others[1].calls, 0);
    return 0;
}

static void the_others_in_the_queue_are_called_as_before(void **state)
{
    (void)state;
    in_a_world(cancel_in_the_middle);
}

static int64_t wait_a_moment(void *arg)
{
    struct world *world = arg;
    occupy(world);
    assert_int_equal(hoop_wait_for(await_count, world, 0.002), -ETIMEDOUT);
    assert_int_equal(hoop_executor_pending(world->executor), 0);
    let_go(world);
    assert_int_equal(world->calls, 0);
    return 0;
}

static void a_time_limit_takes_a_function_back(void **state)
{
    (void)state;
    in_a_world(wait_a_moment);
}

/* The thread is free, and would begin at once. */
static int64_t cancel_beforehand(void *arg)
{
    struct world *world = arg;
    for (int i = 0; i < 500; i++) {
        hoop_task *task = hoop_create_task(await_count, world);
        hoop_task_cancel(task);
        assert_int_equal(hoop_await(task), -ECANCELED);
    }
    assert_int_equal(world->calls, 0);
    assert_int_equal(hoop_executor_workers(world->executor), 0);
    return 0;
}

static void a_task_that_is_being_cancelled_calls_nothing(void **state)
{
    (void)state;
    in_a_world(cancel_beforehand);
}

/* ---- after it has begun ---- */

static int64_t await_gate_twice(void *arg)
{
    struct world *world = arg;
    world->seen[0] = hoop_run_in_executor(world->executor, pass_gate, &world->gate);
    assert_int_equal(hoop_task_cancelling(hoop_current_task()), 1);
    world->seen[1] = hoop_sleep(0);
    return world->seen[0];
}

static int64_t cancel_running(void *arg)
{
    struct world *world = arg;
    hoop_task *task = hoop_create_task(await_gate_twice, world);
    assert_int_equal(hoop_sleep(0), 0);
    sem_take(&world->gate.begun);
    assert_true(hoop_task_cancel(task));
    for (int i = 0; i < 5; i++)
        assert_int_equal(hoop_sleep(0), 0);
    assert_false(hoop_task_is_done(task)); /* the function may use its frame */
    gate_open(&world->gate);
    assert_int_equal(hoop_await(task), world->gate.result);
    assert_int_equal(world->gate.ends, 1);
    assert_int_equal(world->seen[1], -ECANCELED);
    return 0;
}

static void a_function_that_has_begun_is_waited_for_and_its_result_kept(void **state)
{
    (void)state;
    in_a_world(cancel_running);
}

static int64_t cancel_running_that_fails(void *arg)
{
    struct world *world = arg;
    world->gate.result = -EIO;
    return cancel_running(arg);
}

static void an_error_of_a_function_that_has_begun_is_kept_as_well(void **state)
{
    (void)state;
    in_a_world(cancel_running_that_fails);
}

static void a_task_can_be_cancelled_while_the_loop_does_not_run(void **state)
{
    (void)state;
    struct world world = {.executor = executor_of(1)};
    gate_init(&world.gate, 5);
    hoop_loop *loop = hoop_new_event_loop();
    hoop_task_options options = {.loop = loop};
    hoop_task *running = hoop_create_task_with(await_gate_twice, &world, &options);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    sem_take(&world.gate.begun);
    hoop_task *queued = hoop_create_task_with(await_count, &world, &options);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(hoop_task_cancel(queued));
    assert_true(hoop_task_cancel(running));
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(hoop_task_result(queued), -ECANCELED);
    gate_open(&world.gate);
    assert_int_equal(hoop_run_until_done(loop, hoop_task_future(running)), 5);
    assert_int_equal(world.calls, 0);
    hoop_task_unref(queued);
    hoop_task_unref(running);
    hoop_close(loop);
    executor_end(world.executor);
    gate_done(&world.gate);
}

/* ---- submitted ones ---- */

static int64_t cancel_queued_future(void *arg)
{
    struct world *world = arg;
    occupy(world);
    hoop_future *future = hoop_executor_submit(world->executor, count_call, &world->calls);
    assert_true(hoop_future_cancel(future));
    assert_int_equal(hoop_executor_pending(world->executor), 0);
    assert_true(hoop_future_is_cancelled(future));
    assert_int_equal(hoop_future_await(future), -ECANCELED);
    assert_false(hoop_future_cancel(future));
    let_go(world);
    assert_int_equal(hoop_run_in_executor(world->executor, count_call, &world->calls), 1);
    hoop_future_unref(future);
    return 0;
}

static void a_cancelled_future_keeps_its_function_from_being_called(void **state)
{
    (void)state;
    in_a_world(cancel_queued_future);
}

static int64_t cancel_running_future(void *arg)
{
    struct world *world = arg;
    occupy(world);
    assert_true(hoop_future_cancel(world->running));
    assert_int_equal(hoop_future_await(world->running), -ECANCELED);
    assert_int_equal(world->gate.ends, 0);
    gate_open(&world->gate);
    assert_int_equal(hoop_executor_shutdown(world->executor, INFINITY), 0);
    assert_int_equal(world->gate.ends, 1);
    assert_int_equal(hoop_sleep(0), 0);
    assert_int_equal(hoop_future_result(world->running), -ECANCELED);
    hoop_future_unref(world->running);
    return 0;
}

static void a_cancelled_future_drops_the_result_of_a_function_that_has_begun(void **state)
{
    (void)state;
    in_a_world(cancel_running_future);
}

static int64_t await_running(void *arg)
{
    struct world *world = arg;
    return hoop_future_await(world->running);
}

static int64_t cancel_who_awaits(void *arg)
{
    struct world *world = arg;
    occupy(world);
    hoop_task *task = hoop_create_task(await_running, world);
    assert_int_equal(hoop_sleep(0), 0);
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED); /* at once: the function runs on */
    assert_true(hoop_future_is_cancelled(world->running));
    gate_open(&world->gate);
    hoop_future_unref(world->running);
    return 0;
}

static void cancelling_who_awaits_a_future_cancels_it(void **state)
{
    (void)state;
    in_a_world(cancel_who_awaits);
}

enum { GATHERED = 4 };

static int64_t gather_counts(void *arg)
{
    struct world *world = arg;
    hoop_future *futures[GATHERED];
    for (int i = 0; i < GATHERED; i++)
        futures[i] = hoop_executor_submit(world->executor, count_call, &world->calls);
    int64_t rc = hoop_gather_futures(futures, GATHERED, NULL, 0);
    for (int i = 0; i < GATHERED; i++)
        hoop_future_unref(futures[i]);
    return rc;
}

static int64_t cancel_gathering(void *arg)
{
    struct world *world = arg;
    occupy(world);
    hoop_task *task = hoop_create_task(gather_counts, world);
    assert_int_equal(hoop_sleep(0), 0);
    assert_int_equal(hoop_executor_pending(world->executor), GATHERED);
    hoop_task_cancel(task);
    assert_int_equal(hoop_executor_pending(world->executor), 0);
    assert_int_equal(hoop_await(task), -ECANCELED);
    let_go(world);
    assert_int_equal(world->calls, 0);
    return 0;
}

static void cancelling_who_gathers_futures_cancels_all_of_them(void **state)
{
    (void)state;
    in_a_world(cancel_gathering);
}

/* Who sets the future itself has its result; the function is not needed any more. */
static int64_t set_the_future(void *arg)
{
    struct world *world = arg;
    occupy(world);
    hoop_future *queued = hoop_executor_submit(world->executor, count_call, &world->calls);
    assert_int_equal(hoop_future_set_result(queued, 11), 0);
    assert_int_equal(hoop_future_set_result(world->running, 12), 0);
    gate_open(&world->gate);
    assert_int_equal(hoop_executor_shutdown(world->executor, INFINITY), 0);
    assert_int_equal(hoop_sleep(0), 0);
    assert_int_equal(hoop_future_result(queued), 11);
    assert_int_equal(hoop_future_result(world->running), 12);
    assert_int_equal(world->calls, 0);
    hoop_future_unref(queued);
    hoop_future_unref(world->running);
    return 0;
}

static void a_future_that_is_set_by_others_keeps_what_they_said(void **state)
{
    (void)state;
    in_a_world(set_the_future);
}

static int64_t fail_unheard(void *arg)
{
    struct world *world = arg;
    world->gate.result = -EIO;
    gate_open(&world->gate);
    occupy(world);
    hoop_future_unref(world->running);
    assert_int_equal(hoop_executor_shutdown(world->executor, INFINITY), 0);
    return hoop_sleep(0);
}

static void an_error_that_nobody_retrieves_is_reported(void **state)
{
    (void)state;
    struct world world = {.executor = executor_of(1)};
    struct reports reports = {0};
    gate_init(&world.gate, 0);
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, fail_unheard, &world), 0);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EIO);
    assert_string_equal(reports.message, "future error was never retrieved");
    hoop_close(loop);
    hoop_executor_free(world.executor);
    gate_done(&world.gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_function_that_has_not_begun_is_not_called_any_more),
        BEHAVIOUR(the_others_in_the_queue_are_called_as_before),
        BEHAVIOUR(a_time_limit_takes_a_function_back),
        BEHAVIOUR(a_task_that_is_being_cancelled_calls_nothing),
        BEHAVIOUR(a_function_that_has_begun_is_waited_for_and_its_result_kept),
        BEHAVIOUR(an_error_of_a_function_that_has_begun_is_kept_as_well),
        BEHAVIOUR(a_task_can_be_cancelled_while_the_loop_does_not_run),
        BEHAVIOUR(a_cancelled_future_keeps_its_function_from_being_called),
        BEHAVIOUR(a_cancelled_future_drops_the_result_of_a_function_that_has_begun),
        BEHAVIOUR(cancelling_who_awaits_a_future_cancels_it),
        BEHAVIOUR(cancelling_who_gathers_futures_cancels_all_of_them),
        BEHAVIOUR(a_future_that_is_set_by_others_keeps_what_they_said),
        BEHAVIOUR(an_error_that_nobody_retrieves_is_reported),
    };
    return cmocka_run_group_tests_name("executor_cancel", tests, NULL, NULL);
}
