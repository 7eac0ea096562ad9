/* SPDX-License-Identifier: MIT
 *
 * Processes where memory, the system, or a part of it is missing: an error on the right call, and
 * no child, thread or descriptor left.
 */
#include "processes.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "child.h"

static const hoop_process_options with_all = {
    .in.kind = HOOP_STDIO_PIPE, .out.kind = HOOP_STDIO_PIPE, .err.kind = HOOP_STDIO_PIPE};

/* ---- each call in turn ---- */

static int64_t start_and_wait(void *arg)
{
    hoop_process *process;
    const int inherit = *(const int *)arg;
    hoop_process_options options = {.in.kind = HOOP_STDIO_NULL,
                                    .out = {HOOP_STDIO_FD, STDOUT_FILENO},
                                    .err.kind = HOOP_STDIO_STDOUT,
                                    .directory = "/",
                                    .inherit = &inherit,
                                    .inherit_count = 1};
    int rc = hoop_create_subprocess_exec(ARGV("true"), &options, &process);
    if (rc < 0)
        return rc;
    rc = hoop_process_wait(process);
    hoop_process_close(process);
    return rc;
}

static int64_t communicate(void *arg)
{
    (void)arg;
    static const char input[100000];
    hoop_process *process;
    hoop_output out = {0}, err = {0};
    int rc = hoop_create_subprocess_shell("tee /dev/stderr", &with_all, &process);
    if (rc < 0)
        return rc;
    rc = hoop_process_communicate(process, input, sizeof input, &out, &err);
    if (rc == 0) {
        assert_int_equal(out.size, sizeof input);
        assert_int_equal(err.size, sizeof input);
    } else {
        assert_null(out.data);
        assert_null(err.data);
    }
    hoop_output_free(&out);
    hoop_output_free(&err);
    hoop_process_close(process);
    return rc > HOOP_EXIT_SIGNAL ? -1 : rc;
}

static int64_t send_a_signal(void *arg)
{
    (void)arg;
    hoop_process *process;
    int rc = hoop_create_subprocess_exec(ARGV("sleep", "1000"), NULL, &process);
    if (rc < 0)
        return rc;
    rc = hoop_process_terminate(process);
    if (rc == 0)
        rc = hoop_process_wait(process) == HOOP_EXIT_SIGNAL + SIGTERM ? 0 : -1;
    hoop_process_close(process);
    return rc;
}

static int64_t leave_to_the_loop(void *arg)
{
    (void)arg;
    hoop_process *process;
    int rc = hoop_create_subprocess_exec(ARGV("sleep", "1000"), &with_all, &process);
    return rc;
}

struct program {
    hoop_coroutine_fn fn;
    void *arg;
};

static int run_program(void *arg)
{
    const struct program *program = arg;
    struct reports reports = {0}; /* of tasks that a failure of the loop has left */
    hoop_loop *loop = hoop_new_event_loop();
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, reports_add, &reports);
    int rc = (int)hoop_run_until_complete(loop, program->fn, program->arg);
    hoop_close(loop);
    assert_true(has_no_child());
    return rc;
}

static void fail_each_call_of(hoop_coroutine_fn fn, void *arg)
{
    struct program program = {fn, arg};
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, run_program, &program) > 2);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, run_program, &program) > 2);
}

static void each_failure_to_start_is_an_error(void **state)
{
    (void)state;
    int inherit = dup(STDOUT_FILENO);
    fail_each_call_of(start_and_wait, &inherit);
    close(inherit);
}

static void each_failure_to_communicate_is_an_error(void **state)
{
    (void)state;
    fail_each_call_of(communicate, NULL);
}

static void each_failure_to_signal_is_an_error(void **state)
{
    (void)state;
    fail_each_call_of(send_a_signal, NULL);
}

static void each_failure_leaves_nothing_to_a_closed_loop(void **state)
{
    (void)state;
    fail_each_call_of(leave_to_the_loop, NULL);
}

/* Several at once: no pidfd and no thread either, for one. */
static void many_failures_leave_no_child(void **state)
{
    (void)state;
    int inherit = dup(STDOUT_FILENO);
    struct program programs[] = {{start_and_wait, &inherit},
                                 {communicate, NULL},
                                 {send_a_signal, NULL},
                                 {leave_to_the_loop, NULL}};
    int failures = 0;
    for (uint32_t seed = 1; seed <= 200; seed++) {
        hoop_testing_fail_randomly(HOOP_FAIL_SYSCALL, seed, 2 + seed % 30);
        failures += run_program(&programs[seed % 4]) < 0;
        hoop_testing_fail_randomly(0, 0, 0);
        assert_true(has_no_child());
    }
    assert_in_range(failures, 20, 200);
    close(inherit);
}

/* One in eight has begun, and then can be watched neither by a pidfd nor by a thread. */
IN_A_TASK(a_child_that_cannot_be_watched_is_killed_and_reaped)
{
    int failures = 0;
    for (uint32_t seed = 1; seed <= 100; seed++) {
        hoop_process *process;
        hoop_testing_fail_randomly(HOOP_FAIL_SYSCALL, seed, 2);
        int rc = hoop_create_subprocess_exec(ARGV("sleep", "1000"), NULL, &process);
        hoop_testing_fail_randomly(0, 0, 0);
        failures += rc < 0;
        if (rc == 0) {
            assert_int_equal(hoop_process_kill(process), 0);
            assert_int_equal(end_of(process), HOOP_EXIT_SIGNAL + SIGKILL);
        }
        assert_true(has_no_child());
    }
    assert_in_range(failures, 20, 90);
}

/* ---- without pidfd ---- */

/* As on a system that has none, or where it is forbidden. */
static bool forbid_pidfd(unsigned error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In a child process, which says with its status how it went. */
static void expect(bool is_true, int number)
{
    if (!is_true)
        _exit(number);
}

static void let_children_go(void)
{
    for (int i = 0; i < 10000 && !has_no_child(); i++) {
        expect(hoop_sleep(0) == 0, 10);
        usleep(1000);
    }
    expect(has_no_child(), 11);
}

static int64_t live_without_pidfd(void *arg)
{
    (void)arg;
    hoop_process *process;
    const char *const sleeper[] = {"sleep", "1000", NULL};
    expect(communicate(NULL) == 0, 12);
    expect(send_a_signal(NULL) == 0, 13);
    expect(hoop_create_subprocess_exec(sleeper, NULL, &process) == 0, 14);
    hoop_process_close(process);
    let_children_go();
    expect(hoop_create_subprocess_exec(sleeper, NULL, &process) == 0, 15);
    int pid = hoop_process_pid(process);
    hoop_process_detach(process);
    expect(kill(pid, SIGTERM) == 0, 16);
    let_children_go();
    return 0;
}

/* What is killed with the loop, what ends with it, and what outlives it. */
static int64_t leave_three(void *arg)
{
    hoop_process *process;
    const char *const sleeper[] = {"sleep", "1000", NULL};
    for (int i = 0; i < 10; i++) {
        expect(hoop_create_subprocess_exec(sleeper, &with_all, &process) == 0, 17);
        expect(hoop_create_subprocess_exec(ARGV("true"), NULL, &process) == 0, 18);
        hoop_process_detach(process);
    }
    expect(hoop_create_subprocess_exec(sleeper, NULL, &process) == 0, 19);
    *(int *)arg = hoop_process_pid(process);
    hoop_process_detach(process);
    return 0;
}

static void do_without_pidfd(void *error)
{
    int pid, patience = 10000;
    expect(forbid_pidfd((unsigned)*(int *)error), 20);
    expect(syscall(SYS_pidfd_open, getpid(), 0) < 0, 21);
    expect(hoop_run(live_without_pidfd, NULL) == 0, 22);
    size_t allocations = hoop_testing_live_allocations();
    hoop_loop *loop = hoop_new_event_loop();
    expect(hoop_run_until_complete(loop, leave_three, &pid) == 0, 23);
    hoop_close(loop);
    expect(kill(pid, SIGTERM) == 0, 24);
    for (int child, status; (child = waitpid(-1, &status, 0)) > 0;)
        expect(child == pid ? WTERMSIG(status) == SIGTERM : status == 0, 25);
    while (hoop_testing_live_allocations() != allocations && --patience > 0)
        usleep(1000);
    expect(patience > 0, 26); /* its thread has ended as well */
}

static void a_thread_stands_in_for_a_pidfd(void **state)
{
    (void)state;
    if (UNDER_VALGRIND || UNDER_EMULATOR)
        skip();
    int errors[] = {ENOSYS, EPERM, EMFILE};
    for (int i = 0; i < 3; i++) {
        struct child child = child_run(do_without_pidfd, &errors[i]);
        assert_true(WIFEXITED(child.status));
        assert_int_equal(WEXITSTATUS(child.status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(each_failure_to_start_is_an_error),
        BEHAVIOUR(each_failure_to_communicate_is_an_error),
        BEHAVIOUR(each_failure_to_signal_is_an_error),
        BEHAVIOUR(each_failure_leaves_nothing_to_a_closed_loop),
        BEHAVIOUR(many_failures_leave_no_child),
        BEHAVIOUR(a_child_that_cannot_be_watched_is_killed_and_reaped),
        BEHAVIOUR(a_thread_stands_in_for_a_pidfd),
    };
    return cmocka_run_group_tests_name("process_failures", tests, NULL, NULL);
}
