/* SPDX-License-Identifier: MIT
 *
 * What a forked child relies on: that it begins with nobody's handlers and nothing blocked.
 */
#include "child.h"

#include "base/sys_signal.h"

static volatile sig_atomic_t calls;

static void count(int signal)
{
    (void)signal;
    calls++;
}

static void count_at_length(int signal, siginfo_t *info, void *ucontext)
{
    (void)info;
    (void)ucontext;
    count(signal);
}

static void blocked_signals_wait_until_they_are_restored(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = count}, before;
    sigset_t old;
    calls = 0;
    assert_int_equal(sys_signal_action(SIGUSR1, &action, &before), 0);
    sys_signals_block(&old);
    raise(SIGUSR1);
    assert_int_equal(calls, 0);
    sys_signals_restore(&old);
    assert_int_equal(calls, 1);
    assert_int_equal(sys_signal_action(SIGUSR1, &before, NULL), 0);
}

static bool has_action(int signal, void (*handler)(int))
{
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
           action.sa_handler == handler;
}

static void set_all_kinds_and_forget(void *arg)
{
    (void)arg;
    struct sigaction longer = {.sa_sigaction = count_at_length, .sa_flags = SA_SIGINFO};
    sigset_t old, now;
    signal(SIGUSR1, count);
    sigaction(SIGRTMAX, &longer, NULL);
    signal(SIGPIPE, SIG_IGN);
    sys_signals_block(&old);
    sys_signals_forget();
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    fprintf(stderr, "%d %d %d %d\n", has_action(SIGUSR1, SIG_DFL), has_action(SIGRTMAX, SIG_DFL),
            has_action(SIGPIPE, SIG_IGN), sigisemptyset(&now));
}

static void a_child_forgets_handlers_and_blocks_but_not_what_it_ignores(void **state)
{
    (void)state;
    struct child child = child_run(set_all_kinds_and_forget, NULL);
    assert_string_equal(child.text, "1 1 1 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(blocked_signals_wait_until_they_are_restored),
        BEHAVIOUR(a_child_forgets_handlers_and_blocks_but_not_what_it_ignores),
    };
    return cmocka_run_group_tests_name("base_sys_signal", tests, NULL, NULL);
}
