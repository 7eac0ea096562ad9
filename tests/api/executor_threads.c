/* SPDX-License-Identifier: MIT
 *
 * The threads of an executor: how many there are, which one works, and how they are called.
 */
#include "child.h"
#include "gate.h"

#include <sched.h>
#include <string.h>

struct world {
    hoop_executor *executor;
    struct gate gate;
    struct record record;
};

static hoop_future *submit_gate(struct world *world)
{
    hoop_future *future = hoop_executor_submit(world->executor, pass_gate, &world->gate);
    assert_non_null(future);
    return future;
}

static int64_t tell_thread(void *arg)
{
    (void)arg;
    return gettid();
}

enum { WORKERS = 3, WAITING = 4 };

static int64_t fill_up(void *arg)
{
    struct world *world = arg;
    hoop_future *futures[WORKERS + WAITING];
    assert_int_equal(hoop_executor_workers(world->executor), 0);
    for (int i = 0; i < WORKERS; i++) {
        futures[i] = submit_gate(world);
        sem_take(&world->gate.begun); /* so no thread is idle */
        assert_int_equal(hoop_executor_workers(world->executor), i + 1);
    }
    for (int i = WORKERS; i < WORKERS + WAITING; i++)
        futures[i] = submit_gate(world);
    assert_int_equal(hoop_executor_workers(world->executor), WORKERS);
    assert_int_equal(hoop_executor_pending(world->executor), WAITING);
    assert_int_equal(world->gate.calls, WORKERS);
    for (int i = 0; i < WORKERS + WAITING; i++)
        gate_open(&world->gate);
    assert_int_equal(hoop_gather_futures(futures, WORKERS + WAITING, NULL, 0), 0);
    assert_int_equal(hoop_executor_workers(world->executor), WORKERS);
    assert_int_equal(hoop_executor_pending(world->executor), 0);
    for (int i = 0; i < WORKERS + WAITING; i++)
        hoop_future_unref(futures[i]);
    return 0;
}

static void threads_are_started_as_functions_wait_up_to_the_limit(void **state)
{
    (void)state;
    struct world world = {.executor = executor_of(WORKERS)};
    gate_init(&world.gate, 0);
    assert_int_equal(run_really(fill_up, &world), 0);
    executor_end(world.executor);
    gate_done(&world.gate);
}

static int64_t burst(void *arg)
{
    struct world *world = arg;
    hoop_future *futures[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        futures[i] = submit_gate(world);
    for (int i = 0; i < WORKERS; i++)
        sem_take(&world->gate.begun); /* none waits for another one's end */
    for (int i = 0; i < WORKERS; i++)
        gate_open(&world->gate);
    assert_int_equal(hoop_gather_futures(futures, WORKERS, NULL, 0), 0);
    for (int i = 0; i < WORKERS; i++)
        hoop_future_unref(futures[i]);
    return 0;
}

static int64_t burst_again_and_again(void *arg)
{
    for (int i = 0; i < 100; i++)
        assert_int_equal(burst(arg), 0);
    return 0;
}

static void functions_that_block_get_a_thread_each(void **state)
{
    (void)state;
    struct world world = {.executor = executor_of(WORKERS)};
    gate_init(&world.gate, 0);
    assert_int_equal(run_really(burst_again_and_again, &world), 0);
    executor_end(world.executor);
    gate_done(&world.gate);
}

/* Until the thread, which is known to be on its way, sleeps. */
static void wait_until_asleep(pid_t thread)
{
    char path[64], text[256], state = '?';
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    while (state != 'S') {
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        assert_non_null(fgets(text, sizeof text, file));
        fclose(file);
        state = strrchr(text, ')')[2];
        sched_yield();
    }
}

static int64_t let_two_threads_work(void *arg)
{
    struct gate *gates = arg;
    hoop_executor *executor = executor_of(8);
    for (int last = 0; last < 2; last++) {
        hoop_future *futures[2];
        pid_t threads[2];
        for (int i = 0; i < 2; i++) {
            futures[i] = hoop_executor_submit(executor, pass_gate, &gates[i]);
            sem_take(&gates[i].begun);
            threads[i] = gates[i].thread;
        }
        for (int i = 0; i < 2; i++) { /* the one of `last` ends last */
            int which = i == 0 ? !last : last;
            gate_open(&gates[which]);
            assert_int_equal(hoop_future_await(futures[which]), 0);
            wait_until_asleep(threads[which]);
            hoop_future_unref(futures[which]);
        }
        assert_int_equal(hoop_run_in_executor(executor, tell_thread, NULL), threads[last]);
        wait_until_asleep(threads[last]);
        assert_int_equal(hoop_executor_workers(executor), 2);
    }
    executor_end(executor);
    return 0;
}

/* Valgrind runs one thread at a time, and all others seem to sleep. */
static void the_thread_that_worked_last_works_next(void **state)
{
    (void)state;
    struct gate gates[2];
    if (UNDER_VALGRIND)
        skip();
    gate_init(&gates[0], 0);
    gate_init(&gates[1], 0);
    assert_int_equal(run_really(let_two_threads_work, gates), 0);
    gate_done(&gates[0]);
    gate_done(&gates[1]);
}

static unsigned expected_default(void)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    unsigned count = (unsigned)CPU_COUNT(&set) + 4;
    return count < 32 ? count : 32;
}

enum { MORE_THAN_DEFAULT = 40 };

static int64_t fill_default(void *arg)
{
    struct world *world = arg;
    hoop_future *futures[MORE_THAN_DEFAULT];
    for (int i = 0; i < MORE_THAN_DEFAULT; i++)
        futures[i] = submit_gate(world);
    for (unsigned i = 0; i < expected_default(); i++)
        sem_take(&world->gate.begun);
    assert_int_equal(hoop_executor_workers(world->executor), expected_default());
    assert_int_equal(hoop_executor_pending(world->executor),
                     MORE_THAN_DEFAULT - expected_default());
    for (int i = 0; i < MORE_THAN_DEFAULT; i++)
        gate_open(&world->gate);
    assert_int_equal(hoop_gather_futures(futures, MORE_THAN_DEFAULT, NULL, 0), 0);
    for (int i = 0; i < MORE_THAN_DEFAULT; i++)
        hoop_future_unref(futures[i]);
    return 0;
}

static void by_default_there_are_a_few_more_threads_than_processors(void **state)
{
    (void)state;
    struct world world = {.executor = hoop_executor_new(NULL)};
    gate_init(&world.gate, 0);
    assert_int_equal(run_really(fill_default, &world), 0);
    executor_end(world.executor);
    gate_done(&world.gate);
}

static int64_t read_name(void *arg)
{
    return pthread_getname_np(pthread_self(), arg, 16);
}

static int64_t await_name(void *arg)
{
    struct world *world = arg;
    char name[16];
    assert_int_equal(hoop_run_in_executor(world->executor, pass_gate, &world->gate), 0);
    assert_int_equal(hoop_run_in_executor(world->executor, read_name, name), 0);
    record_add(&world->record, name);
    return 0;
}

/* The gate is open from the start: it is there to give who starts a thread time to name it. */
static void threads_bear_the_name_of_their_executor(void **state)
{
    (void)state;
    static const char *const names[] = {NULL, "zip", "compressing everything"};
    struct world world = {0};
    for (int i = 0; i < 3; i++) {
        char name[64] = "";
        if (names[i] != NULL)
            strcpy(name, names[i]);
        hoop_executor_options options = {.name = names[i] != NULL ? name : NULL, .max_workers = 1};
        world.executor = hoop_executor_new(&options);
        memset(name, 'x', sizeof name); /* it was copied */
        gate_init(&world.gate, 0);
        gate_open(&world.gate);
        assert_int_equal(run_really(await_name, &world), 0);
        executor_end(world.executor);
        gate_done(&world.gate);
    }
    assert_record(&world.record, "hoop zip compressing eve");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(threads_are_started_as_functions_wait_up_to_the_limit),
        BEHAVIOUR(functions_that_block_get_a_thread_each),
        BEHAVIOUR(the_thread_that_worked_last_works_next),
        BEHAVIOUR(by_default_there_are_a_few_more_threads_than_processors),
        BEHAVIOUR(threads_bear_the_name_of_their_executor),
    };
    return cmocka_run_group_tests_name("executor_threads", tests, NULL, NULL);
}
