/* SPDX-License-Identifier: MIT
 *
 * Which descriptors a process has: those that it was given, under the right numbers, whatever
 * the parent's are.
 */
#include "processes.h"

#include <fcntl.h>

#include "child.h"

/* "ls" itself has the directory open as the last one of the first free. */
#define LIST "ls", "/proc/self/fd"

/* An open one with a number of at least LOW, which an exec does not close. */
static int open_careless(int low)
{
    int fd = open("/dev/null", O_RDWR);
    int moved = fcntl(fd, F_DUPFD, low);
    assert_true(moved >= low);
    close(fd);
    return moved;
}

IN_A_TASK(what_other_libraries_have_open_is_closed)
{
    int fds[] = {open_careless(3), open_careless(100), open_careless(1000)};
    hoop_process_options options = {
        .in.kind = HOOP_STDIO_PIPE, .out.kind = HOOP_STDIO_PIPE, .err.kind = HOOP_STDIO_NULL};
    assert_int_equal(end_of_saying(EXEC(&options, LIST), "0\n1\n2\n3\n"), 0);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

IN_A_TASK(named_descriptors_are_inherited_and_no_others)
{
    int fds[] = {open_careless(200), open_careless(100), open_careless(150), open_careless(300)};
    const int inherit[] = {fds[0], fds[1], fds[1]};
    assert_int_equal(fcntl(fds[1], F_SETFD, FD_CLOEXEC), 0);
    hoop_process_options options = {.in.kind = HOOP_STDIO_NULL,
                                    .out.kind = HOOP_STDIO_PIPE,
                                    .err.kind = HOOP_STDIO_NULL,
                                    .inherit = inherit,
                                    .inherit_count = 3};
    char expected[64];
    snprintf(expected, sizeof expected, "0\n1\n%d\n2\n%d\n3\n", fds[1], fds[0]);
    assert_int_equal(end_of_saying(EXEC(&options, LIST), expected), 0);
    assert_int_equal(fcntl(fds[1], F_GETFD), FD_CLOEXEC); /* nothing has changed here */
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

IN_A_TASK(an_inherited_descriptor_has_its_number_and_its_file)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    hoop_process_options options = {.inherit = &ends[1], .inherit_count = 1};
    char command[64], text[8] = "";
    snprintf(command, sizeof command, "echo through >/proc/self/fd/%d", ends[1]);
    assert_int_equal(end_of(shell(&options, command)), 0);
    assert_int_equal(read(ends[0], text, sizeof text), 8);
    assert_memory_equal(text, "through\n", 8);
    close(ends[0]);
    close(ends[1]);
}

IN_A_TASK(our_ends_of_pipes_are_closed_on_exec)
{
    hoop_process_options options = {.in.kind = HOOP_STDIO_PIPE, .out.kind = HOOP_STDIO_PIPE};
    hoop_process *process = EXEC(&options, "true");
    assert_int_equal(fcntl(hoop_stream_fd(hoop_process_stdin(process)), F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(hoop_stream_fd(hoop_process_stdout(process)), F_GETFD), FD_CLOEXEC);
    assert_int_equal(end_of(process), 0);
}

/* ---- standard descriptors ---- */

/* What is in the file, from its beginning. */
static void assert_file(int fd, const char *text)
{
    char content[64] = "";
    assert_int_equal(pread(fd, content, sizeof content - 1, 0), strlen(text));
    assert_string_equal(content, text);
}

static int temporary_file(const char *text)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
    fclose(file);
    assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
    return fd;
}

IN_A_TASK(a_descriptor_serves_as_any_of_the_three)
{
    int in = temporary_file("input"), out = temporary_file(""), err = temporary_file("");
    hoop_process_options options = {
        .in = {HOOP_STDIO_FD, in}, .out = {HOOP_STDIO_FD, out}, .err = {HOOP_STDIO_FD, err}};
    assert_int_equal(end_of(shell(&options, "cat; echo error >&2")), 0);
    assert_file(out, "input");
    assert_file(err, "error\n");
    close(in);
    close(out);
    close(err);
}

IN_A_TASK(one_descriptor_serves_twice)
{
    int file = temporary_file("");
    hoop_process_options options = {.out = {HOOP_STDIO_FD, file}, .err = {HOOP_STDIO_FD, file}};
    assert_int_equal(end_of(shell(&options, "echo one; echo two >&2")), 0);
    assert_file(file, "one\ntwo\n");
    options.err = (hoop_stdio){.kind = HOOP_STDIO_STDOUT};
    assert_int_equal(end_of(shell(&options, "echo three; echo four >&2")), 0);
    assert_file(file, "one\ntwo\nthree\nfour\n");
    close(file);
}

/* With FILES as our own descriptors 0, 1 and 2, calls START, and puts ours back. */
static int with_standard(const int files[3], int (*start)(void))
{
    int kept[3];
    fflush(NULL);
    for (int i = 0; i < 3; i++)
        kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    for (int i = 0; i < 3; i++)
        dup2(files[i], i);
    int status = start();
    for (int i = 0; i < 3; i++) {
        dup2(kept[i], i);
        close(kept[i]);
    }
    return status;
}

/* Hands its input on, and says something to its errors: its status. */
static int run_cat(const hoop_process_options *options)
{
    hoop_process *process;
    int rc = hoop_create_subprocess_shell("cat; echo error >&2", options, &process);
    if (rc < 0)
        return rc;
    rc = hoop_process_wait(process);
    hoop_process_close(process);
    return rc;
}

static int run_swapped(void)
{
    return run_cat(&(hoop_process_options){
        .in = {HOOP_STDIO_FD, 2}, .out = {HOOP_STDIO_FD, 0}, .err = {HOOP_STDIO_FD, 1}});
}

IN_A_TASK(the_three_can_be_swapped)
{
    int files[] = {temporary_file(""), temporary_file(""), temporary_file("input")};
    assert_int_equal(with_standard(files, run_swapped), 0);
    assert_file(files[0], "input");
    assert_file(files[1], "error\n");
    for (int i = 0; i < 3; i++)
        close(files[i]);
}

static int run_with_errors_to_our_output(void)
{
    return run_cat(&(hoop_process_options){.err.kind = HOOP_STDIO_STDOUT});
}

IN_A_TASK(errors_can_go_where_our_output_goes)
{
    int files[] = {temporary_file("input"), temporary_file(""), temporary_file("")};
    assert_int_equal(with_standard(files, run_with_errors_to_our_output), 0);
    assert_file(files[1], "inputerror\n");
    assert_file(files[2], "");
    for (int i = 0; i < 3; i++)
        close(files[i]);
}

/* ---- without standard descriptors ---- */

/* In a child process without any, so it says with its status how it went. */
static void expect(bool is_true, int number)
{
    if (!is_true)
        _exit(number);
}

static int64_t talk_without_standard_descriptors(void *arg)
{
    (void)arg;
    hoop_process *process;
    hoop_output out, err;
    hoop_process_options options = {
        .in.kind = HOOP_STDIO_PIPE, .out.kind = HOOP_STDIO_PIPE, .err.kind = HOOP_STDIO_PIPE};
    expect(hoop_create_subprocess_shell("cat; echo error >&2", &options, &process) == 0, 2);
    expect(hoop_process_communicate(process, "input", 5, &out, &err) == 0, 3);
    expect(strcmp(out.data, "input") == 0 && strcmp(err.data, "error\n") == 0, 4);
    hoop_output_free(&out);
    hoop_output_free(&err);
    hoop_process_close(process);
    return 0;
}

/* The loop's own descriptors have these numbers, and are not the child's for that. */
static int64_t list_without_standard_descriptors(void *arg)
{
    (void)arg;
    hoop_process *process;
    hoop_output out;
    hoop_process_options options = {.out.kind = HOOP_STDIO_PIPE};
    expect(hoop_create_subprocess_exec(ARGV(LIST), &options, &process) == 0, 5);
    expect(hoop_process_communicate(process, NULL, 0, &out, NULL) == 0, 6);
    expect(strcmp(out.data, "0\n1\n") == 0, 7); /* 0 is the directory */
    hoop_output_free(&out);
    hoop_process_close(process);
    return 0;
}

static void close_the_three(void)
{
    for (int fd = 0; fd < 3; fd++)
        close(fd);
}

/* Under a loop that has its own descriptors by then: what is opened for a child takes their
 * numbers at first. */
static int64_t sort_out_what_takes_their_numbers(void *arg)
{
    hoop_process *process;
    const int *file = arg;
    hoop_process_options options = {
        .in.kind = HOOP_STDIO_NULL, .out = {HOOP_STDIO_FD, *file}, .err.kind = HOOP_STDIO_NULL};
    close_the_three();
    expect(hoop_create_subprocess_shell("echo error >&2; echo out", &options, &process) == 0, 10);
    expect(hoop_process_wait(process) == 0, 11);
    hoop_process_close(process);
    char text[16] = "";
    expect(pread(*file, text, sizeof text - 1, 0) == 4 && strcmp(text, "out\n") == 0, 12);
    return 0;
}

static void close_all_three(void *arg)
{
    int file = temporary_file("");
    expect(hoop_run(sort_out_what_takes_their_numbers, &file) == 0, 13);
    close_the_three();
    expect(hoop_run(talk_without_standard_descriptors, arg) == 0, 8);
    expect(hoop_run(list_without_standard_descriptors, arg) == 0, 9);
}

static void a_parent_need_not_have_the_three(void **state)
{
    (void)state;
    struct child child = child_run(close_all_three, NULL);
    assert_true(WIFEXITED(child.status));
    assert_int_equal(WEXITSTATUS(child.status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(what_other_libraries_have_open_is_closed),
        BEHAVIOUR(named_descriptors_are_inherited_and_no_others),
        BEHAVIOUR(an_inherited_descriptor_has_its_number_and_its_file),
        BEHAVIOUR(our_ends_of_pipes_are_closed_on_exec),
        BEHAVIOUR(a_descriptor_serves_as_any_of_the_three),
        BEHAVIOUR(one_descriptor_serves_twice),
        BEHAVIOUR(the_three_can_be_swapped),
        BEHAVIOUR(errors_can_go_where_our_output_goes),
        BEHAVIOUR(a_parent_need_not_have_the_three),
    };
    return cmocka_run_group_tests_name("process_descriptors", tests, NULL, NULL);
}
