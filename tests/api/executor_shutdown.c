/* SPDX-License-Identifier: MIT
 *
 * The end of an executor: it takes no more functions, runs those that it has, and its threads
 * end; who waits for that may have no time, be cancelled, or be one of these threads.
 */
#include "gate.h"

#include <errno.h>
#include <sched.h>

struct world {
    hoop_executor *executor;
    struct gate gate;
    atomic_int calls;
    hoop_future *running;
    hoop_future *queued;
    struct record record;
};

static void world_init(struct world *world, unsigned max_workers)
{
    *world = (struct world){.executor = executor_of(max_workers)};
    gate_init(&world->gate, 5);
}

/* A function runs, and another one waits for its thread. */
static void occupy(void *arg)
{
    struct world *world = arg;
    world->running = hoop_executor_submit(world->executor, pass_gate, &world->gate);
    assert_non_null(world->running);
    sem_take(&world->gate.begun);
    world->queued = hoop_executor_submit(world->executor, count_call, &world->calls);
    assert_non_null(world->queued);
}

static void vacate(struct world *world)
{
    hoop_future_unref(world->running);
    hoop_future_unref(world->queued);
}

static void in_a_world(hoop_coroutine_fn fn)
{
    struct world world;
    world_init(&world, 1);
    assert_int_equal(run_really(fn, &world), 0);
    hoop_executor_free(world.executor);
    gate_done(&world.gate);
}

/* ---- refusing ---- */

static int64_t use_after_shutdown(void *arg)
{
    struct world *world = arg;
    hoop_executor *executor = world->executor;
    assert_int_equal(hoop_executor_shutdown(executor, INFINITY), 0);
    assert_int_equal(hoop_run_in_executor(executor, count_call, &world->calls), HOOP_ESHUTDOWN);
    assert_null(hoop_executor_submit(executor, count_call, &world->calls));
    assert_int_equal(hoop_last_error(), HOOP_ESHUTDOWN);
    assert_int_equal(hoop_executor_workers(executor), 0);
    assert_int_equal(hoop_executor_pending(executor), 0);
    assert_int_equal(world->calls, 0);
    return 0;
}

static void an_executor_that_was_shut_down_takes_no_functions(void **state)
{
    (void)state;
    in_a_world(use_after_shutdown);
}

static int64_t shut_down_with_bad_times(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_executor_shutdown(world->executor, -1), -EINVAL);
    assert_int_equal(hoop_executor_shutdown(world->executor, NAN), -EINVAL);
    assert_int_equal(hoop_run_in_executor(world->executor, count_call, &world->calls), 1);
    return 0;
}

static void a_time_that_is_none_shuts_nothing_down(void **state)
{
    (void)state;
    in_a_world(shut_down_with_bad_times);
}

/* ---- waiting ---- */

static int64_t open_it(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "other");
    gate_open(&world->gate);
    return 0;
}

static int64_t shut_down_beside_a_task(void *arg)
{
    struct world *world = arg;
    occupy(world);
    hoop_task *task = hoop_create_task(open_it, world);
    assert_int_equal(hoop_executor_shutdown(world->executor, INFINITY), 0);
    record_add(&world->record, "shut down");
    assert_record(&world->record, "other shut down");
    assert_int_equal(world->gate.ends, 1);
    assert_int_equal(world->calls, 1); /* what was queued has been run */
    assert_int_equal(hoop_executor_workers(world->executor), 0);
    assert_int_equal(hoop_future_await(world->running), 5);
    assert_int_equal(hoop_future_await(world->queued), 1);
    vacate(world);
    return hoop_await(task);
}

static void in_a_task_it_waits_for_all_functions_while_the_loop_goes_on(void **state)
{
    (void)state;
    in_a_world(shut_down_beside_a_task);
}

static void *open_gate(void *gate)
{
    gate_open(gate);
    return NULL;
}

static void outside_of_a_task_it_blocks_until_all_functions_have_run(void **state)
{
    (void)state;
    struct world world;
    pthread_t opener;
    world_init(&world, 1);
    hoop_loop *loop = hoop_new_event_loop();
    hoop_call_soon(loop, occupy, &world);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(pthread_create(&opener, NULL, open_gate, &world.gate), 0);
    assert_int_equal(hoop_executor_shutdown(world.executor, INFINITY), 0);
    assert_int_equal(world.gate.ends, 1);
    assert_int_equal(world.calls, 1);
    assert_int_equal(hoop_executor_workers(world.executor), 0);
    pthread_join(opener, NULL);
    hoop_executor_free(world.executor);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(hoop_future_result(world.queued), 1);
    vacate(&world);
    hoop_close(loop);
    gate_done(&world.gate);
}

static int64_t shut_down_again(void *arg)
{
    struct world *world = arg;
    occupy(world);
    gate_open(&world->gate);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_executor_shutdown(world->executor, i == 1 ? 0 : INFINITY), 0);
    vacate(world);
    return 0;
}

static void a_second_time_there_is_nothing_to_wait_for(void **state)
{
    (void)state;
    in_a_world(shut_down_again);
}

static int64_t shut_down(void *arg)
{
    struct world *world = arg;
    return hoop_executor_shutdown(world->executor, INFINITY);
}

enum { WAITING = 3 };

static int64_t shut_down_together(void *arg)
{
    struct world *world = arg;
    hoop_task *tasks[WAITING];
    occupy(world);
    for (int i = 0; i < WAITING; i++)
        tasks[i] = hoop_create_task(shut_down, world);
    assert_int_equal(hoop_sleep(0), 0);
    gate_open(&world->gate);
    for (int i = 0; i < WAITING; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    vacate(world);
    return 0;
}

static void several_tasks_can_wait_for_the_end(void **state)
{
    (void)state;
    in_a_world(shut_down_together);
}

static void *shut_down_in_a_thread(void *arg)
{
    int rc = hoop_executor_shutdown(arg, INFINITY);
    return (void *)(intptr_t)rc;
}

static int64_t shut_down_beside_threads(void *arg)
{
    struct world *world = arg;
    pthread_t threads[WAITING];
    occupy(world);
    for (int i = 0; i < WAITING; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, shut_down_in_a_thread, world->executor),
                         0);
    gate_open(&world->gate);
    assert_int_equal(hoop_executor_shutdown(world->executor, INFINITY), 0);
    for (int i = 0; i < WAITING; i++) {
        void *rc;
        pthread_join(threads[i], &rc);
        assert_null(rc);
    }
    vacate(world);
    return 0;
}

static void threads_and_a_task_can_wait_for_the_end(void **state)
{
    (void)state;
    in_a_world(shut_down_beside_threads);
}

/* ---- not waiting so long ---- */

static int64_t run_out_of_time(void *arg)
{
    struct world *world = arg;
    occupy(world);
    assert_int_equal(hoop_executor_shutdown(world->executor, 0), -ETIMEDOUT);
    assert_int_equal(hoop_executor_shutdown(world->executor, 0.001), -ETIMEDOUT);
    assert_int_equal(hoop_task_cancelling(hoop_current_task()), 0);
    assert_null(hoop_executor_submit(world->executor, count_call, &world->calls));
    assert_int_equal(hoop_last_error(), HOOP_ESHUTDOWN);
    gate_open(&world->gate);
    assert_int_equal(hoop_executor_shutdown(world->executor, INFINITY), 0);
    assert_int_equal(world->calls, 1);
    vacate(world);
    return 0;
}

static void a_task_can_limit_the_time_and_wait_again(void **state)
{
    (void)state;
    in_a_world(run_out_of_time);
}

static void a_thread_can_limit_the_time_and_wait_again(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1);
    hoop_loop *loop = hoop_new_event_loop();
    hoop_call_soon(loop, occupy, &world);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(hoop_executor_shutdown(world.executor, 0), -ETIMEDOUT);
    assert_int_equal(hoop_executor_shutdown(world.executor, 0.001), -ETIMEDOUT);
    gate_open(&world.gate);
    assert_int_equal(hoop_executor_shutdown(world.executor, INFINITY), 0);
    assert_int_equal(hoop_executor_shutdown(world.executor, 0), 0);
    vacate(&world);
    hoop_close(loop);
    hoop_executor_free(world.executor);
    gate_done(&world.gate);
}

static int64_t cancel_who_waits(void *arg)
{
    struct world *world = arg;
    occupy(world);
    hoop_task *task = hoop_create_task(shut_down, world);
    assert_int_equal(hoop_sleep(0), 0);
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_null(hoop_executor_submit(world->executor, count_call, &world->calls));
    gate_open(&world->gate);
    assert_int_equal(hoop_future_await(world->queued), 1); /* it goes on by itself */
    assert_int_equal(hoop_executor_shutdown(world->executor, INFINITY), 0);
    vacate(world);
    return 0;
}

static void a_task_that_waits_can_be_cancelled(void **state)
{
    (void)state;
    in_a_world(cancel_who_waits);
}

/* Once no thread is left, the post that says so has been made. */
static void let_it_end(void *arg)
{
    struct world *world = arg;
    gate_open(&world->gate);
    while (hoop_executor_workers(world->executor) > 0)
        sched_yield();
}

static void a_task_can_be_cancelled_while_the_end_is_on_its_way(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1);
    hoop_loop *loop = hoop_new_event_loop();
    hoop_call_soon(loop, occupy, &world);
    hoop_task *task = hoop_create_task_with(shut_down, &world, &(hoop_task_options){.loop = loop});
    assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_call_soon(loop, let_it_end, &world);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_task_cancel(task); /* the post is in the queue before it */
    assert_int_equal(hoop_run_until_done(loop, hoop_task_future(task)), -ECANCELED);
    hoop_task_unref(task);
    vacate(&world);
    hoop_close(loop);
    hoop_executor_free(world.executor);
    gate_done(&world.gate);
}

/* ---- from inside ---- */

static int64_t shut_down_own(void *executor)
{
    return hoop_executor_shutdown(executor, INFINITY);
}

static int64_t shut_down_in_a_loop(void *executor)
{
    return hoop_run(shut_down_own, executor);
}

static int64_t await_who_shuts_down(void *arg)
{
    struct world *world = arg;
    atomic_int calls = 0;
    assert_int_equal(hoop_run_in_executor(world->executor, shut_down_own, world->executor),
                     -EDEADLK);
    assert_int_equal(hoop_run_in_executor(world->executor, shut_down_in_a_loop, world->executor),
                     -EDEADLK);
    assert_int_equal(hoop_run_in_executor(world->executor, count_call, &calls), 1);
    return 0;
}

static void an_executors_own_thread_cannot_wait_for_its_end(void **state)
{
    (void)state;
    in_a_world(await_who_shuts_down);
}

static int64_t await_who_shuts_another_down(void *arg)
{
    struct world *world = arg;
    hoop_executor *other = executor_of(1);
    atomic_int calls = 0;
    assert_int_equal(hoop_run_in_executor(other, count_call, &calls), 1);
    assert_int_equal(hoop_run_in_executor(world->executor, shut_down_own, other), 0);
    hoop_executor_free(other);
    return 0;
}

static void a_thread_of_another_executor_can_wait_for_it(void **state)
{
    (void)state;
    in_a_world(await_who_shuts_another_down);
}

/* ---- freeing ---- */

static int64_t free_while_busy(void *arg)
{
    struct world *world = arg;
    occupy(world);
    hoop_executor_free(world->executor);
    world->executor = NULL;
    gate_open(&world->gate);
    assert_int_equal(hoop_future_await(world->queued), 1);
    assert_int_equal(hoop_future_await(world->running), 5);
    vacate(world);
    return 0;
}

static void what_an_executor_has_is_run_after_it_was_freed(void **state)
{
    (void)state;
    in_a_world(free_while_busy);
}

static int64_t free_while_idle(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_run_in_executor(world->executor, count_call, &world->calls), 1);
    hoop_executor_free(world->executor);
    world->executor = NULL;
    return 0;
}

static void idle_threads_end_when_their_executor_is_freed(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        in_a_world(free_while_idle);
}

static int64_t free_own(void *executor)
{
    hoop_executor_free(executor);
    return 1;
}

static int64_t await_who_frees(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_run_in_executor(world->executor, free_own, world->executor), 1);
    world->executor = NULL;
    return 0;
}

static void an_executors_own_thread_can_free_it(void **state)
{
    (void)state;
    in_a_world(await_who_frees);
}

static void an_executor_that_was_never_used_is_just_freed(void **state)
{
    (void)state;
    hoop_executor_free(NULL);
    hoop_executor_free(executor_of(4));
    hoop_executor *executor = executor_of(4);
    assert_int_equal(hoop_executor_shutdown(executor, INFINITY), 0);
    hoop_executor_free(executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_executor_that_was_shut_down_takes_no_functions),
        BEHAVIOUR(a_time_that_is_none_shuts_nothing_down),
        BEHAVIOUR(in_a_task_it_waits_for_all_functions_while_the_loop_goes_on),
        BEHAVIOUR(outside_of_a_task_it_blocks_until_all_functions_have_run),
        BEHAVIOUR(a_second_time_there_is_nothing_to_wait_for),
        BEHAVIOUR(several_tasks_can_wait_for_the_end),
        BEHAVIOUR(threads_and_a_task_can_wait_for_the_end),
        BEHAVIOUR(a_task_can_limit_the_time_and_wait_again),
        BEHAVIOUR(a_thread_can_limit_the_time_and_wait_again),
        BEHAVIOUR(a_task_that_waits_can_be_cancelled),
        BEHAVIOUR(a_task_can_be_cancelled_while_the_end_is_on_its_way),
        BEHAVIOUR(an_executors_own_thread_cannot_wait_for_its_end),
        BEHAVIOUR(a_thread_of_another_executor_can_wait_for_it),
        BEHAVIOUR(what_an_executor_has_is_run_after_it_was_freed),
        BEHAVIOUR(idle_threads_end_when_their_executor_is_freed),
        BEHAVIOUR(an_executors_own_thread_can_free_it),
        BEHAVIOUR(an_executor_that_was_never_used_is_just_freed),
    };
    return cmocka_run_group_tests_name("executor_shutdown", tests, NULL, NULL);
}
