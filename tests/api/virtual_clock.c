/* SPDX-License-Identifier: MIT
 *
 * The virtual clock: it starts at 0, stands still while there is something to do, and
 * jumps to the next deadline when there is not.
 */
#include "harness.h"

#include <hoop/embed.h>
#include <math.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

struct world {
    hoop_loop *loop;
    struct record record;
    int rounds;
    double seen; /* the loop's time in the callback */
    int pipe[2];
};

static double real_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void note_time(void *arg)
{
    struct world *world = arg;
    world->seen = hoop_time(world->loop);
}

static void stop(void *arg)
{
    struct world *world = arg;
    note_time(world);
    hoop_stop(world->loop);
}

static void hours_pass_at_once(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    double start = real_seconds();
    assert_true(hoop_time(world.loop) == 0);
    hoop_call_later(world.loop, 365 * 86400.0, stop, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_true(hoop_time(world.loop) == 365 * 86400.0);
    assert_true(real_seconds() - start < 30);
    hoop_close(world.loop);
}

static void tick(void *arg)
{
    struct world *world = arg;
    if (++world->rounds == 1000)
        hoop_stop(world->loop);
    else
        hoop_call_later(world->loop, 0.1, tick, world);
}

static void times_are_exact(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_later(world.loop, 0.1, tick, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_int_equal(hoop_time_ns(world.loop), INT64_C(100000000000)); /* no error adds up */
    hoop_call_later(world.loop, 1e-9, stop, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_int_equal(hoop_time_ns(world.loop), INT64_C(100000000001));
    hoop_close(world.loop);
}

static void work_for_a_while(void *arg)
{
    struct world *world = arg;
    assert_true(hoop_time(world->loop) == 0);
    if (++world->rounds < 1000)
        hoop_call_soon(world->loop, work_for_a_while, world);
}

static void time_stands_still_while_there_is_work(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_later(world.loop, 1e-9, stop, &world);
    hoop_call_soon(world.loop, work_for_a_while, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_int_equal(world.rounds, 1000);
    assert_true(world.seen == 1e-9);
    hoop_close(world.loop);
}

static void run_once_advances_by_its_timeout_when_nothing_is_due(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(hoop_run_once(world.loop, 2.5), 0);
    assert_true(hoop_time(world.loop) == 2.5);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_true(hoop_time(world.loop) == 2.5);
    hoop_call_later(world.loop, 10, note_time, &world);
    assert_int_equal(hoop_run_once(world.loop, 4), 0);
    assert_true(hoop_time(world.loop) == 6.5);
    assert_true(world.seen == 0);
    assert_int_equal(hoop_run_once(world.loop, 100), 0); /* no further than to the timer */
    assert_true(hoop_time(world.loop) == 12.5);
    assert_true(world.seen == 12.5);
    hoop_close(world.loop);
}

static void read_byte(void *arg)
{
    struct world *world = arg;
    char byte;
    assert_int_equal(read(world->pipe[0], &byte, 1), 1);
    record_add(&world->record, "io");
    note_time(world);
}

static void write_byte(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "write");
    assert_int_equal(write(world->pipe[1], "x", 1), 1);
}

static void late(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "late");
    hoop_stop(world->loop);
}

static void descriptors_come_before_time_passes(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(pipe(world.pipe), 0);
    assert_int_equal(hoop_add_reader(world.loop, world.pipe[0], read_byte, &world), 0);
    hoop_call_later(world.loop, 1, write_byte, &world);
    hoop_call_later(world.loop, 1 + 1e-9, late, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_record(&world.record, "write io late");
    assert_true(world.seen == 1);
    hoop_close(world.loop);
    close(world.pipe[0]);
    close(world.pipe[1]);
}

static void post_itself(void *arg)
{
    struct world *world = arg;
    assert_true(hoop_time(world->loop) == 1);
    if (++world->rounds < 100)
        hoop_call_soon_threadsafe(world->loop, post_itself, world);
}

static void posts_come_before_time_passes(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_later(world.loop, 1, post_itself, &world);
    hoop_call_later(world.loop, 2, stop, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_int_equal(world.rounds, 100);
    assert_true(world.seen == 2);
    hoop_close(world.loop);
}

static void *write_soon(void *arg)
{
    struct world *world = arg;
    usleep(2000);
    return (void *)(intptr_t)(write(world->pipe[1], "x", 1) == 1 ? 0 : 1);
}

/* With no deadline to jump to, it waits like any other loop. */
static void without_timers_it_waits_for_the_outside(void **state)
{
    (void)state;
    pthread_t thread;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(pipe(world.pipe), 0);
    assert_int_equal(hoop_add_reader(world.loop, world.pipe[0], read_byte, &world), 0);
    hoop_call_later(world.loop, (double)INFINITY, late, &world);
    assert_int_equal(pthread_create(&thread, NULL, write_soon, &world), 0);
    while (world.record.text[0] == '\0')
        assert_int_equal(hoop_run_once(world.loop, (double)INFINITY), 0);
    assert_record(&world.record, "io");
    assert_true(hoop_time(world.loop) == 0);
    pthread_join(thread, NULL);
    hoop_close(world.loop);
    close(world.pipe[0]);
    close(world.pipe[1]);
}

static void each_loop_has_its_own_clock(void **state)
{
    (void)state;
    hoop_loop *a = virtual_loop();
    hoop_loop *b = virtual_loop();
    assert_int_equal(hoop_run_once(a, 5), 0);
    assert_true(hoop_time(a) == 5);
    assert_true(hoop_time(b) == 0);
    hoop_close(a);
    hoop_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(hours_pass_at_once),
        BEHAVIOUR(times_are_exact),
        BEHAVIOUR(time_stands_still_while_there_is_work),
        BEHAVIOUR(run_once_advances_by_its_timeout_when_nothing_is_due),
        BEHAVIOUR(descriptors_come_before_time_passes),
        BEHAVIOUR(posts_come_before_time_passes),
        BEHAVIOUR(without_timers_it_waits_for_the_outside),
        BEHAVIOUR(each_loop_has_its_own_clock),
    };
    return cmocka_run_group_tests_name("virtual_clock", tests, NULL, NULL);
}
