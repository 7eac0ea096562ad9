/* SPDX-License-Identifier: MIT
 *
 * Processes in callbacks: what is told, in which order, and that the last word always comes.
 */
#include "processes.h"

/* What was told: "1" and "2" are what came from these pipes (in `said`), "lost-N" their loss,
 * "exit-N" and "end" the rest. */
struct told {
    struct record record;
    char said[64];
    hoop_process *process;
    const char *close_at; /* to close the process when this is told */
    bool keeps;           /* and not to close it at the end */
    bool is_over;
    bool in_task;
    hoop_event *over;
};

static void tell(struct told *told, const char *what)
{
    assert_false(told->is_over);
    told->in_task |= hoop_current_task() != NULL;
    record_add(&told->record, what);
    if (told->close_at != NULL && strcmp(told->close_at, what) == 0) {
        hoop_process_close(told->process);
        told->process = NULL;
    }
}

static void received(void *arg, int fd, const void *data, size_t size)
{
    struct told *told = arg;
    strncat(told->said, data, size);
    tell(told, fd == 1 ? "1" : fd == 2 ? "2" : "?");
}

static void pipe_lost(void *arg, int fd, int error)
{
    char what[64];
    struct told *told = arg;
    if (told->process != NULL)
        assert_null(hoop_process_transport(told->process, fd));
    snprintf(what, sizeof what, "lost-%d%s%s", fd, error < 0 ? ":" : "",
             error < 0 ? hoop_error_name(error) : "");
    tell(told, what);
}

static void exited(void *arg, int status)
{
    char what[32];
    struct told *told = arg;
    assert_int_equal(hoop_process_status(told->process), status);
    snprintf(what, sizeof what, "exit-%d", status);
    tell(told, what);
}

static void lost(void *arg)
{
    struct told *told = arg;
    tell(told, "end");
    told->is_over = true;
    if (told->over != NULL)
        hoop_event_set(told->over);
    if (!told->keeps) {
        hoop_process_close(told->process);
        told->process = NULL;
    }
}

static const hoop_process_protocol recorder = {received, pipe_lost, exited, lost};

static void start(struct told *told, const hoop_process_options *options, const char *command)
{
    told->over = hoop_event_new();
    assert_int_equal(hoop_subprocess_shell(&recorder, told, command, options, &told->process), 0);
    assert_record(&told->record, "");
}

static void await_the_end(struct told *told)
{
    assert_int_equal(hoop_event_wait(told->over), 0);
    hoop_event_free(told->over);
    assert_false(told->in_task);
}

static const hoop_process_options with_input_and_output = {.in.kind = HOOP_STDIO_PIPE,
                                                           .out.kind = HOOP_STDIO_PIPE};

/* ---- what is told ---- */

IN_A_TASK(a_protocol_is_told_all_and_the_end_last)
{
    struct told told = {0};
    start(&told, &with_output, "echo hello; sleep 0.02; exit 3");
    assert_non_null(hoop_process_transport(told.process, 1));
    assert_null(hoop_process_transport(told.process, 0));
    assert_null(hoop_process_transport(told.process, 3));
    await_the_end(&told);
    assert_string_equal(told.said, "hello\n");
    if (strcmp(told.record.text, "1 exit-3 lost-1 end") != 0)
        assert_record(&told.record, "1 lost-1 exit-3 end");
}

IN_A_TASK(without_pipes_there_is_only_the_exit)
{
    struct told told = {0};
    start(&told, NULL, "exit 5");
    await_the_end(&told);
    assert_record(&told.record, "exit-5 end");
}

IN_A_TASK(a_protocol_talks_back)
{
    struct told told = {0};
    start(&told, &with_input_and_output, "read line; echo $line; exec cat >/dev/null");
    hoop_transport *input = hoop_process_transport(told.process, 0);
    assert_int_equal(hoop_transport_write(input, "words\n", 6), 0);
    while (told.said[0] == '\0')
        let_one_iteration_pass();
    assert_int_equal(hoop_process_status(told.process), HOOP_EPENDING);
    hoop_transport_close(input);
    await_the_end(&told);
    assert_string_equal(told.said, "words\n");
    assert_non_null(strstr(told.record.text, "lost-0"));
}

IN_A_TASK(a_pipe_that_somebody_else_holds_is_lost_later)
{
    struct told told = {0};
    start(&told, &with_input_and_output, "exec 3<&0; (read line; echo late) <&3 & exit 0");
    while (strcmp(told.record.text, "exit-0") != 0)
        let_one_iteration_pass();
    hoop_transport *input = hoop_process_transport(told.process, 0);
    assert_int_equal(hoop_transport_write(input, "on\n", 3), 0);
    await_the_end(&told);
    assert_string_equal(told.said, "late\n");
    assert_non_null(strstr(told.record.text, "lost-1"));
}

IN_A_TASK(tasks_can_wait_for_it_as_well)
{
    struct told told = {.keeps = true};
    start(&told, NULL, "exit 4");
    assert_int_equal(hoop_process_wait(told.process), 4);
    await_the_end(&told);
    assert_int_equal(hoop_process_communicate(told.process, NULL, 0, NULL, NULL), -EINVAL);
    hoop_process_close(told.process);
}

IN_A_TASK(a_protocol_need_not_listen_to_anything)
{
    static const hoop_process_protocol deaf;
    hoop_process *process;
    assert_int_equal(hoop_subprocess_exec(&deaf, NULL, ARGV("echo", "x"), &with_output, &process),
                     0);
    assert_int_equal(hoop_process_wait(process), 0);
    for (int i = 0; i < 20; i++)
        let_one_iteration_pass();
    hoop_process_close(process);
    assert_int_equal(hoop_subprocess_exec(NULL, NULL, ARGV("true"), NULL, &process), -EINVAL);
    assert_int_equal(hoop_subprocess_shell(&deaf, NULL, NULL, NULL, &process), -EINVAL);
}

/* ---- letting go ---- */

IN_A_TASK(a_process_can_be_closed_at_any_word)
{
    static const char *const words[] = {"1", "exit-0", "lost-1", "lost-0", "end"};
    for (int i = 0; i < 5; i++) {
        struct told told = {.close_at = words[i]};
        start(&told, &with_input_and_output, "echo x");
        await_the_end(&told);
        const char *word = strstr(told.record.text, words[i]);
        assert_non_null(word);
        if (i < 4) { /* nothing comes in between */
            assert_memory_equal(word + strlen(words[i]), " end", 5);
        }
    }
}

IN_A_TASK(the_end_is_told_after_a_close)
{
    struct told told = {0};
    start(&told, &with_input_and_output, "exec sleep 1000");
    hoop_process_close(told.process);
    told.process = NULL;
    assert_record(&told.record, "");
    await_the_end(&told);
    assert_record(&told.record, "end");
}

IN_A_TASK(the_end_is_told_after_letting_it_run_on)
{
    struct told told = {0};
    start(&told, &with_output, "exec sleep 1000");
    int pid = hoop_process_pid(told.process);
    hoop_process_detach(told.process);
    told.process = NULL;
    await_the_end(&told);
    assert_record(&told.record, "end");
    assert_int_equal(kill(pid, SIGTERM), 0);
    while (kill(pid, 0) == 0) /* until it is reaped */
        let_one_iteration_pass();
}

/* ---- the end of the loop ---- */

static int64_t start_for_ever(void *arg)
{
    struct told *told = arg;
    int rc = hoop_subprocess_shell(&recorder, told, "exec sleep 1000", &with_input_and_output,
                                   &told->process);
    return rc < 0 ? rc : hoop_sleep(0);
}

static void closing_the_loop_is_told(void **state)
{
    (void)state;
    static const char *const close_at[] = {NULL, "lost-0:HOOP_ECLOSED", "end"};
    for (int i = 0; i < 3; i++) {
        struct reports reports = {0};
        struct told told = {.keeps = true, .close_at = close_at[i]};
        hoop_loop *loop = reporting_loop(&reports);
        hoop_set_debug(loop, true);
        assert_int_equal(hoop_run_until_complete(loop, start_for_ever, &told), 0);
        assert_int_equal(hoop_close(loop), 0);
        assert_true(has_no_child());
        assert_int_equal(reports.count, 1);
        assert_string_equal(reports.error_message, "a process");
        assert_record(&told.record, i == 1 ? "lost-0:HOOP_ECLOSED end"
                                           : "lost-0:HOOP_ECLOSED lost-1:HOOP_ECLOSED end");
    }
}

static int64_t close_at_once(void *arg)
{
    struct told *told = arg;
    int rc = hoop_subprocess_shell(&recorder, told, "exec sleep 1000", &with_input_and_output,
                                   &told->process);
    if (rc == 0)
        hoop_process_close(told->process);
    told->process = NULL;
    return rc;
}

static void closing_the_loop_right_after_is_told(void **state)
{
    (void)state;
    struct told told = {.keeps = true};
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_run_until_complete(loop, close_at_once, &told), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_true(has_no_child());
    assert_record(&told.record, "end");
}

/* ---- failures ---- */

static int64_t hear_of_all(void *arg)
{
    struct told *told = arg;
    int rc =
        hoop_subprocess_shell(&recorder, told, "echo x", &with_input_and_output, &told->process);
    if (rc < 0)
        return rc;
    rc = hoop_process_wait(told->process);
    for (int i = 0; rc >= 0 && !told->is_over; i++)
        rc = hoop_sleep(0);
    return rc;
}

static int start_and_hear(void *arg)
{
    (void)arg;
    struct told told = {.keeps = true};
    struct reports reports = {0};
    hoop_loop *loop = hoop_new_event_loop();
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, reports_add, &reports);
    int rc = (int)hoop_run_until_complete(loop, hear_of_all, &told);
    hoop_close(loop);
    assert_true(has_no_child());
    assert_int_equal(told.is_over, told.process != NULL);
    return told.is_over && strstr(told.record.text, "lost-1 ") == NULL ? -1 : rc;
}

static void each_failure_is_an_error_or_is_told(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, start_and_hear, NULL) > 2);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, start_and_hear, NULL) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_protocol_is_told_all_and_the_end_last),
        BEHAVIOUR(without_pipes_there_is_only_the_exit),
        BEHAVIOUR(a_protocol_talks_back),
        BEHAVIOUR(a_pipe_that_somebody_else_holds_is_lost_later),
        BEHAVIOUR(tasks_can_wait_for_it_as_well),
        BEHAVIOUR(a_protocol_need_not_listen_to_anything),
        BEHAVIOUR(a_process_can_be_closed_at_any_word),
        BEHAVIOUR(the_end_is_told_after_a_close),
        BEHAVIOUR(the_end_is_told_after_letting_it_run_on),
        BEHAVIOUR(closing_the_loop_is_told),
        BEHAVIOUR(closing_the_loop_right_after_is_told),
        BEHAVIOUR(each_failure_is_an_error_or_is_told),
    };
    return cmocka_run_group_tests_name("process_protocol", tests, NULL, NULL);
}
