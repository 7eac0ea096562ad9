/* SPDX-License-Identifier: MIT
 *
 * Handles: what can be cancelled and when, stale ones, and that slots are used again
 * without one handle ever naming another's callback.
 */
#include "harness.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct world {
    hoop_loop *loop;
    struct record record;
    hoop_handle handle; /* what `cancel` cancels */
    int cancelled;      /* what it returned */
    int count;
};

static void add_a(void *arg)
{
    record_add(&((struct world *)arg)->record, "a");
}

static void add_b(void *arg)
{
    record_add(&((struct world *)arg)->record, "b");
}

static void count(void *arg)
{
    ((struct world *)arg)->count++;
}

static void cancel(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "cancel");
    world->cancelled = hoop_handle_cancel(world->loop, world->handle);
}

static void run_for(hoop_loop *loop, int iterations)
{
    for (int i = 0; i < iterations; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
}

static void an_earlier_callback_can_cancel_a_later_one_of_the_same_batch(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop(), .cancelled = -1};
    hoop_call_soon(world.loop, cancel, &world);
    world.handle = hoop_call_soon(world.loop, add_a, &world);
    hoop_call_soon(world.loop, add_b, &world);
    run_for(world.loop, 2);
    assert_record(&world.record, "cancel b");
    assert_int_equal(world.cancelled, 1);
    hoop_close(world.loop);
}

static void a_callback_that_has_begun_cannot_cancel_itself(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop(), .cancelled = -1};
    world.handle = hoop_call_soon(world.loop, cancel, &world);
    run_for(world.loop, 1);
    assert_int_equal(world.cancelled, 0);
    world.cancelled = -1;
    world.handle = hoop_call_later(world.loop, 0, cancel, &world);
    run_for(world.loop, 1);
    assert_int_equal(world.cancelled, 0);
    hoop_close(world.loop);
}

static void a_timer_can_be_cancelled_after_it_expired_and_before_it_ran(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop(), .cancelled = -1};
    hoop_call_later(world.loop, 1, cancel, &world);
    world.handle = hoop_call_later(world.loop, 1, add_a, &world);
    hoop_call_later(world.loop, 1, add_b, &world);
    run_for(world.loop, 1);
    assert_int_equal(hoop_run_once(world.loop, 1), 0); /* all three are due */
    assert_record(&world.record, "cancel b");
    assert_int_equal(world.cancelled, 1);
    assert_false(hoop_handle_is_pending(world.loop, world.handle));
    hoop_close(world.loop);
}

static void a_cancelled_timer_is_disarmed(void **state)
{
    (void)state;
    hoop_info info;
    struct world world = {.loop = virtual_loop()};
    hoop_handle handle = hoop_call_later(world.loop, 5, add_a, &world);
    hoop_loop_info(world.loop, &info);
    assert_int_equal(info.timers, 1);
    assert_true(hoop_handle_is_pending(world.loop, handle));
    assert_int_equal(hoop_handle_cancel(world.loop, handle), 1);
    assert_int_equal(hoop_handle_cancel(world.loop, handle), 0);
    hoop_loop_info(world.loop, &info);
    assert_int_equal(info.timers, 0);
    run_for(world.loop, 1);
    assert_int_equal(hoop_run_once(world.loop, 10), 0);
    assert_record(&world.record, "");
    hoop_close(world.loop);
}

static void a_handle_names_nothing_once_its_callback_ran(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_handle soon = hoop_call_soon(world.loop, add_a, &world);
    hoop_handle timer = hoop_call_later(world.loop, 0, add_b, &world);
    run_for(world.loop, 1);
    assert_record(&world.record, "a b");
    hoop_handle others[2] = {hoop_call_soon(world.loop, add_a, &world),
                             hoop_call_soon(world.loop, add_a, &world)};
    assert_false(hoop_handle_is_pending(world.loop, soon));
    assert_false(hoop_handle_is_pending(world.loop, timer));
    assert_int_equal(hoop_handle_cancel(world.loop, soon), 0);
    assert_int_equal(hoop_handle_cancel(world.loop, timer), 0);
    for (int i = 0; i < 2; i++)
        assert_true(hoop_handle_is_pending(world.loop, others[i]));
    hoop_close(world.loop);
}

static void numbers_that_are_no_handles_name_nothing(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    double when = 7;
    const hoop_handle numbers[] = {
        -1,        -ENOMEM, HOOP_ECLOSED, INT64_MIN,        INT64_MAX,
        1,         255,     256,          INT64_C(1) << 32, (INT64_C(1) << 32) + 100,
        UINT32_MAX};
    hoop_handle real = hoop_call_soon(world.loop, count, &world);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i] == real)
            continue;
        assert_int_equal(hoop_handle_cancel(world.loop, numbers[i]), 0);
        assert_false(hoop_handle_is_pending(world.loop, numbers[i]));
        assert_int_equal(hoop_handle_when(world.loop, numbers[i], &when), -ENOENT);
    }
    assert_true(when == 7);
    run_for(world.loop, 1);
    assert_int_equal(world.count, 1);
    hoop_close(world.loop);
}

/* A struct that was zeroed and never given a handle must not cancel anything. */
static void zero_is_no_handle(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(hoop_handle_cancel(world.loop, 0), 0);
    hoop_handle handle = hoop_call_soon(world.loop, count, &world);
    assert_true(handle != 0);
    hoop_close(world.loop);
}

/* ---- when a timer is due ---- */

static void the_time_of_a_timer_is_known_while_it_is_armed(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    double when = -1;
    hoop_handle at = hoop_call_at(world.loop, 12.5, count, &world);
    assert_int_equal(hoop_handle_when(world.loop, at, &when), 0);
    assert_true(when == 12.5);
    run_for(world.loop, 1);
    assert_int_equal(hoop_run_once(world.loop, 2), 0);
    hoop_handle later = hoop_call_later(world.loop, 0.25, count, &world);
    assert_int_equal(hoop_handle_when(world.loop, later, &when), 0);
    assert_true(when == 2.25);
    hoop_handle never = hoop_call_later(world.loop, (double)INFINITY, count, &world);
    assert_int_equal(hoop_handle_when(world.loop, never, &when), 0);
    assert_true(isinf(when));
    when = 7;
    assert_int_equal(hoop_handle_cancel(world.loop, later), 1);
    assert_int_equal(hoop_handle_when(world.loop, later, &when), -ENOENT);
    hoop_handle soon = hoop_call_soon(world.loop, count, &world);
    assert_int_equal(hoop_handle_when(world.loop, soon, &when), -ENOENT);
    assert_int_equal(hoop_run_once(world.loop, 60), 0);
    assert_int_equal(hoop_run_once(world.loop, 60), 0);
    assert_int_equal(world.count, 2);
    assert_int_equal(hoop_handle_when(world.loop, at, &when), -ENOENT);
    assert_true(when == 7); /* untouched on failure */
    hoop_close(world.loop);
}

/* ---- slots ---- */

enum { HANDLES = 100000 };

static void stale_handles_stay_stale_however_often_slots_are_reused(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    static hoop_handle stale[HANDLES];
    for (int i = 0; i < HANDLES; i++) {
        stale[i] = i % 2 == 0 ? hoop_call_soon(world.loop, count, &world)
                              : hoop_call_later(world.loop, i, count, &world);
        assert_true(stale[i] >= 0);
        assert_int_equal(hoop_handle_cancel(world.loop, stale[i]), 1);
    }
    hoop_handle live = hoop_call_soon(world.loop, count, &world);
    for (int i = 0; i < HANDLES; i++) {
        assert_true(stale[i] != live);
        assert_int_equal(hoop_handle_cancel(world.loop, stale[i]), 0);
    }
    assert_true(hoop_handle_is_pending(world.loop, live));
    run_for(world.loop, 1);
    assert_int_equal(world.count, 1);
    hoop_close(world.loop);
}

static int by_value(const void *a, const void *b)
{
    hoop_handle left = *(const hoop_handle *)a, right = *(const hoop_handle *)b;
    return (left > right) - (left < right);
}

static void many_pending_handles_name_one_callback_each(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    static hoop_handle pending[HANDLES], sorted[HANDLES];
    for (int i = 0; i < HANDLES; i++)
        sorted[i] = pending[i] = hoop_call_soon(world.loop, count, &world);
    qsort(sorted, HANDLES, sizeof sorted[0], by_value);
    for (int i = 1; i < HANDLES; i++)
        assert_true(sorted[i - 1] < sorted[i]);
    for (int i = 0; i < HANDLES; i += 3)
        assert_int_equal(hoop_handle_cancel(world.loop, pending[i]), 1);
    for (int i = 0; i < HANDLES; i++)
        assert_int_equal(hoop_handle_is_pending(world.loop, pending[i]), i % 3 != 0);
    run_for(world.loop, 1);
    assert_int_equal(world.count, HANDLES - (HANDLES + 2) / 3);
    hoop_close(world.loop);
}

static void a_freed_slot_is_taken_again_before_memory_is(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    for (int i = 0; i < 200; i++) /* with room left in the first lot of slots */
        hoop_call_soon(world.loop, count, &world);
    run_for(world.loop, 1);
    size_t live = hoop_testing_live_allocations();
    for (int i = 0; i < HANDLES; i++) {
        hoop_call_soon(world.loop, count, &world);
        if (i % 200 == 199)
            run_for(world.loop, 1);
    }
    assert_int_equal(hoop_testing_live_allocations(), live);
    assert_int_equal(world.count, 200 + HANDLES);
    hoop_close(world.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_earlier_callback_can_cancel_a_later_one_of_the_same_batch),
        BEHAVIOUR(a_callback_that_has_begun_cannot_cancel_itself),
        BEHAVIOUR(a_timer_can_be_cancelled_after_it_expired_and_before_it_ran),
        BEHAVIOUR(a_cancelled_timer_is_disarmed),
        BEHAVIOUR(a_handle_names_nothing_once_its_callback_ran),
        BEHAVIOUR(numbers_that_are_no_handles_name_nothing),
        BEHAVIOUR(zero_is_no_handle),
        BEHAVIOUR(the_time_of_a_timer_is_known_while_it_is_armed),
        BEHAVIOUR(stale_handles_stay_stale_however_often_slots_are_reused),
        BEHAVIOUR(many_pending_handles_name_one_callback_each),
        BEHAVIOUR(a_freed_slot_is_taken_again_before_memory_is),
    };
    return cmocka_run_group_tests_name("handles", tests, NULL, NULL);
}
