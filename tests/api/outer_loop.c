/* SPDX-License-Identifier: MIT
 *
 * hoop inside another loop: an outer poll() or epoll waits on hoop_loop_fd for at most
 * hoop_loop_timeout, and calls hoop_run_once(loop, 0).
 */
#include "harness.h"

#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool polls_readable(const hoop_loop *loop)
{
    struct pollfd entry = {.fd = hoop_loop_fd(loop), .events = POLLIN};
    return poll(&entry, 1, 0) == 1;
}

static void nothing(void *arg)
{
    (void)arg;
}

/* ---- what the two functions say ---- */

static void an_idle_loop_has_nothing_to_tell(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop();
    assert_true(isinf(hoop_loop_timeout(loop)));
    assert_false(polls_readable(loop));
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_false(polls_readable(loop));
    hoop_close(loop);
}

static void the_timeout_is_zero_while_something_is_ready(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop();
    hoop_call_soon(loop, nothing, NULL);
    assert_true(hoop_loop_timeout(loop) == 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(isinf(hoop_loop_timeout(loop)));
    hoop_call_later(loop, 0, nothing, NULL);
    assert_true(hoop_loop_timeout(loop) == 0);
    hoop_close(loop);
}

static void the_timeout_is_the_time_to_the_next_timer(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    hoop_call_later(loop, 7.5, nothing, NULL);
    assert_true(hoop_loop_timeout(loop) == 7.5);
    hoop_handle sooner = hoop_call_later(loop, 2.25, nothing, NULL);
    assert_true(hoop_loop_timeout(loop) == 2.25);
    hoop_handle_cancel(loop, sooner);
    assert_true(hoop_loop_timeout(loop) == 7.5);
    hoop_call_later(loop, (double)INFINITY, nothing, NULL);
    hoop_call_at(loop, -5, nothing, NULL);
    assert_true(hoop_loop_timeout(loop) == 0);
    hoop_close(loop);
    loop = hoop_new_event_loop();
    hoop_call_later(loop, 60, nothing, NULL);
    double left = hoop_loop_timeout(loop);
    assert_true(left > 0 && left <= 60);
    hoop_close(loop);
}

static void a_post_makes_the_descriptor_readable_until_it_ran(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop();
    assert_int_equal(hoop_run_once(loop, 0), 0);
    for (int i = 0; i < 3; i++) {
        assert_false(polls_readable(loop));
        assert_int_equal(hoop_call_soon_threadsafe(loop, nothing, NULL), 0);
        assert_int_equal(hoop_call_soon_threadsafe(loop, nothing, NULL), 0);
        assert_true(polls_readable(loop));
        assert_int_equal(hoop_run_once(loop, 0), 0);
    }
    assert_false(polls_readable(loop));
    hoop_close(loop);
}

static void *post_nothing(void *loop)
{
    return (void *)(intptr_t)hoop_call_soon_threadsafe(loop, nothing, NULL);
}

static void let_a_thread_post(void *loop)
{
    pthread_t thread;
    void *failed;
    assert_int_equal(pthread_create(&thread, NULL, post_nothing, loop), 0);
    pthread_join(thread, &failed);
    assert_null(failed);
}

/* A post that arrives while an iteration runs makes nothing readable, as the loop was awake;
 * so the timeout must tell. */
static void a_post_during_the_iteration_is_not_overlooked(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop();
    hoop_call_soon(loop, let_a_thread_post, loop);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(polls_readable(loop) || hoop_loop_timeout(loop) == 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(isinf(hoop_loop_timeout(loop)));
    hoop_close(loop);
}

static void a_watched_descriptor_makes_the_loops_readable(void **state)
{
    (void)state;
    int ends[2];
    char byte;
    hoop_loop *loop = hoop_new_event_loop();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(hoop_add_reader(loop, ends[0], nothing, NULL), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_false(polls_readable(loop));
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(polls_readable(loop));
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(polls_readable(loop)); /* it was not read */
    assert_int_equal(read(ends[0], &byte, 1), 1);
    /* io_uring has said so already, and finds out when it is asked. */
    assert_true(!polls_readable(loop) || uses_uring(loop));
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_false(polls_readable(loop));
    hoop_close(loop);
    close(ends[0]);
    close(ends[1]);
}

/* ---- driven from outside, all at once ---- */

enum { POSTS = 200, TICKS = 20, BYTES = 50 };

struct world {
    hoop_loop *loop;
    int ends[2];
    int posts, ticks, bytes;
    atomic_int failures;
};

static void run_post(void *arg)
{
    ((struct world *)arg)->posts++;
}

static void tick(void *arg)
{
    struct world *world = arg;
    if (++world->ticks < TICKS)
        hoop_call_later(world->loop, 0.0005, tick, world);
}

static void read_byte(void *arg)
{
    struct world *world = arg;
    char byte;
    if (read(world->ends[0], &byte, 1) == 1)
        world->bytes++;
}

static void *feed(void *arg)
{
    struct world *world = arg;
    for (int i = 0; i < POSTS; i++) {
        if (hoop_call_soon_threadsafe(world->loop, run_post, world) != 0)
            atomic_fetch_add(&world->failures, 1);
        if (i % (POSTS / BYTES) == 0 && write(world->ends[1], "x", 1) != 1)
            atomic_fetch_add(&world->failures, 1);
        usleep(50);
    }
    return NULL;
}

/* Rounded up, so as not to spin just before a timer. */
static int milliseconds(double seconds)
{
    return seconds > 10 ? 10000 : seconds > 0 ? (int)(seconds * 1000) + 1 : 0;
}

static int wait_by_poll(struct world *world, int timeout)
{
    struct pollfd entry = {.fd = hoop_loop_fd(world->loop), .events = POLLIN};
    return poll(&entry, 1, timeout);
}

static int wait_by_epoll(struct world *world, int timeout)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll, EPOLL_CTL_ADD, hoop_loop_fd(world->loop), &event);
    int count = epoll_wait(epoll, &event, 1, timeout);
    close(epoll);
    return count;
}

static void drive(int (*wait)(struct world *world, int timeout))
{
    struct world world = {.loop = hoop_new_event_loop()};
    pthread_t thread;
    int idle = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    assert_int_equal(hoop_add_reader(world.loop, world.ends[0], read_byte, &world), 0);
    hoop_call_soon(world.loop, tick, &world);
    assert_int_equal(pthread_create(&thread, NULL, feed, &world), 0);
    while (world.posts < POSTS || world.ticks < TICKS || world.bytes < BYTES) {
        int timeout = milliseconds(hoop_loop_timeout(world.loop));
        if (wait(&world, timeout) == 0 && timeout == 10000)
            fail_msg("slept through a wake-up");
        idle += timeout > 0;
        assert_int_equal(hoop_run_once(world.loop, 0), 0);
    }
    pthread_join(thread, NULL);
    assert_int_equal(world.failures, 0);
    assert_true(idle > 0); /* it did not spin */
    hoop_close(world.loop);
    close(world.ends[0]);
    close(world.ends[1]);
}

static void an_outer_poll_drives_it(void **state)
{
    (void)state;
    drive(wait_by_poll);
}

static void an_outer_epoll_drives_it(void **state)
{
    (void)state;
    drive(wait_by_epoll);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_idle_loop_has_nothing_to_tell),
        BEHAVIOUR(the_timeout_is_zero_while_something_is_ready),
        BEHAVIOUR(the_timeout_is_the_time_to_the_next_timer),
        BEHAVIOUR(a_post_makes_the_descriptor_readable_until_it_ran),
        BEHAVIOUR(a_post_during_the_iteration_is_not_overlooked),
        BEHAVIOUR(a_watched_descriptor_makes_the_loops_readable),
        BEHAVIOUR(an_outer_poll_drives_it),
        BEHAVIOUR(an_outer_epoll_drives_it),
    };
    return cmocka_run_group_tests_name("outer_loop", tests, NULL, NULL);
}
