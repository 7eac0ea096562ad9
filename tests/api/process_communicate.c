/* SPDX-License-Identifier: MIT
 *
 * Talking to a process all at once: nothing is held up, nothing is lost.
 */
#include "processes.h"

#include <stdlib.h>

#define MIB ((size_t)1 << 20)

static const hoop_process_options with_pipes = {
    .in.kind = HOOP_STDIO_PIPE, .out.kind = HOOP_STDIO_PIPE, .err.kind = HOOP_STDIO_PIPE};

static char *bytes_of(size_t size)
{
    char *bytes = malloc(size);
    assert_non_null(bytes);
    uint64_t random = 1;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t next = hoop_testing_random(&random);
        memcpy(bytes + i, &next, size - i < 8 ? size - i : 8);
    }
    return bytes;
}

static void assert_output(hoop_output *output, const char *bytes, size_t size)
{
    assert_int_equal(output->size, size);
    assert_memory_equal(output->data, bytes, size);
    assert_int_equal(output->data[size], 0);
    hoop_output_free(output);
}

/* ---- what comes ---- */

IN_A_TASK(much_goes_both_ways_at_once)
{
    const size_t size = 8 * MIB;
    char *input = bytes_of(size);
    hoop_output out, err;
    hoop_process *process = EXEC(&with_pipes, "cat");
    assert_int_equal(hoop_process_communicate(process, input, size, &out, &err), 0);
    assert_output(&out, input, size);
    assert_output(&err, "", 0);
    assert_null(hoop_process_stdin(process));
    hoop_process_close(process);
    free(input);
}

IN_A_TASK(both_outputs_are_read_at_once)
{
    char *input = bytes_of(MIB);
    hoop_output out, err;
    hoop_process *process = shell(&with_pipes, "tee /dev/stderr");
    assert_int_equal(hoop_process_communicate(process, input, MIB, &out, &err), 0);
    assert_output(&out, input, MIB);
    assert_output(&err, input, MIB);
    hoop_process_close(process);
    free(input);
}

IN_A_TASK(an_output_without_a_pipe_is_null)
{
    hoop_output out = {(char *)1, 1}, err = {(char *)1, 1};
    hoop_process *process = EXEC(&with_output, "printf", "some");
    assert_int_equal(hoop_process_communicate(process, NULL, 0, &out, &err), 0);
    assert_output(&out, "some", 4);
    assert_null(err.data);
    assert_int_equal(err.size, 0);
    hoop_process_close(process);
}

IN_A_TASK(an_output_that_nobody_wants_is_dropped)
{
    char *input = bytes_of(MIB);
    hoop_output err;
    hoop_process *process = shell(&with_pipes, "cat; echo done >&2");
    assert_int_equal(hoop_process_communicate(process, input, MIB, NULL, &err), 0);
    assert_output(&err, "done\n", 5);
    hoop_process_close(process);
    free(input);
}

IN_A_TASK(a_second_call_finds_nothing_new)
{
    hoop_output out, again;
    hoop_process *process = shell(&with_pipes, "echo once; exit 3");
    assert_int_equal(hoop_process_communicate(process, NULL, 0, &out, NULL), 3);
    assert_int_equal(hoop_process_communicate(process, NULL, 0, &again, NULL), 3);
    assert_output(&out, "once\n", 5);
    assert_output(&again, "", 0);
    hoop_process_close(process);
}

/* ---- what is written ---- */

IN_A_TASK(a_child_need_not_read_its_input)
{
    char *input = bytes_of(MIB);
    hoop_process *process = EXEC(&with_pipes, "true");
    assert_int_equal(hoop_process_communicate(process, input, MIB, NULL, NULL), 0);
    hoop_process_close(process);

    hoop_output out;
    process = EXEC(&with_pipes, "head", "-c", "3");
    assert_int_equal(hoop_process_communicate(process, input, MIB, &out, NULL), 0);
    assert_output(&out, input, 3);
    hoop_process_close(process);
    free(input);
}

IN_A_TASK(no_input_is_the_end_of_it)
{
    hoop_output out;
    hoop_process *process = EXEC(&with_pipes, "cat");
    assert_int_equal(hoop_process_communicate(process, NULL, 0, &out, NULL), 0);
    assert_output(&out, "", 0);
    hoop_process_close(process);
}

IN_A_TASK(the_input_comes_behind_what_was_written_before)
{
    char *input = bytes_of(2 * MIB);
    hoop_output out;
    hoop_process *process = EXEC(&with_pipes, "cat");
    hoop_stream *stream = hoop_process_stdin(process);
    assert_int_equal(hoop_stream_write_nowait(stream, input, MIB), MIB);
    assert_true(hoop_stream_write_buffered(stream) > 0);
    assert_int_equal(hoop_process_communicate(process, input + MIB, MIB, &out, NULL), 0);
    assert_output(&out, input, 2 * MIB);
    hoop_process_close(process);
    free(input);
}

IN_A_TASK(what_waits_is_sent_without_further_input)
{
    char *input = bytes_of(MIB);
    hoop_output out;
    hoop_process *process = EXEC(&with_pipes, "cat");
    assert_int_equal(hoop_stream_write_nowait(hoop_process_stdin(process), input, MIB), MIB);
    assert_int_equal(hoop_process_communicate(process, NULL, 0, &out, NULL), 0);
    assert_output(&out, input, MIB);
    hoop_process_close(process);
    free(input);
}

/* ---- when it is stopped ---- */

struct call {
    hoop_process *process;
    const char *input;
    size_t size;
    hoop_output out;
};

static int64_t communicate(void *arg)
{
    struct call *call = arg;
    return hoop_process_communicate(call->process, call->input, call->size, &call->out, NULL);
}

IN_A_TASK(a_cancelled_call_goes_on_with_the_next_one)
{
    const size_t size = 2 * MIB;
    char *input = bytes_of(size);
    struct call call = {EXEC(&with_pipes, "cat"), input, size, {0}};
    int64_t status = -ECANCELED;
    int cancelled = 0;
    for (int patience = 1; status == -ECANCELED; patience++) {
        assert_null(call.out.data);
        hoop_task *task = hoop_create_task(communicate, &call);
        for (int i = 0; i < patience; i++)
            let_one_iteration_pass();
        hoop_task_cancel(task);
        status = hoop_await(task);
        cancelled += status == -ECANCELED;
    }
    assert_int_equal(status, 0);
    assert_true(cancelled > 0);
    assert_output(&call.out, input, size);
    hoop_process_close(call.process);
    free(input);
}

IN_A_TASK(one_call_at_a_time)
{
    struct call call = {.process = EXEC(&with_pipes, "cat")};
    hoop_task *task = hoop_create_task(communicate, &call);
    /* So that it lasts. */
    hoop_stream *input = hoop_process_take_stdin(call.process);
    let_one_iteration_pass();
    assert_int_equal(hoop_process_communicate(call.process, NULL, 0, NULL, NULL), -EBUSY);
    hoop_stream_close(input);
    assert_int_equal(hoop_await(task), 0);
    hoop_output_free(&call.out);
    hoop_process_close(call.process);
}

static int64_t read_a_byte(void *stream)
{
    char byte;
    return hoop_stream_read(stream, &byte, 1);
}

IN_A_TASK(nobody_else_may_be_reading)
{
    hoop_process *process = EXEC(&with_pipes, "cat");
    hoop_task *task = hoop_create_task(read_a_byte, hoop_process_stderr(process));
    let_one_iteration_pass();
    assert_int_equal(hoop_process_communicate(process, "x", 1, NULL, NULL), -EBUSY);
    assert_non_null(hoop_process_stdin(process));
    hoop_process_close(process);
    assert_int_equal(hoop_await(task), -EBADF);
}

IN_A_TASK(a_process_can_be_closed_under_a_call)
{
    char *input = bytes_of(MIB);
    for (int iterations = 1; iterations < 6; iterations++) {
        struct call call = {shell(&with_pipes, "exec sleep 1000"), input, MIB, {0}};
        hoop_task *task = hoop_create_task(communicate, &call);
        for (int i = 0; i < iterations; i++)
            let_one_iteration_pass();
        hoop_process_close(call.process);
        assert_int_equal(hoop_await(task), -EBADF);
        assert_null(call.out.data);
    }
    free(input);
}

IN_A_TASK(an_output_can_be_taken_under_a_call)
{
    struct call call = {.process = EXEC(&with_pipes, "cat")};
    hoop_stream *input = hoop_process_take_stdin(call.process);
    hoop_task *task = hoop_create_task(communicate, &call);
    let_others_wait();
    hoop_stream *output = hoop_process_take_stdout(call.process);
    hoop_stream_close(input);
    assert_int_equal(hoop_await(task), -EBADF);
    hoop_stream_close(output);
    hoop_process_close(call.process);
}

/* Starts what CALL is about, and comes as far as it can. */
static int64_t begin_to_communicate(void *arg)
{
    struct call *call = arg;
    call->process = shell(&with_pipes, "exec sleep 1000");
    hoop_task_detach(hoop_create_task(communicate, call));
    for (int i = 0; i < 5; i++)
        let_one_iteration_pass();
    return 0;
}

static void a_loop_can_be_closed_under_a_call(void **state)
{
    (void)state;
    static const char input[MIB];
    struct reports reports = {0};
    struct call call = {.input = input, .size = sizeof input};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, begin_to_communicate, &call), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_string_equal(reports.message, "task was destroyed but it is pending");
    assert_null(call.out.data);
    assert_true(has_no_child());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(much_goes_both_ways_at_once),
        BEHAVIOUR(both_outputs_are_read_at_once),
        BEHAVIOUR(an_output_without_a_pipe_is_null),
        BEHAVIOUR(an_output_that_nobody_wants_is_dropped),
        BEHAVIOUR(a_second_call_finds_nothing_new),
        BEHAVIOUR(a_child_need_not_read_its_input),
        BEHAVIOUR(no_input_is_the_end_of_it),
        BEHAVIOUR(the_input_comes_behind_what_was_written_before),
        BEHAVIOUR(what_waits_is_sent_without_further_input),
        BEHAVIOUR(a_cancelled_call_goes_on_with_the_next_one),
        BEHAVIOUR(one_call_at_a_time),
        BEHAVIOUR(nobody_else_may_be_reading),
        BEHAVIOUR(a_process_can_be_closed_under_a_call),
        BEHAVIOUR(an_output_can_be_taken_under_a_call),
        BEHAVIOUR(a_loop_can_be_closed_under_a_call),
    };
    return cmocka_run_group_tests_name("process_communicate", tests, NULL, NULL);
}
