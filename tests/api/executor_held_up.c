/* SPDX-License-Identifier: MIT
 *
 * Races of executors that are made certain by holding a call of the system up: this program's
 * write and pthread_create stand before the C library's.
 */
#include "child.h"
#include "gate.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/syscall.h>

/* ---- the calls that are held up ---- */

static atomic_bool hold_write, hold_create; /* the next one */
static sem_t is_held, may_go_on;
static atomic_long written; /* what the held write returned */

/* Goes on by itself, as the loop may well wait for it. */
ssize_t write(int fd, const void *bytes, size_t size)
{
    bool is_slow = atomic_exchange(&hold_write, false);
    if (is_slow) {
        sem_post(&is_held);
        usleep(20000);
    }
    long result = syscall(SYS_write, fd, bytes, size);
    if (is_slow)
        atomic_store(&written, result);
    return (ssize_t)result;
}

typedef int (*create_fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* A sanitizer has to see threads start. */
#if !UNDER_SANITIZER
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                   void *arg)
{
    if (atomic_exchange(&hold_create, false)) {
        sem_post(&is_held);
        sem_take(&may_go_on);
        return EAGAIN;
    }
    create_fn real;
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return real(thread, attributes, fn, arg);
}
#endif

static int set_up(void **state)
{
    sem_init(&is_held, 0, 0);
    sem_init(&may_go_on, 0, 0);
    return harness_begin(state);
}

static int tear_down(void **state)
{
    sem_destroy(&is_held);
    sem_destroy(&may_go_on);
    return harness_end(state);
}

/* ---- waking the loop ---- */

struct world {
    hoop_executor *executor;
    struct gate gate;
    atomic_int calls;
    int64_t outcome;
};

static int64_t await_gate(void *arg)
{
    struct world *world = arg;
    return hoop_run_in_executor(world->executor, pass_gate, &world->gate);
}

/* The loop does not run, and so is woken; it hears of the result before the thread has come
 * back from that. */
static void a_loop_is_not_gone_while_a_thread_wakes_it(void **state)
{
    (void)state;
    struct world world = {.executor = executor_of(1)};
    gate_init(&world.gate, 5);
    hoop_loop *loop = hoop_new_event_loop();
    hoop_task *task = hoop_create_task_with(await_gate, &world, &(hoop_task_options){.loop = loop});
    assert_int_equal(hoop_run_once(loop, 0), 0);
    sem_take(&world.gate.begun);
    atomic_store(&written, 0);
    atomic_store(&hold_write, true);
    gate_open(&world.gate);
    sem_take(&is_held);
    assert_int_equal(hoop_run_until_done(loop, hoop_task_future(task)), 5);
    hoop_task_unref(task);
    hoop_close(loop);
    executor_end(world.executor);
    assert_int_equal(atomic_load(&written), 8); /* and no bad descriptor */
    gate_done(&world.gate);
}

/* ---- starting threads ---- */

static int64_t submit_and_await(void *arg)
{
    struct world *world = arg;
    hoop_future *future = hoop_executor_submit(world->executor, count_call, &world->calls);
    world->outcome = hoop_future_await(future);
    hoop_future_unref(future);
    return 0;
}

static void *submit_in_a_loop(void *world)
{
    return hoop_run(submit_and_await, world) == 0 ? NULL : world;
}

static void go_on_and_join(pthread_t thread)
{
    void *failed;
    sem_post(&may_go_on);
    pthread_join(thread, &failed);
    assert_null(failed);
}

static int64_t shut_down(void *arg)
{
    struct world *world = arg;
    return hoop_executor_shutdown(world->executor, INFINITY);
}

static int64_t submit_held_up(void *world)
{
    atomic_store(&hold_create, true);
    return submit_and_await(world);
}

static void *submit_held_up_in_a_loop(void *world)
{
    return hoop_run(submit_held_up, world) == 0 ? NULL : world;
}

static void who_waits_for_the_end_hears_that_no_thread_could_be_started(void **state)
{
    (void)state;
    if (UNDER_SANITIZER)
        skip();
    struct world world = {.executor = executor_of(1)};
    pthread_t thread;
    hoop_loop *loop = hoop_new_event_loop();
    hoop_task *task = hoop_create_task_with(shut_down, &world, &(hoop_task_options){.loop = loop});
    assert_int_equal(pthread_create(&thread, NULL, submit_held_up_in_a_loop, &world), 0);
    sem_take(&is_held);
    assert_int_equal(hoop_run_once(loop, 0), 0); /* now it waits */
    go_on_and_join(thread);
    assert_int_equal(world.outcome, -EAGAIN);
    assert_int_equal(hoop_run_until_done(loop, hoop_task_future(task)), 0);
    hoop_task_unref(task);
    hoop_close(loop);
    hoop_executor_free(world.executor);
}

static void an_executor_can_be_freed_while_its_first_thread_is_started(void **state)
{
    (void)state;
    if (UNDER_SANITIZER)
        skip();
    struct world world = {.executor = executor_of(1)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, submit_held_up_in_a_loop, &world), 0);
    sem_take(&is_held);
    hoop_executor_free(world.executor);
    go_on_and_join(thread);
    assert_int_equal(world.outcome, -EAGAIN);
}

/* The first function runs; the second one's thread cannot be started, which takes its time;
 * meanwhile the only worker does both, and goes to sleep, and a third function comes. */
static int64_t occupy_then_submit(void *arg)
{
    struct world *world = arg;
    hoop_future *first = hoop_executor_submit(world->executor, pass_gate, &world->gate);
    sem_take(&world->gate.begun);
    atomic_store(&hold_create, true);
    hoop_future *second = hoop_executor_submit(world->executor, count_call, &world->calls);
    int64_t rc = hoop_future_await(second) < 0 || hoop_future_await(first) < 0 ? -EIO : 0;
    hoop_future_unref(first);
    hoop_future_unref(second);
    return rc;
}

static void *occupy_then_submit_in_a_loop(void *world)
{
    return hoop_run(occupy_then_submit, world) == 0 ? NULL : world;
}

static void what_came_while_no_thread_could_be_started_is_done_by_those_there_are(void **state)
{
    (void)state;
    if (UNDER_SANITIZER)
        skip();
    struct world world = {.executor = executor_of(2)};
    pthread_t first, second;
    gate_init(&world.gate, 5);
    assert_int_equal(pthread_create(&first, NULL, occupy_then_submit_in_a_loop, &world), 0);
    sem_take(&is_held);
    gate_open(&world.gate);
    while (world.calls == 0)
        usleep(1000);
    usleep(5000); /* for the worker to fall asleep; if it has not, there is less to see */
    assert_int_equal(pthread_create(&second, NULL, submit_in_a_loop, &world), 0);
    while (hoop_executor_pending(world.executor) == 0 && world.calls == 1)
        usleep(100);
    go_on_and_join(first);
    pthread_join(second, NULL);
    assert_int_equal(world.outcome, 2);
    executor_end(world.executor);
    gate_done(&world.gate);
}

#define HELD_UP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELD_UP(a_loop_is_not_gone_while_a_thread_wakes_it),
        HELD_UP(who_waits_for_the_end_hears_that_no_thread_could_be_started),
        HELD_UP(an_executor_can_be_freed_while_its_first_thread_is_started),
        HELD_UP(what_came_while_no_thread_could_be_started_is_done_by_those_there_are),
    };
    return cmocka_run_group_tests_name("executor_held_up", tests, NULL, NULL);
}
