/* SPDX-License-Identifier: MIT
 *
 * Done callbacks of futures and tasks: when they run, in which order and context, and how
 * they are taken back.
 */
#include <errno.h>

#include "reports.h"

struct world {
    hoop_loop *loop;
    hoop_future *future;
    struct record record;
};

static void begin(struct world *world)
{
    *world = (struct world){.loop = virtual_loop()};
    world->future = hoop_future_new(world->loop);
    assert_non_null(world->future);
}

static void end(struct world *world)
{
    hoop_future_unref(world->future);
    hoop_close(world->loop);
}

static void on_a(hoop_future *future, void *arg)
{
    struct world *world = arg;
    assert_true(hoop_future_is_done(future));
    assert_null(hoop_current_task());
    record_add(&world->record, "a");
}

static void on_b(hoop_future *future, void *arg)
{
    struct world *world = arg;
    assert_ptr_equal(future, world->future);
    record_add(&world->record, "b");
}

static void callback_c(void *arg)
{
    record_add(&((struct world *)arg)->record, "c");
}

static void callbacks_run_in_order_in_the_iteration_after_the_outcome(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_int_equal(hoop_future_add_done_callback(world.future, on_a, &world), 0);
    assert_int_equal(hoop_future_add_done_callback(world.future, on_b, &world), 0);
    assert_int_equal(hoop_future_add_done_callback(world.future, on_a, &world), 0);
    assert_true(hoop_call_soon(world.loop, callback_c, &world) >= 0);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "c");
    assert_int_equal(hoop_future_set_result(world.future, 1), 0);
    assert_true(hoop_call_soon(world.loop, callback_c, &world) >= 0);
    assert_record(&world.record, "c"); /* by call_soon, not at once */
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "c a b a c");
    end(&world);
}

static void a_callback_added_to_a_done_future_is_scheduled_at_once(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_true(hoop_future_cancel(world.future));
    assert_int_equal(hoop_future_add_done_callback(world.future, on_b, &world), 0);
    assert_record(&world.record, "");
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "b");
    end(&world);
}

static void removal_takes_back_every_equal_one(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    int other_arg;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hoop_future_add_done_callback(world.future, on_a, &world), 0);
        assert_int_equal(hoop_future_add_done_callback(world.future, on_b, &world), 0);
    }
    assert_int_equal(hoop_future_remove_done_callback(world.future, on_a, &other_arg), 0);
    assert_int_equal(hoop_future_remove_done_callback(world.future, on_a, &world), 3);
    assert_int_equal(hoop_future_remove_done_callback(world.future, on_a, &world), 0);
    assert_int_equal(hoop_future_set_result(world.future, 1), 0);
    assert_int_equal(hoop_future_remove_done_callback(world.future, on_b, &world), 0);
    assert_int_equal(hoop_run_once(world.loop, 0), 0); /* they were scheduled already */
    assert_record(&world.record, "b b b");
    end(&world);
}

static void release_and_remove_b(void *value)
{
    struct world *world = value;
    record_add(&world->record, "released");
    assert_int_equal(hoop_future_remove_done_callback(world->future, on_b, world), 1);
}

static const hoop_context_var removing = {.name = "removing", .release = release_and_remove_b};

static void add_a_that_removes_b(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_context_set(&removing, world), 0);
    assert_int_equal(hoop_future_add_done_callback(world->future, on_a, world), 0);
}

static void a_release_may_remove_another_callback(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_true(hoop_call_soon(world.loop, add_a_that_removes_b, &world) >= 0);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_int_equal(hoop_future_add_done_callback(world.future, on_b, &world), 0);
    assert_int_equal(hoop_future_add_done_callback(world.future, on_a, &world), 0);
    assert_int_equal(hoop_future_remove_done_callback(world.future, on_a, &world), 2);
    assert_record(&world.record, "released");
    assert_int_equal(hoop_future_set_result(world.future, 1), 0);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "released"); /* none is left */
    end(&world);
}

static void a_null_callback_is_refused(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_int_equal(hoop_future_add_done_callback(world.future, NULL, &world), -EINVAL);
    end(&world);
}

/* ---- life ---- */

static void a_future_freed_while_pending_takes_its_callbacks_along(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_int_equal(hoop_future_add_done_callback(world.future, on_a, &world), 0);
    assert_int_equal(hoop_future_add_done_callback(world.future, on_b, &world), 0);
    hoop_future_unref(world.future);
    world.future = NULL;
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "");
    end(&world);
}

static void a_scheduled_callback_keeps_its_future(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_int_equal(hoop_future_add_done_callback(world.future, on_a, &world), 0);
    assert_int_equal(hoop_future_add_done_callback(world.future, on_b, &world), 0);
    assert_int_equal(hoop_future_set_result(world.future, 1), 0);
    hoop_future_unref(world.future);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "a b");
    world.future = NULL;
    end(&world);
}

static void closing_the_loop_drops_scheduled_and_pending_callbacks(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    hoop_future *pending = hoop_future_new(world.loop);
    assert_int_equal(hoop_future_add_done_callback(pending, on_a, &world), 0);
    assert_int_equal(hoop_future_add_done_callback(world.future, on_b, &world), 0);
    assert_int_equal(hoop_future_set_result(world.future, 1), 0);
    hoop_close(world.loop);
    assert_record(&world.record, "");
    assert_int_equal(hoop_future_add_done_callback(pending, on_a, &world), HOOP_ECLOSED);
    assert_int_equal(hoop_future_remove_done_callback(pending, on_a, &world), 0);
    assert_int_equal(hoop_future_set_result(pending, 1), 0); /* nobody hears of it */
    hoop_future_unref(pending);
    hoop_future_unref(world.future);
}

static void set_another(hoop_future *future, void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "set");
    assert_int_equal(hoop_future_add_done_callback(future, on_a, world), 0);
    assert_int_equal(hoop_future_set_result(world->future, 1), 0);
}

static void a_callback_may_add_callbacks_and_set_futures(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    hoop_future *first = hoop_future_new(world.loop);
    assert_int_equal(hoop_future_add_done_callback(first, set_another, &world), 0);
    assert_int_equal(hoop_future_add_done_callback(world.future, on_b, &world), 0);
    assert_int_equal(hoop_future_set_result(first, 1), 0);
    hoop_future_unref(first);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "set");
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "set a b");
    end(&world);
}

/* ---- tasks, and the order among awaiters ---- */

static int64_t nap(void *arg)
{
    (void)arg;
    int rc = hoop_sleep(1);
    return rc < 0 ? rc : 5;
}

static int64_t await_and_record(void *arg)
{
    struct world *world = arg;
    int64_t result = hoop_future_await(world->future);
    record_add(&world->record, "task");
    return result;
}

static int64_t mix(void *arg)
{
    struct world *world = arg;
    hoop_task *napper = hoop_create_task(nap, NULL);
    world->future = hoop_task_future(napper);
    assert_int_equal(hoop_future_add_done_callback(world->future, on_a, world), 0);
    hoop_task *waiter = hoop_create_task(await_and_record, world);
    assert_int_equal(hoop_sleep(0), 0);
    assert_int_equal(hoop_future_add_done_callback(world->future, on_b, world), 0);
    assert_int_equal(hoop_await(waiter), 5);
    assert_int_equal(hoop_sleep(0), 0);
    return hoop_await(napper);
}

static void callbacks_and_awaiting_tasks_are_served_in_the_order_they_came(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(run_virtually(mix, &world), 5);
    assert_record(&world.record, "a task b");
}

/* ---- context ---- */

static const hoop_context_var colour = {.name = "colour", .default_value = "none"};

static void record_colour(hoop_future *future, void *arg)
{
    (void)future;
    record_add(&((struct world *)arg)->record, hoop_context_get(&colour));
    assert_int_equal(hoop_context_set(&colour, "spoilt"), 0);
}

static int64_t add_in_two_colours(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_future_add_done_callback(world->future, record_colour, world), 0);
    assert_int_equal(hoop_context_set(&colour, "red"), 0);
    assert_int_equal(hoop_future_add_done_callback(world->future, record_colour, world), 0);
    assert_int_equal(hoop_context_set(&colour, "green"), 0);
    assert_int_equal(hoop_future_add_done_callback(world->future, record_colour, world), 0);
    assert_int_equal(hoop_context_set(&colour, "blue"), 0);
    assert_int_equal(hoop_future_set_result(world->future, 1), 0);
    assert_int_equal(hoop_sleep(1), 0);
    record_add(&world->record, hoop_context_get(&colour));
    return 0;
}

static void a_callback_runs_in_the_context_where_it_was_added(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_int_equal(hoop_run_until_complete(world.loop, add_in_two_colours, &world), 0);
    assert_record(&world.record, "none red green blue");
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(callbacks_run_in_order_in_the_iteration_after_the_outcome),
        BEHAVIOUR(a_callback_added_to_a_done_future_is_scheduled_at_once),
        BEHAVIOUR(removal_takes_back_every_equal_one),
        BEHAVIOUR(a_release_may_remove_another_callback),
        BEHAVIOUR(a_null_callback_is_refused),
        BEHAVIOUR(a_future_freed_while_pending_takes_its_callbacks_along),
        BEHAVIOUR(a_scheduled_callback_keeps_its_future),
        BEHAVIOUR(closing_the_loop_drops_scheduled_and_pending_callbacks),
        BEHAVIOUR(a_callback_may_add_callbacks_and_set_futures),
        BEHAVIOUR(callbacks_and_awaiting_tasks_are_served_in_the_order_they_came),
        BEHAVIOUR(a_callback_runs_in_the_context_where_it_was_added),
    };
    return cmocka_run_group_tests_name("done_callbacks", tests, NULL, NULL);
}
