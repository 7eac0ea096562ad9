/* SPDX-License-Identifier: MIT
 *
 * Closing a loop for which threads work: what is queued is dropped, an awaited function is waited
 * for, as it may use its task's frame, and a submitted one is left alone.
 */
#include "gate.h"
#include "reports.h"

#include <sched.h>
#include <string.h>

/* A loop that has run until a function runs in the only thread of an executor. */
struct world {
    hoop_loop *loop;
    hoop_executor *executor;
    struct gate gate;
    struct reports reports;
    atomic_int calls; /* of a function that is queued behind it */
    hoop_future *future;
    hoop_future *queued;
    pthread_t opener;
};

static void world_init(struct world *world)
{
    *world = (struct world){.executor = executor_of(1)};
    gate_init(&world->gate, 5);
    world->loop = hoop_new_event_loop();
    hoop_set_exception_handler(world->loop, reports_add, &world->reports);
}

static void world_done(struct world *world)
{
    executor_end(world->executor);
    gate_done(&world->gate);
}

static void run_as_task(struct world *world, hoop_coroutine_fn fn)
{
    hoop_task_detach(hoop_create_task_with(fn, world, &(hoop_task_options){.loop = world->loop}));
    assert_int_equal(hoop_run_once(world->loop, 0), 0);
}

static int64_t await_gate(void *arg)
{
    struct world *world = arg;
    return hoop_run_in_executor(world->executor, pass_gate, &world->gate);
}

static int64_t await_count(void *arg)
{
    struct world *world = arg;
    return hoop_run_in_executor(world->executor, count_call, &world->calls);
}

static void submit_gate(void *arg)
{
    struct world *world = arg;
    world->future = hoop_executor_submit(world->executor, pass_gate, &world->gate);
}

static void submit_count(void *arg)
{
    struct world *world = arg;
    world->queued = hoop_executor_submit(world->executor, count_call, &world->calls);
}

static void run_as_callback(struct world *world, hoop_callback_fn fn)
{
    hoop_call_soon(world->loop, fn, world);
    assert_int_equal(hoop_run_once(world->loop, 0), 0);
}

/* Opens the gate once closing has taken back what was queued. */
static void *open_when_nothing_is_queued(void *arg)
{
    struct world *world = arg;
    while (hoop_executor_pending(world->executor) > 0)
        sched_yield();
    gate_open(&world->gate);
    return NULL;
}

static void close_while_busy(struct world *world)
{
    assert_int_equal(hoop_executor_pending(world->executor), 1);
    assert_int_equal(pthread_create(&world->opener, NULL, open_when_nothing_is_queued, world), 0);
    assert_int_equal(hoop_close(world->loop), 0);
    pthread_join(world->opener, NULL);
}

/* ---- queued ---- */

static void a_queued_function_is_not_called(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_callback(&world, submit_gate);
    sem_take(&world.gate.begun);
    run_as_task(&world, await_count);
    run_as_callback(&world, submit_count);
    assert_int_equal(hoop_executor_pending(world.executor), 2);
    hoop_close(world.loop);
    assert_int_equal(hoop_executor_pending(world.executor), 0);
    gate_open(&world.gate);
    assert_int_equal(hoop_future_result(world.queued), HOOP_EPENDING);
    hoop_future_unref(world.queued);
    hoop_future_unref(world.future);
    world_done(&world);
    assert_int_equal(world.calls, 0);
    assert_string_equal(world.reports.message, "task was destroyed but it is pending");
}

/* ---- running ---- */

static void close_waits_for_a_function_that_is_awaited(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_task(&world, await_gate);
    sem_take(&world.gate.begun);
    run_as_task(&world, await_count);
    close_while_busy(&world);
    assert_int_equal(world.gate.ends, 1);
    assert_int_equal(world.reports.count, 2);
    world_done(&world);
    assert_int_equal(world.calls, 0);
}

static void close_does_not_wait_for_a_function_that_was_submitted(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_callback(&world, submit_gate);
    sem_take(&world.gate.begun);
    assert_int_equal(hoop_close(world.loop), 0);
    assert_int_equal(world.gate.ends, 0);
    gate_open(&world.gate);
    assert_int_equal(hoop_executor_shutdown(world.executor, INFINITY), 0);
    assert_int_equal(world.gate.ends, 1);
    assert_int_equal(hoop_future_result(world.future), HOOP_EPENDING);
    hoop_future_unref(world.future);
    world_done(&world);
}

static void a_forgotten_future_is_no_reason_to_wait_either(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_callback(&world, submit_gate);
    hoop_future_unref(world.future);
    sem_take(&world.gate.begun);
    assert_int_equal(hoop_close(world.loop), 0);
    gate_open(&world.gate);
    world_done(&world);
}

static void the_executor_may_be_freed_while_its_function_outlives_the_loop(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_callback(&world, submit_gate);
    sem_take(&world.gate.begun);
    hoop_executor_free(world.executor);
    hoop_close(world.loop);
    hoop_future_unref(world.future);
    gate_open(&world.gate);
    while (world.gate.ends == 0)
        sched_yield();
    gate_done(&world.gate);
}

/* ---- done, but the loop has not heard of it ---- */

static void let_it_end(struct world *world)
{
    gate_open(&world->gate);
    assert_int_equal(hoop_executor_shutdown(world->executor, INFINITY), 0);
}

static void a_result_that_was_not_collected_is_dropped(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_callback(&world, submit_gate);
    sem_take(&world.gate.begun);
    let_it_end(&world);
    assert_int_equal(hoop_close(world.loop), 0);
    assert_int_equal(hoop_future_result(world.future), HOOP_EPENDING);
    hoop_future_unref(world.future);
    world_done(&world);
}

static void a_task_that_has_not_heard_of_its_result_is_destroyed(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_task(&world, await_gate);
    sem_take(&world.gate.begun);
    let_it_end(&world);
    assert_int_equal(hoop_close(world.loop), 0);
    assert_int_equal(world.reports.count, 1);
    world_done(&world);
}

static void free_executor_and_close(hoop_callback_fn how, hoop_coroutine_fn task)
{
    struct world world;
    world_init(&world);
    if (how != NULL)
        run_as_callback(&world, how);
    else
        run_as_task(&world, task);
    sem_take(&world.gate.begun);
    let_it_end(&world);
    hoop_executor_free(world.executor);
    assert_int_equal(hoop_close(world.loop), 0);
    hoop_future_unref(world.future);
    gate_done(&world.gate);
}

static void the_executor_may_be_gone_before_the_loop_has_heard_of_a_result(void **state)
{
    (void)state;
    free_executor_and_close(submit_gate, NULL);
    free_executor_and_close(NULL, await_gate);
}

static void cancelling_what_has_ended_in_an_executor_that_is_gone_does_nothing(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    hoop_task *task =
        hoop_create_task_with(await_gate, &world, &(hoop_task_options){.loop = world.loop});
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    sem_take(&world.gate.begun);
    let_it_end(&world);
    hoop_executor_free(world.executor);
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_run_until_done(world.loop, hoop_task_future(task)), 5);
    hoop_task_unref(task);
    hoop_close(world.loop);
    gate_done(&world.gate);
}

/* ---- a task that waits for an executor's end ---- */

static int64_t await_end(void *arg)
{
    struct world *world = arg;
    return hoop_executor_shutdown(world->executor, INFINITY);
}

static void a_loop_can_go_while_a_task_waits_for_an_executors_end(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_callback(&world, submit_gate);
    sem_take(&world.gate.begun);
    run_as_task(&world, await_end);
    assert_int_equal(hoop_close(world.loop), 0);
    gate_open(&world.gate);
    hoop_future_unref(world.future);
    world_done(&world);
}

static void a_loop_can_go_before_it_has_heard_of_an_executors_end(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_callback(&world, submit_gate);
    sem_take(&world.gate.begun);
    run_as_task(&world, await_end);
    let_it_end(&world);
    assert_int_equal(hoop_close(world.loop), 0);
    hoop_future_unref(world.future);
    world_done(&world);
}

static void an_executor_can_be_freed_while_a_task_waits_for_its_end(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_callback(&world, submit_gate);
    sem_take(&world.gate.begun);
    run_as_task(&world, await_end);
    let_it_end(&world);
    hoop_executor_free(world.executor);
    assert_int_equal(hoop_close(world.loop), 0);
    hoop_future_unref(world.future);
    gate_done(&world.gate);
}

/* ---- what a function waits for, and what a call holds ---- */

static int64_t never_end(void *arg)
{
    (void)arg;
    return hoop_sleep(INFINITY);
}

static int64_t wait_for_the_loop(void *arg)
{
    struct world *world = arg;
    sem_post(&world->gate.begun);
    sem_take(&world->gate.open);
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(world->loop, never_end, NULL);
    atomic_fetch_add(&world->calls, 1);
    world->gate.result =
        future != NULL ? hoop_thread_future_result(future, INFINITY) : hoop_last_error();
    hoop_thread_future_free(future);
    return 0;
}

static int64_t await_who_waits_for_the_loop(void *arg)
{
    struct world *world = arg;
    return hoop_run_in_executor(world->executor, wait_for_the_loop, world);
}

static void a_function_that_waits_for_a_running_coroutine_hears_of_the_close(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_task(&world, await_who_waits_for_the_loop);
    sem_take(&world.gate.begun);
    gate_open(&world.gate);
    hoop_info info = {0};
    while (info.tasks < 2) { /* its coroutine runs */
        assert_int_equal(hoop_run_once(world.loop, 1), 0);
        hoop_loop_info(world.loop, &info);
    }
    assert_int_equal(hoop_close(world.loop), 0);
    assert_int_equal(world.gate.result, HOOP_ECLOSED);
    world_done(&world);
}

static void a_function_that_waits_for_a_coroutine_in_the_post_hears_of_the_close(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_task(&world, await_who_waits_for_the_loop);
    sem_take(&world.gate.begun);
    gate_open(&world.gate);
    while (world.calls == 0)
        sched_yield();
    assert_int_equal(hoop_close(world.loop), 0);
    assert_int_equal(world.gate.result, HOOP_ECLOSED);
    world_done(&world);
}

static void *open_soon(void *arg)
{
    struct world *world = arg;
    while (hoop_executor_pending(world->executor) > 0)
        sched_yield();
    gate_open(&world->gate);
    return NULL;
}

static void a_function_that_asks_while_the_loop_closes_is_refused(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    run_as_task(&world, await_who_waits_for_the_loop);
    sem_take(&world.gate.begun);
    run_as_callback(&world, submit_count); /* taken back by the close */
    assert_int_equal(pthread_create(&world.opener, NULL, open_soon, &world), 0);
    assert_int_equal(hoop_close(world.loop), 0);
    pthread_join(world.opener, NULL);
    assert_int_equal(world.gate.result, HOOP_ECLOSED);
    hoop_future_unref(world.queued);
    world_done(&world);
}

static atomic_int released;

static void count_release(void *value)
{
    (void)value;
    atomic_fetch_add(&released, 1);
}

static const hoop_context_var owned = {.name = "owned", .release = count_release};

static int64_t wait_with_owned(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_context_set(&owned, world), 0);
    return hoop_to_thread(pass_gate, &world->gate);
}

static void context_variables_of_waiting_calls_are_released(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    released = 0;
    assert_int_equal(hoop_set_default_executor(world.loop, world.executor), 0);
    run_as_task(&world, wait_with_owned);
    sem_take(&world.gate.begun);
    run_as_task(&world, wait_with_owned);
    close_while_busy(&world);
    assert_int_equal(released, 2);
    assert_int_equal(world.gate.calls, 1);
    gate_done(&world.gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_queued_function_is_not_called),
        BEHAVIOUR(close_waits_for_a_function_that_is_awaited),
        BEHAVIOUR(close_does_not_wait_for_a_function_that_was_submitted),
        BEHAVIOUR(a_forgotten_future_is_no_reason_to_wait_either),
        BEHAVIOUR(the_executor_may_be_freed_while_its_function_outlives_the_loop),
        BEHAVIOUR(a_result_that_was_not_collected_is_dropped),
        BEHAVIOUR(a_task_that_has_not_heard_of_its_result_is_destroyed),
        BEHAVIOUR(the_executor_may_be_gone_before_the_loop_has_heard_of_a_result),
        BEHAVIOUR(cancelling_what_has_ended_in_an_executor_that_is_gone_does_nothing),
        BEHAVIOUR(a_loop_can_go_while_a_task_waits_for_an_executors_end),
        BEHAVIOUR(a_loop_can_go_before_it_has_heard_of_an_executors_end),
        BEHAVIOUR(an_executor_can_be_freed_while_a_task_waits_for_its_end),
        BEHAVIOUR(a_function_that_waits_for_a_running_coroutine_hears_of_the_close),
        BEHAVIOUR(a_function_that_waits_for_a_coroutine_in_the_post_hears_of_the_close),
        BEHAVIOUR(a_function_that_asks_while_the_loop_closes_is_refused),
        BEHAVIOUR(context_variables_of_waiting_calls_are_released),
    };
    return cmocka_run_group_tests_name("executor_close", tests, NULL, NULL);
}
