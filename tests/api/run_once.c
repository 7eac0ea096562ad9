/* SPDX-License-Identifier: MIT
 *
 * One iteration at a time: how long it waits, and what it does.
 */
#include "harness.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <unistd.h>

struct world {
    hoop_loop *loop;
    struct record record;
    int fd;
};

static void note(void *arg)
{
    record_add(&((struct world *)arg)->record, "x");
}

static void note_and_schedule(void *arg)
{
    struct world *world = arg;
    note(world);
    hoop_call_soon(world->loop, note_and_schedule, world);
}

static uint64_t iterations(const hoop_loop *loop)
{
    hoop_info info;
    hoop_loop_info(loop, &info);
    return info.iterations;
}

static void it_is_one_iteration(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_soon(world.loop, note_and_schedule, &world);
    assert_int_equal(hoop_run_once(world.loop, 10), 0);
    assert_record(&world.record, "x");
    assert_int_equal(iterations(world.loop), 1);
    assert_int_equal(hoop_run_once(world.loop, (double)INFINITY), 0);
    assert_record(&world.record, "x x");
    assert_true(hoop_time(world.loop) == 0); /* with work at hand nobody waits */
    hoop_close(world.loop);
}

static void what_is_no_timeout_is_refused(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_soon(world.loop, note, &world);
    assert_int_equal(hoop_run_once(world.loop, -1), -EINVAL);
    assert_int_equal(hoop_run_once(world.loop, (double)NAN), -EINVAL);
    assert_int_equal(hoop_run_once(world.loop, -(double)INFINITY), -EINVAL);
    assert_record(&world.record, "");
    assert_int_equal(hoop_run_once(world.loop, -0.0), 0);
    assert_record(&world.record, "x");
    hoop_close(world.loop);
}

static void a_first_iteration_waits_like_any_other(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop();
    for (int i = 0; i < 2; i++) {
        double start = hoop_time(loop);
        assert_int_equal(hoop_run_once(loop, 0.003), 0);
        assert_true(hoop_time(loop) - start >= 0.003 - 1e-9);
    }
    hoop_close(loop);
}

static void it_waits_no_longer_than_to_the_next_timer(void **state)
{
    (void)state;
    struct world world = {.loop = hoop_new_event_loop()};
    double start = hoop_time(world.loop);
    hoop_call_later(world.loop, 0.002, note, &world);
    assert_int_equal(hoop_run_once(world.loop, 60), 0);
    double elapsed = hoop_time(world.loop) - start;
    assert_record(&world.record, "x");
    assert_true(elapsed >= 0.002 - 1e-9 && elapsed < 30);
    hoop_close(world.loop);
}

static void a_zero_timeout_does_not_wait(void **state)
{
    (void)state;
    struct world world = {.loop = hoop_new_event_loop()};
    hoop_call_later(world.loop, 60, note, &world);
    double start = hoop_time(world.loop);
    for (int i = 0; i < 10; i++)
        assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_true(hoop_time(world.loop) - start < 30);
    assert_record(&world.record, "");
    hoop_close(world.loop);
}

static void *write_soon(void *arg)
{
    usleep(2000);
    return (void *)(intptr_t)(write(*(int *)arg, "x", 1) == 1 ? 0 : 1);
}

static void a_descriptor_ends_the_wait(void **state)
{
    (void)state;
    int ends[2];
    pthread_t thread;
    struct world world = {.loop = hoop_new_event_loop()};
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(hoop_add_reader(world.loop, ends[0], note, &world), 0);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_soon, &ends[1]), 0);
    assert_int_equal(hoop_run_once(world.loop, (double)INFINITY), 0);
    assert_record(&world.record, "x");
    pthread_join(thread, NULL);
    hoop_close(world.loop);
    close(ends[0]);
    close(ends[1]);
}

static void *post_soon(void *arg)
{
    usleep(2000);
    struct world *world = arg;
    return (void *)(intptr_t)hoop_call_soon_threadsafe(world->loop, note, world);
}

static void a_post_ends_the_wait_and_runs(void **state)
{
    (void)state;
    struct world world = {.loop = hoop_new_event_loop()};
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        void *failed;
        world.record.text[0] = '\0';
        assert_int_equal(pthread_create(&thread, NULL, post_soon, &world), 0);
        assert_int_equal(hoop_run_once(world.loop, (double)INFINITY), 0);
        assert_record(&world.record, "x");
        pthread_join(thread, &failed);
        assert_null(failed);
    }
    hoop_close(world.loop);
}

static void a_stop_is_spent_on_it(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_later(world.loop, 5, note, &world);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    hoop_stop(world.loop);
    assert_true(hoop_loop_timeout(world.loop) == 0);
    assert_int_equal(hoop_run_once(world.loop, 60), 0); /* does not wait */
    assert_true(hoop_time(world.loop) == 0);
    assert_int_equal(hoop_run_once(world.loop, 60), 0);
    assert_true(hoop_time(world.loop) == 5);
    assert_record(&world.record, "x");
    hoop_close(world.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(it_is_one_iteration),
        BEHAVIOUR(what_is_no_timeout_is_refused),
        BEHAVIOUR(a_first_iteration_waits_like_any_other),
        BEHAVIOUR(it_waits_no_longer_than_to_the_next_timer),
        BEHAVIOUR(a_zero_timeout_does_not_wait),
        BEHAVIOUR(a_descriptor_ends_the_wait),
        BEHAVIOUR(a_post_ends_the_wait_and_runs),
        BEHAVIOUR(a_stop_is_spent_on_it),
    };
    return cmocka_run_group_tests_name("run_once", tests, NULL, NULL);
}
