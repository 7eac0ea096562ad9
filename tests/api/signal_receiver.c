/* SPDX-License-Identifier: MIT
 *
 * Signals that a task awaits: nothing that has come is lost, and one waits at a time.
 */
#include <errno.h>

#include "in_a_task.h"
#include "signals.h"

static hoop_signals *open_both(void)
{
    hoop_signals *signals;
    assert_int_equal(hoop_signals_open((int[]){SIGUSR1, SIGUSR2}, 2, &signals), 0);
    return signals;
}

static int64_t next(void *signals)
{
    return hoop_signals_next(signals);
}

static int64_t next_twice(void *signals)
{
    int first = hoop_signals_next(signals);
    return first < 0 ? first : first * 1000 + hoop_signals_next(signals);
}

/* ---- what comes ---- */

IN_A_TASK(what_has_come_is_there_at_once_the_lowest_first)
{
    hoop_signals *signals = open_both();
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR2);
    let_others_wait();
    assert_int_equal(hoop_signals_next(signals), SIGUSR1);
    assert_int_equal(hoop_signals_next(signals), SIGUSR2);
    raise(SIGUSR2);
    assert_int_equal(hoop_signals_next(signals), SIGUSR2);
    hoop_signals_close(signals);
}

IN_A_TASK(who_waits_is_given_what_comes)
{
    hoop_signals *signals = open_both();
    hoop_task *task = hoop_create_task(next_twice, signals);
    let_others_wait();
    assert_non_null(strstr(printed_tasks(), "waits for a signal"));
    raise(SIGUSR2);
    let_others_wait();
    assert_false(hoop_task_is_done(task));
    raise(SIGUSR1);
    assert_int_equal(hoop_await(task), SIGUSR2 * 1000 + SIGUSR1);
    hoop_signals_close(signals);
}

IN_A_TASK(of_several_at_once_the_others_are_kept)
{
    hoop_signals *signals = open_both();
    hoop_task *task = hoop_create_task(next, signals);
    let_others_wait();
    raise(SIGUSR1);
    raise(SIGUSR2);
    assert_int_equal(hoop_await(task), SIGUSR1);
    assert_int_equal(hoop_signals_next(signals), SIGUSR2);
    hoop_signals_close(signals);
}

IN_A_TASK(everybody_who_listens_is_told)
{
    unsigned calls = 0;
    hoop_signals *signals = open_both(), *twice;
    assert_int_equal(hoop_signals_open((int[]){SIGUSR1, SIGUSR1}, 2, &twice), 0);
    assert_int_equal(hoop_add_signal_handler(hoop_running_loop(), SIGUSR1, count, &calls), 0);
    raise(SIGUSR1);
    assert_int_equal(hoop_signals_next(signals), SIGUSR1);
    assert_int_equal(hoop_signals_next(twice), SIGUSR1);
    let_others_wait();
    assert_int_equal(calls, 1);
    assert_int_equal(hoop_remove_signal_handler(hoop_running_loop(), SIGUSR1), 1);
    hoop_signals_close(twice);
    assert_false(is_at_default(SIGUSR1));
    hoop_signals_close(signals);
    assert_true(is_at_default(SIGUSR1));
    assert_true(is_at_default(SIGUSR2));
}

IN_A_TASK(who_begins_to_listen_does_not_hear_of_what_came_for_others)
{
    hoop_signals *first = open_both();
    raise(SIGUSR1);
    hoop_signals *second = open_both();
    raise(SIGUSR2);
    assert_int_equal(hoop_signals_next(second), SIGUSR2);
    assert_int_equal(hoop_signals_next(first), SIGUSR1);
    assert_int_equal(hoop_signals_next(first), SIGUSR2);
    hoop_signals_close(first);
    hoop_signals_close(second);
}

/* ---- cancellation ---- */

IN_A_TASK(a_cancelled_wait_takes_nothing)
{
    hoop_signals *signals = open_both();
    hoop_task *task = hoop_create_task(next, signals);
    let_others_wait();
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    raise(SIGUSR1);
    assert_int_equal(hoop_signals_next(signals), SIGUSR1);
    hoop_signals_close(signals);
}

static void cancel(void *task)
{
    hoop_task_cancel(task);
}

/* The callback was added first, so it runs when the signal has been handed to the task and the
 * task has not gone on yet. */
IN_A_TASK(who_was_given_a_signal_before_he_was_cancelled_has_it)
{
    hoop_loop *loop = hoop_running_loop();
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, count, NULL), 0);
    hoop_signals *signals = open_both();
    hoop_task *task = hoop_create_task(next_twice, signals);
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, cancel, task), 0);
    let_others_wait();
    raise(SIGUSR1);
    assert_int_equal(hoop_await(task), SIGUSR1 * 1000 - ECANCELED);
    assert_int_equal(hoop_remove_signal_handler(loop, SIGUSR1), 1);
    hoop_signals_close(signals);
}

IN_A_TASK(a_limit_of_time_ends_a_wait)
{
    hoop_signals *signals = open_both();
    assert_int_equal(hoop_wait_for(next, signals, 5), -ETIMEDOUT);
    hoop_signals_close(signals);
}

/* ---- one at a time, and the end ---- */

IN_A_TASK(a_second_task_cannot_wait)
{
    hoop_signals *signals = open_both();
    hoop_task *task = hoop_create_task(next, signals);
    let_others_wait();
    assert_int_equal(hoop_signals_next(signals), -EBUSY);
    raise(SIGUSR1);
    assert_int_equal(hoop_await(task), SIGUSR1);
    hoop_signals_close(signals);
}

IN_A_TASK(closing_wakes_who_waits)
{
    hoop_signals *signals = open_both();
    hoop_task *task = hoop_create_task(next, signals);
    let_others_wait();
    hoop_signals_close(signals);
    assert_int_equal(hoop_await(task), -EBADF);
    hoop_signals_close(NULL);
}

IN_A_TASK(closing_forgets_what_has_come)
{
    hoop_signals *signals = open_both();
    raise(SIGUSR1);
    let_others_wait();
    raise(SIGUSR2);
    hoop_signals_close(signals);
    signals = open_both();
    assert_int_equal(hoop_wait_for(next, signals, 5), -ETIMEDOUT);
    hoop_signals_close(signals);
}

static int64_t open_and_leave(void *arg)
{
    *(hoop_signals **)arg = open_both();
    raise(SIGUSR1);
    return 0;
}

static void what_is_left_open_is_closed_with_its_loop(void **state)
{
    (void)state;
    hoop_signals *left = NULL;
    assert_int_equal(run_virtually(open_and_leave, &left), 0);
    assert_non_null(left);
    assert_true(is_at_default(SIGUSR1));
    assert_true(is_at_default(SIGUSR2));
}

static int64_t open_and_wait(void *arg)
{
    hoop_signals *signals = open_both();
    (void)arg;
    return hoop_signals_next(signals);
}

static void send_one(void *arg)
{
    (void)arg;
    raise(SIGUSR1);
}

static void a_loop_can_be_closed_under_a_task_that_waits(void **state)
{
    (void)state;
    close_while_it_waits(open_and_wait, NULL, NULL);
    close_while_it_waits(open_and_wait, NULL, send_one);
    assert_true(is_at_default(SIGUSR1));
    assert_true(is_at_default(SIGUSR2));
}

/* ---- a single one ---- */

static int64_t wait_for_one(void *signal)
{
    return hoop_wait_signal(*(int *)signal);
}

IN_A_TASK(waiting_for_one_signal_listens_until_it_comes)
{
    int number = SIGUSR1;
    hoop_task *task = hoop_create_task(wait_for_one, &number);
    let_others_wait();
    assert_false(is_at_default(SIGUSR1));
    raise(SIGUSR1);
    assert_int_equal(hoop_await(task), SIGUSR1);
    assert_true(is_at_default(SIGUSR1));
    assert_int_equal(hoop_wait_for(wait_for_one, &number, 1), -ETIMEDOUT);
    assert_true(is_at_default(SIGUSR1));
}

static void a_loop_can_be_closed_under_a_task_that_waits_for_one(void **state)
{
    (void)state;
    int number = SIGUSR2;
    close_while_it_waits(wait_for_one, &number, NULL);
    assert_true(is_at_default(SIGUSR2));
}

/* ---- refusing and failing ---- */

IN_A_TASK(what_cannot_be_caught_cannot_be_awaited)
{
    hoop_signals *signals = NULL;
    assert_int_equal(hoop_signals_open((int[]){SIGUSR1, SIGKILL}, 2, &signals), -EINVAL);
    assert_int_equal(hoop_signals_open((int[]){SIGUSR1, SIGRTMIN - 1}, 2, &signals), -EINVAL);
    assert_int_equal(hoop_signals_open(NULL, 0, &signals), -EINVAL);
    assert_int_equal(hoop_wait_signal(SIGSEGV), -EINVAL);
    assert_int_equal(hoop_wait_signal(0), -EINVAL);
    assert_null(signals);
    assert_true(is_at_default(SIGUSR1));
}

struct outside {
    hoop_signals *signals;
    int results[3];
};

static void call_outside(void *arg)
{
    struct outside *outside = arg;
    outside->results[0] = hoop_signals_open((int[]){SIGUSR1}, 1, &outside->signals);
    outside->results[1] = hoop_signals_next(outside->signals);
    outside->results[2] = hoop_wait_signal(SIGUSR2);
}

static void awaiting_takes_a_task_and_opening_a_loop(void **state)
{
    (void)state;
    struct outside outside = {0};
    hoop_loop *loop = virtual_loop();
    hoop_call_soon(loop, call_outside, &outside);
    run_for(loop, 1);
    assert_int_equal(outside.results[0], 0);
    assert_int_equal(outside.results[1], HOOP_ENOTASK);
    assert_int_equal(outside.results[2], HOOP_ENOTASK);
    assert_true(is_at_default(SIGUSR2));
    assert_int_equal(hoop_wait_signal(SIGUSR2), HOOP_ENOTASK);
    assert_int_equal(hoop_signals_open((int[]){SIGUSR1}, 1, &outside.signals), HOOP_ENOLOOP);
    hoop_signals_close(outside.signals);
    hoop_close(loop);
}

static int open_and_close(void *arg)
{
    hoop_signals *signals;
    (void)arg;
    int rc = hoop_signals_open((int[]){SIGUSR2, SIGUSR1}, 2, &signals);
    assert_true(rc == 0 || rc == -ENOMEM || rc == -HOOP_TESTING_ERRNO);
    assert_int_equal(is_at_default(SIGUSR1), rc < 0);
    assert_int_equal(is_at_default(SIGUSR2), rc < 0);
    if (rc == 0)
        hoop_signals_close(signals);
    return rc;
}

IN_A_TASK(each_failure_to_open_is_told_and_leaves_nothing)
{
    hoop_signals *signals;
    assert_int_equal(hoop_signals_open((int[]){SIGWINCH}, 1, &signals), 0);
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, open_and_close, NULL), 1);
    assert_int_equal(fail_each(HOOP_FAIL_SYSCALL, open_and_close, NULL), 2);
    raise(SIGWINCH);
    assert_int_equal(hoop_signals_next(signals), SIGWINCH);
    hoop_signals_close(signals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(what_has_come_is_there_at_once_the_lowest_first),
        BEHAVIOUR(who_waits_is_given_what_comes),
        BEHAVIOUR(of_several_at_once_the_others_are_kept),
        BEHAVIOUR(everybody_who_listens_is_told),
        BEHAVIOUR(who_begins_to_listen_does_not_hear_of_what_came_for_others),
        BEHAVIOUR(a_cancelled_wait_takes_nothing),
        BEHAVIOUR(who_was_given_a_signal_before_he_was_cancelled_has_it),
        BEHAVIOUR(a_limit_of_time_ends_a_wait),
        BEHAVIOUR(a_second_task_cannot_wait),
        BEHAVIOUR(closing_wakes_who_waits),
        BEHAVIOUR(closing_forgets_what_has_come),
        BEHAVIOUR(what_is_left_open_is_closed_with_its_loop),
        BEHAVIOUR(a_loop_can_be_closed_under_a_task_that_waits),
        BEHAVIOUR(waiting_for_one_signal_listens_until_it_comes),
        BEHAVIOUR(a_loop_can_be_closed_under_a_task_that_waits_for_one),
        BEHAVIOUR(what_cannot_be_caught_cannot_be_awaited),
        BEHAVIOUR(awaiting_takes_a_task_and_opening_a_loop),
        BEHAVIOUR(each_failure_to_open_is_told_and_leaves_nothing),
    };
    return cmocka_run_group_tests_name("signal_receiver", tests, NULL, NULL);
}
