/* SPDX-License-Identifier: MIT
 *
 * Executors: what a function in a thread gives back, in which order functions begin, and what
 * they may do there.
 */
#include "gate.h"

#include <errno.h>

struct world {
    hoop_executor *executor;
    struct gate gate;
    struct record record;
};

/* ---- results ---- */

static int64_t tell_thread(void *arg)
{
    (void)arg;
    return gettid();
}

static int64_t await_thread(void *arg)
{
    hoop_executor *executor = arg;
    int64_t thread = hoop_run_in_executor(executor, tell_thread, NULL);
    assert_true(thread > 0 && thread != gettid());
    return 0;
}

static void a_function_runs_in_another_thread_and_gives_its_result(void **state)
{
    (void)state;
    hoop_executor *executor = executor_of(1);
    assert_int_equal(run_really(await_thread, executor), 0);
    executor_end(executor);
}

static int64_t give(void *arg)
{
    return *(int64_t *)arg;
}

static int64_t await_each_outcome(void *executor)
{
    int64_t large = INT64_MAX, zero = 0, error = -EIO, own = HOOP_EBROKEN;
    assert_int_equal(hoop_run_in_executor(executor, give, &large), INT64_MAX);
    assert_int_equal(hoop_run_in_executor(executor, give, &zero), 0);
    assert_int_equal(hoop_run_in_executor(executor, give, &error), -EIO);
    assert_string_equal(hoop_error_message(), "");
    assert_int_equal(hoop_run_in_executor(executor, give, &own), HOOP_EBROKEN);
    assert_int_equal(hoop_to_thread(give, &error), -EIO);
    return 0;
}

static void results_and_errors_come_back(void **state)
{
    (void)state;
    hoop_executor *executor = executor_of(1);
    assert_int_equal(run_really(await_each_outcome, executor), 0);
    executor_end(executor);
}

static int64_t submit_each_outcome(void *executor)
{
    int64_t large = INT64_MAX, error = -EIO;
    hoop_future *good = hoop_executor_submit(executor, give, &large);
    hoop_future *bad = hoop_executor_submit(executor, give, &error);
    assert_int_equal(hoop_future_result(good), HOOP_EPENDING);
    assert_int_equal(hoop_future_await(bad), -EIO);
    assert_int_equal(hoop_future_await(good), INT64_MAX);
    assert_string_equal(hoop_future_error_message(bad), "");
    hoop_future_unref(good);
    hoop_future_unref(bad);
    return 0;
}

static void a_submitted_function_sets_its_future(void **state)
{
    (void)state;
    hoop_executor *executor = executor_of(1);
    assert_int_equal(run_really(submit_each_outcome, executor), 0);
    executor_end(executor);
}

static void submit_and_forget(void *arg)
{
    struct world *world = arg;
    hoop_future_unref(hoop_executor_submit(world->executor, pass_gate, &world->gate));
}

/* Submitting needs a running loop, no task; and nobody needs to keep the future. */
static void a_callback_can_submit_and_forget(void **state)
{
    (void)state;
    struct world world = {.executor = executor_of(1)};
    gate_init(&world.gate, 1);
    hoop_loop *loop = hoop_new_event_loop();
    hoop_call_soon(loop, submit_and_forget, &world);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    sem_take(&world.gate.begun);
    gate_open(&world.gate);
    executor_end(world.executor);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_close(loop);
    gate_done(&world.gate);
}

static int64_t open_it(void *gate)
{
    gate_open(gate);
    return 0;
}

/* The function ends only when another task runs. */
static int64_t await_gate(void *arg)
{
    struct world *world = arg;
    hoop_task *task = hoop_create_task(open_it, &world->gate);
    assert_int_equal(hoop_run_in_executor(world->executor, pass_gate, &world->gate), 7);
    return hoop_await(task);
}

static void other_tasks_run_while_a_function_does(void **state)
{
    (void)state;
    struct world world = {.executor = executor_of(1)};
    gate_init(&world.gate, 7);
    assert_int_equal(run_really(await_gate, &world), 0);
    executor_end(world.executor);
    gate_done(&world.gate);
}

/* ---- order ---- */

enum { MANY = 200 };

struct numbered {
    atomic_int *next;
    int number;
    int seen;
};

static int64_t note_turn(void *arg)
{
    struct numbered *numbered = arg;
    numbered->seen = atomic_fetch_add(numbered->next, 1);
    return numbered->number;
}

static int64_t submit_many(void *executor)
{
    static struct numbered jobs[MANY];
    hoop_future *futures[MANY];
    int64_t results[MANY];
    atomic_int next = 0;
    for (int i = 0; i < MANY; i++) {
        jobs[i] = (struct numbered){&next, i, -1};
        futures[i] = hoop_executor_submit(executor, note_turn, &jobs[i]);
    }
    assert_int_equal(hoop_gather_futures(futures, MANY, results, 0), 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(results[i], i);
        assert_int_equal(jobs[i].seen, i);
        hoop_future_unref(futures[i]);
    }
    return 0;
}

static void one_thread_runs_functions_in_the_order_of_their_submission(void **state)
{
    (void)state;
    hoop_executor *executor = executor_of(1);
    assert_int_equal(run_really(submit_many, executor), 0);
    executor_end(executor);
}

static hoop_future *submit_gate(struct world *world)
{
    hoop_future *future = hoop_executor_submit(world->executor, pass_gate, &world->gate);
    assert_non_null(future);
    return future;
}

static int64_t await_gate_alone(void *arg)
{
    struct world *world = arg;
    return hoop_run_in_executor(world->executor, pass_gate, &world->gate);
}

/* Awaited and submitted ones stand in the same queue. */
static int64_t queue_both_kinds(void *arg)
{
    struct world *world = arg;
    hoop_future *first = submit_gate(world);
    sem_take(&world->gate.begun);
    atomic_int calls = 0;
    hoop_task *second = hoop_create_task(await_gate_alone, world);
    assert_int_equal(hoop_sleep(0), 0);
    hoop_future *third = hoop_executor_submit(world->executor, count_call, &calls);
    assert_int_equal(hoop_executor_pending(world->executor), 2);
    gate_open(&world->gate);
    sem_take(&world->gate.begun); /* the second one runs */
    assert_int_equal(calls, 0);
    gate_open(&world->gate);
    assert_int_equal(hoop_future_await(third), 1);
    assert_int_equal(hoop_await(second), 0);
    assert_int_equal(hoop_future_await(first), 0);
    hoop_future_unref(first);
    hoop_future_unref(third);
    return 0;
}

static void awaited_and_submitted_functions_share_one_queue(void **state)
{
    (void)state;
    struct world world = {.executor = executor_of(1)};
    gate_init(&world.gate, 0);
    assert_int_equal(run_really(queue_both_kinds, &world), 0);
    executor_end(world.executor);
    gate_done(&world.gate);
}

/* ---- several loops ---- */

enum { LOOPS = 3, ROUNDS = 300 };

struct looper {
    pthread_t thread;
    hoop_executor *executor;
    int64_t first;
    int64_t outcome;
};

static int64_t await_own_numbers(void *arg)
{
    struct looper *looper = arg;
    for (int64_t i = 0; i < ROUNDS; i++) {
        int64_t number = looper->first + i;
        if (hoop_run_in_executor(looper->executor, give, &number) != number)
            return -EIO;
    }
    return 0;
}

static void *run_a_loop(void *arg)
{
    struct looper *looper = arg;
    looper->outcome = hoop_run(await_own_numbers, looper);
    return NULL;
}

static void loops_in_several_threads_share_an_executor(void **state)
{
    (void)state;
    struct looper loopers[LOOPS];
    hoop_executor *executor = executor_of(2);
    for (int i = 0; i < LOOPS; i++) {
        loopers[i] = (struct looper){.executor = executor, .first = 1000000 * i, .outcome = -1};
        assert_int_equal(pthread_create(&loopers[i].thread, NULL, run_a_loop, &loopers[i]), 0);
    }
    for (int i = 0; i < LOOPS; i++) {
        pthread_join(loopers[i].thread, NULL);
        assert_int_equal(loopers[i].outcome, 0);
    }
    assert_true(hoop_executor_workers(executor) <= 2);
    executor_end(executor);
}

/* ---- what a function may do ---- */

static int64_t try_to_await(void *arg)
{
    (void)arg;
    if (hoop_running_loop() != NULL || hoop_current_task() != NULL)
        return 1;
    return hoop_sleep(0);
}

static int64_t await_what_awaits(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_to_thread(try_to_await, NULL), HOOP_ENOTASK);
    return 0;
}

static void a_function_cannot_await(void **state)
{
    (void)state;
    assert_int_equal(run_really(await_what_awaits, NULL), 0);
}

static void add_post(void *arg)
{
    record_add(arg, "post");
}

struct poster {
    hoop_loop *loop;
    struct record record;
};

static int64_t post(void *arg)
{
    struct poster *poster = arg;
    return hoop_call_soon_threadsafe(poster->loop, add_post, &poster->record);
}

static int64_t await_poster(void *arg)
{
    struct poster poster = {.loop = hoop_running_loop()};
    (void)arg;
    assert_int_equal(hoop_to_thread(post, &poster), 0);
    assert_int_equal(hoop_sleep(0), 0);
    assert_record(&poster.record, "post");
    return 0;
}

static void a_function_can_post_to_the_loop(void **state)
{
    (void)state;
    assert_int_equal(run_really(await_poster, NULL), 0);
}

static int64_t add_one(void *arg)
{
    int rc = hoop_sleep(0);
    return rc < 0 ? rc : *(int64_t *)arg + 1;
}

static int64_t ask_the_loop(void *loop)
{
    int64_t number = 41;
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(loop, add_one, &number);
    int64_t result = future != NULL ? hoop_thread_future_result(future, INFINITY) : -1;
    hoop_thread_future_free(future);
    return result;
}

static int64_t await_who_asks(void *arg)
{
    (void)arg;
    return hoop_to_thread(ask_the_loop, hoop_running_loop());
}

static void a_function_can_wait_for_a_coroutine_of_the_loop(void **state)
{
    (void)state;
    assert_int_equal(run_really(await_who_asks, NULL), 42);
}

static int64_t run_a_program(void *number)
{
    return hoop_run(add_one, number);
}

static int64_t await_program(void *arg)
{
    int64_t number = 1;
    (void)arg;
    return hoop_to_thread(run_a_program, &number);
}

static void a_function_can_run_a_loop_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(run_really(await_program, NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_function_runs_in_another_thread_and_gives_its_result),
        BEHAVIOUR(results_and_errors_come_back),
        BEHAVIOUR(a_submitted_function_sets_its_future),
        BEHAVIOUR(a_callback_can_submit_and_forget),
        BEHAVIOUR(other_tasks_run_while_a_function_does),
        BEHAVIOUR(one_thread_runs_functions_in_the_order_of_their_submission),
        BEHAVIOUR(awaited_and_submitted_functions_share_one_queue),
        BEHAVIOUR(loops_in_several_threads_share_an_executor),
        BEHAVIOUR(a_function_cannot_await),
        BEHAVIOUR(a_function_can_post_to_the_loop),
        BEHAVIOUR(a_function_can_wait_for_a_coroutine_of_the_loop),
        BEHAVIOUR(a_function_can_run_a_loop_of_its_own),
    };
    return cmocka_run_group_tests_name("executor", tests, NULL, NULL);
}
