/* SPDX-License-Identifier: MIT
 *
 * What a signal does before somebody listens and after nobody does any more, with the loop's end and
 * with failures; and which signals are refused.
 */
#include <errno.h>
#include <limits.h>

#include "signals.h"

/* ---- the action ---- */

static void nothing(void *arg)
{
    (void)arg;
}

static void own_long_handler(int signal, siginfo_t *info, void *ucontext)
{
    (void)ucontext;
    own_calls += signal == SIGUSR1 && info != NULL ? 10 : 0;
}

/* The action that the program has set is caught over, and comes back whole. */
static void listen_over(const struct sigaction *own)
{
    assert_int_equal(sigaction(SIGUSR1, own, NULL), 0);
    struct sigaction before = action_of(SIGUSR1);
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, nothing, NULL), 0);
    own_calls = 0;
    raise(SIGUSR1);
    assert_int_equal(own_calls, 0);
    assert_int_equal(hoop_remove_signal_handler(loop, SIGUSR1), 1);
    struct sigaction after = action_of(SIGUSR1);
    assert_ptr_equal(after.sa_sigaction, before.sa_sigaction);
    assert_int_equal(after.sa_flags, before.sa_flags);
    assert_int_equal(sigismember(&after.sa_mask, SIGUSR2), sigismember(&before.sa_mask, SIGUSR2));
    raise(SIGUSR1);
    hoop_close(loop);
    signal(SIGUSR1, SIG_DFL);
}

static void the_programs_own_action_comes_back_whole(void **state)
{
    (void)state;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction shorter = {.sa_handler = own_handler, .sa_flags = SA_NODEFER};
    struct sigaction longer = {.sa_sigaction = own_long_handler, .sa_flags = SA_SIGINFO};
    sigaddset(&longer.sa_mask, SIGUSR2);
    listen_over(&ignore);
    listen_over(&shorter);
    assert_int_equal(own_calls, 1);
    listen_over(&longer);
    assert_int_equal(own_calls, 10);
}

static void a_signal_is_caught_until_the_last_listener_goes(void **state)
{
    (void)state;
    hoop_loop *first = virtual_loop(), *second = virtual_loop();
    assert_int_equal(hoop_add_signal_handler(first, SIGUSR1, nothing, NULL), 0);
    assert_int_equal(hoop_add_signal_handler(second, SIGUSR1, nothing, NULL), 0);
    assert_int_equal(hoop_add_signal_handler(second, SIGUSR2, nothing, NULL), 0);
    assert_int_equal(hoop_remove_signal_handler(first, SIGUSR1), 1);
    assert_false(is_at_default(SIGUSR1));
    assert_int_equal(hoop_remove_signal_handler(second, SIGUSR1), 1);
    assert_true(is_at_default(SIGUSR1));
    assert_false(is_at_default(SIGUSR2));
    hoop_close(first);
    hoop_close(second);
    assert_true(is_at_default(SIGUSR2));
}

static void a_handler_that_the_program_sets_meanwhile_stays(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, nothing, NULL), 0);
    signal(SIGUSR1, own_handler);
    assert_int_equal(hoop_remove_signal_handler(loop, SIGUSR1), 1);
    assert_ptr_equal(action_of(SIGUSR1).sa_handler, own_handler);
    hoop_close(loop);
    signal(SIGUSR1, SIG_DFL);
}

/* ---- refusing ---- */

static void what_cannot_be_caught_is_refused(void **state)
{
    (void)state;
    const int refused[] = {0,       -1,      INT_MIN, INT_MAX, NSIG,   SIGKILL,
                           SIGSTOP, SIGSEGV, SIGBUS,  SIGFPE,  SIGILL, SIGRTMIN - 1};
    hoop_loop *loop = virtual_loop();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(hoop_add_signal_handler(loop, refused[i], nothing, NULL), -EINVAL);
        assert_int_equal(hoop_remove_signal_handler(loop, refused[i]), 0);
    }
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, (hoop_callback_fn)0, NULL), -EINVAL);
    assert_true(is_at_default(SIGUSR1));
    hoop_close(loop);
}

/* ---- the end of the loop ---- */

static void forget(void *value)
{
    ++*(unsigned *)value;
}

struct keeper {
    hoop_loop *loop;
    unsigned calls;
    unsigned forgotten;
};

static void add_one_that_keeps(void *arg)
{
    static const hoop_context_var kept = {.name = "kept", .release = forget};
    struct keeper *keeper = arg;
    assert_int_equal(hoop_context_set(&kept, &keeper->forgotten), 0);
    assert_int_equal(hoop_add_signal_handler(keeper->loop, SIGUSR2, count, &keeper->calls), 0);
}

static void closing_the_loop_ends_it_whatever_is_due(void **state)
{
    (void)state;
    struct keeper keeper = {.loop = hoop_loop_ref(virtual_loop())};
    hoop_loop *loop = keeper.loop;
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, count, &keeper.calls), 0);
    in_a_context(add_one_that_keeps, &keeper);
    raise(SIGUSR1);
    raise(SIGUSR2);
    assert_int_equal(keeper.forgotten, 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_true(is_at_default(SIGUSR1));
    assert_true(is_at_default(SIGUSR2));
    assert_int_equal(keeper.calls, 0);
    assert_int_equal(keeper.forgotten, 1);
    assert_int_equal(hoop_add_signal_handler(loop, SIGUSR1, count, &keeper.calls), HOOP_ECLOSED);
    assert_int_equal(hoop_remove_signal_handler(loop, SIGUSR1), HOOP_ECLOSED);
    assert_true(is_at_default(SIGUSR1));
    hoop_loop_unref(loop);
}

/* ---- what fails ---- */

static int listen_to_two(void *arg)
{
    hoop_loop *loop = arg;
    unsigned calls = 0;
    int rc = hoop_add_signal_handler(loop, SIGUSR1, count, &calls);
    if (rc == 0 && (rc = hoop_add_signal_handler(loop, SIGUSR2, count, &calls)) < 0)
        assert_int_equal(hoop_remove_signal_handler(loop, SIGUSR1), 1);
    assert_true(rc == 0 || rc == -ENOMEM || rc == -HOOP_TESTING_ERRNO);
    assert_int_equal(is_at_default(SIGUSR1), rc < 0);
    assert_int_equal(is_at_default(SIGUSR2), rc < 0);
    hoop_remove_signal_handler(loop, SIGUSR1);
    hoop_remove_signal_handler(loop, SIGUSR2);
    return rc;
}

static int listen_on_a_new_loop(void *arg)
{
    hoop_loop *loop = hoop_new_event_loop();
    (void)arg;
    if (loop == NULL)
        return hoop_last_error();
    int rc = listen_to_two(loop);
    hoop_close(loop);
    return rc;
}

static void each_failure_to_listen_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_add_signal_handler(loop, SIGWINCH, nothing, NULL), 0);
    assert_int_equal(fail_each(HOOP_FAIL_ALLOCATION, listen_to_two, loop), 2);
    assert_int_equal(fail_each(HOOP_FAIL_SYSCALL, listen_to_two, loop), 2);
    hoop_close(loop);
    fail_each(HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL, listen_on_a_new_loop, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_programs_own_action_comes_back_whole),
        BEHAVIOUR(a_signal_is_caught_until_the_last_listener_goes),
        BEHAVIOUR(a_handler_that_the_program_sets_meanwhile_stays),
        BEHAVIOUR(what_cannot_be_caught_is_refused),
        BEHAVIOUR(closing_the_loop_ends_it_whatever_is_due),
        BEHAVIOUR(each_failure_to_listen_is_told_and_leaves_nothing),
    };
    return cmocka_run_group_tests_name("signal_action", tests, NULL, NULL);
}
