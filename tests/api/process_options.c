/* SPDX-License-Identifier: MIT
 *
 * What a process can be started with, and what is said when it cannot.
 */
#include "processes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "child.h"

/* An emulator makes the child by fork, and so does Valgrind: what goes wrong there is not known
 * here, and the child exits with 127. */
#define HEARS_OF_FAILURES (!UNDER_VALGRIND && !UNDER_EMULATOR)

static void assert_fails(const hoop_process_options *options, const char *program, int error,
                         const char *message)
{
    hoop_process *process = (hoop_process *)1;
    if (!HEARS_OF_FAILURES)
        return;
    assert_int_equal(hoop_create_subprocess_exec(ARGV(program), options, &process), error);
    assert_string_equal(hoop_error_message(), message);
    assert_ptr_equal(process, (hoop_process *)1);
    assert_true(has_no_child());
}

/* ---- the program ---- */

IN_A_TASK(a_missing_program_is_named)
{
    hoop_process_options options = {.in.kind = HOOP_STDIO_PIPE, .out.kind = HOOP_STDIO_PIPE};
    assert_fails(&options, "no-such-program", -ENOENT,
                 "program 'no-such-program': No such file or directory");
    assert_fails(NULL, "/no/such/program", -ENOENT,
                 "program '/no/such/program': No such file or directory");
}

IN_A_TASK(a_file_that_is_no_program_is_named)
{
    assert_fails(NULL, "/", -EACCES, "program '/': Permission denied");
    char path[] = "/tmp/hoop-process-XXXXXX";
    int fd = mkstemp(path);
    char message[128];
    assert_true(fd >= 0);
    snprintf(message, sizeof message, "program '%s': Permission denied", path);
    assert_fails(NULL, path, -EACCES, message);
    assert_int_equal(write(fd, "\n", 1), 1);
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
    snprintf(message, sizeof message, "program '%s': Exec format error", path);
    assert_fails(NULL, path, -ENOEXEC, message);
    unlink(path);
}

IN_A_TASK(the_program_need_not_be_the_first_argument)
{
    hoop_process_options options = {.program = "sh", .out.kind = HOOP_STDIO_PIPE};
    assert_int_equal(end_of_saying(EXEC(&options, "my name", "-c", "echo $0"), "my name\n"), 0);
    options.program = "/bin/sh";
    assert_int_equal(end_of_saying(EXEC(&options, "", "-c", "echo me"), "me\n"), 0);
    options.program = "no-such-program";
    assert_fails(&options, "sh", -ENOENT, "program 'no-such-program': No such file or directory");
}

static void processes_need_a_running_loop(void **state)
{
    (void)state;
    hoop_process *process;
    assert_int_equal(hoop_create_subprocess_exec(ARGV("true"), NULL, &process), HOOP_ENOLOOP);
    assert_int_equal(hoop_create_subprocess_shell("true", NULL, &process), HOOP_ENOLOOP);
}

static void start_in_a_callback(void *arg)
{
    hoop_process *process;
    if (HEARS_OF_FAILURES)
        assert_int_equal(hoop_create_subprocess_exec(ARGV("no-such"), NULL, &process), -ENOENT);
    assert_int_equal(hoop_create_subprocess_exec(ARGV("true"), NULL, &process), 0);
    assert_int_equal(hoop_process_wait(process), HOOP_ENOTASK);
    assert_int_equal(hoop_process_communicate(process, NULL, 0, NULL, NULL), HOOP_ENOTASK);
    *(hoop_process **)arg = process;
}

IN_A_TASK(a_callback_can_start_a_process)
{
    hoop_process *process = NULL;
    hoop_call_soon(hoop_running_loop(), start_in_a_callback, &process);
    let_one_iteration_pass();
    assert_int_equal(end_of(process), 0);
}

/* ---- where and with what ---- */

IN_A_TASK(the_environment_is_the_parents_or_another)
{
    setenv("HOOP_TEST_NAME", "from the parent", 1);
    assert_int_equal(
        end_of_saying(shell(&with_output, "echo $HOOP_TEST_NAME"), "from the parent\n"), 0);
    unsetenv("HOOP_TEST_NAME");
    const char *const environment[] = {"ONE=1", "TWO=a b", NULL};
    hoop_process_options options = {.environment = environment, .out.kind = HOOP_STDIO_PIPE};
    assert_int_equal(end_of_saying(EXEC(&options, "env"), "ONE=1\nTWO=a b\n"), 0);
    const char *const none[] = {NULL};
    options.environment = none;
    assert_int_equal(end_of_saying(EXEC(&options, "env"), ""), 0);
}

IN_A_TASK(the_directory_is_the_parents_or_another)
{
    char here[4096], expected[sizeof here + 1];
    assert_non_null(getcwd(here, sizeof here));
    snprintf(expected, sizeof expected, "%s\n", here);
    assert_int_equal(end_of_saying(EXEC(&with_output, "pwd", "-P"), expected), 0);
    hoop_process_options options = {.directory = "/bin", .out.kind = HOOP_STDIO_PIPE};
    assert_int_equal(end_of_saying(EXEC(&options, "./echo", "from there"), "from there\n"), 0);
    options.directory = "/";
    assert_int_equal(end_of_saying(EXEC(&options, "pwd", "-P"), "/\n"), 0);
    char now[sizeof here];
    assert_string_equal(getcwd(now, sizeof now), here);
}

IN_A_TASK(a_missing_directory_is_named)
{
    hoop_process_options options = {.directory = "/no/such", .out.kind = HOOP_STDIO_PIPE};
    assert_fails(&options, "true", -ENOENT, "directory '/no/such': No such file or directory");
    options.directory = "/dev/null";
    assert_fails(&options, "true", -ENOTDIR, "directory '/dev/null': Not a directory");
    options.directory = "/";
    assert_fails(&options, "no-such", -ENOENT, "program 'no-such': No such file or directory");
}

/* ---- sessions and groups ---- */

static hoop_process *sleeper(const hoop_process_options *options)
{
    return EXEC(options, "sleep", "1000");
}

IN_A_TASK(a_process_is_in_the_parents_group)
{
    hoop_process *process = sleeper(NULL);
    assert_int_equal(getpgid(hoop_process_pid(process)), getpgrp());
    assert_int_equal(getsid(hoop_process_pid(process)), getsid(0));
    hoop_process_close(process);
}

/* Where the child is made by fork, it comes to that a little later. */
static int await_group(int pid, int group)
{
    while (!HEARS_OF_FAILURES && getpgid(pid) != group)
        usleep(1000);
    return getpgid(pid);
}

IN_A_TASK(a_process_can_have_a_session_of_its_own)
{
    for (int i = 0; i < 2; i++) {
        hoop_process *process =
            sleeper(&(hoop_process_options){.new_session = true, .new_group = i == 1});
        int pid = hoop_process_pid(process);
        assert_int_equal(await_group(pid, pid), pid);
        assert_int_equal(getsid(pid), pid);
        hoop_process_close(process);
    }
}

IN_A_TASK(processes_can_share_a_group_of_their_own)
{
    hoop_process *first = sleeper(&(hoop_process_options){.new_group = true});
    int group = hoop_process_pid(first);
    assert_int_equal(await_group(group, group), group);
    hoop_process *second = sleeper(&(hoop_process_options){.group = group});
    assert_int_equal(await_group(hoop_process_pid(second), group), group);
    assert_int_equal(getsid(group), getsid(0));
    assert_int_equal(kill(-group, SIGTERM), 0);
    assert_int_equal(end_of(first), HOOP_EXIT_SIGNAL + SIGTERM);
    assert_int_equal(end_of(second), HOOP_EXIT_SIGNAL + SIGTERM);
    assert_fails(&(hoop_process_options){.group = INT32_MAX}, "true", -EPERM,
                 "process group 2147483647: Operation not permitted");
}

/* ---- what is refused ---- */

static void assert_refused(const hoop_process_options *options, int error)
{
    hoop_process *process;
    assert_int_equal(hoop_create_subprocess_exec(ARGV("true"), options, &process), error);
}

IN_A_TASK(options_that_make_no_sense_are_refused)
{
    const int low = 2, closed = 1000000;
    assert_refused(&(hoop_process_options){.in.kind = HOOP_STDIO_STDOUT}, -EINVAL);
    assert_refused(&(hoop_process_options){.out.kind = HOOP_STDIO_STDOUT}, -EINVAL);
    assert_refused(&(hoop_process_options){.err.kind = (hoop_stdio_kind)7}, -EINVAL);
    assert_refused(&(hoop_process_options){.group = -1}, -EINVAL);
    assert_refused(&(hoop_process_options){.group = 5, .new_group = true}, -EINVAL);
    assert_refused(&(hoop_process_options){.group = 5, .new_session = true}, -EINVAL);
    assert_refused(&(hoop_process_options){.inherit = &low, .inherit_count = 1}, -EINVAL);
    assert_refused(&(hoop_process_options){.inherit = &low, .inherit_count = 1025}, -EINVAL);
    assert_refused(&(hoop_process_options){.inherit = &closed, .inherit_count = 1}, -EBADF);
    assert_refused(&(hoop_process_options){.in = {HOOP_STDIO_FD, closed}}, -EBADF);
    assert_refused(&(hoop_process_options){.in = {HOOP_STDIO_FD, -1}}, -EBADF);
    assert_refused(
        &(hoop_process_options){.out.kind = HOOP_STDIO_PIPE, .stream.write_low = SIZE_MAX},
        -EINVAL);
    hoop_process *process;
    const char *const none[] = {NULL};
    assert_int_equal(hoop_create_subprocess_exec(none, NULL, &process), -EINVAL);
    assert_int_equal(hoop_create_subprocess_exec(NULL, NULL, &process), -EINVAL);
    assert_int_equal(hoop_create_subprocess_shell(NULL, NULL, &process), -EINVAL);
    assert_true(has_no_child());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_missing_program_is_named),
        BEHAVIOUR(a_file_that_is_no_program_is_named),
        BEHAVIOUR(the_program_need_not_be_the_first_argument),
        BEHAVIOUR(processes_need_a_running_loop),
        BEHAVIOUR(a_callback_can_start_a_process),
        BEHAVIOUR(the_environment_is_the_parents_or_another),
        BEHAVIOUR(the_directory_is_the_parents_or_another),
        BEHAVIOUR(a_missing_directory_is_named),
        BEHAVIOUR(a_process_is_in_the_parents_group),
        BEHAVIOUR(a_process_can_have_a_session_of_its_own),
        BEHAVIOUR(processes_can_share_a_group_of_their_own),
        BEHAVIOUR(options_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests_name("process_options", tests, NULL, NULL);
}
