/* SPDX-License-Identifier: MIT
 *
 * The watchdog's signal, SIGURG, beside the program's own use of it; and in a forked child.
 */
#include <signal.h>
#include <unistd.h>

#include "child.h"
#include "stuck.h"

/* ---- the program's own handler: in a child, as handlers are the process's ---- */

static volatile sig_atomic_t own_calls;

static void own_handler(int number)
{
    own_calls += number == SIGURG;
}

static void own_long_handler(int number, siginfo_t *info, void *context)
{
    own_calls += number == SIGURG && info->si_pid == getpid() && context != NULL;
}

static void block_and_raise(struct stuck *stuck)
{
    raise(SIGURG);
    sleep_in_here(stuck);
    raise(SIGURG);
}

/* The handler is called for its own two signals, and not for the watchdog's. */
static void run_with_own_handler(void *arg)
{
    sigaction(SIGURG, arg, NULL);
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.watchdog = LIMIT});
    struct stuck stuck = {.loop = loop, .count = 1, .block = block_and_raise};
    (void)!hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck);
    hoop_close(loop);
    raise(SIGURG);
    fprintf(stderr, "%d calls\n", (int)own_calls);
}

static void assert_report_and_calls(struct child child, const char *calls)
{
    assert_true(WIFEXITED(child.status) && WEXITSTATUS(child.status) == 0);
    assert_non_null(strstr(child.text, " s in task 'main' #1, at:\n"));
    if (strstr(child.text, calls) == NULL)
        fail_msg("not %s in %s", calls, child.text);
}

static void the_programs_own_handler_hears_of_other_signals_only(void **state)
{
    (void)state;
    struct sigaction shorter = {.sa_handler = own_handler};
    struct sigaction longer = {.sa_sigaction = own_long_handler, .sa_flags = SA_SIGINFO};
    assert_report_and_calls(child_run(run_with_own_handler, &shorter), "\n3 calls\n");
    assert_report_and_calls(child_run(run_with_own_handler, &longer), "\n3 calls\n");
}

static void ignored_or_default_it_stays_harmless(void **state)
{
    (void)state;
    struct sigaction ignored = {.sa_handler = SIG_IGN}, unset = {.sa_handler = SIG_DFL};
    assert_report_and_calls(child_run(run_with_own_handler, &ignored), "\n0 calls\n");
    assert_report_and_calls(child_run(run_with_own_handler, &unset), "\n0 calls\n");
}

static int64_t block_the_signal_and_get_stuck(void *arg)
{
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    be_stuck(arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return 0;
}

static void a_thread_that_blocks_the_signal_is_reported_without_a_place(void **state)
{
    (void)state;
    hoop_loop *loop = watched_loop(LIMIT);
    struct stuck stuck = {.loop = loop, .count = 1, .block = sleep_in_here};
    stderr_capture_begin(&capture);
    assert_int_equal(hoop_run_until_complete(loop, block_the_signal_and_get_stuck, &stuck), 0);
    hoop_close(loop);
    stderr_capture_end(&capture);
    assert_said("its thread does not answer\n");
}

static int fork_and_run(void)
{
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.watchdog = LIMIT});
    struct stuck stuck = {.loop = loop, .count = 1, .block = sleep_in_here};
    int64_t rc = hoop_run_until_complete(loop, be_stuck_in_a_task, &stuck);
    hoop_close(loop);
    return (int)rc;
}

static void run_in_a_fork(void *arg)
{
    (void)arg;
    (void)!hoop_run(do_nothing, NULL); /* the parent's threads are known */
    pid_t pid = fork();
    if (pid == 0)
        _exit(fork_and_run());
    waitpid(pid, NULL, 0);
}

static void a_forked_child_can_watch_a_loop_of_its_own(void **state)
{
    (void)state;
    struct child child = child_run(run_in_a_fork, NULL);
    if (strstr(child.text, " s in task 'main' #1, at:\n") == NULL)
        fail_msg("\"%s\"", child.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_programs_own_handler_hears_of_other_signals_only),
        BEHAVIOUR(ignored_or_default_it_stays_harmless),
        BEHAVIOUR(a_forked_child_can_watch_a_loop_of_its_own),
        /* Last: the children of the others must not find that a watchdog was here. */
        BEHAVIOUR(a_thread_that_blocks_the_signal_is_reported_without_a_place),
    };
    return cmocka_run_group_tests_name("watchdog_signal", tests, NULL, NULL);
}
