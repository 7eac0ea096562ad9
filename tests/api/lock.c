/* SPDX-License-Identifier: MIT
 *
 * Locks: mutual exclusion, fairness, and who has the lock when a task is cancelled.
 */
#include <errno.h>
#include <string.h>

#include "in_a_task.h"
#include "stderr_capture.h"

/* A task that takes the lock, keeps it for so long, and gives it back. */
struct user {
    hoop_lock *lock;
    struct record *record;
    const char *name;
    double seconds;
    int result; /* of its acquire */
};

static int64_t use(void *arg)
{
    struct user *user = arg;
    user->result = 12345;
    user->result = hoop_lock_acquire(user->lock);
    if (user->result < 0)
        return user->result;
    record_add(user->record, user->name);
    int rc = user->seconds > 0 ? hoop_sleep(user->seconds) : 0;
    assert_int_equal(hoop_lock_release(user->lock), 0);
    return rc;
}

IN_A_TASK(a_free_lock_is_taken_without_waiting)
{
    hoop_lock *lock = hoop_lock_new();
    assert_false(hoop_lock_is_locked(lock));
    struct record record = {""};
    struct user other = {.lock = lock, .record = &record, .name = "other"};
    hoop_task *task = hoop_create_task(use, &other);
    assert_int_equal(hoop_lock_acquire(lock), 0);
    assert_record(&record, ""); /* the other has not run */
    assert_true(hoop_lock_is_locked(lock));
    assert_int_equal(hoop_lock_release(lock), 0);
    assert_false(hoop_lock_is_locked(lock));
    assert_int_equal(hoop_await(task), 0);
    assert_int_equal(hoop_lock_free(lock), 0);
}

static void start_users(hoop_lock *lock, struct record *record, struct user *users,
                        hoop_task **ret_tasks, int count)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < count; i++) {
        users[i] = (struct user){.lock = lock, .record = record, .name = names[i], .seconds = 1};
        ret_tasks[i] = hoop_create_task(use, &users[i]);
    }
}

IN_A_TASK(one_at_a_time_has_it_in_the_order_in_which_they_came)
{
    hoop_lock *lock = hoop_lock_new();
    struct record record = {""};
    struct user users[4];
    hoop_task *tasks[4];
    start_users(lock, &record, users, tasks, 4);
    assert_int_equal(hoop_sleep(0.5), 0);
    assert_record(&record, "a");
    assert_int_equal(hoop_sleep(1), 0);
    assert_record(&record, "a b");
    for (int i = 0; i < 4; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    assert_record(&record, "a b c d");
    assert_true(hoop_time(hoop_running_loop()) == 4);
    assert_false(hoop_lock_is_locked(lock));
    hoop_lock_free(lock);
}

IN_A_TASK(a_release_hands_it_over_and_nobody_can_come_in_between)
{
    hoop_lock *lock = hoop_lock_new();
    struct record record = {""};
    struct user users[1];
    hoop_task *tasks[1];
    assert_int_equal(hoop_lock_acquire(lock), 0);
    start_users(lock, &record, users, tasks, 1);
    let_others_wait();
    assert_int_equal(hoop_lock_release(lock), 0);
    assert_true(hoop_lock_is_locked(lock)); /* the waiter has it, though it has not run */
    assert_record(&record, "");
    assert_false(hoop_lock_try_acquire(lock));
    assert_int_equal(hoop_lock_acquire(lock), 0); /* behind the waiter */
    assert_record(&record, "a");
    assert_int_equal(hoop_lock_release(lock), 0);
    assert_int_equal(hoop_await(tasks[0]), 0);
    hoop_lock_free(lock);
}

IN_A_TASK(try_acquire_takes_it_only_if_it_is_free)
{
    hoop_lock *lock = hoop_lock_new();
    assert_true(hoop_lock_try_acquire(lock));
    assert_false(hoop_lock_try_acquire(lock));
    assert_int_equal(hoop_lock_release(lock), 0);
    assert_true(hoop_lock_try_acquire(lock));
    assert_int_equal(hoop_lock_free(lock), 0); /* a lock that is held may go */
}

static int64_t count_iterations(void *arg)
{
    int *count = arg;
    while (hoop_sleep(0) == 0)
        ++*count;
    return 0;
}

IN_A_TASK(who_takes_it_over_and_over_without_waiting_starves_nobody)
{
    hoop_lock *lock = hoop_lock_new();
    int count = 0;
    hoop_task *other = hoop_create_task(count_iterations, &count);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(hoop_lock_acquire(lock), 0);
        assert_int_equal(hoop_lock_release(lock), 0);
    }
    assert_true(count >= 1000 / 128 - 1);
    hoop_task_cancel(other);
    assert_int_equal(hoop_await(other), 0);
    hoop_lock_free(lock);
}

/* ---- cancellation ---- */

IN_A_TASK(who_is_cancelled_while_it_waits_does_not_get_it_and_the_next_one_does)
{
    hoop_lock *lock = hoop_lock_new();
    struct record record = {""};
    struct user users[3];
    hoop_task *tasks[3];
    assert_int_equal(hoop_lock_acquire(lock), 0);
    start_users(lock, &record, users, tasks, 3);
    let_others_wait();
    assert_true(hoop_task_cancel(tasks[1]));
    assert_int_equal(hoop_await(tasks[1]), -ECANCELED);
    assert_int_equal(users[1].result, -ECANCELED);
    assert_true(hoop_task_cancel(tasks[0]));
    assert_int_equal(hoop_lock_release(lock), 0); /* in the same iteration */
    assert_int_equal(hoop_await(tasks[0]), -ECANCELED);
    assert_int_equal(hoop_await(tasks[2]), 0);
    assert_record(&record, "c");
    assert_false(hoop_lock_is_locked(lock));
    hoop_lock_free(lock);
}

IN_A_TASK(who_was_handed_it_and_then_cancelled_has_it)
{
    hoop_lock *lock = hoop_lock_new();
    struct record record = {""};
    struct user users[2];
    hoop_task *tasks[2];
    assert_int_equal(hoop_lock_acquire(lock), 0);
    start_users(lock, &record, users, tasks, 2);
    let_others_wait();
    assert_int_equal(hoop_lock_release(lock), 0);
    assert_true(hoop_task_cancel(tasks[0]));
    assert_int_equal(hoop_await(tasks[0]), -ECANCELED); /* its sleep was cancelled */
    assert_int_equal(users[0].result, 0);
    assert_int_equal(hoop_await(tasks[1]), 0); /* so the lock went on to the next */
    assert_record(&record, "a b");
    assert_false(hoop_lock_is_locked(lock));
    hoop_lock_free(lock);
}

IN_A_TASK(all_waiters_can_be_cancelled)
{
    hoop_lock *lock = hoop_lock_new();
    struct record record = {""};
    struct user users[4];
    hoop_task *tasks[4];
    assert_int_equal(hoop_lock_acquire(lock), 0);
    start_users(lock, &record, users, tasks, 4);
    let_others_wait();
    for (int i = 0; i < 4; i++)
        assert_true(hoop_task_cancel(tasks[i]));
    assert_int_equal(hoop_lock_release(lock), 0);
    assert_false(hoop_lock_is_locked(lock));
    for (int i = 0; i < 4; i++)
        assert_int_equal(hoop_await(tasks[i]), -ECANCELED);
    assert_record(&record, "");
    hoop_lock_free(lock);
}

IN_A_TASK(a_task_that_is_being_cancelled_gets_a_free_lock_and_does_not_wait_for_a_taken_one)
{
    hoop_lock *lock = hoop_lock_new();
    hoop_task *self = hoop_current_task();
    assert_true(hoop_task_cancel(self));
    assert_int_equal(hoop_lock_acquire(lock), 0);
    assert_int_equal(hoop_lock_acquire(lock), -ECANCELED);
    assert_int_equal(hoop_task_uncancel(self), 0);
    assert_true(hoop_lock_is_locked(lock));
    assert_int_equal(hoop_lock_release(lock), 0);
    assert_false(hoop_lock_is_locked(lock));
    hoop_lock_free(lock);
}

/* ---- misuse ---- */

IN_A_TASK(a_lock_that_is_free_cannot_be_released)
{
    hoop_lock *lock = hoop_lock_new();
    assert_int_equal(hoop_lock_release(lock), -EPERM);
    assert_int_equal(hoop_lock_acquire(lock), 0);
    assert_int_equal(hoop_lock_release(lock), 0);
    assert_int_equal(hoop_lock_release(lock), -EPERM);
    assert_false(hoop_lock_is_locked(lock));
    hoop_lock_free(lock);
}

IN_A_TASK(debug_mode_explains_a_misuse)
{
    static struct stderr_capture capture;
    hoop_lock *lock = hoop_lock_new();
    hoop_set_debug(hoop_running_loop(), true);
    stderr_capture_begin(&capture);
    int rc = hoop_lock_release(lock);
    const char *text = stderr_capture_end(&capture);
    assert_int_equal(rc, -EPERM);
    assert_non_null(strstr(text, "hoop: hoop_lock_release: "));
    assert_non_null(strstr(text, "EPERM"));
    hoop_lock_free(lock);
}

IN_A_TASK(a_lock_is_not_freed_while_somebody_waits_for_it)
{
    hoop_lock *lock = hoop_lock_new();
    struct record record = {""};
    struct user users[1];
    hoop_task *tasks[1];
    assert_int_equal(hoop_lock_acquire(lock), 0);
    start_users(lock, &record, users, tasks, 1);
    let_others_wait();
    assert_non_null(strstr(printed_tasks(), "waits for a lock"));
    assert_int_equal(hoop_lock_free(lock), -EBUSY);
    assert_int_equal(hoop_lock_release(lock), 0);
    assert_int_equal(hoop_await(tasks[0]), 0);
    assert_int_equal(hoop_lock_free(lock), 0);
    assert_int_equal(hoop_lock_free(NULL), 0);
}

static void use_in_a_callback(void *arg)
{
    hoop_lock *lock = arg;
    assert_int_equal(hoop_lock_acquire(lock), HOOP_ENOTASK);
    assert_false(hoop_lock_is_locked(lock));
    assert_true(hoop_lock_try_acquire(lock));
    assert_int_equal(hoop_lock_release(lock), 0);
    assert_true(hoop_lock_try_acquire(lock));
}

static void a_callback_can_try_and_release_but_not_wait(void **state)
{
    (void)state;
    hoop_lock *lock = hoop_lock_new();
    assert_int_equal(hoop_lock_acquire(lock), HOOP_ENOTASK); /* nor can no loop at all */
    hoop_loop *loop = virtual_loop();
    assert_true(hoop_call_soon(loop, use_in_a_callback, lock) > 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(hoop_lock_is_locked(lock));
    hoop_close(loop);
    hoop_lock_free(lock);
}

/* ---- memory, and the end of loops ---- */

static int make_one(void *arg)
{
    (void)arg;
    hoop_lock *lock = hoop_lock_new();
    return lock != NULL ? hoop_lock_free(lock) : hoop_last_error();
}

static void without_memory_there_is_no_lock(void **state)
{
    (void)state;
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, make_one, NULL), 1);
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_null(hoop_lock_new());
    assert_int_equal(hoop_last_error(), -ENOMEM);
}

static int64_t acquire(void *lock)
{
    int rc = hoop_lock_acquire(lock);
    fail_msg("a task went on after its loop was closed");
    return rc;
}

static void release(void *lock)
{
    assert_int_equal(hoop_lock_release(lock), 0);
}

static void closing_the_loop_takes_its_tasks_out_of_the_queue(void **state)
{
    (void)state;
    hoop_lock *lock = hoop_lock_new();
    assert_true(hoop_lock_try_acquire(lock));
    close_while_it_waits(acquire, lock, NULL);
    assert_true(hoop_lock_is_locked(lock));
    assert_int_equal(hoop_lock_release(lock), 0);
    assert_false(hoop_lock_is_locked(lock)); /* nobody was left to get it */
    assert_true(hoop_lock_try_acquire(lock));
    close_while_it_waits(acquire, lock, release);
    assert_true(hoop_lock_is_locked(lock)); /* as it had been handed over before */
    assert_int_equal(hoop_lock_free(lock), 0);
}

static int64_t take_and_give(void *lock)
{
    assert_int_equal(hoop_lock_acquire(lock), 0);
    assert_int_equal(hoop_sleep(1), 0);
    return hoop_lock_release(lock);
}

static void a_lock_can_be_used_in_one_loop_after_another(void **state)
{
    (void)state;
    hoop_lock *lock = hoop_lock_new();
    for (int i = 0; i < 2; i++)
        assert_int_equal(run_virtually(take_and_give, lock), 0);
    hoop_lock_free(lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_free_lock_is_taken_without_waiting),
        BEHAVIOUR(one_at_a_time_has_it_in_the_order_in_which_they_came),
        BEHAVIOUR(a_release_hands_it_over_and_nobody_can_come_in_between),
        BEHAVIOUR(try_acquire_takes_it_only_if_it_is_free),
        BEHAVIOUR(who_takes_it_over_and_over_without_waiting_starves_nobody),
        BEHAVIOUR(who_is_cancelled_while_it_waits_does_not_get_it_and_the_next_one_does),
        BEHAVIOUR(who_was_handed_it_and_then_cancelled_has_it),
        BEHAVIOUR(all_waiters_can_be_cancelled),
        BEHAVIOUR(
            a_task_that_is_being_cancelled_gets_a_free_lock_and_does_not_wait_for_a_taken_one),
        BEHAVIOUR(a_lock_that_is_free_cannot_be_released),
        BEHAVIOUR(debug_mode_explains_a_misuse),
        BEHAVIOUR(a_lock_is_not_freed_while_somebody_waits_for_it),
        BEHAVIOUR(a_callback_can_try_and_release_but_not_wait),
        BEHAVIOUR(without_memory_there_is_no_lock),
        BEHAVIOUR(closing_the_loop_takes_its_tasks_out_of_the_queue),
        BEHAVIOUR(a_lock_can_be_used_in_one_loop_after_another),
    };
    return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
