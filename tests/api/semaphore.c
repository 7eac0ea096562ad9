/* SPDX-License-Identifier: MIT
 *
 * Semaphores: how many, in which order, and what cancellation leaves of the count.
 */
#include <errno.h>
#include <string.h>

#include "in_a_task.h"

struct user {
    hoop_semaphore *semaphore;
    struct record *record;
    const char *name;
    int result; /* of its acquire */
};

/* Acquires, and leaves it to others to release. */
static int64_t take(void *arg)
{
    struct user *user = arg;
    user->result = hoop_semaphore_acquire(user->semaphore);
    if (user->result == 0)
        record_add(user->record, user->name);
    return user->result;
}

static void start_users(hoop_semaphore *semaphore, struct record *record, struct user *users,
                        hoop_task **ret_tasks, int count)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < count; i++) {
        users[i] = (struct user){semaphore, record, names[i], 12345};
        ret_tasks[i] = hoop_create_task(take, &users[i]);
    }
    let_others_wait();
}

IN_A_TASK(as_many_as_its_value_have_it_and_the_next_waits)
{
    hoop_semaphore *semaphore = hoop_semaphore_new(3);
    struct record record = {""};
    struct user users[4];
    hoop_task *tasks[4];
    assert_false(hoop_semaphore_is_locked(semaphore));
    start_users(semaphore, &record, users, tasks, 4);
    assert_record(&record, "a b c");
    assert_true(hoop_semaphore_is_locked(semaphore));
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_true(hoop_semaphore_is_locked(semaphore)); /* it went to the one that waits */
    for (int i = 0; i < 4; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    assert_record(&record, "a b c d");
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_false(hoop_semaphore_is_locked(semaphore));
    assert_int_equal(hoop_semaphore_free(semaphore), 0);
}

IN_A_TASK(it_may_start_with_nothing)
{
    hoop_semaphore *semaphore = hoop_semaphore_new(0);
    struct record record = {""};
    struct user users[2];
    hoop_task *tasks[2];
    assert_true(hoop_semaphore_is_locked(semaphore));
    start_users(semaphore, &record, users, tasks, 2);
    assert_record(&record, "");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop_semaphore_release(semaphore), 0);
        assert_int_equal(hoop_await(tasks[i]), 0); /* in the order in which they came */
    }
    assert_record(&record, "a b");
    hoop_semaphore_free(semaphore);
}

IN_A_TASK(without_a_bound_it_can_grow_beyond_its_first_value)
{
    hoop_semaphore *semaphore = hoop_semaphore_new(1);
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    for (int i = 0; i < 3; i++)
        assert_true(hoop_semaphore_try_acquire(semaphore));
    assert_false(hoop_semaphore_try_acquire(semaphore));
    hoop_semaphore_free(semaphore);
    semaphore = hoop_semaphore_new(INT64_MAX);
    assert_int_equal(hoop_semaphore_release(semaphore), -EOVERFLOW);
    hoop_semaphore_free(semaphore);
}

IN_A_TASK(a_bounded_one_cannot_be_released_more_often_than_it_was_acquired)
{
    hoop_semaphore *semaphore = hoop_bounded_semaphore_new(2);
    assert_int_equal(hoop_semaphore_release(semaphore), -EOVERFLOW);
    assert_int_equal(hoop_semaphore_acquire(semaphore), 0);
    assert_int_equal(hoop_semaphore_acquire(semaphore), 0);
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_int_equal(hoop_semaphore_release(semaphore), -EOVERFLOW);
    assert_true(hoop_semaphore_try_acquire(semaphore)); /* nothing happened to it */
    assert_true(hoop_semaphore_try_acquire(semaphore));
    assert_false(hoop_semaphore_try_acquire(semaphore));
    hoop_semaphore_free(semaphore);
}

IN_A_TASK(the_bound_counts_those_that_were_handed_over)
{
    hoop_semaphore *semaphore = hoop_bounded_semaphore_new(1);
    struct record record = {""};
    struct user users[2];
    hoop_task *tasks[2];
    assert_int_equal(hoop_semaphore_acquire(semaphore), 0);
    start_users(semaphore, &record, users, tasks, 2);
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_int_equal(hoop_await(tasks[0]), 0);
    assert_int_equal(hoop_await(tasks[1]), 0);
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_int_equal(hoop_semaphore_release(semaphore), -EOVERFLOW);
    hoop_semaphore_free(semaphore);
}

/* ---- fairness ---- */

IN_A_TASK(nobody_overtakes_one_that_waits)
{
    hoop_semaphore *semaphore = hoop_semaphore_new(1);
    struct record record = {""};
    struct user users[2];
    hoop_task *tasks[2];
    assert_int_equal(hoop_semaphore_acquire(semaphore), 0);
    start_users(semaphore, &record, users, tasks, 2);
    struct user latecomer = {semaphore, &record, "late", 12345};
    hoop_task *late = hoop_create_task(take, &latecomer);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop_semaphore_release(semaphore), 0);
        assert_true(hoop_semaphore_is_locked(semaphore)); /* as somebody waited for it */
        assert_false(hoop_semaphore_try_acquire(semaphore));
    }
    let_others_wait();
    assert_record(&record, "a b");
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_int_equal(hoop_await(late), 0);
    assert_record(&record, "a b late");
    assert_int_equal(hoop_await(tasks[0]), 0);
    assert_int_equal(hoop_await(tasks[1]), 0);
    hoop_semaphore_free(semaphore);
}

static int64_t count_iterations(void *arg)
{
    int *count = arg;
    while (hoop_sleep(0) == 0)
        ++*count;
    return 0;
}

IN_A_TASK(who_acquires_over_and_over_without_waiting_starves_nobody)
{
    hoop_semaphore *semaphore = hoop_semaphore_new(1000);
    int count = 0;
    hoop_task *other = hoop_create_task(count_iterations, &count);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(hoop_semaphore_acquire(semaphore), 0);
    assert_true(count >= 1000 / 128 - 1);
    hoop_task_cancel(other);
    assert_int_equal(hoop_await(other), 0);
    hoop_semaphore_free(semaphore);
}

/* ---- cancellation ---- */

IN_A_TASK(who_is_cancelled_while_it_waits_takes_nothing)
{
    hoop_semaphore *semaphore = hoop_bounded_semaphore_new(1);
    struct record record = {""};
    struct user users[4];
    hoop_task *tasks[4];
    assert_int_equal(hoop_semaphore_acquire(semaphore), 0);
    start_users(semaphore, &record, users, tasks, 4);
    assert_true(hoop_task_cancel(tasks[0]));
    assert_int_equal(hoop_await(tasks[0]), -ECANCELED);
    assert_true(hoop_task_cancel(tasks[1]));
    assert_int_equal(hoop_semaphore_release(semaphore), 0); /* in the same iteration */
    assert_int_equal(hoop_await(tasks[1]), -ECANCELED);
    assert_int_equal(hoop_await(tasks[2]), 0);
    assert_true(hoop_task_cancel(tasks[3]));
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_int_equal(hoop_await(tasks[3]), -ECANCELED);
    assert_record(&record, "c");
    assert_true(hoop_semaphore_try_acquire(semaphore)); /* all is there again */
    assert_false(hoop_semaphore_try_acquire(semaphore));
    hoop_semaphore_free(semaphore);
}

IN_A_TASK(who_was_handed_one_and_then_cancelled_has_it)
{
    hoop_semaphore *semaphore = hoop_bounded_semaphore_new(1);
    struct record record = {""};
    struct user users[2];
    hoop_task *tasks[2];
    assert_int_equal(hoop_semaphore_acquire(semaphore), 0);
    start_users(semaphore, &record, users, tasks, 2);
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_true(hoop_task_cancel(tasks[0]));
    assert_int_equal(hoop_await(tasks[0]), 0);
    assert_record(&record, "a");
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_int_equal(hoop_await(tasks[1]), 0);
    hoop_semaphore_free(semaphore);
}

IN_A_TASK(a_task_that_is_being_cancelled_takes_what_is_left_and_waits_for_no_more)
{
    hoop_semaphore *semaphore = hoop_semaphore_new(1);
    hoop_task *self = hoop_current_task();
    assert_true(hoop_task_cancel(self));
    assert_int_equal(hoop_semaphore_acquire(semaphore), 0);
    assert_int_equal(hoop_semaphore_acquire(semaphore), -ECANCELED);
    hoop_task_uncancel(self);
    hoop_semaphore_free(semaphore);
}

/* ---- misuse, memory, and the end of loops ---- */

static void a_negative_value_is_refused(void **state)
{
    (void)state;
    assert_null(hoop_semaphore_new(-1));
    assert_int_equal(hoop_last_error(), -EINVAL);
    assert_null(hoop_bounded_semaphore_new(INT64_MIN));
    assert_int_equal(hoop_last_error(), -EINVAL);
}

static void use_in_a_callback(void *arg)
{
    hoop_semaphore *semaphore = arg;
    assert_int_equal(hoop_semaphore_acquire(semaphore), HOOP_ENOTASK);
    assert_true(hoop_semaphore_try_acquire(semaphore));
    assert_false(hoop_semaphore_try_acquire(semaphore));
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
}

static void a_callback_can_try_and_release_but_not_wait(void **state)
{
    (void)state;
    hoop_semaphore *semaphore = hoop_semaphore_new(1);
    hoop_loop *loop = virtual_loop();
    assert_true(hoop_call_soon(loop, use_in_a_callback, semaphore) > 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_false(hoop_semaphore_is_locked(semaphore));
    hoop_close(loop);
    hoop_semaphore_free(semaphore);
}

IN_A_TASK(a_semaphore_is_not_freed_while_somebody_waits_for_it)
{
    hoop_semaphore *semaphore = hoop_semaphore_new(0);
    struct record record = {""};
    struct user users[1];
    hoop_task *tasks[1];
    start_users(semaphore, &record, users, tasks, 1);
    assert_non_null(strstr(printed_tasks(), "waits for a semaphore"));
    assert_int_equal(hoop_semaphore_free(semaphore), -EBUSY);
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_int_equal(hoop_semaphore_free(semaphore), 0); /* who was woken does not need it */
    assert_int_equal(hoop_await(tasks[0]), 0);
    assert_int_equal(hoop_semaphore_free(NULL), 0);
}

static int make_both(void *arg)
{
    (void)arg;
    hoop_semaphore *plain = hoop_semaphore_new(1);
    if (plain == NULL)
        return hoop_last_error();
    hoop_semaphore *bounded = hoop_bounded_semaphore_new(1);
    int rc = bounded != NULL ? 0 : hoop_last_error();
    hoop_semaphore_free(plain);
    hoop_semaphore_free(bounded);
    return rc;
}

static void without_memory_there_is_no_semaphore(void **state)
{
    (void)state;
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, make_both, NULL), 2);
}

static int64_t acquire(void *semaphore)
{
    int rc = hoop_semaphore_acquire(semaphore);
    fail_msg("a task went on after its loop was closed");
    return rc;
}

static void closing_the_loop_takes_its_tasks_out_of_the_queue(void **state)
{
    (void)state;
    hoop_semaphore *semaphore = hoop_semaphore_new(0);
    close_while_it_waits(acquire, semaphore, NULL);
    assert_int_equal(hoop_semaphore_release(semaphore), 0);
    assert_true(hoop_semaphore_try_acquire(semaphore));
    assert_int_equal(hoop_semaphore_free(semaphore), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(as_many_as_its_value_have_it_and_the_next_waits),
        BEHAVIOUR(it_may_start_with_nothing),
        BEHAVIOUR(without_a_bound_it_can_grow_beyond_its_first_value),
        BEHAVIOUR(a_bounded_one_cannot_be_released_more_often_than_it_was_acquired),
        BEHAVIOUR(the_bound_counts_those_that_were_handed_over),
        BEHAVIOUR(nobody_overtakes_one_that_waits),
        BEHAVIOUR(who_acquires_over_and_over_without_waiting_starves_nobody),
        BEHAVIOUR(who_is_cancelled_while_it_waits_takes_nothing),
        BEHAVIOUR(who_was_handed_one_and_then_cancelled_has_it),
        BEHAVIOUR(a_task_that_is_being_cancelled_takes_what_is_left_and_waits_for_no_more),
        BEHAVIOUR(a_negative_value_is_refused),
        BEHAVIOUR(a_callback_can_try_and_release_but_not_wait),
        BEHAVIOUR(a_semaphore_is_not_freed_while_somebody_waits_for_it),
        BEHAVIOUR(without_memory_there_is_no_semaphore),
        BEHAVIOUR(closing_the_loop_takes_its_tasks_out_of_the_queue),
    };
    return cmocka_run_group_tests_name("semaphore", tests, NULL, NULL);
}
