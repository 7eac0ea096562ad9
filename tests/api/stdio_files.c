/* SPDX-License-Identifier: MIT
 *
 * Standard input and output that never wait, and such that are not there; and failures.
 */
#include "standard.h"

#include <sys/resource.h>

/* ---- regular files ---- */

/* Both have a position, which is the shell's, too. */
static int64_t read_and_write_files(void *arg)
{
    struct standard *standard = arg;
    char line[16], rest[64];
    peer_says(standard->peers[0], "skipped\none\ntwo\nthree");
    assert_int_equal(lseek(standard->peers[0], 8, SEEK_SET), 8);
    peer_says(standard->peers[1], "before, ");
    hoop_stream *in = standard_stream(standard, 0), *out = standard_stream(standard, 1);
    assert_int_equal(hoop_stream_readline(in, line, sizeof line), 4);
    assert_memory_equal(line, "one\n", 4);
    assert_int_equal(hoop_stream_readline(in, line, sizeof line), 4);
    assert_int_equal(hoop_stream_readline(in, line, sizeof line), 5);
    assert_memory_equal(line, "three", 5);
    assert_at_end(in);
    assert_int_equal(hoop_stream_write(out, "between, ", 9), 9);
    assert_int_equal(write(1, "after", 5), 5);
    assert_untouched(standard);
    assert_int_equal(hoop_stream_close(in), 0);
    assert_int_equal(hoop_stream_close(out), 0);
    assert_int_equal(lseek(0, 0, SEEK_CUR), 21);
    assert_int_equal(pread(standard->peers[1], rest, sizeof rest, 0), 22);
    assert_memory_equal(rest, "before, between, after", 22);
    return 0;
}

static void files_are_read_and_written_from_where_they_stand(void **state)
{
    (void)state;
    run_with(standard_files, true, read_and_write_files);
}

static int64_t return_seven(void *arg)
{
    (void)arg;
    return 7;
}

static int64_t use_files_at_length(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *in = standard_stream(standard, 0), *out = standard_stream(standard, 1);
    char byte;
    assert_int_equal(ftruncate(standard->peers[0], 5000), 0);
    hoop_task *other = hoop_create_task(return_seven, NULL);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(hoop_stream_read(in, &byte, 1), 1);
    assert_true(hoop_task_is_done(other));
    assert_int_equal(hoop_await(other), 7);
    other = hoop_create_task(return_seven, NULL);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(hoop_stream_write(out, "x", 1), 1);
    assert_true(hoop_task_is_done(other));
    assert_int_equal(hoop_await(other), 7);
    assert_int_equal(hoop_stream_close(in), 0);
    assert_int_equal(hoop_stream_close(out), 0);
    return 0;
}

static void who_uses_them_without_waiting_lets_others_run(void **state)
{
    (void)state;
    run_with(standard_files, true, use_files_at_length);
}

/* A limit takes the disk's place. */
static int64_t write_until_it_is_full(void *arg)
{
    enum { ROOM = 100000, SIZE = 300000 };
    struct standard *standard = arg;
    hoop_stream *out = standard_stream(standard, 1);
    char *bytes = bytes_new(SIZE);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ROOM, RLIM_INFINITY}), 0);
    assert_int_equal(hoop_stream_write(out, bytes, SIZE), -EFBIG);
    assert_int_equal(hoop_stream_bytes_written(out), ROOM);
    assert_int_equal(hoop_stream_write(out, bytes, SIZE), -EFBIG);
    assert_int_equal(hoop_stream_drain(out), -EFBIG);
    assert_int_equal(lseek(standard->peers[1], 0, SEEK_SET), 0);
    peer_takes(standard->peers[1], 0, ROOM);
    assert_int_equal(hoop_stream_close(out), -EFBIG);
    free(bytes);
    return 0;
}

static void a_full_disk_is_an_error_and_what_was_written_is_counted(void **state)
{
    (void)state;
    run_with(standard_files, true, write_until_it_is_full);
}

/* ---- /dev/null and the like ---- */

static void standard_nothing(struct standard *standard)
{
    for (int i = 0; i < 2; i++) {
        standard->fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        standard->peers[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        assert_true(standard->fds[i] >= 0 && standard->peers[i] >= 0);
    }
}

static int64_t use_nothing(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *in = standard_stream(standard, 0), *out = standard_stream(standard, 1);
    char *bytes = bytes_new(1000000);
    assert_at_end(in);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_stream_write(out, bytes, 1000000), 1000000);
    assert_int_equal(hoop_stream_drain(out), 0);
    assert_int_equal(hoop_stream_close(in), 0);
    assert_int_equal(hoop_stream_close(out), 0);
    free(bytes);
    return 0;
}

static void dev_null_is_at_its_end_and_takes_all(void **state)
{
    (void)state;
    run_with(standard_nothing, true, use_nothing);
}

static void standard_folder(struct standard *standard)
{
    standard_nothing(standard);
    close(standard->fds[0]);
    close(standard->fds[1]);
    standard->fds[0] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    standard->fds[1] = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(standard->fds[0] >= 0 && standard->fds[1] >= 0);
}

static int64_t use_a_folder(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *in = standard_stream(standard, 0), *out = standard_stream(standard, 1);
    char byte;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop_stream_read(in, &byte, 1), -EISDIR);
        assert_int_equal(hoop_stream_write(out, "x", 1), -ENOSPC);
    }
    assert_int_equal(hoop_stream_close(in), 0);
    assert_int_equal(hoop_stream_close(out), -ENOSPC);
    return 0;
}

static void what_cannot_be_read_or_written_says_so(void **state)
{
    (void)state;
    run_with(standard_folder, true, use_a_folder);
}

/* ---- nothing ---- */

static int64_t open_without_input(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *stream = NULL;
    int copy = fcntl(0, F_DUPFD_CLOEXEC, 10);
    close(0);
    assert_int_equal(hoop_stream_stdin(NULL, &stream), -EBADF);
    assert_null(stream);
    stream = standard_stream(standard, 1); /* and does not become standard input */
    assert_int_equal(fcntl(0, F_GETFD), -1);
    assert_int_equal(hoop_stream_write(stream, "x", 1), 1);
    assert_int_equal(hoop_stream_close(stream), 0);
    assert_int_equal(dup2(copy, 0), 0);
    close(copy);
    return 0;
}

static void a_closed_descriptor_is_refused_and_stays_closed(void **state)
{
    (void)state;
    run_with(standard_pipes, true, open_without_input);
    run_with(standard_pipes, false, open_without_input);
}

static int64_t open_all_three(void *arg)
{
    hoop_stream *stream = NULL;
    const hoop_stream_options options = {.close_timeout = -1};
    (void)arg;
    assert_int_equal(hoop_stream_stdin(&options, &stream), -EINVAL);
    assert_null(stream);
    assert_int_equal(hoop_stream_stderr(NULL, &stream), 0);
    assert_int_equal(hoop_stream_write(stream, "", 0), 0);
    assert_int_equal(hoop_stream_close(stream), 0);
    return 0;
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    run_with(standard_pipes, true, open_all_three);
}

static void without_a_loop_there_is_none(void **state)
{
    (void)state;
    hoop_stream *stream = NULL;
    assert_int_equal(hoop_stream_stdin(NULL, &stream), HOOP_ENOLOOP);
    assert_int_equal(hoop_stream_stdout(NULL, &stream), HOOP_ENOLOOP);
    assert_int_equal(hoop_stream_stderr(NULL, &stream), HOOP_ENOLOOP);
    assert_null(stream);
}

/* What goes to stderr is there after a loop, too. */
static int64_t complain(void *arg)
{
    (void)arg;
    hoop_stream *stream;
    int rc = hoop_stream_stderr(NULL, &stream);
    if (rc < 0)
        return rc;
    int64_t written = hoop_stream_write(stream, "complaint", 9);
    rc = hoop_stream_close(stream);
    return written < 0 ? written : rc;
}

static void complain_in_a_loop(void *arg)
{
    (void)arg;
    if (hoop_run(complain, NULL) != 0)
        _exit(3);
}

static void standard_error_is_a_stream_too(void **state)
{
    (void)state;
    struct child child = child_run(complain_in_a_loop, NULL);
    assert_int_equal(child.status, 0);
    assert_string_equal(child.text, "complaint");
}

/* ---- failures ---- */

static int64_t copy_a_line(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *in, *out;
    char line[16];
    int64_t rc = hoop_stream_stdin(NULL, &in);
    if (rc < 0)
        return rc;
    rc = hoop_stream_stdout(NULL, &out);
    if (rc < 0) {
        hoop_stream_abort(in);
        return rc;
    }
    peer_says(standard->peers[0], "line\n");
    if (standard->open == standard_files)
        assert_int_equal(lseek(0, 0, SEEK_SET), 0);
    rc = hoop_stream_readline(in, line, sizeof line);
    if (rc >= 0)
        rc = hoop_stream_write(out, line, (size_t)rc);
    if (rc >= 0)
        rc = hoop_stream_drain(out);
    int closed = hoop_stream_close(out);
    hoop_stream_abort(in);
    return rc < 0 ? rc : closed;
}

/* Either it is an error, or the line was copied. */
static int copy_a_line_and_fail(void *arg)
{
    struct standard *standard = arg;
    char bytes[64];
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    if (loop == NULL)
        return hoop_last_error();
    struct reports reports = {0};
    hoop_set_exception_handler(loop, reports_add, &reports);
    int64_t rc = hoop_run_until_complete(loop, copy_a_line, standard);
    hoop_close(loop);
    assert_untouched(standard);
    size_t copied = 0;
    if (standard->open == standard_files) {
        assert_int_equal(lseek(standard->peers[0], 0, SEEK_SET), 0);
        copied = (size_t)lseek(standard->peers[1], 0, SEEK_END);
        assert_int_equal(ftruncate(standard->peers[1], 0), 0);
    } else {
        copied = peer_receives(standard->peers[1], bytes, sizeof bytes);
        fcntl(standard->fds[0], F_SETFL, standard->flags[0] | O_NONBLOCK);
        (void)peer_receives(0, bytes, sizeof bytes); /* what was not read */
        fcntl(standard->fds[0], F_SETFL, standard->flags[0]);
    }
    assert_true(rc < 0 || copied == 5);
    return (int)rc;
}

/* Not in a task, as it has loops of its own. */
static void fail_in_a_child(void *arg)
{
    struct standard_test *test = arg;
    standard_begin(&test->standard);
    assert_int_equal(harness_begin(NULL), 0);
    assert_true(fail_each(HOOP_FAIL_SYSCALL, copy_a_line_and_fail, &test->standard) > 3);
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, copy_a_line_and_fail, &test->standard) > 3);
    assert_int_equal(harness_end(NULL), 0);
}

static void each_failure_is_an_error_and_nothing_leaks(void **state)
{
    (void)state;
    void (*kinds[])(struct standard *) = {standard_pipes, standard_socket, standard_terminal,
                                          standard_files};
    for (int i = 0; i < 4; i++) {
        struct standard_test test = {.standard = {.open = kinds[i], .anew = true}};
        struct child child = child_run(fail_in_a_child, &test);
        assert_went_well(&child);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(files_are_read_and_written_from_where_they_stand),
        BEHAVIOUR(who_uses_them_without_waiting_lets_others_run),
        BEHAVIOUR(a_full_disk_is_an_error_and_what_was_written_is_counted),
        BEHAVIOUR(dev_null_is_at_its_end_and_takes_all),
        BEHAVIOUR(what_cannot_be_read_or_written_says_so),
        BEHAVIOUR(a_closed_descriptor_is_refused_and_stays_closed),
        BEHAVIOUR(wrong_options_are_refused),
        BEHAVIOUR(without_a_loop_there_is_none),
        BEHAVIOUR(standard_error_is_a_stream_too),
        BEHAVIOUR(each_failure_is_an_error_and_nothing_leaks),
    };
    return cmocka_run_group_tests_name("stdio_files", tests, NULL, NULL);
}
