/* SPDX-License-Identifier: MIT
 *
 * Making, running, closing: what a close drops and releases, what may not be done while
 * the loop runs, and what hoop_loop_info says.
 */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct world {
    hoop_loop *loop;
    hoop_loop *other;
    int ends[2];
    int ran;
    int result;
    int other_result;
    int released;
};

static void never(void *arg)
{
    ((struct world *)arg)->ran++;
}

static void release(void *value)
{
    ((struct world *)value)->released++;
}

static const hoop_context_var tag = {.name = "tag", .release = release};

/* One of everything that can be pending, each holding the context. */
static void schedule_everything(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_context_set(&tag, world), 0);
    assert_true(hoop_call_soon(world->loop, never, world) >= 0);
    assert_true(hoop_call_later(world->loop, 5, never, world) >= 0);
    assert_true(hoop_call_at(world->loop, 0, never, world) >= 0);
    assert_int_equal(hoop_call_soon_threadsafe(world->loop, never, world), 0);
    assert_int_equal(hoop_add_reader(world->loop, world->ends[0], never, world), 0);
    assert_int_equal(hoop_add_writer(world->loop, world->ends[0], never, world), 0);
    assert_int_equal(hoop_add_writer(world->loop, world->ends[1], never, world), 0);
}

static void a_close_drops_all_that_is_pending_and_releases_it(void **state)
{
    (void)state;
    struct world world = {.loop = hoop_new_event_loop()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    hoop_context *outer = hoop_context_copy();
    hoop_context_run(outer, schedule_everything, &world);
    hoop_context_unref(outer);
    assert_int_equal(world.released, 0);
    assert_int_equal(hoop_close(world.loop), 0);
    assert_int_equal(world.ran, 0);
    assert_int_equal(world.released, 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(close(world.ends[i]), 0); /* it did not close the caller's */
}

static void stop_first(void *arg)
{
    hoop_stop(((struct world *)arg)->loop);
}

/* What a run left undone, in the middle of things. */
static void a_loop_that_ran_can_be_closed_with_work_left(void **state)
{
    (void)state;
    struct world world = {.loop = hoop_new_event_loop()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    hoop_call_soon(world.loop, stop_first, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    hoop_context *outer = hoop_context_copy();
    hoop_context_run(outer, schedule_everything, &world);
    hoop_context_unref(outer);
    assert_int_equal(hoop_close(world.loop), 0);
    assert_int_equal(world.ran, 0);
    assert_int_equal(world.released, 1);
    close(world.ends[0]);
    close(world.ends[1]);
}

static void closing_nothing_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(hoop_close(NULL), 0);
    hoop_loop_unref(NULL);
}

static void close_and_run_again(void *arg)
{
    struct world *world = arg;
    world->result = hoop_close(world->loop);
    world->other_result = hoop_run_forever(world->loop);
    assert_int_equal(hoop_run_once(world->loop, 0), HOOP_ERUNNING);
    assert_true(hoop_is_running(world->loop));
    assert_false(hoop_is_closed(world->loop));
    hoop_stop(world->loop);
}

static void a_running_loop_can_be_neither_closed_nor_run(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_soon(world.loop, close_and_run_again, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_int_equal(world.result, HOOP_ERUNNING);
    assert_int_equal(world.other_result, HOOP_ERUNNING);
    assert_false(hoop_is_running(world.loop));
    assert_int_equal(hoop_close(world.loop), 0);
}

static void run_the_other(void *arg)
{
    struct world *world = arg;
    assert_ptr_equal(hoop_running_loop(), world->loop);
    world->other_result = hoop_run_forever(world->other);
    world->result = hoop_run_once(world->other, 0);
    assert_ptr_equal(hoop_running_loop(), world->loop);
    assert_false(hoop_is_running(world->other));
    assert_int_equal(hoop_close(world->other), 0); /* it does not run, so it may go */
    hoop_stop(world->loop);
}

static void one_loop_runs_in_a_thread_at_a_time(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop(), .other = virtual_loop()};
    assert_null(hoop_running_loop());
    hoop_call_soon(world.loop, run_the_other, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_null(hoop_running_loop());
    assert_int_equal(world.other_result, HOOP_ERUNNING);
    assert_int_equal(world.result, HOOP_ERUNNING);
    hoop_close(world.loop);
}

static void *run_there(void *arg)
{
    struct world *world = arg;
    if (hoop_running_loop() != NULL)
        return (void *)1;
    hoop_call_soon(world->loop, stop_first, world);
    world->other_result = hoop_run_forever(world->loop);
    return NULL;
}

static void a_loop_can_run_in_one_thread_after_another(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop(), .other_result = -1};
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        void *failed;
        assert_int_equal(pthread_create(&thread, NULL, run_there, &world), 0);
        pthread_join(thread, &failed);
        assert_null(failed);
        assert_int_equal(world.other_result, 0);
        hoop_call_soon(world.loop, stop_first, &world);
        assert_int_equal(hoop_run_forever(world.loop), 0);
    }
    hoop_close(world.loop);
}

static void two_loops_run_in_turn_in_one_thread(void **state)
{
    (void)state;
    struct world a = {.loop = virtual_loop()}, b = {.loop = virtual_loop()};
    for (int i = 0; i < 3; i++) {
        hoop_call_soon(a.loop, never, &a);
        hoop_call_soon(b.loop, never, &b);
        assert_int_equal(hoop_run_once(a.loop, 0), 0);
        assert_int_equal(hoop_run_once(b.loop, 0), 0);
    }
    assert_int_equal(a.ran, 3);
    assert_int_equal(b.ran, 3);
    hoop_close(a.loop);
    hoop_close(b.loop);
}

static void the_loop_tells_about_itself(void **state)
{
    (void)state;
    hoop_info info;
    struct world world = {.loop = hoop_new_event_loop_with(&(hoop_loop_options){
                              .clock = HOOP_CLOCK_VIRTUAL, .poller = HOOP_POLLER_EPOLL})};
    hoop_loop_info(world.loop, &info);
    assert_string_equal(info.poller, "epoll");
    assert_string_equal(info.guard, "");
    assert_int_equal(info.stacks_in_use, 0);
    assert_int_equal(info.tasks, 0);
    assert_int_equal(info.timers, 0);
    assert_int_equal(info.iterations, 0);
    assert_int_equal(info.polls, 0);
    hoop_call_later(world.loop, 1, never, &world);
    hoop_call_later(world.loop, 2, never, &world);
    hoop_run_once(world.loop, 0);
    hoop_run_once(world.loop, 1);
    hoop_loop_info(world.loop, &info);
    assert_int_equal(info.timers, 1);
    assert_int_equal(info.iterations, 2);
    assert_true(info.polls >= 2);
    hoop_close(world.loop);
}

static void the_stack_size_is_known_from_the_start(void **state)
{
    (void)state;
    hoop_info info;
    hoop_loop *loop = virtual_loop();
    hoop_loop_info(loop, &info);
    assert_int_equal(info.stack_size, 65536);
    hoop_close(loop);
    loop = hoop_new_event_loop_with(&(hoop_loop_options){.stack_size = 100001});
    hoop_loop_info(loop, &info);
    long page = sysconf(_SC_PAGESIZE);
    assert_true(info.stack_size >= 100001 && info.stack_size < 100001 + (size_t)page);
    assert_int_equal(info.stack_size % (size_t)page, 0);
    hoop_close(loop);
}

static void options_that_cannot_be_are_refused(void **state)
{
    (void)state;
    const hoop_loop_options refused[] = {
        {.stack_size = 1},
        {.stack_size = HOOP_STACK_SIZE_MIN - 1},
        {.stack_size = HOOP_STACK_SIZE_MAX + 1},
        {.stack_size = SIZE_MAX},
        {.clock = (hoop_clock)2},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_null(hoop_new_event_loop_with(&refused[i]));
        assert_int_equal(hoop_last_error(), -EINVAL);
    }
    const size_t accepted[] = {HOOP_STACK_SIZE_MIN, HOOP_STACK_SIZE_MAX};
    for (int i = 0; i < 2; i++) {
        hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.stack_size = accepted[i]});
        assert_non_null(loop);
        hoop_close(loop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_close_drops_all_that_is_pending_and_releases_it),
        BEHAVIOUR(a_loop_that_ran_can_be_closed_with_work_left),
        BEHAVIOUR(closing_nothing_is_allowed),
        BEHAVIOUR(a_running_loop_can_be_neither_closed_nor_run),
        BEHAVIOUR(one_loop_runs_in_a_thread_at_a_time),
        BEHAVIOUR(a_loop_can_run_in_one_thread_after_another),
        BEHAVIOUR(two_loops_run_in_turn_in_one_thread),
        BEHAVIOUR(the_loop_tells_about_itself),
        BEHAVIOUR(the_stack_size_is_known_from_the_start),
        BEHAVIOUR(options_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests_name("loop_life", tests, NULL, NULL);
}
