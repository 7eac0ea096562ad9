/* SPDX-License-Identifier: MIT
 *
 * A loop that always has work still serves everybody: descriptors, timers, other threads.
 * On the real clock, as the busy loop asks the kernel only now and then; each test stops
 * after so many rounds of work that a starving one would have been served long before.
 */
#include "harness.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE 20.0 /* seconds; reached only if somebody starves */

struct world {
    hoop_loop *loop;
    int ends[2];
    int rounds;
    int served;
    int wanted; /* how often somebody else must be served */
    double start;
    int work; /* turns of a loop that each round takes */
};

static void check_end(struct world *world)
{
    if (world->served >= world->wanted || hoop_time(world->loop) - world->start > PATIENCE)
        hoop_stop(world->loop);
}

static void busy(void *arg)
{
    struct world *world = arg;
    for (volatile int i = 0; i < world->work; i++)
        ;
    world->rounds++;
    hoop_call_soon(world->loop, busy, world);
    if (world->rounds % 100000 == 0)
        check_end(world);
}

static void serve_reader(void *arg)
{
    struct world *world = arg;
    char byte;
    assert_int_equal(read(world->ends[0], &byte, 1), 1);
    assert_int_equal(write(world->ends[1], "x", 1), 1);
    world->served++;
    check_end(world);
}

static void serve_timer(void *arg)
{
    struct world *world = arg;
    world->served++;
    hoop_call_later(world->loop, 0.0002, serve_timer, world);
    check_end(world);
}

static void serve_post(void *arg)
{
    struct world *world = arg;
    world->served++;
    check_end(world);
}

static void *post(void *arg)
{
    struct world *world = arg;
    for (int i = 0; i < world->wanted; i++) {
        usleep(100);
        if (hoop_call_soon_threadsafe(world->loop, serve_post, world) != 0)
            return (void *)1;
    }
    return NULL;
}

static void open_world(struct world *world, int wanted, int work)
{
    *world = (struct world){.loop = hoop_new_event_loop(), .wanted = wanted, .work = work};
    world->start = hoop_time(world->loop);
    hoop_call_soon(world->loop, busy, world);
}

static void run_to_the_end(struct world *world)
{
    assert_int_equal(hoop_run_forever(world->loop), 0);
    assert_int_equal(world->served, world->wanted);
    assert_true(world->rounds >= world->wanted - 1); /* it was busy all the time */
    hoop_close(world->loop);
}

/* With no work to speak of in each round, and with rounds of many microseconds. */
static const int amounts[] = {0, 20000};

static void a_busy_loop_serves_a_reader(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world world;
        open_world(&world, 50, amounts[i]);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
        assert_int_equal(hoop_add_reader(world.loop, world.ends[0], serve_reader, &world), 0);
        assert_int_equal(write(world.ends[1], "x", 1), 1);
        run_to_the_end(&world);
        close(world.ends[0]);
        close(world.ends[1]);
    }
}

static void a_busy_loop_fires_timers(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world world;
        open_world(&world, 50, amounts[i]);
        serve_timer(&world);
        run_to_the_end(&world);
    }
}

static void a_busy_loop_runs_posts(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world world;
        pthread_t thread;
        void *failed;
        open_world(&world, 50, amounts[i]);
        assert_int_equal(pthread_create(&thread, NULL, post, &world), 0);
        assert_int_equal(hoop_run_forever(world.loop), 0);
        pthread_join(thread, &failed);
        assert_null(failed);
        assert_int_equal(world.served, world.wanted);
        hoop_close(world.loop);
    }
}

/* The other way round: what is always readable, and a post that posts itself, leave room
 * for the rest. */
static void note_writable(void *arg)
{
    ((struct world *)arg)->rounds++;
}

static void post_again(void *arg)
{
    struct world *world = arg;
    world->rounds++;
    hoop_call_soon_threadsafe(world->loop, post_again, world);
}

static void what_is_always_ready_lets_timers_fire(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 50, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, world.ends), 0);
    assert_int_equal(hoop_add_writer(world.loop, world.ends[0], note_writable, &world), 0);
    hoop_call_soon_threadsafe(world.loop, post_again, &world);
    serve_timer(&world);
    run_to_the_end(&world);
    close(world.ends[0]);
    close(world.ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_busy_loop_serves_a_reader),
        BEHAVIOUR(a_busy_loop_fires_timers),
        BEHAVIOUR(a_busy_loop_runs_posts),
        BEHAVIOUR(what_is_always_ready_lets_timers_fire),
    };
    return cmocka_run_group_tests_name("fairness", tests, NULL, NULL);
}
