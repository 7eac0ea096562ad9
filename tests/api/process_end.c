/* SPDX-License-Identifier: MIT
 *
 * Who reaps whom: none of ours is left behind, and none of others is touched.
 */
#include "processes.h"

#include <time.h>

#include "child.h"

static hoop_process *sleeper(void)
{
    return EXEC(NULL, "sleep", "1000");
}

static void pause_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Gives the loop turns until no child is left. */
static void let_children_go(void)
{
    for (int i = 0; i < 10000 && !has_no_child(); i++) {
        let_one_iteration_pass();
        pause_briefly();
    }
    assert_true(has_no_child());
}

/* ---- ours ---- */

IN_A_TASK(a_process_that_was_waited_for_is_no_zombie)
{
    hoop_process *process = EXEC(NULL, "true");
    assert_int_equal(hoop_process_wait(process), 0);
    assert_true(has_no_child());
    hoop_process_close(process);
}

IN_A_TASK(a_process_that_nobody_waits_for_is_no_zombie)
{
    hoop_process *process = EXEC(NULL, "true");
    let_children_go();
    assert_int_equal(hoop_process_status(process), 0);
    hoop_process_close(process);
}

IN_A_TASK(a_closed_process_is_killed_and_reaped)
{
    hoop_process_close(sleeper());
    let_children_go();
    hoop_process_close(NULL);
}

IN_A_TASK(a_detached_process_runs_on_and_is_reaped)
{
    hoop_process *process = sleeper();
    int pid = hoop_process_pid(process);
    hoop_process_detach(process);
    let_one_iteration_pass();
    assert_int_equal(kill(pid, 0), 0);
    assert_false(has_no_child());
    siginfo_t info = {0};
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    assert_int_equal(info.si_pid, 0); /* it runs */
    kill(pid, SIGTERM);
    let_children_go();
    hoop_process_detach(NULL);
}

static int64_t wait_for_it(void *process)
{
    return hoop_process_wait(process);
}

IN_A_TASK(who_waits_for_a_process_hears_of_its_close)
{
    hoop_process *process = sleeper();
    hoop_task *first = hoop_create_task(wait_for_it, process);
    hoop_task *second = hoop_create_task(wait_for_it, process);
    let_one_iteration_pass();
    hoop_process_close(process);
    assert_int_equal(hoop_await(first), -EBADF);
    assert_int_equal(hoop_await(second), -EBADF);
    let_children_go();
}

/* ---- the end of the loop ---- */

static int64_t leave_open(void *arg)
{
    (void)arg;
    hoop_process_options options = {.in.kind = HOOP_STDIO_PIPE, .out.kind = HOOP_STDIO_PIPE};
    hoop_process *process = EXEC(&options, "sleep", "1000");
    EXEC(NULL, "true"); /* which may have ended by then, or not */
    hoop_process_close(sleeper());
    hoop_task_detach(hoop_create_task(wait_for_it, process));
    let_one_iteration_pass();
    return 0;
}

static void what_is_open_at_the_end_of_the_loop_is_killed_and_reaped(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, leave_open, NULL), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_true(has_no_child());
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.message, "task was destroyed but it is pending");
}

static int64_t leave_one_open(void *arg)
{
    (void)arg;
    hoop_process_options options = {.in.kind = HOOP_STDIO_PIPE, .out.kind = HOOP_STDIO_PIPE};
    EXEC(&options, "sleep", "1000");
    return 0;
}

static void debug_mode_tells_of_a_process_that_is_open(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_set_debug(loop, true);
    assert_int_equal(hoop_run_until_complete(loop, leave_one_open, NULL), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, 1); /* and not of its streams */
    assert_string_equal(reports.message, "something is still open, but the loop is closed");
    assert_string_equal(reports.error_message, "a process");
}

static int64_t leave_detached(void *ret_pid)
{
    hoop_process *process = sleeper();
    *(int *)ret_pid = hoop_process_pid(process);
    hoop_process_detach(process);
    return 0;
}

static void a_detached_process_outlives_the_loop(void **state)
{
    (void)state;
    int pid, status;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_run_until_complete(loop, leave_detached, &pid), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

/* ---- others' ---- */

IN_A_TASK(the_child_of_somebody_else_is_theirs)
{
    pid_t theirs = fork();
    if (theirs == 0)
        _exit(9);
    for (int i = 0; i < 20; i++)
        assert_int_equal(end_of(EXEC(NULL, "true")), 0);
    hoop_process_close(sleeper());
    for (int i = 0; i < 100; i++)
        let_one_iteration_pass();
    int status;
    assert_int_equal(waitpid(theirs, &status, 0), theirs);
    assert_int_equal(WEXITSTATUS(status), 9);
    let_children_go();
}

IN_A_TASK(the_status_is_lost_if_somebody_else_reaps_it)
{
    hoop_process *process = sleeper();
    int pid = hoop_process_pid(process);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(hoop_process_wait(process), -ECHILD);
    assert_int_equal(hoop_process_status(process), -ECHILD);
    assert_int_equal(hoop_process_kill(process), -ESRCH);
    hoop_process_close(process);
}

IN_A_TASK(the_status_is_lost_if_SIGCHLD_is_ignored)
{
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 20; i++) {
        hoop_output out;
        hoop_process *process = EXEC(&with_output, "printf", "text");
        assert_int_equal(hoop_process_communicate(process, NULL, 0, &out, NULL), -ECHILD);
        assert_string_equal(out.data, "text"); /* which is not lost */
        hoop_output_free(&out);
        hoop_process_close(process);
    }
    hoop_process_close(sleeper());
    let_children_go();
    signal(SIGCHLD, SIG_DFL);
}

/* ---- signals of a child ---- */

#define ASK_SIGNALS "grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f 2"

IN_A_TASK(a_child_begins_without_our_signals)
{
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
    void (*quit_before)(int) = signal(SIGQUIT, SIG_IGN);
    hoop_process *process = shell(&with_output, ASK_SIGNALS);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, pipe_before);
    signal(SIGQUIT, quit_before);
    hoop_output out;
    unsigned long long is_blocked, is_ignored;
    assert_int_equal(hoop_process_communicate(process, NULL, 0, &out, NULL), 0);
    assert_int_equal(sscanf(out.data, "%llx%llx", &is_blocked, &is_ignored), 2);
    hoop_output_free(&out);
    hoop_process_close(process);
    assert_int_equal(is_blocked, 0);
    /* What is ignored stays so, but for SIGPIPE. 32 and 33 are the C library's own business. */
    assert_int_equal(is_ignored & 0x7fffffff, 1 << (SIGQUIT - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_process_that_was_waited_for_is_no_zombie),
        BEHAVIOUR(a_process_that_nobody_waits_for_is_no_zombie),
        BEHAVIOUR(a_closed_process_is_killed_and_reaped),
        BEHAVIOUR(a_detached_process_runs_on_and_is_reaped),
        BEHAVIOUR(who_waits_for_a_process_hears_of_its_close),
        BEHAVIOUR(what_is_open_at_the_end_of_the_loop_is_killed_and_reaped),
        BEHAVIOUR(debug_mode_tells_of_a_process_that_is_open),
        BEHAVIOUR(a_detached_process_outlives_the_loop),
        BEHAVIOUR(the_child_of_somebody_else_is_theirs),
        BEHAVIOUR(the_status_is_lost_if_somebody_else_reaps_it),
        BEHAVIOUR(the_status_is_lost_if_SIGCHLD_is_ignored),
        BEHAVIOUR(a_child_begins_without_our_signals),
    };
    return cmocka_run_group_tests_name("process_end", tests, NULL, NULL);
}
