/* SPDX-License-Identifier: MIT
 *
 * SIGINT while a runner runs and somebody listens to it: the runner gives way, and comes into its
 * own again.
 */
#include "interrupt.h"

static void say_it_came(void *arg)
{
    say(arg);
}

static void listen_to_it(void)
{
    if (hoop_add_signal_handler(hoop_running_loop(), SIGINT, say_it_came, "told") != 0)
        abort();
}

static void unlisten_to_it(void)
{
    if (hoop_remove_signal_handler(hoop_running_loop(), SIGINT) != 1)
        abort();
}

/* Until the loop has looked, and for longer than it takes. */
static void raise_it_and_look(void)
{
    raise(SIGINT);
    say(hoop_sleep(0.01) == 0 ? "goes on" : "cancelled");
}

/* ---- giving way ---- */

static int64_t listen_for_a_while(void *arg)
{
    (void)arg;
    listen_to_it();
    raise_it_and_look();
    raise_it_and_look();
    unlisten_to_it();
    raise_it_and_look();
    return hoop_sleep((double)INFINITY);
}

static void run_who_listens_for_a_while(void *arg)
{
    say_result(hoop_run(listen_for_a_while, arg));
    say(disposition() == SIG_DFL ? "default" : "caught");
}

static void who_listens_is_told_instead_of_the_runner_until_he_goes(void **state)
{
    (void)state;
    assert_says(run_who_listens_for_a_while, NULL,
                "told\ngoes on\ntold\ngoes on\ncancelled\nEINTR\ndefault\n");
}

static int64_t await_it(void *arg)
{
    (void)arg;
    interrupt_soon();
    return hoop_wait_signal(SIGINT);
}

static void run_who_awaits_it(void *arg)
{
    fprintf(stderr, "%d\n", hoop_run(await_it, arg) == SIGINT);
}

static void it_can_be_awaited_under_a_runner(void **state)
{
    (void)state;
    assert_says(run_who_awaits_it, NULL, "1\n");
}

static int64_t go_after_one(void *arg)
{
    (void)arg;
    raise_it_and_look();
    unlisten_to_it();
    raise_it_and_look();
    return 0;
}

/* The runner begins when the signal is caught already. */
static void listen_and_run(void *arg)
{
    void (*before)(int) = disposition();
    hoop_runner *runner = hoop_runner_new(NULL);
    if (hoop_add_signal_handler(hoop_runner_loop(runner), SIGINT, say_it_came, "told") != 0)
        abort();
    say_result(hoop_runner_run(runner, go_after_one, arg));
    hoop_runner_close(runner);
    say(disposition() == before ? "as before" : "?");
}

static void ignore_listen_and_run(void *arg)
{
    signal(SIGINT, SIG_IGN);
    listen_and_run(arg);
}

static void who_listened_before_the_run_is_told_until_he_goes(void **state)
{
    (void)state;
    assert_says(listen_and_run, NULL, "told\ngoes on\ncancelled\na result\nas before\n");
}

static void what_the_program_had_set_before_is_left_alone(void **state)
{
    (void)state;
    assert_says(ignore_listen_and_run, NULL, "told\ngoes on\ngoes on\na result\nas before\n");
}

static void say_and_stop(void *loop)
{
    say("told elsewhere");
    hoop_stop(loop);
}

/* In a thread, on a loop of its own. */
static int64_t listen_elsewhere(void *arg)
{
    hoop_loop *loop = hoop_new_event_loop();
    (void)arg;
    if (hoop_add_signal_handler(loop, SIGINT, say_and_stop, loop) != 0 ||
        kill(getpid(), SIGINT) != 0)
        abort();
    int rc = hoop_run_forever(loop);
    hoop_close(loop);
    return rc;
}

static int64_t give_way_to_another_thread(void *arg)
{
    let_signals_through(hoop_running_loop());
    int64_t rc = hoop_to_thread(listen_elsewhere, arg);
    say(hoop_sleep(0.01) == 0 ? "goes on" : "cancelled");
    return rc;
}

static void run_beside_a_listening_thread(void *arg)
{
    say_result(hoop_run(give_way_to_another_thread, arg));
}

static void the_runner_gives_way_to_another_threads_loop_too(void **state)
{
    (void)state;
    assert_says(run_beside_a_listening_thread, NULL, "told elsewhere\ngoes on\na result\n");
}

/* ---- whose it was when it came ---- */

static int64_t begin_to_listen_too_late(void *arg)
{
    raise(SIGINT);
    listen_to_it();
    (void)arg;
    return hoop_sleep((double)INFINITY);
}

static void run_who_listens_too_late(void *arg)
{
    say_result(hoop_run(begin_to_listen_too_late, arg));
}

static void one_that_came_for_the_runner_is_the_runners(void **state)
{
    (void)state;
    assert_says(run_who_listens_too_late, NULL, "EINTR\n");
}

static int64_t end_to_listen_too_early(void *arg)
{
    (void)arg;
    listen_to_it();
    raise(SIGINT);
    unlisten_to_it();
    return hoop_sleep(0.01);
}

static void run_who_does_not_look(void *arg)
{
    say_result(hoop_run(end_to_listen_too_early, arg));
}

static void one_that_came_for_who_is_gone_is_nobodys(void **state)
{
    (void)state;
    assert_says(run_who_does_not_look, NULL, "a result\n");
}

/* ---- the second one ---- */

static int64_t be_stuck_and_raise(void *arg)
{
    (void)arg;
    raise(SIGINT);
    say("the first one");
    raise(SIGINT);
    say("not killed");
    return 0;
}

static void run_who_is_stuck(void *arg)
{
    say_result(hoop_run(be_stuck_and_raise, arg));
}

static void the_second_one_kills_though_the_loop_is_stuck(void **state)
{
    (void)state;
    assert_dies_saying(run_who_is_stuck, NULL, "the first one\n");
}

static int64_t listen_after_the_first(void *arg)
{
    (void)arg;
    raise_it_and_look();
    hoop_task_uncancel(hoop_current_task());
    listen_to_it();
    raise_it_and_look();
    unlisten_to_it();
    raise(SIGINT);
    say("not killed");
    return 0;
}

static void run_who_listens_after_the_first(void *arg)
{
    say_result(hoop_run(listen_after_the_first, arg));
}

static void the_runners_second_one_kills_whoever_listened_in_between(void **state)
{
    (void)state;
    assert_dies_saying(run_who_listens_after_the_first, NULL, "cancelled\ntold\ngoes on\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(who_listens_is_told_instead_of_the_runner_until_he_goes),
        BEHAVIOUR(it_can_be_awaited_under_a_runner),
        BEHAVIOUR(who_listened_before_the_run_is_told_until_he_goes),
        BEHAVIOUR(what_the_program_had_set_before_is_left_alone),
        BEHAVIOUR(the_runner_gives_way_to_another_threads_loop_too),
        BEHAVIOUR(one_that_came_for_the_runner_is_the_runners),
        BEHAVIOUR(one_that_came_for_who_is_gone_is_nobodys),
        BEHAVIOUR(the_second_one_kills_though_the_loop_is_stuck),
        BEHAVIOUR(the_runners_second_one_kills_whoever_listened_in_between),
    };
    return cmocka_run_group_tests_name("signal_runner", tests, NULL, NULL);
}
