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

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(callbacks_run_in_the_order_in_which_they_were_scheduled),
        BEHAVIOUR(what_a_running_callback_schedules_waits_for_the_next_iteration),
        BEHAVIOUR(a_cancelled_callback_does_not_run_and_its_handle_is_stale),
    };
    return cmocka_run_group_tests_name("call_soon", tests, NULL, NULL);
}
