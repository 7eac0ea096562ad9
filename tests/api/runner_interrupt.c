/* SPDX-License-Identifier: MIT
 *
 * SIGINT while a runner runs: the first one cancels the main task, the second one kills.
 */
#include <errno.h>

#include "interrupt.h"

/* ---- ways to wait ---- */

static int64_t yield_for_ever(void *arg)
{
    (void)arg;
    int rc;
    while ((rc = hoop_sleep(0)) == 0)
        ;
    return rc;
}

static int64_t await_a_task(void *arg)
{
    return hoop_await(hoop_create_task(sleep_for_ever, arg));
}

static int64_t await_a_future(void *arg)
{
    (void)arg;
    hoop_future *future = hoop_future_new(NULL);
    int64_t rc = hoop_future_await(future);
    hoop_future_unref(future);
    return rc;
}

static int64_t wait_in_a_group(void *arg)
{
    hoop_task_group group;
    int64_t rc = hoop_task_group_enter(&group);
    for (int i = 0; i < 3 && rc == 0; i++)
        if (hoop_task_group_create_task(&group, sleep_for_ever, arg) == NULL)
            rc = hoop_last_error();
    return hoop_task_group_exit(&group, rc);
}

static int64_t wait_in_a_gather(void *arg)
{
    hoop_task *tasks[] = {hoop_create_task(sleep_for_ever, arg),
                          hoop_create_task(yield_for_ever, arg)};
    int64_t results[2];
    return hoop_gather(tasks, 2, results, 0);
}

static int64_t wait_with_a_limit(void *arg)
{
    return hoop_wait_for(sleep_for_ever, arg, 3600);
}

static const hoop_coroutine_fn ways_to_wait[] = {
    sleep_for_ever,  yield_for_ever,   await_a_task,      await_a_future,
    wait_in_a_group, wait_in_a_gather, wait_with_a_limit,
};

/* ---- the first one ---- */

static int64_t clean_up_after(void *arg)
{
    hoop_coroutine_fn wait = *(const hoop_coroutine_fn *)arg;
    interrupt_soon();
    int64_t rc = wait(NULL);
    hoop_task_uncancel(hoop_current_task());
    if (hoop_sleep(0.01) == 0)
        say("cleaned up");
    return rc;
}

static void be_interrupted(void *wait)
{
    say_result(hoop_run(clean_up_after, wait));
}

static void the_first_one_cancels_a_main_that_waits_for_whatever(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ways_to_wait / sizeof ways_to_wait[0]; i++)
        assert_says(be_interrupted, (void *)&ways_to_wait[i], "cleaned up\nEINTR\n");
}

/* In a thread, which is not interrupted. */
static int64_t interrupt_and_go_on(void *arg)
{
    (void)arg;
    kill(getpid(), SIGINT);
    pause_ms(50);
    return 0;
}

static int64_t wait_for_a_thread(void *arg)
{
    let_signals_through(hoop_running_loop());
    int64_t rc = hoop_to_thread(interrupt_and_go_on, arg);
    say(rc == 0 ? "the thread has ended" : "?");
    return hoop_sleep((double)INFINITY);
}

static void be_interrupted_by_a_thread(void *arg)
{
    say_result(hoop_run(wait_for_a_thread, arg));
}

static void a_main_that_waits_for_a_thread_is_cancelled_in_its_next_wait(void **state)
{
    (void)state;
    assert_says(be_interrupted_by_a_thread, NULL, "the thread has ended\nEINTR\n");
}

static int64_t leave_one_and_wait(void *arg)
{
    static hoop_coroutine_fn wait = sleep_for_ever;
    hoop_task_detach(hoop_create_task(clean_up_after, &wait)); /* that is who interrupts */
    return sleep_for_ever(arg);
}

static void be_interrupted_with_a_second_task(void *arg)
{
    say_result(hoop_run(leave_one_and_wait, arg));
}

static void other_tasks_are_cancelled_at_the_end_as_ever(void **state)
{
    (void)state;
    assert_says(be_interrupted_with_a_second_task, NULL, "cleaned up\nEINTR\n");
}

static int64_t swallow(void *arg)
{
    int64_t *result = arg;
    interrupt_soon();
    say(hoop_error_name(hoop_sleep((double)INFINITY)));
    return *result;
}

static void be_interrupted_and_return(void *result)
{
    say_result(hoop_run(swallow, result));
}

static void a_main_that_ends_otherwise_keeps_its_result(void **state)
{
    (void)state;
    int64_t result = 5, error = -EIO, timeout = -ETIMEDOUT;
    assert_says(be_interrupted_and_return, &result, "ECANCELED\na result\n");
    assert_says(be_interrupted_and_return, &error, "ECANCELED\nEIO\n");
    assert_says(be_interrupted_and_return, &timeout, "ECANCELED\nETIMEDOUT\n");
}

static int64_t return_canceled(void *arg)
{
    (void)arg;
    return -ECANCELED;
}

static void be_cancelled(void *arg)
{
    say_result(hoop_run(return_canceled, arg));
}

static void a_main_that_was_cancelled_without_a_signal_says_so(void **state)
{
    (void)state;
    assert_says(be_cancelled, NULL, "ECANCELED\n");
}

static int64_t raise_in_the_first_step(void *arg)
{
    raise(SIGINT);
    say("goes on"); /* nothing happens before it awaits */
    return sleep_for_ever(arg);
}

static void raise_at_once(void *arg)
{
    say_result(hoop_run(raise_in_the_first_step, arg));
}

static void one_that_comes_while_main_runs_is_seen_at_its_next_await(void **state)
{
    (void)state;
    assert_says(raise_at_once, NULL, "goes on\nEINTR\n");
}

/* Sends it as soon as somebody listens: mostly before the main task's first step. */
static void *send_at_once(void *arg)
{
    while (disposition() == SIG_DFL)
        if (UNDER_VALGRIND)
            pause_ms(1); /* it runs one thread at a time, and this one would not let go */
    kill(getpid(), SIGINT);
    return arg;
}

static int64_t begin_and_sleep(void *arg)
{
    ++*(int *)arg;
    return hoop_sleep((double)INFINITY);
}

static void be_interrupted_before_the_first_iteration(void *arg)
{
    int begun = 0, interrupted = 0;
    (void)arg;
    hoop_runner *runner = hoop_runner_new(NULL);
    for (int i = 0; i < 30; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, send_at_once, NULL);
        interrupted += hoop_runner_run(runner, begin_and_sleep, &begun) == -EINTR;
        pthread_join(thread, NULL);
    }
    hoop_runner_close(runner);
    fprintf(stderr, "%d begun, %d interrupted\n", begun, interrupted);
}

static void one_that_comes_before_main_has_begun_is_not_lost(void **state)
{
    (void)state;
    if (UNDER_THREAD_SANITIZER) {
        print_message("ThreadSanitizer delivers a signal too late for that\n");
        skip();
    }
    assert_says(be_interrupted_before_the_first_iteration, NULL, "30 begun, 30 interrupted\n");
}

static void interrupt_the_first_run_only(void *arg)
{
    static hoop_coroutine_fn wait = sleep_for_ever;
    (void)arg;
    hoop_runner *runner = hoop_runner_new(NULL);
    say_result(hoop_runner_run(runner, clean_up_after, &wait));
    say_result(hoop_runner_run(runner, return_canceled, NULL));
    say_result(hoop_runner_run(runner, clean_up_after, &wait));
    hoop_runner_close(runner);
}

static void each_run_begins_anew(void **state)
{
    (void)state;
    assert_says(interrupt_the_first_run_only, NULL,
                "cleaned up\nEINTR\nECANCELED\ncleaned up\nEINTR\n");
}

/* ---- the second one ---- */

static int64_t take_long_to_clean_up(void *arg)
{
    interrupt_soon();
    say_result(sleep_for_ever(arg));
    interrupt_soon();
    hoop_task_uncancel(hoop_current_task());
    (void)!hoop_sleep(20);
    say("not killed");
    return 0;
}

static void be_interrupted_twice(void *arg)
{
    say_result(hoop_run(take_long_to_clean_up, arg));
}

static int64_t be_busy(void *arg)
{
    (void)arg;
    raise(SIGINT);
    say("busy");
    raise(SIGINT);
    say("not killed");
    return 0;
}

static void be_interrupted_twice_while_busy(void *arg)
{
    say_result(hoop_run(be_busy, arg));
}

static void the_second_one_kills(void **state)
{
    (void)state;
    assert_dies_saying(be_interrupted_twice, NULL, "ECANCELED\n");
    assert_dies_saying(be_interrupted_twice_while_busy, NULL, "busy\n");
}

static int64_t return_after_it(void *arg)
{
    raise(SIGINT);
    say("busy to the end");
    return arg == NULL ? 0 : -EIO;
}

static void be_interrupted_in_the_last_step(void *arg)
{
    say_result(hoop_run(return_after_it, arg));
}

static void one_that_comes_too_late_to_cancel_kills(void **state)
{
    (void)state;
    assert_dies_saying(be_interrupted_in_the_last_step, NULL, "busy to the end\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_first_one_cancels_a_main_that_waits_for_whatever),
        BEHAVIOUR(a_main_that_waits_for_a_thread_is_cancelled_in_its_next_wait),
        BEHAVIOUR(other_tasks_are_cancelled_at_the_end_as_ever),
        BEHAVIOUR(a_main_that_ends_otherwise_keeps_its_result),
        BEHAVIOUR(a_main_that_was_cancelled_without_a_signal_says_so),
        BEHAVIOUR(one_that_comes_while_main_runs_is_seen_at_its_next_await),
        BEHAVIOUR(one_that_comes_before_main_has_begun_is_not_lost),
        BEHAVIOUR(each_run_begins_anew),
        BEHAVIOUR(the_second_one_kills),
        BEHAVIOUR(one_that_comes_too_late_to_cancel_kills),
    };
    return cmocka_run_group_tests_name("runner_interrupt", tests, NULL, NULL);
}
