/* SPDX-License-Identifier: MIT
 *
 * Sleeping: exact times on the virtual clock, order, and giving way with hoop_sleep(0).
 */
#include <errno.h>
#include <math.h>

#include "reports.h"

struct sleeper {
    struct record *record;
    const char *name;
    double seconds;
};

static int64_t sleep_and_record(void *arg)
{
    struct sleeper *sleeper = arg;
    double start = hoop_time(hoop_running_loop());
    int rc = hoop_sleep(sleeper->seconds);
    assert_true(hoop_time(hoop_running_loop()) == start + sleeper->seconds);
    record_add(sleeper->record, sleeper->name);
    return rc;
}

static int64_t run_sleepers(struct sleeper *sleepers, size_t count)
{
    hoop_task *tasks[8];
    for (size_t i = 0; i < count; i++)
        tasks[i] = hoop_create_task(sleep_and_record, &sleepers[i]);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    return 0;
}

static int64_t sleep_unequally(void *record)
{
    struct sleeper sleepers[] = {
        {record, "c", 3},
        {record, "a", 0.5},
        {record, "d", 1e6},
        {record, "b", 1},
    };
    return run_sleepers(sleepers, 4);
}

static void sleepers_wake_when_their_time_comes(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(sleep_unequally, &record), 0);
    assert_record(&record, "a b c d");
}

static int64_t sleep_equally(void *record)
{
    struct sleeper sleepers[] = {
        {record, "a", 1}, {record, "b", 1}, {record, "c", 1}, {record, "d", 1}, {record, "e", 1},
    };
    return run_sleepers(sleepers, 5);
}

static void sleepers_with_equal_deadlines_wake_in_the_order_they_fell_asleep(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(sleep_equally, &record), 0);
    assert_record(&record, "a b c d e");
}

/* ---- giving way ---- */

static int64_t alternate(void *arg)
{
    struct sleeper *sleeper = arg;
    for (int i = 0; i < 3; i++) {
        record_add(sleeper->record, sleeper->name);
        assert_int_equal(hoop_sleep(0), 0);
    }
    return 0;
}

static void record_callback(void *record)
{
    record_add(record, "cb");
}

static int64_t run_alternating(void *record)
{
    struct sleeper sleepers[] = {{record, "a", 0}, {record, "b", 0}, {record, "c", 0}};
    hoop_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = hoop_create_task(alternate, &sleepers[i]);
    assert_true(hoop_call_soon(hoop_running_loop(), record_callback, record) >= 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    return 0;
}

static void a_sleep_of_zero_lets_tasks_and_callbacks_take_turns(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(run_alternating, &record), 0);
    assert_record(&record, "a b c cb a b c a b c");
}

static int64_t sleep_zero_alone(void *arg)
{
    (void)arg;
    double start = hoop_time(hoop_running_loop());
    for (int i = 0; i < 10000; i++)
        assert_int_equal(hoop_sleep(0), 0);
    assert_true(hoop_time(hoop_running_loop()) == start);
    return 0;
}

static void the_only_task_may_sleep_for_zero_again_and_again(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(sleep_zero_alone, NULL), 0);
}

static void count_up(void *arg)
{
    int *count = arg;
    if (++*count < 5)
        assert_true(hoop_call_soon(hoop_running_loop(), count_up, arg) >= 0);
}

static int64_t spin_until_timers_fire(void *arg)
{
    int *count = arg;
    assert_true(hoop_call_later(hoop_running_loop(), 0, count_up, count) >= 0);
    for (int i = 0; *count < 5; i++) {
        assert_true(i < 10000);
        assert_int_equal(hoop_sleep(0), 0);
    }
    return 0;
}

static void a_task_that_only_gives_way_does_not_hold_up_timers(void **state)
{
    (void)state;
    int count = 0;
    assert_int_equal(run_virtually(spin_until_timers_fire, &count), 0);
}

/* ---- for ever ---- */

static int64_t sleep_for_ever(void *arg)
{
    *(int *)arg = hoop_sleep(INFINITY);
    return 0;
}

static int64_t cancel_the_sleeper(void *arg)
{
    hoop_task *task = hoop_create_task(sleep_for_ever, arg);
    assert_int_equal(hoop_sleep(1e9), 0);
    assert_int_equal(*(int *)arg, 1);
    assert_true(hoop_task_cancel(task));
    return hoop_await(task);
}

static void an_infinite_sleep_waits_to_be_cancelled(void **state)
{
    (void)state;
    int rc = 1;
    assert_int_equal(run_virtually(cancel_the_sleeper, &rc), 0);
    assert_int_equal(rc, -ECANCELED);
}

static int64_t sleep_wrongly(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_sleep(-1), -EINVAL);
    assert_int_equal(hoop_sleep(-1e-300), -EINVAL);
    assert_int_equal(hoop_sleep(-(double)INFINITY), -EINVAL);
    assert_int_equal(hoop_sleep((double)NAN), -EINVAL);
    assert_int_equal(hoop_sleep(-0.0), 0);
    return 0;
}

static void a_negative_or_undefined_time_is_refused(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(sleep_wrongly, NULL), 0);
}

static int64_t sleep_on_the_real_clock(void *arg)
{
    (void)arg;
    double start = hoop_time(hoop_running_loop());
    assert_int_equal(hoop_sleep(0.01), 0);
    assert_true(hoop_time(hoop_running_loop()) >= start + 0.01);
    return 0;
}

static void the_real_clock_never_wakes_early(void **state)
{
    (void)state;
    assert_int_equal(hoop_run(sleep_on_the_real_clock, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(sleepers_wake_when_their_time_comes),
        BEHAVIOUR(sleepers_with_equal_deadlines_wake_in_the_order_they_fell_asleep),
        BEHAVIOUR(a_sleep_of_zero_lets_tasks_and_callbacks_take_turns),
        BEHAVIOUR(the_only_task_may_sleep_for_zero_again_and_again),
        BEHAVIOUR(a_task_that_only_gives_way_does_not_hold_up_timers),
        BEHAVIOUR(an_infinite_sleep_waits_to_be_cancelled),
        BEHAVIOUR(a_negative_or_undefined_time_is_refused),
        BEHAVIOUR(the_real_clock_never_wakes_early),
    };
    return cmocka_run_group_tests_name("sleep", tests, NULL, NULL);
}
