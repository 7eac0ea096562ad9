/* SPDX-License-Identifier: MIT
 *
 * Each allocation and each syscall of the loop fails in turn: whoever called hears of it,
 * nothing leaks, nothing that was scheduled is lost, and the same call works afterwards.
 */
#include "harness.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVERYTHING = HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL };

struct world {
    hoop_loop *loop;
    int ends[2];
    int ran;
    int timers;
    int reads;
    bool stopped;
};

static void count(void *arg)
{
    ((struct world *)arg)->ran++;
}

static void assert_is_failure(int64_t rc)
{
    assert_true(rc == -ENOMEM || rc == -HOOP_TESTING_ERRNO);
}

/* ---- making a loop ---- */

static int make_a_loop(void *options)
{
    hoop_loop *loop = hoop_new_event_loop_with(options);
    if (loop == NULL) {
        assert_is_failure(hoop_last_error());
        return hoop_last_error();
    }
    return hoop_close(loop);
}

static void making_a_loop(void **state)
{
    (void)state;
    hoop_loop_options epoll = {.poller = HOOP_POLLER_EPOLL};
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, make_a_loop, &epoll), 1);
    assert_int_equal(fail_each(HOOP_FAIL_SYSCALL, make_a_loop, &epoll), 3);
    hoop_loop_options uring = {.poller = HOOP_POLLER_URING};
    if (!has_uring())
        return;
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, make_a_loop, &uring), 3);
    assert_int_equal(fail_each(HOOP_FAIL_SYSCALL, make_a_loop, &uring), 7);
}

/* ---- scheduling: the loop itself stands already, so failures meet the call alone ---- */

enum { CALLBACKS = 1500 }; /* more than the first lot of every table */

typedef int64_t (*schedule_fn)(struct world *world);

static int64_t soon(struct world *world)
{
    return hoop_call_soon(world->loop, count, world);
}

static int64_t later(struct world *world)
{
    return hoop_call_later(world->loop, 1, count, world);
}

static int64_t threadsafe(struct world *world)
{
    return hoop_call_soon_threadsafe(world->loop, count, world);
}

struct refusal {
    schedule_fn schedule;
    unsigned n;
    bool failed;
};

static const hoop_context_var first = {.name = "first"}, second = {.name = "second"};

/* With the Nth call failing: exactly one of CALLBACKS is refused, and all others run. They
 * hold a context, which the refused one must let go. */
static void refuse_nth(void *arg)
{
    struct refusal *refusal = arg;
    struct world world = {.loop = virtual_loop()};
    int refused = 0;
    assert_int_equal(hoop_context_set(&first, &world), 0);
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, refusal->n);
    for (int i = 0; i < CALLBACKS; i++) {
        int64_t rc = refusal->schedule(&world);
        if (rc < 0) {
            assert_int_equal(rc, -ENOMEM);
            refused++;
        }
    }
    refusal->failed = hoop_testing_failed();
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(refused, refusal->failed);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_int_equal(hoop_run_once(world.loop, 2), 0);
    assert_int_equal(world.ran, CALLBACKS - refused);
    hoop_close(world.loop);
}

static unsigned refuse_each(schedule_fn schedule)
{
    struct refusal refusal = {.schedule = schedule, .failed = true};
    hoop_context *context = hoop_context_copy();
    while (refusal.failed) {
        refusal.n++;
        hoop_context_run(context, refuse_nth, &refusal);
    }
    hoop_context_unref(context);
    return refusal.n - 1;
}

static void a_refused_callback_is_the_only_one_that_does_not_run(void **state)
{
    (void)state;
    assert_true(refuse_each(soon) >= 6);
    assert_true(refuse_each(later) >= 10);
    assert_true(refuse_each(threadsafe) >= 5);
}

/* ---- readers and writers ---- */

static int watch_in_all_ways(void *arg)
{
    struct world *world = arg;
    hoop_loop *loop = hoop_new_event_loop();
    if (loop == NULL)
        return hoop_last_error();
    int rc = hoop_add_reader(loop, world->ends[0], count, world);
    if (rc == 0)
        rc = hoop_add_writer(loop, world->ends[0], count, world);
    if (rc == 0)
        rc = hoop_add_reader(loop, world->ends[0], count, world);
    if (rc == 0)
        rc = hoop_add_writer(loop, world->ends[1], count, world);
    if (rc < 0)
        assert_is_failure(rc);
    hoop_close(loop);
    return rc;
}

static void watching_in_all_ways(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    fail_each(HOOP_FAIL_ALLOCATION, watch_in_all_ways, &world);
    fail_each(HOOP_FAIL_SYSCALL, watch_in_all_ways, &world);
    close(world.ends[0]);
    close(world.ends[1]);
}

static void read_byte(void *arg)
{
    struct world *world = arg;
    char byte;
    if (read(world->ends[0], &byte, 1) == 1)
        world->reads++;
}

static void a_reader_that_was_refused_leaves_nothing(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], count, &world), 0);
    size_t live = hoop_testing_live_allocations();
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[1], count, &world),
                     -HOOP_TESTING_ERRNO);
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(hoop_testing_live_allocations(), live);
    hoop_close(world.loop);
    close(world.ends[0]);
    close(world.ends[1]);
}

static void a_change_that_failed_leaves_the_reader_as_it_was(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], read_byte, &world), 0);
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    assert_int_equal(hoop_add_writer(world.loop, world.ends[0], count, &world),
                     -HOOP_TESTING_ERRNO);
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], count, &world),
                     -HOOP_TESTING_ERRNO);
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(write(world.ends[1], "x", 1), 1);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_int_equal(world.reads, 1);
    assert_int_equal(world.ran, 0);
    assert_int_equal(hoop_remove_writer(world.loop, world.ends[0]), 0);
    assert_int_equal(hoop_remove_reader(world.loop, world.ends[0]), 1);
    hoop_close(world.loop);
    close(world.ends[0]);
    close(world.ends[1]);
}

/* The kernel goes on telling of a direction that nobody watches any more. */
static void a_removal_that_the_kernel_refused_is_one_all_the_same(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], read_byte, &world), 0);
    assert_int_equal(hoop_add_writer(world.loop, world.ends[0], count, &world), 0);
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    assert_int_equal(hoop_remove_writer(world.loop, world.ends[0]), 1);
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(write(world.ends[1], "x", 1), 1);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_int_equal(world.reads, 1);
    assert_int_equal(world.ran, 0);
    hoop_close(world.loop);
    close(world.ends[0]);
    close(world.ends[1]);
}

/* ---- context ---- */

static void set_both(void *arg)
{
    int *ret_code = arg;
    *ret_code = hoop_context_set(&first, arg);
    assert_ptr_equal(hoop_context_get(&first), *ret_code == 0 ? arg : NULL);
    if (*ret_code == 0)
        *ret_code = hoop_context_set(&second, arg);
}

static int set_two_variables(void *arg)
{
    (void)arg;
    int rc = -1;
    hoop_context *context = hoop_context_copy();
    hoop_context_run(context, set_both, &rc);
    hoop_context_unref(context);
    return rc;
}

static void setting_context_variables(void **state)
{
    (void)state;
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, set_two_variables, NULL), 4);
}

/* ---- running ---- */

static void tick(void *arg)
{
    ((struct world *)arg)->timers++;
}

static void stop(void *arg)
{
    struct world *world = arg;
    world->stopped = true;
    hoop_stop(world->loop);
}

/* Runs the loop until a timer stops it, again and again while it fails; everything happens
 * exactly once. */
static void run_in_spite_of_failures(hoop_clock clock)
{
    struct world world = {.loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = clock})};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], read_byte, &world), 0);
    assert_int_equal(write(world.ends[1], "x", 1), 1);
    hoop_call_later(world.loop, 0.001, tick, &world);
    hoop_call_later(world.loop, 0.003, stop, &world);
    hoop_call_soon(world.loop, count, &world);
    hoop_call_soon_threadsafe(world.loop, count, &world);
    /* The 1st wait fails, then the 2nd of the next run ... until the run that is stopped, be
     * it in an iteration whose wait failed: what is due by then runs all the same. */
    for (unsigned n = 1; !world.stopped; n++) {
        hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, n);
        int rc = hoop_run_forever(world.loop);
        /* io_uring may have failed after the last iteration, when it mattered no more. */
        bool may_pass = uses_uring(world.loop) && world.stopped;
        assert_true(rc == (hoop_testing_failed() ? -EIO : 0) || (rc == 0 && may_pass));
        hoop_testing_fail_nth(0, 0);
        assert_true(n > 1 || rc < 0);
        assert_false(hoop_is_running(world.loop));
    }
    assert_int_equal(hoop_run_once(world.loop, 0), 0); /* if no wait has passed so far */
    assert_int_equal(world.ran, 2);
    assert_int_equal(world.reads, 1);
    assert_int_equal(world.timers, 1);
    hoop_close(world.loop);
    close(world.ends[0]);
    close(world.ends[1]);
}

static void a_failed_wait_ends_the_run_and_loses_nothing(void **state)
{
    (void)state;
    run_in_spite_of_failures(HOOP_CLOCK_MONOTONIC);
    run_in_spite_of_failures(HOOP_CLOCK_VIRTUAL);
}

/* The whole life of a loop, each call failing in turn. */
static int live(void *arg)
{
    struct world *world = arg;
    world->loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    if (world->loop == NULL)
        return hoop_last_error();
    int64_t rc = hoop_add_reader(world->loop, world->ends[0], read_byte, world);
    if (rc == 0)
        rc = hoop_call_soon_threadsafe(world->loop, count, world);
    if (rc == 0)
        rc = hoop_call_later(world->loop, 3600, stop, world);
    if (rc > 0)
        rc = hoop_call_soon(world->loop, count, world);
    if (rc > 0)
        rc = hoop_run_forever(world->loop);
    if (rc < 0)
        assert_is_failure(rc);
    hoop_close(world->loop);
    return (int)rc;
}

static void a_whole_life(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    assert_true(fail_each(EVERYTHING, live, &world) > 8);
    close(world.ends[0]);
    close(world.ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(making_a_loop),
        BEHAVIOUR(a_refused_callback_is_the_only_one_that_does_not_run),
        BEHAVIOUR(watching_in_all_ways),
        BEHAVIOUR(a_reader_that_was_refused_leaves_nothing),
        BEHAVIOUR(a_change_that_failed_leaves_the_reader_as_it_was),
        BEHAVIOUR(a_removal_that_the_kernel_refused_is_one_all_the_same),
        BEHAVIOUR(setting_context_variables),
        BEHAVIOUR(a_failed_wait_ends_the_run_and_loses_nothing),
        BEHAVIOUR(a_whole_life),
    };
    return cmocka_run_group_tests_name("loop_failures", tests, NULL, NULL);
}
