/* SPDX-License-Identifier: MIT
 *
 * For tests of processes: the shortest ways to start one, and what it says.
 */
#ifndef TESTS_API_PROCESSES_H
#define TESTS_API_PROCESSES_H

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "in_a_task.h"

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define EXEC(options, ...) exec_process(options, ARGV(__VA_ARGS__))

static inline hoop_process *exec_process(const hoop_process_options *options,
                                         const char *const *argv)
{
    hoop_process *process = NULL;
    assert_int_equal(hoop_create_subprocess_exec(argv, options, &process), 0);
    assert_true(hoop_process_pid(process) > 0);
    return process;
}

static inline hoop_process *shell(const hoop_process_options *options, const char *command)
{
    hoop_process *process = NULL;
    assert_int_equal(hoop_create_subprocess_shell(command, options, &process), 0);
    return process;
}

/* Waits for its end, and closes it. */
static inline int end_of(hoop_process *process)
{
    int status = hoop_process_wait(process);
    assert_int_equal(hoop_process_status(process), status);
    hoop_process_close(process);
    return status;
}

/* The same, once it has said TEXT and nothing else. */
static inline int end_of_saying(hoop_process *process, const char *text)
{
    hoop_output out = {0};
    int status = hoop_process_communicate(process, NULL, 0, &out, NULL);
    assert_true(status >= 0);
    assert_string_equal(out.data, text);
    assert_int_equal(out.size, strlen(text));
    hoop_output_free(&out);
    assert_null(out.data);
    hoop_process_close(process);
    return status;
}

/* A pipe to the program's output. */
static const hoop_process_options with_output = {.out.kind = HOOP_STDIO_PIPE};

/* Neither a running child nor a zombie. */
static inline bool has_no_child(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

#endif
