/* SPDX-License-Identifier: MIT
 *
 * Streams over standard input and output: over whatever that is, without changing anything that
 * other programs would notice.
 */
#include "standard.h"

#include <sys/stat.h>

/* ---- there and back ---- */

static int64_t read_line(void *arg)
{
    struct transfer *transfer = arg;
    return hoop_stream_readline(transfer->stream, transfer->bytes, transfer->size);
}

static void assert_peer_receives(int peer, const char *text)
{
    char bytes[64];
    assert_int_equal(peer_receives(peer, bytes, sizeof bytes), strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

/* Lines that are there, one that is waited for, and answers. */
static void talk(const struct standard *standard, hoop_stream *in, hoop_stream *out)
{
    char line[32];
    struct transfer transfer = {in, line, sizeof line};
    peer_says(standard->peers[0], "one\ntwo\n");
    assert_int_equal(read_line(&transfer), 4);
    assert_memory_equal(line, "one\n", 4);
    assert_int_equal(hoop_stream_write(out, "answer", 6), 6);
    assert_peer_receives(standard->peers[1], "answer");
    assert_untouched(standard);
    assert_int_equal(read_line(&transfer), 4);
    for (int i = 0; i < 3; i++) {
        hoop_task *task = start_waiting(read_line, &transfer);
        assert_untouched(standard);
        peer_says(standard->peers[0], "three\n");
        assert_int_equal(hoop_await(task), 6);
        assert_memory_equal(line, "three\n", 6);
    }
    assert_int_equal(hoop_stream_write(out, "more", 4), 4);
    assert_peer_receives(standard->peers[1], "more");
}

static int64_t talk_to_the_end(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *in = standard_stream(standard, 0), *out = standard_stream(standard, 1);
    talk(standard, in, out);
    standard_hang_up(standard, 0);
    if (standard->open == standard_socket)
        assert_int_equal(shutdown(standard->peers[1], SHUT_WR), 0);
    assert_at_end(in);
    assert_int_equal(hoop_stream_write(out, "last", 4), 4);
    assert_int_equal(hoop_stream_close(in), 0);
    assert_int_equal(hoop_stream_close(out), 0);
    assert_peer_receives(standard->peers[1], "last");
    assert_int_equal(write(1, "own", 3), 3); /* they are open still */
    assert_peer_receives(standard->peers[1], "own");
    return 0;
}

static void lines_come_through_pipes(void **state)
{
    (void)state;
    run_with(standard_pipes, true, talk_to_the_end);
}

static void lines_come_through_pipes_that_are_not_opened_anew(void **state)
{
    (void)state;
    run_with(standard_pipes, false, talk_to_the_end);
}

static void lines_come_through_a_socket(void **state)
{
    (void)state;
    run_with(standard_socket, true, talk_to_the_end);
}

static int64_t talk_to_a_terminal(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *in = standard_stream(standard, 0), *out = standard_stream(standard, 1);
    char line[32];
    talk(standard, in, out);
    peer_says(standard->peers[0], "no end yet");
    hoop_task *task = start_waiting(read_line, &(struct transfer){in, line, sizeof line});
    peer_says(standard->peers[0], "\4");
    let_others_wait();
    assert_false(hoop_task_is_done(task)); /* it ends the line only */
    peer_says(standard->peers[0], "\4");
    assert_int_equal(hoop_await(task), 10);
    assert_at_end(in);
    assert_int_equal(hoop_stream_close(in), 0);
    assert_int_equal(hoop_stream_close(out), 0);
    return 0;
}

static void lines_come_through_a_terminal_and_control_d_ends_them(void **state)
{
    (void)state;
    run_with(standard_terminal, true, talk_to_a_terminal);
}

static void through_one_that_is_not_opened_anew_too(void **state)
{
    (void)state;
    run_with(standard_terminal, false, talk_to_a_terminal);
}

/* The master's side of a pseudo terminal: what would be opened anew is another terminal. */
static void standard_master(struct standard *standard)
{
    struct termios mode;
    standard_terminal(standard);
    assert_int_equal(tcgetattr(standard->fds[0], &mode), 0);
    cfmakeraw(&mode);
    assert_int_equal(tcsetattr(standard->fds[0], TCSANOW, &mode), 0);
    for (int i = 0; i < 2; i++) {
        int fd = standard->fds[i];
        standard->fds[i] = standard->peers[i];
        standard->peers[i] = fd;
    }
}

static int64_t talk_as_a_terminal(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *in = standard_stream(standard, 0), *out = standard_stream(standard, 1);
    talk(standard, in, out);
    assert_int_equal(hoop_stream_close(in), 0);
    assert_int_equal(hoop_stream_close(out), 0);
    return 0;
}

static void a_terminals_own_side_is_not_mistaken_for_one(void **state)
{
    (void)state;
    run_with(standard_master, true, talk_as_a_terminal);
}

/* ---- much ---- */

enum { MUCH = 1000000 };

static int64_t write_much(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *out = standard_stream(standard, 1);
    char *sent = bytes_new(MUCH);
    hoop_task *task = start_waiting(write_all, &(struct transfer){out, sent, MUCH});
    assert_untouched(standard);
    peer_takes(standard->peers[1], 0, MUCH);
    assert_int_equal(hoop_await(task), MUCH);
    assert_int_equal(hoop_stream_bytes_written(out), MUCH);
    assert_int_equal(hoop_stream_close(out), 0);
    free(sent);
    return 0;
}

static void much_is_written_to_a_slow_reader(void **state)
{
    (void)state;
    run_with(standard_pipes, true, write_much);
    run_with(standard_socket, true, write_much);
    run_with(standard_terminal, true, write_much);
}

static void it_does_not_block_where_the_pipe_was_not_opened_anew(void **state)
{
    (void)state;
    run_with(standard_pipes, false, write_much);
    run_with(standard_socket, false, write_much);
}

static int64_t write_pieces(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *out = standard_stream(standard, 1);
    char *sent = bytes_new(20000);
    struct iovec pieces[] = {{sent, 1}, {sent, 0}, {sent + 1, 9999}, {sent + 10000, 10000}};
    assert_int_equal(hoop_stream_writev(out, pieces, 4), 20000);
    if (standard->open == standard_files)
        assert_int_equal(lseek(standard->peers[1], 0, SEEK_SET), 0);
    peer_takes(standard->peers[1], 0, 20000);
    assert_int_equal(hoop_stream_close(out), 0);
    free(sent);
    return 0;
}

static void pieces_are_written_in_their_order(void **state)
{
    (void)state;
    run_with(standard_pipes, true, write_pieces);
    run_with(standard_pipes, false, write_pieces);
    run_with(standard_socket, true, write_pieces);
    run_with(standard_files, true, write_pieces);
}

static int64_t send_a_file(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *out = standard_stream(standard, 1);
    char *bytes = bytes_new(MUCH);
    int file = temporary_file(0);
    assert_int_equal(write(file, bytes, MUCH), MUCH);
    bool is_file = standard->open == standard_files;
    size_t size = is_file ? MUCH : 50000; /* what there is room for */
    assert_int_equal(hoop_stream_sendfile(out, file, 0, size), size);
    if (is_file)
        assert_int_equal(lseek(standard->peers[1], 0, SEEK_SET), 0);
    peer_takes(standard->peers[1], 0, size);
    assert_int_equal(hoop_stream_close(out), 0);
    close(file);
    free(bytes);
    return 0;
}

static void a_file_is_sent_to_standard_output(void **state)
{
    (void)state;
    run_with(standard_pipes, true, send_a_file);
    run_with(standard_pipes, false, send_a_file);
    run_with(standard_socket, true, send_a_file);
    run_with(standard_files, true, send_a_file);
}

/* ---- errors ---- */

static int64_t use_the_wrong_end(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *in = standard_stream(standard, 0), *out = standard_stream(standard, 1);
    char byte;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop_stream_write(in, "x", 1), -EBADF);
        assert_int_equal(hoop_stream_read(out, &byte, 1), -EBADF);
    }
    assert_int_equal(hoop_stream_write_eof(out), -EOPNOTSUPP);
    talk(standard, in, out);
    assert_int_equal(hoop_stream_close(in), 0);
    assert_int_equal(hoop_stream_close(out), 0);
    return 0;
}

static void a_pipe_has_one_direction(void **state)
{
    (void)state;
    run_with(standard_pipes, true, use_the_wrong_end);
    run_with(standard_pipes, false, use_the_wrong_end);
}

static int64_t write_to_nobody(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *out = standard_stream(standard, 1);
    standard_hang_up(standard, 0);
    standard_hang_up(standard, 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hoop_stream_write(out, "x", 1), -EPIPE);
    (void)hoop_stream_close(out);
    return 0;
}

static void a_reader_that_is_gone_is_an_error_and_no_signal(void **state)
{
    (void)state;
    run_with(standard_pipes, true, write_to_nobody);
    run_with(standard_pipes, false, write_to_nobody);
    run_with(standard_socket, true, write_to_nobody);
}

static int64_t lose_the_reader_while_waiting(void *arg)
{
    struct standard *standard = arg;
    hoop_stream *out = standard_stream(standard, 1);
    char *sent = bytes_new(MUCH);
    hoop_task *task = start_waiting(write_all, &(struct transfer){out, sent, MUCH});
    standard_hang_up(standard, 0);
    standard_hang_up(standard, 1);
    assert_int_equal(hoop_await(task), -EPIPE);
    (void)hoop_stream_close(out);
    free(sent);
    return 0;
}

static void so_is_one_that_goes_while_a_writer_waits(void **state)
{
    (void)state;
    run_with(standard_pipes, true, lose_the_reader_while_waiting);
    run_with(standard_pipes, false, lose_the_reader_while_waiting);
    run_with(standard_socket, true, lose_the_reader_while_waiting);
}

/* A FIFO that nobody reads cannot be opened anew. */
static void standard_fifo(struct standard *standard)
{
    char folder[] = "/tmp/hoop-fifo-XXXXXX", path[64];
    standard_pipes(standard);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    close(standard->fds[1]);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    standard->fds[1] = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(reader >= 0 && standard->fds[1] >= 0);
    close(reader);
    unlink(path);
    rmdir(folder);
}

static void so_is_a_fifo_that_nobody_reads(void **state)
{
    (void)state;
    run_with(standard_fifo, true, write_to_nobody);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(lines_come_through_pipes),
        BEHAVIOUR(lines_come_through_pipes_that_are_not_opened_anew),
        BEHAVIOUR(lines_come_through_a_socket),
        BEHAVIOUR(lines_come_through_a_terminal_and_control_d_ends_them),
        BEHAVIOUR(through_one_that_is_not_opened_anew_too),
        BEHAVIOUR(a_terminals_own_side_is_not_mistaken_for_one),
        BEHAVIOUR(much_is_written_to_a_slow_reader),
        BEHAVIOUR(it_does_not_block_where_the_pipe_was_not_opened_anew),
        BEHAVIOUR(pieces_are_written_in_their_order),
        BEHAVIOUR(a_file_is_sent_to_standard_output),
        BEHAVIOUR(a_pipe_has_one_direction),
        BEHAVIOUR(a_reader_that_is_gone_is_an_error_and_no_signal),
        BEHAVIOUR(so_is_one_that_goes_while_a_writer_waits),
        BEHAVIOUR(so_is_a_fifo_that_nobody_reads),
    };
    return cmocka_run_group_tests_name("stdio", tests, NULL, NULL);
}
