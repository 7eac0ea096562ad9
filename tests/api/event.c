/* SPDX-License-Identifier: MIT
 *
 * Events: who waits, who is woken, and when the flag counts.
 */
#include <errno.h>
#include <string.h>

#include "in_a_task.h"

struct waiter {
    hoop_event *event;
    struct record *record;
    const char *name;
};

static int64_t wait_and_record(void *arg)
{
    struct waiter *waiter = arg;
    int rc = hoop_event_wait(waiter->event);
    record_add(waiter->record, rc == 0 ? waiter->name : "cancelled");
    return rc;
}

static void start_waiters(hoop_event *event, struct record *record, struct waiter *waiters,
                          hoop_task **ret_tasks)
{
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        waiters[i] = (struct waiter){event, record, names[i]};
        ret_tasks[i] = hoop_create_task(wait_and_record, &waiters[i]);
    }
    let_others_wait();
    assert_record(record, "");
}

IN_A_TASK(to_set_it_wakes_all_who_wait_in_their_order)
{
    hoop_event *event = hoop_event_new();
    assert_false(hoop_event_is_set(event));
    struct record record = {""};
    struct waiter waiters[3];
    hoop_task *tasks[3];
    start_waiters(event, &record, waiters, tasks);
    hoop_event_set(event);
    assert_true(hoop_event_is_set(event));
    assert_record(&record, ""); /* they run in the next iteration */
    let_one_iteration_pass();
    assert_record(&record, "a b c");
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    assert_int_equal(hoop_event_free(event), 0);
}

IN_A_TASK(while_it_is_set_nobody_waits)
{
    hoop_event *event = hoop_event_new();
    hoop_event_set(event);
    hoop_event_set(event);
    struct record record = {""};
    struct waiter other = {event, &record, "other"};
    hoop_task *task = hoop_create_task(wait_and_record, &other);
    for (int i = 0; i < 100; i++)
        assert_int_equal(hoop_event_wait(event), 0);
    assert_record(&record, "");
    for (int i = 0; i < 100; i++)
        assert_int_equal(hoop_event_wait(event), 0);
    assert_record(&record, "other"); /* but it gives way now and then */
    assert_int_equal(hoop_await(task), 0);
    hoop_event_free(event);
}

IN_A_TASK(once_it_is_cleared_tasks_wait_again)
{
    hoop_event *event = hoop_event_new();
    hoop_event_clear(event);
    assert_false(hoop_event_is_set(event));
    hoop_event_set(event);
    hoop_event_clear(event);
    assert_false(hoop_event_is_set(event));
    struct record record = {""};
    struct waiter waiters[3];
    hoop_task *tasks[3];
    start_waiters(event, &record, waiters, tasks);
    hoop_event_clear(event); /* leaves them waiting */
    let_others_wait();
    assert_record(&record, "");
    hoop_event_set(event);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    hoop_event_free(event);
}

IN_A_TASK(who_was_woken_has_seen_it_even_if_it_is_cleared_at_once)
{
    hoop_event *event = hoop_event_new();
    struct record record = {""};
    struct waiter waiters[3];
    hoop_task *tasks[3];
    start_waiters(event, &record, waiters, tasks);
    hoop_event_set(event);
    hoop_event_clear(event);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    assert_record(&record, "a b c");
    hoop_event_free(event);
}

IN_A_TASK(a_cancelled_waiter_leaves_and_the_others_are_woken)
{
    hoop_event *event = hoop_event_new();
    struct record record = {""};
    struct waiter waiters[3];
    hoop_task *tasks[3];
    start_waiters(event, &record, waiters, tasks);
    assert_true(hoop_task_cancel(tasks[1]));
    hoop_event_set(event);
    assert_true(hoop_task_cancel(tasks[2])); /* too late */
    assert_int_equal(hoop_await(tasks[0]), 0);
    assert_int_equal(hoop_await(tasks[1]), -ECANCELED);
    assert_int_equal(hoop_await(tasks[2]), 0);
    assert_record(&record, "cancelled a c");
    hoop_event_free(event);
}

IN_A_TASK(a_task_that_is_being_cancelled_sees_a_set_event_and_waits_for_no_other)
{
    hoop_event *event = hoop_event_new();
    hoop_task *self = hoop_current_task();
    assert_true(hoop_task_cancel(self));
    assert_int_equal(hoop_event_wait(event), -ECANCELED);
    hoop_event_set(event);
    assert_int_equal(hoop_event_wait(event), 0);
    hoop_task_uncancel(self);
    hoop_event_free(event);
}

IN_A_TASK(an_event_is_not_freed_while_somebody_waits_for_it)
{
    hoop_event *event = hoop_event_new();
    struct record record = {""};
    struct waiter waiters[3];
    hoop_task *tasks[3];
    start_waiters(event, &record, waiters, tasks);
    assert_non_null(strstr(printed_tasks(), "waits for an event"));
    assert_int_equal(hoop_event_free(event), -EBUSY);
    hoop_event_set(event);
    assert_int_equal(hoop_event_free(event), 0); /* those that were woken do not need it */
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    assert_int_equal(hoop_event_free(NULL), 0);
}

static void set(void *event)
{
    assert_int_equal(hoop_event_wait(event), HOOP_ENOTASK);
    hoop_event_set(event);
    assert_int_equal(hoop_event_wait(event), HOOP_ENOTASK); /* not even now */
}

IN_A_TASK(a_callback_can_set_it_but_not_wait)
{
    hoop_event *event = hoop_event_new();
    assert_true(hoop_call_later(hoop_running_loop(), 5, set, event) > 0);
    assert_int_equal(hoop_event_wait(event), 0);
    assert_true(hoop_time(hoop_running_loop()) == 5);
    hoop_event_free(event);
}

static int make_one(void *arg)
{
    (void)arg;
    hoop_event *event = hoop_event_new();
    return event != NULL ? hoop_event_free(event) : hoop_last_error();
}

static void without_memory_there_is_no_event(void **state)
{
    (void)state;
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, make_one, NULL), 1);
}

static int64_t wait_for_ever(void *event)
{
    int rc = hoop_event_wait(event);
    fail_msg("a task went on after its loop was closed");
    return rc;
}

static void set_it(void *event)
{
    hoop_event_set(event);
}

static void closing_the_loop_ends_the_wait(void **state)
{
    (void)state;
    hoop_event *event = hoop_event_new();
    close_while_it_waits(wait_for_ever, event, NULL);
    hoop_event_set(event);
    hoop_event_clear(event);
    close_while_it_waits(wait_for_ever, event, set_it);
    assert_int_equal(hoop_event_free(event), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(to_set_it_wakes_all_who_wait_in_their_order),
        BEHAVIOUR(while_it_is_set_nobody_waits),
        BEHAVIOUR(once_it_is_cleared_tasks_wait_again),
        BEHAVIOUR(who_was_woken_has_seen_it_even_if_it_is_cleared_at_once),
        BEHAVIOUR(a_cancelled_waiter_leaves_and_the_others_are_woken),
        BEHAVIOUR(a_task_that_is_being_cancelled_sees_a_set_event_and_waits_for_no_other),
        BEHAVIOUR(an_event_is_not_freed_while_somebody_waits_for_it),
        BEHAVIOUR(a_callback_can_set_it_but_not_wait),
        BEHAVIOUR(without_memory_there_is_no_event),
        BEHAVIOUR(closing_the_loop_ends_the_wait),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
