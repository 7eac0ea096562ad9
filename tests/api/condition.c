/* SPDX-License-Identifier: MIT
 *
 * Conditions: a wait lets go of the lock and has it again, notifications reach waits in
 * their order. What cancelling does to them is in condition_cancel.c.
 */
#include <errno.h>
#include <string.h>

#include "condition_waiters.h"

/* ---- waiting and notifying ---- */

IN_A_TASK(notify_wakes_so_many_in_the_order_in_which_they_came)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    struct record record = {""};
    struct waiter waiters[4];
    start_waiters(condition, &record, waiters, 4);
    notify(condition, 0);
    let_others_wait();
    assert_record(&record, "");
    notify(condition, 1);
    let_others_wait();
    assert_record(&record, "a");
    notify(condition, 2);
    let_others_wait();
    assert_record(&record, "a b c");
    notify(condition, 1000);
    for (int i = 0; i < 4; i++)
        assert_int_equal(hoop_await(waiters[i].task), 0);
    assert_record(&record, "a b c d");
    assert_int_equal(hoop_condition_free(condition), 0);
}

IN_A_TASK(notify_all_wakes_all)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    struct record record = {""};
    struct waiter waiters[4];
    start_waiters(condition, &record, waiters, 4);
    assert_int_equal(hoop_condition_acquire(condition), 0);
    assert_int_equal(hoop_condition_notify_all(condition), 0);
    assert_int_equal(hoop_condition_release(condition), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(hoop_await(waiters[i].task), 0);
    assert_record(&record, "a b c d");
    hoop_condition_free(condition);
}

IN_A_TASK(who_is_notified_goes_on_when_it_has_the_lock)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    struct record record = {""};
    struct waiter waiters[2];
    start_waiters(condition, &record, waiters, 2);
    assert_int_equal(hoop_condition_acquire(condition), 0);
    assert_int_equal(hoop_condition_notify_all(condition), 0);
    let_others_wait();
    assert_record(&record, "");
    assert_non_null(strstr(printed_tasks(), "waits for a condition's lock"));
    assert_int_equal(hoop_condition_release(condition), 0);
    assert_true(hoop_lock_is_locked(hoop_condition_lock(condition))); /* handed over */
    let_others_wait();
    assert_record(&record, "a b");
    for (int i = 0; i < 2; i++)
        assert_int_equal(hoop_await(waiters[i].task), 0);
    hoop_condition_free(condition);
}

IN_A_TASK(a_notification_that_nobody_waits_for_is_forgotten)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    notify(condition, 1);
    struct record record = {""};
    struct waiter waiters[1];
    start_waiters(condition, &record, waiters, 1);
    let_others_wait();
    assert_record(&record, "");
    notify(condition, 1);
    assert_int_equal(hoop_await(waiters[0].task), 0);
    hoop_condition_free(condition);
}

IN_A_TASK(the_notified_line_up_for_the_lock_from_their_notification_on)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    struct record record = {""};
    struct waiter waiters[2];
    start_waiters(condition, &record, waiters, 2);
    struct waiter early = {condition, &record, "early", 0, NULL};
    struct waiter late = {condition, &record, "late", 0, NULL};
    assert_int_equal(hoop_condition_acquire(condition), 0);
    early.task = hoop_create_task(acquire_and_record, &early);
    let_others_wait();
    assert_int_equal(hoop_condition_notify(condition, 1), 0);
    late.task = hoop_create_task(acquire_and_record, &late);
    let_others_wait();
    assert_int_equal(hoop_condition_notify(condition, 1), 0);
    assert_int_equal(hoop_condition_release(condition), 0);
    let_others_wait();
    assert_record(&record, "early a late b");
    assert_int_equal(hoop_await(early.task), 0);
    assert_int_equal(hoop_await(late.task), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hoop_await(waiters[i].task), 0);
    hoop_condition_free(condition);
}

/* ---- wait_for ---- */

struct predicate {
    hoop_condition *condition;
    int value;
    int wanted;
    int calls;
};

static bool has_come(void *arg)
{
    struct predicate *predicate = arg;
    predicate->calls++;
    return predicate->value >= predicate->wanted;
}

static int64_t wait_until_it_has_come(void *arg)
{
    struct predicate *predicate = arg;
    assert_int_equal(hoop_condition_acquire(predicate->condition), 0);
    int rc = hoop_condition_wait_for(predicate->condition, has_come, predicate);
    assert_int_equal(hoop_condition_release(predicate->condition), 0);
    return rc;
}

IN_A_TASK(wait_for_goes_on_when_the_predicate_holds)
{
    struct predicate predicate = {.condition = hoop_condition_new(NULL), .wanted = 2};
    hoop_task *task = hoop_create_task(wait_until_it_has_come, &predicate);
    let_others_wait();
    assert_int_equal(predicate.calls, 1);
    for (predicate.value = 1; predicate.value < 2; predicate.value++) {
        notify(predicate.condition, 1);
        let_others_wait();
        assert_false(hoop_task_is_done(task));
    }
    notify(predicate.condition, 1);
    assert_int_equal(hoop_await(task), 0);
    assert_int_equal(predicate.calls, 3);
    hoop_condition_free(predicate.condition);
}

IN_A_TASK(wait_for_does_not_wait_if_the_predicate_holds_already)
{
    struct predicate predicate = {.condition = hoop_condition_new(NULL)};
    assert_int_equal(hoop_condition_wait_for(predicate.condition, has_come, &predicate), 0);
    predicate.wanted = 1;
    assert_int_equal(hoop_condition_wait_for(predicate.condition, has_come, &predicate), -EPERM);
    assert_int_equal(hoop_condition_wait_for(predicate.condition, NULL, NULL), -EINVAL);
    assert_int_equal(predicate.calls, 2);
    hoop_condition_free(predicate.condition);
}

IN_A_TASK(wait_for_that_is_cancelled_has_the_lock)
{
    struct predicate predicate = {.condition = hoop_condition_new(NULL), .wanted = 1};
    hoop_task *task = hoop_create_task(wait_until_it_has_come, &predicate);
    let_others_wait();
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_false(hoop_lock_is_locked(hoop_condition_lock(predicate.condition)));
    hoop_condition_free(predicate.condition);
}

/* ---- locks ---- */

IN_A_TASK(conditions_may_share_a_lock)
{
    hoop_lock *lock = hoop_lock_new();
    hoop_condition *first = hoop_condition_new(lock);
    hoop_condition *second = hoop_condition_new(lock);
    assert_ptr_equal(hoop_condition_lock(first), lock);
    assert_ptr_equal(hoop_condition_lock(second), lock);
    struct record record = {""};
    struct waiter waiters[2];
    start_waiters(first, &record, waiters, 1);
    start_waiters(second, &record, waiters + 1, 1);
    notify(second, 1);
    assert_int_equal(hoop_await(waiters[1].task), 0);
    assert_false(hoop_task_is_done(waiters[0].task));
    notify(first, 1);
    assert_int_equal(hoop_await(waiters[0].task), 0);
    assert_int_equal(hoop_lock_free(lock), -EBUSY); /* they use it */
    assert_int_equal(hoop_condition_free(first), 0);
    assert_int_equal(hoop_lock_free(lock), -EBUSY);
    assert_int_equal(hoop_condition_free(second), 0);
    assert_int_equal(hoop_lock_free(lock), 0);
}

IN_A_TASK(a_lock_of_its_own_goes_with_the_last_that_uses_it)
{
    hoop_condition *owner = hoop_condition_new(NULL);
    hoop_condition *guest = hoop_condition_new(hoop_condition_lock(owner));
    assert_int_equal(hoop_condition_free(owner), -EBUSY);
    assert_int_equal(hoop_condition_free(guest), 0);
    assert_int_equal(hoop_condition_free(owner), 0);
}

/* ---- misuse, memory, and the end of loops ---- */

IN_A_TASK(without_the_lock_nobody_waits_or_notifies)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    assert_int_equal(hoop_condition_wait(condition), -EPERM);
    assert_int_equal(hoop_condition_notify(condition, 1), -EPERM);
    assert_int_equal(hoop_condition_notify_all(condition), -EPERM);
    assert_int_equal(hoop_condition_release(condition), -EPERM);
    assert_false(hoop_lock_is_locked(hoop_condition_lock(condition)));
    hoop_condition_free(condition);
}

static void outside_of_a_task_nobody_can_wait(void **state)
{
    (void)state;
    hoop_condition *condition = hoop_condition_new(NULL);
    struct predicate predicate = {.condition = condition};
    assert_int_equal(hoop_condition_acquire(condition), HOOP_ENOTASK);
    assert_true(hoop_lock_try_acquire(hoop_condition_lock(condition)));
    assert_int_equal(hoop_condition_wait(condition), HOOP_ENOTASK);
    assert_int_equal(hoop_condition_wait_for(condition, has_come, &predicate), HOOP_ENOTASK);
    assert_int_equal(predicate.calls, 0);
    assert_int_equal(hoop_condition_notify_all(condition), 0); /* does not wait */
    assert_int_equal(hoop_condition_release(condition), 0);
    hoop_condition_free(condition);
}

IN_A_TASK(a_condition_is_not_freed_while_somebody_waits_for_it_or_its_lock)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    struct record record = {""};
    struct waiter waiters[1];
    start_waiters(condition, &record, waiters, 1);
    assert_non_null(strstr(printed_tasks(), "waits for a condition\n"));
    assert_int_equal(hoop_condition_free(condition), -EBUSY);
    assert_int_equal(hoop_condition_acquire(condition), 0);
    assert_int_equal(hoop_condition_notify_all(condition), 0);
    assert_int_equal(hoop_condition_free(condition), -EBUSY);
    assert_int_equal(hoop_condition_release(condition), 0);
    assert_int_equal(hoop_await(waiters[0].task), 0);
    assert_int_equal(hoop_condition_free(condition), 0);
    assert_int_equal(hoop_condition_free(NULL), 0);
}

static int make_both(void *arg)
{
    hoop_lock *lock = arg;
    hoop_condition *own = hoop_condition_new(NULL);
    if (own == NULL)
        return hoop_last_error();
    hoop_condition *given = hoop_condition_new(lock);
    int rc = given != NULL ? 0 : hoop_last_error();
    hoop_condition_free(own);
    hoop_condition_free(given);
    return rc;
}

static void without_memory_there_is_no_condition(void **state)
{
    (void)state;
    hoop_lock *lock = hoop_lock_new();
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, make_both, lock), 3);
    assert_int_equal(hoop_lock_free(lock), 0); /* nobody uses it */
}

static int64_t wait_for_ever(void *condition)
{
    assert_int_equal(hoop_condition_acquire(condition), 0);
    int rc = hoop_condition_wait(condition);
    fail_msg("a task went on after its loop was closed");
    return rc;
}

static void notify_under_the_lock(void *condition)
{
    assert_true(hoop_lock_try_acquire(hoop_condition_lock(condition)));
    assert_int_equal(hoop_condition_notify_all(condition), 0);
}

static void closing_the_loop_ends_the_wait(void **state)
{
    (void)state;
    hoop_condition *condition = hoop_condition_new(NULL);
    close_while_it_waits(wait_for_ever, condition, NULL);
    assert_false(hoop_lock_is_locked(hoop_condition_lock(condition)));
    close_while_it_waits(wait_for_ever, condition, notify_under_the_lock);
    assert_int_equal(hoop_condition_release(condition), 0);
    assert_false(hoop_lock_is_locked(hoop_condition_lock(condition)));
    assert_int_equal(hoop_condition_free(condition), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(notify_wakes_so_many_in_the_order_in_which_they_came),
        BEHAVIOUR(notify_all_wakes_all),
        BEHAVIOUR(who_is_notified_goes_on_when_it_has_the_lock),
        BEHAVIOUR(a_notification_that_nobody_waits_for_is_forgotten),
        BEHAVIOUR(the_notified_line_up_for_the_lock_from_their_notification_on),
        BEHAVIOUR(wait_for_goes_on_when_the_predicate_holds),
        BEHAVIOUR(wait_for_does_not_wait_if_the_predicate_holds_already),
        BEHAVIOUR(wait_for_that_is_cancelled_has_the_lock),
        BEHAVIOUR(conditions_may_share_a_lock),
        BEHAVIOUR(a_lock_of_its_own_goes_with_the_last_that_uses_it),
        BEHAVIOUR(without_the_lock_nobody_waits_or_notifies),
        BEHAVIOUR(outside_of_a_task_nobody_can_wait),
        BEHAVIOUR(a_condition_is_not_freed_while_somebody_waits_for_it_or_its_lock),
        BEHAVIOUR(without_memory_there_is_no_condition),
        BEHAVIOUR(closing_the_loop_ends_the_wait),
    };
    return cmocka_run_group_tests_name("condition", tests, NULL, NULL);
}
