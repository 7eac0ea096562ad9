/* SPDX-License-Identifier: MIT
 *
 * Processes: what they say, are told, and end with.
 */
#include "processes.h"

/* ---- outputs and inputs ---- */

IN_A_TASK(a_program_runs_with_its_arguments)
{
    hoop_process *process = EXEC(&with_output, "printf", "%s,%s", "one two", "");
    assert_int_equal(end_of_saying(process, "one two,"), 0);
}

IN_A_TASK(a_shell_runs_a_command)
{
    assert_int_equal(end_of_saying(shell(&with_output, "echo $((2 + 3)); exit 4"), "5\n"), 4);
}

IN_A_TASK(its_output_is_a_stream)
{
    hoop_process *process = shell(&with_output, "echo one; echo two");
    char line[16];
    hoop_stream *output = hoop_process_stdout(process);
    assert_int_equal(hoop_stream_readline(output, line, sizeof line), 4);
    assert_memory_equal(line, "one\n", 4);
    assert_int_equal(hoop_stream_readline(output, line, sizeof line), 4);
    assert_memory_equal(line, "two\n", 4);
    assert_int_equal(hoop_stream_readline(output, line, sizeof line), 0);
    assert_int_equal(end_of(process), 0);
}

IN_A_TASK(its_input_ends_when_the_stream_is_taken_and_closed)
{
    hoop_process_options options = {.in.kind = HOOP_STDIO_PIPE, .out.kind = HOOP_STDIO_PIPE};
    hoop_process *process = EXEC(&options, "sort");
    assert_int_equal(hoop_stream_write(hoop_process_stdin(process), "b\na\n", 4), 4);
    hoop_stream *input = hoop_process_take_stdin(process);
    assert_null(hoop_process_stdin(process));
    assert_null(hoop_process_take_stdin(process));
    assert_int_equal(hoop_stream_close(input), 0);
    char lines[8];
    assert_int_equal(hoop_stream_readexactly(hoop_process_stdout(process), lines, 4), 4);
    assert_memory_equal(lines, "a\nb\n", 4);
    assert_int_equal(end_of(process), 0);
}

IN_A_TASK(a_process_talks_back_and_forth)
{
    hoop_process_options options = {.in.kind = HOOP_STDIO_PIPE, .out.kind = HOOP_STDIO_PIPE};
    hoop_process *process = EXEC(&options, "cat");
    for (int i = 0; i < 100; i++) {
        char sent[16], received[16];
        int size = snprintf(sent, sizeof sent, "line %d\n", i);
        assert_int_equal(hoop_stream_write(hoop_process_stdin(process), sent, (size_t)size), size);
        assert_int_equal(
            hoop_stream_readline(hoop_process_stdout(process), received, sizeof received), size);
        assert_memory_equal(received, sent, (size_t)size);
    }
    assert_int_equal(hoop_process_status(process), HOOP_EPENDING);
    hoop_stream_close(hoop_process_take_stdin(process));
    assert_int_equal(end_of(process), 0);
}

IN_A_TASK(errors_have_a_pipe_of_their_own)
{
    hoop_process_options options = {.out.kind = HOOP_STDIO_PIPE, .err.kind = HOOP_STDIO_PIPE};
    hoop_process *process = shell(&options, "echo out; echo err >&2");
    hoop_output out, err;
    assert_int_equal(hoop_process_communicate(process, NULL, 0, &out, &err), 0);
    assert_string_equal(out.data, "out\n");
    assert_string_equal(err.data, "err\n");
    hoop_output_free(&out);
    hoop_output_free(&err);
    hoop_process_close(process);
}

IN_A_TASK(errors_can_go_where_the_output_goes)
{
    hoop_process_options options = {.out.kind = HOOP_STDIO_PIPE, .err.kind = HOOP_STDIO_STDOUT};
    hoop_process *process = shell(&options, "echo out; echo err >&2");
    assert_null(hoop_process_stderr(process));
    assert_int_equal(end_of_saying(process, "out\nerr\n"), 0);
}

IN_A_TASK(nothing_goes_to_and_comes_from_the_null_device)
{
    hoop_process_options options = {.in.kind = HOOP_STDIO_NULL, .out.kind = HOOP_STDIO_PIPE};
    assert_int_equal(end_of_saying(EXEC(&options, "cat"), ""), 0);
    options.out.kind = HOOP_STDIO_NULL;
    hoop_process *process = shell(&options, "echo unheard");
    assert_null(hoop_process_stdin(process));
    assert_null(hoop_process_stdout(process));
    assert_int_equal(end_of(process), 0);
}

/* ---- its end ---- */

IN_A_TASK(the_status_is_what_the_program_exits_with)
{
    assert_int_equal(end_of(EXEC(NULL, "true")), 0);
    assert_int_equal(end_of(EXEC(NULL, "false")), 1);
    assert_int_equal(end_of(shell(NULL, "exit 255")), 255);
    assert_int_equal(hoop_exit_signal(255), 0);
}

IN_A_TASK(the_status_tells_which_signal_killed_it)
{
    int status = end_of(shell(NULL, "kill -USR1 $$"));
    assert_int_equal(status, HOOP_EXIT_SIGNAL + SIGUSR1);
    assert_int_equal(hoop_exit_signal(status), SIGUSR1);
}

IN_A_TASK(a_process_can_be_killed)
{
    hoop_process *process = EXEC(NULL, "sleep", "1000");
    assert_int_equal(hoop_process_kill(process), 0);
    assert_int_equal(end_of(process), HOOP_EXIT_SIGNAL + SIGKILL);
}

IN_A_TASK(a_process_can_be_asked_to_end)
{
    hoop_process *process = EXEC(NULL, "sleep", "1000");
    assert_int_equal(hoop_process_terminate(process), 0);
    assert_int_equal(end_of(process), HOOP_EXIT_SIGNAL + SIGTERM);
}

IN_A_TASK(a_process_gets_signals)
{
    hoop_process *process = shell(
        &with_output, "trap 'echo caught; exit 7' USR2; echo ready; while :; do sleep 0.01; done");
    char line[16];
    assert_int_equal(hoop_stream_readline(hoop_process_stdout(process), line, sizeof line), 6);
    assert_int_equal(hoop_process_send_signal(process, SIGUSR2), 0);
    assert_int_equal(end_of_saying(process, "caught\n"), 7);
}

IN_A_TASK(a_signal_that_does_not_exist_is_refused)
{
    hoop_process *process = EXEC(NULL, "sleep", "1000");
    assert_int_equal(hoop_process_send_signal(process, 1000), -EINVAL);
    assert_int_equal(hoop_process_send_signal(process, 0), 0);
    hoop_process_close(process);
}

IN_A_TASK(a_process_that_has_ended_gets_no_signals)
{
    hoop_process *process = EXEC(NULL, "true");
    assert_int_equal(hoop_process_wait(process), 0);
    assert_int_equal(hoop_process_kill(process), -ESRCH);
    assert_int_equal(hoop_process_terminate(process), -ESRCH);
    assert_int_equal(hoop_process_send_signal(process, 0), -ESRCH);
    assert_int_equal(hoop_process_wait(process), 0); /* as often as one likes */
    hoop_process_close(process);
}

static int64_t wait_for_it(void *process)
{
    return hoop_process_wait(process);
}

IN_A_TASK(any_number_of_tasks_wait_for_it)
{
    enum { COUNT = 10 };
    hoop_process *process = EXEC(NULL, "sleep", "1000");
    hoop_task *tasks[COUNT];
    for (int i = 0; i < COUNT; i++)
        tasks[i] = hoop_create_task(wait_for_it, process);
    let_one_iteration_pass();
    hoop_task_cancel(tasks[3]);
    assert_int_equal(hoop_await(tasks[3]), -ECANCELED);
    assert_int_equal(hoop_process_status(process), HOOP_EPENDING);
    hoop_process_kill(process);
    for (int i = 0; i < COUNT; i++)
        if (i != 3)
            assert_int_equal(hoop_await(tasks[i]), HOOP_EXIT_SIGNAL + SIGKILL);
    hoop_process_close(process);
}

IN_A_TASK(a_wait_can_have_a_limit)
{
    hoop_process *process = EXEC(NULL, "sleep", "1000");
    assert_int_equal(hoop_wait_for(wait_for_it, process, 1), -ETIMEDOUT);
    assert_int_equal(hoop_process_status(process), HOOP_EPENDING);
    hoop_process_close(process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_program_runs_with_its_arguments),
        BEHAVIOUR(a_shell_runs_a_command),
        BEHAVIOUR(its_output_is_a_stream),
        BEHAVIOUR(its_input_ends_when_the_stream_is_taken_and_closed),
        BEHAVIOUR(a_process_talks_back_and_forth),
        BEHAVIOUR(errors_have_a_pipe_of_their_own),
        BEHAVIOUR(errors_can_go_where_the_output_goes),
        BEHAVIOUR(nothing_goes_to_and_comes_from_the_null_device),
        BEHAVIOUR(the_status_is_what_the_program_exits_with),
        BEHAVIOUR(the_status_tells_which_signal_killed_it),
        BEHAVIOUR(a_process_can_be_killed),
        BEHAVIOUR(a_process_can_be_asked_to_end),
        BEHAVIOUR(a_process_gets_signals),
        BEHAVIOUR(a_signal_that_does_not_exist_is_refused),
        BEHAVIOUR(a_process_that_has_ended_gets_no_signals),
        BEHAVIOUR(any_number_of_tasks_wait_for_it),
        BEHAVIOUR(a_wait_can_have_a_limit),
    };
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
