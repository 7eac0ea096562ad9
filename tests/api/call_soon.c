/* SPDX-License-Identifier: MIT
 *
 * Callbacks: order, batches, stopping, cancelling.
 */
#include "harness.h"

#include <errno.h>

struct world {
    hoop_loop *loop;
    struct record record;
};

static void add_a(void *arg)
{
    record_add(&((struct world *)arg)->record, "a");
}

static void add_b(void *arg)
{
    record_add(&((struct world *)arg)->record, "b");
}

static void stop(void *arg)
{
    hoop_stop(((struct world *)arg)->loop);
}

static void callbacks_run_in_the_order_in_which_they_were_scheduled(void **state)
{
    (void)state;
    struct world world = {.loop = hoop_new_event_loop()};
    assert_true(hoop_call_soon(world.loop, add_a, &world) >= 0);
    assert_true(hoop_call_soon(world.loop, add_b, &world) >= 0);
    assert_true(hoop_call_soon(world.loop, stop, &world) >= 0);
    assert_true(hoop_call_soon(world.loop, add_a, &world) >= 0);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_record(&world.record, "a b a"); /* stop lets the batch finish */
    hoop_close(world.loop);
}

static void schedule_b_and_stop(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "first");
    assert_true(hoop_call_soon(world->loop, add_b, world) >= 0);
    hoop_stop(world->loop);
}

static void what_a_running_callback_schedules_waits_for_the_next_iteration(void **state)
{
    (void)state;
    struct world world = {.loop = hoop_new_event_loop()};
    hoop_call_soon(world.loop, schedule_b_and_stop, &world);
    hoop_call_soon(world.loop, add_a, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_record(&world.record, "first a");
    hoop_stop(world.loop); /* before a run: that run makes one iteration */
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_record(&world.record, "first a b");
    hoop_close(world.loop);
}

static void a_cancelled_callback_does_not_run_and_its_handle_is_stale(void **state)
{
    (void)state;
    struct world world = {.loop = hoop_new_event_loop()};
    hoop_handle handle = hoop_call_soon(world.loop, add_a, &world);
    assert_true(hoop_handle_is_pending(world.loop, handle));
    assert_int_equal(hoop_handle_cancel(world.loop, handle), 1);
    assert_int_equal(hoop_handle_cancel(world.loop, handle), 0);
    assert_false(hoop_handle_is_pending(world.loop, handle));
    hoop_handle reused = hoop_call_soon(world.loop, add_b, &world);
    assert_int_equal(hoop_handle_cancel(world.loop, handle), 0);
    assert_true(hoop_handle_is_pending(world.loop, reused));
    assert_int_equal(hoop_handle_cancel(world.loop, -ENOMEM), 0);
    assert_int_equal(hoop_handle_cancel(world.loop, INT64_MAX), 0);
    hoop_call_soon(world.loop, stop, &world);
    hoop_run_forever(world.loop);
    assert_record(&world.record, "b");
    hoop_close(world.loop);
}

static void schedule_again(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "r");
    assert_true(hoop_call_soon(world->loop, schedule_again, world) >= 0);
}

static void a_callback_that_schedules_itself_runs_once_an_iteration(void **state)
{
    (void)state;
    hoop_info info;
    struct world world = {.loop = virtual_loop()};
    hoop_call_soon(world.loop, schedule_again, &world);
    hoop_call_soon(world.loop, add_a, &world);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "r a r r");
    hoop_loop_info(world.loop, &info);
    assert_int_equal(info.iterations, 3);
    hoop_close(world.loop);
}

struct numbered {
    int *next; /* what the next one to run must be */
    int number;
};

static void run_in_turn(void *arg)
{
    struct numbered *numbered = arg;
    assert_int_equal(numbered->number, (*numbered->next)++);
}

static void thousands_keep_their_order_with_some_cancelled(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static struct numbered callbacks[COUNT];
    int next = 0, number = 0;
    hoop_loop *loop = virtual_loop();
    for (int i = 0; i < COUNT; i++) {
        bool keep = i % 4 != 0;
        callbacks[i] = (struct numbered){&next, keep ? number++ : -1};
        hoop_handle handle = hoop_call_soon(loop, run_in_turn, &callbacks[i]);
        if (!keep)
            assert_int_equal(hoop_handle_cancel(loop, handle), 1);
    }
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(next, number);
    hoop_close(loop);
}

static void a_stop_before_the_run_lets_one_iteration_pass(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_soon(world.loop, schedule_again, &world);
    hoop_call_later(world.loop, 60, add_b, &world); /* not waited for */
    hoop_stop(world.loop);
    hoop_stop(world.loop);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_record(&world.record, "r");
    hoop_call_soon(world.loop, stop, &world); /* the stop is used up: this run needs its own */
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_record(&world.record, "r r");
    hoop_close(world.loop);
}

static void there_is_no_scheduling_of_nothing(void **state)
{
    (void)state;
    hoop_callback_fn no_callback = NULL;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_call_soon(loop, no_callback, NULL), -EINVAL);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(callbacks_run_in_the_order_in_which_they_were_scheduled),
        BEHAVIOUR(what_a_running_callback_schedules_waits_for_the_next_iteration),
        BEHAVIOUR(a_callback_that_schedules_itself_runs_once_an_iteration),
        BEHAVIOUR(thousands_keep_their_order_with_some_cancelled),
        BEHAVIOUR(a_stop_before_the_run_lets_one_iteration_pass),
        BEHAVIOUR(there_is_no_scheduling_of_nothing),
        BEHAVIOUR(a_cancelled_callback_does_not_run_and_its_handle_is_stale),
    };
    return cmocka_run_group_tests_name("call_soon", tests, NULL, NULL);
}
