/* SPDX-License-Identifier: MIT
 *
 * Cancelling tasks that wait for a condition: they have the lock whatever happens, and no
 * notification is lost.
 */
#include <errno.h>

#include "condition_waiters.h"

IN_A_TASK(who_is_cancelled_has_the_lock_again)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    struct record record = {""};
    struct waiter waiters[2];
    start_waiters(condition, &record, waiters, 2);
    assert_true(hoop_task_cancel(waiters[0].task));
    assert_true(hoop_lock_is_locked(hoop_condition_lock(condition))); /* it was free */
    assert_int_equal(hoop_await(waiters[0].task), -ECANCELED);
    assert_record(&record, "a");
    notify(condition, 1);
    assert_int_equal(hoop_await(waiters[1].task), 0); /* not lost on who has gone */
    hoop_condition_free(condition);
}

IN_A_TASK(who_is_cancelled_waits_for_the_lock_however_often_it_is_cancelled)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    struct record record = {""};
    struct waiter waiters[1];
    start_waiters(condition, &record, waiters, 1);
    assert_int_equal(hoop_condition_acquire(condition), 0);
    assert_true(hoop_task_cancel(waiters[0].task));
    let_others_wait();
    assert_true(hoop_task_cancel(waiters[0].task));
    let_others_wait();
    assert_record(&record, "");
    assert_int_equal(hoop_condition_notify_all(condition), 0); /* too late for it */
    assert_int_equal(hoop_condition_release(condition), 0);
    assert_int_equal(hoop_await(waiters[0].task), -ECANCELED);
    hoop_condition_free(condition);
}

IN_A_TASK(who_was_notified_and_then_cancelled_has_been_notified)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    struct record record = {""};
    struct waiter waiters[2];
    start_waiters(condition, &record, waiters, 2);
    assert_int_equal(hoop_condition_acquire(condition), 0);
    assert_int_equal(hoop_condition_notify(condition, 1), 0);
    assert_true(hoop_task_cancel(waiters[0].task)); /* while it waits for the lock */
    let_others_wait();
    assert_int_equal(hoop_condition_release(condition), 0);
    assert_int_equal(hoop_await(waiters[0].task), 0);
    assert_int_equal(hoop_condition_acquire(condition), 0);
    assert_int_equal(hoop_condition_notify(condition, 1), 0);
    assert_int_equal(hoop_condition_release(condition), 0);
    assert_true(hoop_task_cancel(waiters[1].task)); /* when it has it, and has not run */
    assert_int_equal(hoop_await(waiters[1].task), 0);
    assert_record(&record, "a b");
    hoop_condition_free(condition);
}

IN_A_TASK(a_notification_passes_over_who_was_cancelled_before)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    struct record record = {""};
    struct waiter waiters[2];
    start_waiters(condition, &record, waiters, 2);
    assert_int_equal(hoop_condition_acquire(condition), 0);
    assert_true(hoop_task_cancel(waiters[0].task));
    assert_int_equal(hoop_condition_notify(condition, 1), 0); /* in the same iteration */
    assert_int_equal(hoop_condition_release(condition), 0);
    assert_int_equal(hoop_await(waiters[0].task), -ECANCELED);
    assert_int_equal(hoop_await(waiters[1].task), 0);
    hoop_condition_free(condition);
}

struct store {
    hoop_condition *condition;
    int items;
    bool is_over;
};

static bool has_items(void *arg)
{
    const struct store *store = arg;
    return store->items > 0 || store->is_over;
}

static int64_t consume(void *arg)
{
    struct store *store = arg;
    assert_int_equal(hoop_condition_acquire(store->condition), 0);
    int rc = 0;
    while (rc == 0 && !store->is_over) {
        rc = hoop_condition_wait_for(store->condition, has_items, store);
        if (rc == 0 && store->items > 0)
            store->items--;
    }
    assert_int_equal(hoop_condition_release(store->condition), 0);
    return rc;
}

IN_A_TASK(an_item_is_consumed_though_the_one_that_was_notified_is_cancelled)
{
    for (int pause = 0; pause < 2; pause++) {
        struct store store = {.condition = hoop_condition_new(NULL)};
        hoop_task *first = hoop_create_task(consume, &store);
        hoop_task *second = hoop_create_task(consume, &store);
        let_others_wait();
        assert_int_equal(hoop_condition_acquire(store.condition), 0);
        store.items++;
        assert_int_equal(hoop_condition_notify(store.condition, 1), 0);
        if (pause)
            let_one_iteration_pass();
        assert_true(hoop_task_cancel(first));
        assert_int_equal(hoop_condition_release(store.condition), 0);
        assert_int_equal(hoop_await(first), -ECANCELED);
        assert_int_equal(store.items, 0);
        store.is_over = true;
        notify(store.condition, 1);
        assert_int_equal(hoop_await(second), 0);
        hoop_condition_free(store.condition);
    }
}

IN_A_TASK(a_task_that_is_being_cancelled_does_not_wait_but_lets_others_have_the_lock)
{
    hoop_condition *condition = hoop_condition_new(NULL);
    hoop_task *self = hoop_current_task();
    assert_int_equal(hoop_condition_acquire(condition), 0);
    assert_true(hoop_task_cancel(self));
    assert_int_equal(hoop_condition_wait(condition), -ECANCELED);
    assert_true(hoop_lock_is_locked(hoop_condition_lock(condition)));
    hoop_task_uncancel(self);
    struct record record = {""};
    struct waiter other = {condition, &record, "other", 0, NULL};
    other.task = hoop_create_task(acquire_and_record, &other);
    let_others_wait();
    assert_true(hoop_task_cancel(self));
    assert_int_equal(hoop_condition_wait(condition), -ECANCELED);
    assert_record(&record, "other");
    hoop_task_uncancel(self);
    assert_int_equal(hoop_condition_release(condition), 0);
    assert_int_equal(hoop_await(other.task), 0);
    hoop_condition_free(condition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(who_is_cancelled_has_the_lock_again),
        BEHAVIOUR(who_is_cancelled_waits_for_the_lock_however_often_it_is_cancelled),
        BEHAVIOUR(who_was_notified_and_then_cancelled_has_been_notified),
        BEHAVIOUR(a_notification_passes_over_who_was_cancelled_before),
        BEHAVIOUR(an_item_is_consumed_though_the_one_that_was_notified_is_cancelled),
        BEHAVIOUR(a_task_that_is_being_cancelled_does_not_wait_but_lets_others_have_the_lock),
    };
    return cmocka_run_group_tests_name("condition_cancel", tests, NULL, NULL);
}
