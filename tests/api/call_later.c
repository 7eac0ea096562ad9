/* SPDX-License-Identifier: MIT
 *
 * Timers: order, ties, what is due at once, what never is, and what is no time at all.
 */
#include "harness.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
    hoop_loop *loop;
    struct record record;
    int pipe[2];
};

static void add_a(void *arg)
{
    record_add(&((struct world *)arg)->record, "a");
}

static void add_b(void *arg)
{
    record_add(&((struct world *)arg)->record, "b");
}

static void add_c(void *arg)
{
    record_add(&((struct world *)arg)->record, "c");
}

static void add_io(void *arg)
{
    record_add(&((struct world *)arg)->record, "io");
}

static void stop(void *arg)
{
    hoop_stop(((struct world *)arg)->loop);
}

/* ---- order ---- */

static void earlier_deadlines_fire_first_whatever_the_order_of_setting(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_later(world.loop, 3, add_c, &world);
    hoop_call_later(world.loop, 1, add_a, &world);
    hoop_call_at(world.loop, 2, add_b, &world);
    hoop_call_later(world.loop, 4, stop, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_record(&world.record, "a b c");
    assert_true(hoop_time(world.loop) == 4);
    hoop_close(world.loop);
}

enum { TIMERS = 5000, DEADLINES = 10 };

struct crowd;
struct member {
    struct crowd *crowd;
    int number;
    int deadline;
    hoop_handle handle;
    bool cancelled;
};

struct crowd {
    hoop_loop *loop;
    struct member members[TIMERS];
    const struct member *last;
    int fired;
};

/* Every tenth one takes the next one of its own deadline back, if that has not fired. */
static void fire(void *arg)
{
    struct member *member = arg;
    struct crowd *crowd = member->crowd;
    const struct member *last = crowd->last;
    assert_false(member->cancelled);
    assert_true(hoop_time(crowd->loop) == member->deadline);
    if (last != NULL && last->deadline == member->deadline)
        assert_true(last->number < member->number);
    if (last != NULL)
        assert_true(last->deadline <= member->deadline);
    crowd->last = member;
    crowd->fired++;
    for (int i = member->number + 1; member->number % 10 == 0 && i < TIMERS; i++) {
        struct member *next = &crowd->members[i];
        if (next->deadline != member->deadline || next->cancelled)
            continue;
        assert_int_equal(hoop_handle_cancel(crowd->loop, next->handle), 1);
        next->cancelled = true;
        return;
    }
}

static void stop_crowd(void *arg)
{
    hoop_stop(((struct crowd *)arg)->loop);
}

static void equal_deadlines_fire_in_the_order_of_setting_among_thousands(void **state)
{
    (void)state;
    static struct crowd crowd;
    crowd = (struct crowd){.loop = virtual_loop()};
    srand(3);
    for (int i = 0; i < TIMERS; i++) {
        int deadline = 1 + rand() % DEADLINES;
        crowd.members[i] = (struct member){.crowd = &crowd, .number = i, .deadline = deadline};
        crowd.members[i].handle = hoop_call_at(crowd.loop, deadline, fire, &crowd.members[i]);
    }
    for (int i = 0; i < TIMERS; i += 3) {
        crowd.members[i].cancelled = true;
        assert_int_equal(hoop_handle_cancel(crowd.loop, crowd.members[i].handle), 1);
    }
    hoop_call_later(crowd.loop, DEADLINES + 1, stop_crowd, &crowd);
    assert_int_equal(hoop_run_forever(crowd.loop), 0);
    int expected = 0;
    for (int i = 0; i < TIMERS; i++)
        expected += !crowd.members[i].cancelled;
    assert_int_equal(crowd.fired, expected);
    assert_true(crowd.fired > TIMERS / 2);
    hoop_close(crowd.loop);
}

/* What was ready comes first, then descriptors, then timers. */
static void descriptors_come_before_timers_in_an_iteration(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(pipe(world.pipe), 0);
    assert_int_equal(write(world.pipe[1], "x", 1), 1);
    hoop_call_later(world.loop, 0, add_b, &world);
    assert_int_equal(hoop_add_reader(world.loop, world.pipe[0], add_io, &world), 0);
    hoop_call_soon(world.loop, add_a, &world);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "a io b");
    hoop_close(world.loop);
    close(world.pipe[0]);
    close(world.pipe[1]);
}

static void set_another_for_now(void *arg)
{
    struct world *world = arg;
    add_a(world);
    hoop_call_later(world->loop, 0, add_b, world);
    hoop_call_soon(world->loop, add_c, world);
}

static void a_timer_set_for_now_waits_for_the_next_iteration(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_later(world.loop, 1, set_another_for_now, &world);
    hoop_call_later(world.loop, 1, add_io, &world);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_int_equal(hoop_run_once(world.loop, 1), 0);
    assert_record(&world.record, "a io");
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "a io c b");
    hoop_close(world.loop);
}

/* ---- at once, and never ---- */

static void what_is_past_is_due_in_the_next_iteration(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_int_equal(hoop_run_once(world.loop, 100), 0);
    hoop_call_at(world.loop, 99, add_b, &world);
    hoop_call_at(world.loop, -5, add_a, &world);
    hoop_call_at(world.loop, 100, add_c, &world);
    assert_int_equal(hoop_run_once(world.loop, 10), 0);
    assert_record(&world.record, "a b c");
    assert_true(hoop_time(world.loop) == 100);
    hoop_close(world.loop);
}

static void even_minus_infinity_is_past(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_int_equal(hoop_run_once(world.loop, 100), 0);
    assert_true(hoop_call_at(world.loop, -(double)INFINITY, add_a, &world) >= 0);
    assert_true(hoop_call_at(world.loop, -1e300, add_b, &world) >= 0);
    assert_int_equal(hoop_run_once(world.loop, 10), 0);
    assert_record(&world.record, "a b");
    assert_true(hoop_time(world.loop) == 100);
    hoop_close(world.loop);
}

struct busy {
    hoop_loop *loop;
    int rounds;   /* iterations so far */
    int set_in;   /* the round in which the timer was set, 0 if none is */
    int fired;    /* timers */
    int late;     /* those that fired after the next round */
    bool delayed; /* call_later(0) instead of call_at */
    bool slow;    /* the callback takes long before it sets the timer, and does so rarely */
};

static void take_long(const hoop_loop *loop)
{
    double start = hoop_time(loop);
    while (hoop_time(loop) < start + 0.0002)
        ;
}

static void busy_timer(void *arg)
{
    struct busy *busy = arg;
    busy->fired++;
    busy->late += busy->rounds != busy->set_in + 1;
    busy->set_in = 0;
}

static void set_busy_timer(struct busy *busy)
{
    busy->set_in = busy->rounds;
    if (busy->slow)
        take_long(busy->loop);
    if (busy->delayed)
        hoop_call_later(busy->loop, 0, busy_timer, busy);
    else
        hoop_call_at(busy->loop, hoop_time(busy->loop), busy_timer, busy);
}

/* Runs in each iteration, so the loop always has work and need not ask for the time. */
static void busy_round(void *arg)
{
    struct busy *busy = arg;
    busy->rounds++;
    if (busy->set_in == 0 && (!busy->slow || busy->rounds % 200 == 0))
        set_busy_timer(busy);
    if (busy->rounds < 20000)
        hoop_call_soon(busy->loop, busy_round, busy);
    else
        hoop_stop(busy->loop);
}

/* Some may be late all the same: while the machine was busy with another program. */
static void a_busy_loop_fires_what_is_due_in_the_next_iteration(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        struct busy busy = {.loop = hoop_new_event_loop(), .delayed = way & 1, .slow = way & 2};
        hoop_call_soon(busy.loop, busy_round, &busy);
        assert_int_equal(hoop_run_forever(busy.loop), 0);
        assert_true(busy.fired > 50);
        assert_true(busy.late < busy.fired / 4);
        hoop_close(busy.loop);
    }
}

static void infinity_never_fires(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_handle later = hoop_call_later(world.loop, (double)INFINITY, add_a, &world);
    hoop_handle at = hoop_call_at(world.loop, (double)INFINITY, add_b, &world);
    hoop_handle huge = hoop_call_later(world.loop, 1e300, add_c, &world);
    assert_true(later >= 0 && at >= 0 && huge >= 0);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(hoop_run_once(world.loop, 1e9), 0);
    assert_record(&world.record, "");
    assert_true(isinf(hoop_loop_timeout(world.loop)));
    assert_true(hoop_handle_is_pending(world.loop, later));
    hoop_call_later(world.loop, 1, stop, &world); /* it does not stand in the way of others */
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_int_equal(hoop_handle_cancel(world.loop, at), 1);
    hoop_close(world.loop);
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    hoop_info info;
    struct world world = {.loop = virtual_loop()};
    hoop_loop *loop = world.loop;
    assert_int_equal(hoop_call_later(loop, (double)NAN, add_a, &world), -EINVAL);
    assert_int_equal(hoop_call_later(loop, -1, add_a, &world), -EINVAL);
    assert_int_equal(hoop_call_later(loop, -1e-12, add_a, &world), -EINVAL);
    assert_int_equal(hoop_call_later(loop, -(double)INFINITY, add_a, &world), -EINVAL);
    assert_int_equal(hoop_call_at(loop, (double)NAN, add_a, &world), -EINVAL);
    hoop_callback_fn no_callback = NULL;
    assert_int_equal(hoop_call_later(loop, 1, no_callback, &world), -EINVAL);
    assert_int_equal(hoop_call_at(loop, 1, no_callback, &world), -EINVAL);
    assert_true(hoop_call_later(loop, -0.0, add_b, &world) >= 0);
    hoop_loop_info(loop, &info);
    assert_int_equal(info.timers, 1);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&world.record, "b");
    hoop_close(loop);
}

/* ---- the real clock ---- */

static void a_timer_is_never_early(void **state)
{
    (void)state;
    struct world world = {.loop = hoop_new_event_loop()};
    double start = hoop_time(world.loop);
    hoop_call_later(world.loop, 0.0023, stop, &world);
    hoop_call_later(world.loop, 0.0011, add_a, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    double elapsed = hoop_time(world.loop) - start;
    assert_true(elapsed >= 0.0023 - 1e-9);
    assert_true(elapsed < 2); /* however busy the machine is */
    assert_record(&world.record, "a");
    hoop_close(world.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(earlier_deadlines_fire_first_whatever_the_order_of_setting),
        BEHAVIOUR(equal_deadlines_fire_in_the_order_of_setting_among_thousands),
        BEHAVIOUR(descriptors_come_before_timers_in_an_iteration),
        BEHAVIOUR(a_timer_set_for_now_waits_for_the_next_iteration),
        BEHAVIOUR(what_is_past_is_due_in_the_next_iteration),
        BEHAVIOUR(even_minus_infinity_is_past),
        BEHAVIOUR(a_busy_loop_fires_what_is_due_in_the_next_iteration),
        BEHAVIOUR(infinity_never_fires),
        BEHAVIOUR(what_is_no_time_is_refused),
        BEHAVIOUR(a_timer_is_never_early),
    };
    return cmocka_run_group_tests_name("call_later", tests, NULL, NULL);
}
