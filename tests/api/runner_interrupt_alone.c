/* SPDX-License-Identifier: MIT
 *
 * When a runner leaves SIGINT alone: while it does not run, where the program has its own idea of
 * it, and in other threads than the main one.
 */
#include "interrupt.h"

/* ---- around runs ---- */

static int64_t say_disposition(void *arg)
{
    say(disposition() == SIG_DFL ? "default" : "listens");
    if (arg == NULL)
        return 0;
    interrupt_soon();
    return hoop_sleep((double)INFINITY);
}

static void look_around_runs(void *arg)
{
    hoop_runner *runner = hoop_runner_new(NULL);
    say_disposition(NULL);
    say_result(hoop_runner_run(runner, say_disposition, NULL));
    say_disposition(NULL);
    say_result(hoop_runner_run(runner, say_disposition, "and wait"));
    say_disposition(NULL);
    hoop_runner_close(runner);
    say_disposition(arg);
}

static void a_runner_listens_only_while_it_runs(void **state)
{
    (void)state;
    assert_says(look_around_runs, NULL,
                "default\nlistens\na result\ndefault\nlistens\nEINTR\ndefault\ndefault\n");
}

static void be_interrupted_between_runs(void *arg)
{
    hoop_runner *runner = hoop_runner_new(NULL);
    say_result(hoop_runner_run(runner, say_disposition, arg));
    raise(SIGINT);
    say("not killed");
}

static void between_two_runs_it_kills(void **state)
{
    (void)state;
    assert_dies_saying(be_interrupted_between_runs, NULL, "listens\na result\n");
}

/* ---- left alone ---- */

static int64_t raise_and_sleep(void *arg)
{
    (void)arg;
    raise(SIGINT);
    return hoop_sleep(0.05);
}

static void ignore_it(void *arg)
{
    signal(SIGINT, SIG_IGN);
    say_result(hoop_run(raise_and_sleep, arg));
    say(disposition() == SIG_IGN ? "still ignored" : "?");
}

static volatile sig_atomic_t own_calls;

static void own_handler(int number)
{
    (void)number;
    own_calls++;
}

static void own_long_handler(int number, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    own_handler(number);
}

static void handle_it(void *arg)
{
    const struct sigaction *action = arg;
    struct sigaction after;
    sigaction(SIGINT, action, NULL);
    say_result(hoop_run(raise_and_sleep, NULL));
    sigaction(SIGINT, NULL, &after);
    fprintf(stderr, "%d\n", (int)own_calls);
    say(after.sa_handler == action->sa_handler ? "still handled" : "?");
}

static void what_the_program_has_set_is_left_alone(void **state)
{
    (void)state;
    struct sigaction shorter = {.sa_handler = own_handler};
    struct sigaction longer = {.sa_sigaction = own_long_handler, .sa_flags = SA_SIGINFO};
    assert_says(ignore_it, NULL, "a result\nstill ignored\n");
    assert_says(handle_it, &shorter, "a result\n1\nstill handled\n");
    assert_says(handle_it, &longer, "a result\n1\nstill handled\n");
}

static void *run_here(void *arg)
{
    say_result(hoop_run(say_disposition, arg));
    return NULL;
}

static void run_in_another_thread(void *arg)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run_here, arg);
    pthread_join(thread, NULL);
}

static void a_runner_in_another_thread_leaves_it_alone(void **state)
{
    (void)state;
    assert_says(run_in_another_thread, NULL, "default\na result\n");
    assert_dies_saying(run_in_another_thread, "and wait", "default\n");
}

static void run_until_complete(void *arg)
{
    hoop_loop *loop = hoop_new_event_loop();
    interrupt_soon(); /* nobody is to listen */
    say_result(hoop_run_until_complete(loop, sleep_for_ever, arg));
}

static void a_loop_without_a_runner_leaves_it_alone(void **state)
{
    (void)state;
    assert_dies_saying(run_until_complete, NULL, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_runner_listens_only_while_it_runs),
        BEHAVIOUR(between_two_runs_it_kills),
        BEHAVIOUR(what_the_program_has_set_is_left_alone),
        BEHAVIOUR(a_runner_in_another_thread_leaves_it_alone),
        BEHAVIOUR(a_loop_without_a_runner_leaves_it_alone),
    };
    return cmocka_run_group_tests_name("runner_interrupt_alone", tests, NULL, NULL);
}
