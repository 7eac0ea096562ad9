/* SPDX-License-Identifier: MIT
 *
 * Streams over descriptors of all kinds: what is taken, what is refused, and that a reader that is
 * gone is an error and not a signal.
 */
#include "stream_peer.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>

#include "child.h"

static hoop_stream *stream_over(int fd)
{
    hoop_stream *stream;
    assert_int_equal(hoop_stream_open(fd, NULL, &stream), 0);
    assert_int_equal(hoop_stream_fd(stream), fd);
    return stream;
}

static bool is_blocking(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

/* ---- pipes ---- */

static void open_streams_of_a_pipe(hoop_stream **ret_reader, hoop_stream **ret_writer)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *ret_reader = stream_over(ends[0]);
    *ret_writer = stream_over(ends[1]);
}

IN_A_TASK(bytes_go_through_a_pipe)
{
    hoop_stream *reader, *writer;
    open_streams_of_a_pipe(&reader, &writer);
    assert_int_equal(hoop_stream_write(writer, "hello\nworld", 11), 11);
    char line[16];
    assert_int_equal(hoop_stream_readline(reader, line, sizeof line), 6);
    assert_reads(reader, "world");
    assert_int_equal(hoop_stream_close(writer), 0);
    assert_at_end(reader);
    assert_int_equal(hoop_stream_close(reader), 0);
}

IN_A_TASK(much_more_than_a_pipe_holds_goes_through_it)
{
    enum { SIZE = 1000000 };
    hoop_stream *reader, *writer;
    open_streams_of_a_pipe(&reader, &writer);
    char *sent = bytes_new(SIZE), *received = malloc(SIZE);
    struct transfer transfer = {writer, sent, SIZE};
    hoop_task *task = hoop_create_task(write_all, &transfer);
    assert_int_equal(hoop_stream_readexactly(reader, received, SIZE), SIZE);
    assert_bytes(received, SIZE, 0);
    assert_int_equal(hoop_await(task), SIZE);
    assert_int_equal(hoop_stream_close(writer), 0);
    assert_at_end(reader);
    assert_int_equal(hoop_stream_close(reader), 0);
    free(sent);
    free(received);
}

IN_A_TASK(the_end_for_reading_cannot_be_written_to)
{
    hoop_stream *reader, *writer;
    open_streams_of_a_pipe(&reader, &writer);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop_stream_write(reader, "x", 1), -EBADF);
        assert_int_equal(hoop_stream_write_nowait(reader, "x", 1), -EBADF);
    }
    /* It is of use for the other direction still. */
    assert_int_equal(hoop_stream_write(writer, "abc", 3), 3);
    assert_reads(reader, "abc");
    assert_int_equal(hoop_stream_close(reader), 0);
    assert_int_equal(hoop_stream_close(writer), 0);
}

/* Not a wait for bytes that cannot come. */
static int64_t read_what_cannot_be_read(void *arg)
{
    hoop_stream *writer = arg;
    char byte;
    return hoop_stream_read(writer, &byte, 1);
}

IN_A_TASK(the_end_for_writing_cannot_be_read_from)
{
    hoop_stream *reader, *writer;
    open_streams_of_a_pipe(&reader, &writer);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hoop_wait_for(read_what_cannot_be_read, writer, 5), -EBADF);
    assert_int_equal(hoop_stream_write(writer, "abc", 3), 3);
    assert_reads(reader, "abc");
    assert_int_equal(hoop_stream_close(reader), 0);
    assert_int_equal(hoop_stream_close(writer), 0);
}

IN_A_TASK(a_pipe_has_no_half_close_and_no_addresses)
{
    hoop_stream *reader, *writer;
    hoop_address address;
    open_streams_of_a_pipe(&reader, &writer);
    assert_int_equal(hoop_stream_write_eof(writer), -EOPNOTSUPP);
    assert_int_equal(hoop_stream_local_address(writer, &address), -ENOTSOCK);
    assert_int_equal(hoop_stream_remote_address(writer, &address), -ENOTSOCK);
    assert_int_equal(hoop_stream_write(writer, "on", 2), 2);
    assert_reads(reader, "on");
    assert_int_equal(hoop_stream_close(reader), 0);
    assert_int_equal(hoop_stream_close(writer), 0);
}

/* ---- SIGPIPE ---- */

/* The reader of a pipe goes; each write of its writer is an error. */
static int64_t write_to_nobody(void *arg)
{
    (void)arg;
    hoop_stream *reader, *writer;
    open_streams_of_a_pipe(&reader, &writer);
    assert_int_equal(hoop_stream_close(reader), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hoop_stream_write(writer, "x", 1), -EPIPE);
        assert_int_equal(hoop_stream_write_nowait(writer, "x", 1), -EPIPE);
    }
    (void)hoop_stream_close(writer);
    hoop_stream *one, *other;
    assert_int_equal(hoop_stream_pair(NULL, &one, &other), 0);
    assert_int_equal(hoop_stream_close(other), 0);
    assert_int_equal(hoop_stream_write(one, "x", 1), -EPIPE);
    (void)hoop_stream_close(one);
    return 0;
}

static void write_to_nobody_by_default(void *arg)
{
    (void)arg;
    signal(SIGPIPE, SIG_DFL);
    if (hoop_run(write_to_nobody, NULL) != 0)
        _exit(3);
}

static void a_reader_that_is_gone_does_not_kill(void **state)
{
    (void)state;
    struct child child = child_run(write_to_nobody_by_default, NULL);
    assert_true(WIFEXITED(child.status));
    assert_int_equal(WEXITSTATUS(child.status), 0);
}

static volatile sig_atomic_t pipe_signals;

static void count_signal(int number)
{
    (void)number;
    pipe_signals++;
}

static void set_sigpipe(void (*handler)(int), struct sigaction *before)
{
    assert_int_equal(sigaction(SIGPIPE, &(struct sigaction){.sa_handler = handler}, before), 0);
}

static void the_programs_handler_of_sigpipe_stays_and_hears_nothing(void **state)
{
    (void)state;
    struct sigaction before, after;
    set_sigpipe(count_signal, &before);
    pipe_signals = 0;
    assert_int_equal(run_virtually(write_to_nobody, NULL), 0);
    assert_int_equal(pipe_signals, 0);
    assert_int_equal(sigaction(SIGPIPE, NULL, &after), 0);
    assert_ptr_equal(after.sa_handler, count_signal);
    raise(SIGPIPE); /* the program's own ones are not kept back */
    assert_int_equal(pipe_signals, 1);
    assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
}

/* One that the program has blocked, and that waits for it, is not taken away. */
static void a_sigpipe_that_was_pending_stays_pending(void **state)
{
    (void)state;
    struct sigaction before;
    sigset_t signals, old, pending, now;
    set_sigpipe(count_signal, &before);
    pipe_signals = 0;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &signals, &old), 0);
    raise(SIGPIPE);
    assert_int_equal(run_virtually(write_to_nobody, NULL), 0);
    sigpending(&pending);
    assert_true(sigismember(&pending, SIGPIPE));
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    assert_true(sigismember(&now, SIGPIPE));
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
    assert_int_equal(pipe_signals, 1);
    assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
}

/* ---- FIFOs, terminals, sockets ---- */

IN_A_TASK(bytes_go_through_a_fifo)
{
    char folder[] = "/tmp/hoop-fifo-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    hoop_stream *reader = stream_over(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    hoop_stream *writer = stream_over(open(path, O_WRONLY | O_CLOEXEC));
    assert_int_equal(hoop_stream_write(writer, "through", 7), 7);
    assert_reads(reader, "through");
    assert_int_equal(hoop_stream_close(writer), 0);
    assert_at_end(reader);
    writer = stream_over(open(path, O_WRONLY | O_CLOEXEC));
    assert_int_equal(hoop_stream_write(writer, "again", 5), 5);
    let_others_wait();
    assert_at_end(reader); /* once over, it stays over */
    assert_int_equal(hoop_stream_close(writer), 0);
    assert_int_equal(hoop_stream_close(reader), 0);
    unlink(path);
    rmdir(folder);
}

/* A terminal's two sides, raw: bytes go through as they are. */
static void open_terminal(int *ret_outer, int *ret_inner)
{
    int outer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(outer >= 0);
    assert_int_equal(grantpt(outer), 0);
    assert_int_equal(unlockpt(outer), 0);
    int inner = open(ptsname(outer), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(inner >= 0);
    struct termios mode;
    assert_int_equal(tcgetattr(inner, &mode), 0);
    cfmakeraw(&mode);
    assert_int_equal(tcsetattr(inner, TCSANOW, &mode), 0);
    *ret_outer = outer;
    *ret_inner = inner;
}

IN_A_TASK(bytes_go_through_a_terminal_both_ways)
{
    int outer_fd, inner_fd;
    char line[16];
    open_terminal(&outer_fd, &inner_fd);
    hoop_stream *outer = stream_over(outer_fd), *inner = stream_over(inner_fd);
    assert_int_equal(hoop_stream_write(outer, "command\n", 8), 8);
    assert_int_equal(hoop_stream_readline(inner, line, sizeof line), 8);
    assert_memory_equal(line, "command\n", 8);
    assert_int_equal(hoop_stream_write(inner, "result", 6), 6);
    assert_reads(outer, "result");
    assert_int_equal(hoop_stream_write_eof(inner), -EOPNOTSUPP);
    assert_int_equal(hoop_stream_close(inner), 0);
    assert_int_equal(hoop_stream_read(outer, line, 1), -EIO); /* how Linux says it */
    assert_int_equal(hoop_stream_close(outer), 0);
}

IN_A_TASK(much_goes_through_a_terminal)
{
    enum { SIZE = 100000 };
    int outer_fd, inner_fd;
    open_terminal(&outer_fd, &inner_fd);
    hoop_stream *outer = stream_over(outer_fd), *inner = stream_over(inner_fd);
    char *sent = bytes_new(SIZE), *received = malloc(SIZE);
    struct transfer transfer = {inner, sent, SIZE};
    hoop_task *task = hoop_create_task(write_all, &transfer);
    for (size_t had = 0; had < SIZE;) {
        int64_t more = hoop_stream_read(outer, received + had, SIZE - had);
        assert_true(more > 0);
        had += (size_t)more;
        let_one_iteration_pass();
    }
    assert_bytes(received, SIZE, 0);
    assert_int_equal(hoop_await(task), SIZE);
    assert_int_equal(hoop_stream_close(inner), 0);
    hoop_stream_abort(outer);
    free(sent);
    free(received);
}

IN_A_TASK(a_unix_sockets_options_are_none_of_tcps)
{
    int ends[2];
    hoop_stream *stream;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    hoop_stream_options options = {.keep_alive = true};
    assert_int_equal(hoop_stream_open(ends[0], &options, &stream), 0);
    assert_int_equal(hoop_stream_close(stream), 0);
    close(ends[1]);
}

/* ---- what is refused ---- */

IN_A_TASK(a_regular_file_is_refused_and_closed)
{
    hoop_stream *stream = NULL;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(hoop_stream_open(fd, NULL, &stream), -EPERM);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(hoop_stream_open(fd, NULL, &stream), -EPERM);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(hoop_stream_open(fd, NULL, &stream), -EPERM);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_null(stream);
}

IN_A_TASK(a_closed_number_is_refused)
{
    hoop_stream *stream = NULL;
    int fd = dup(0);
    close(fd);
    assert_int_equal(hoop_stream_open(fd, NULL, &stream), -EBADF);
    assert_int_equal(hoop_stream_open(-1, NULL, &stream), -EBADF);
    assert_null(stream);
}

IN_A_TASK(with_wrong_options_the_descriptor_is_closed_too)
{
    int ends[2];
    hoop_stream *stream = NULL;
    open_pair(ends);
    hoop_stream_options options = {.close_timeout = -1};
    assert_int_equal(hoop_stream_open(ends[0], &options, &stream), -EINVAL);
    assert_null(stream);
    assert_true(peer_is_at_end(ends[1]));
    close(ends[1]);
}

/* ---- blocking descriptors ---- */

IN_A_TASK(a_blocking_descriptor_does_not_block_any_more)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_true(is_blocking(ends[0]));
    hoop_stream *stream = stream_over(ends[0]);
    assert_false(is_blocking(ends[0]));
    assert_true(is_blocking(ends[1])); /* the other end is not ours */
    close(ends[1]);
    assert_int_equal(hoop_stream_close(stream), 0);

    assert_int_equal(pipe(ends), 0);
    hoop_stream *reader = stream_over(ends[0]), *writer = stream_over(ends[1]);
    assert_false(is_blocking(ends[0]));
    assert_false(is_blocking(ends[1]));
    assert_int_equal(hoop_stream_close(reader), 0);
    assert_int_equal(hoop_stream_close(writer), 0);
}

/* ---- TCP ---- */

static void open_tcp_pair(int ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends[0], (struct sockaddr *)&address, size), 0);
    ends[1] = accept(listener, NULL, NULL);
    assert_true(ends[1] >= 0);
    close(listener);
}

static int64_t talk_over_tcp(void *arg)
{
    (void)arg;
    int ends[2];
    open_tcp_pair(ends);
    hoop_stream *one = stream_over(ends[0]), *other = stream_over(ends[1]);
    hoop_address local, remote;
    assert_int_equal(hoop_stream_local_address(one, &local), 0);
    assert_int_equal(hoop_stream_remote_address(other, &remote), 0);
    assert_int_equal(local.size, remote.size);
    assert_memory_equal(local.storage, remote.storage, local.size);
    assert_int_equal(hoop_stream_write(one, "ping", 4), 4);
    assert_reads(other, "ping");
    assert_int_equal(hoop_stream_write_eof(one), 0);
    assert_at_end(other);
    assert_int_equal(hoop_stream_write(other, "pong", 4), 4);
    assert_int_equal(hoop_stream_close(other), 0);
    assert_reads(one, "pong");
    assert_at_end(one);
    assert_int_equal(hoop_stream_close(one), 0);
    return 0;
}

static void two_talk_over_tcp(void **state)
{
    (void)state;
    assert_int_equal(hoop_run(talk_over_tcp, NULL), 0);
}

static int64_t be_reset(void *arg)
{
    (void)arg;
    int ends[2];
    char buffer[8];
    open_tcp_pair(ends);
    hoop_stream *stream = stream_over(ends[0]);
    struct linger now = {.l_onoff = 1};
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(ends[1]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), -ECONNRESET);
    assert_false(hoop_stream_at_eof(stream));
    int64_t rc = hoop_stream_write(stream, "x", 1);
    assert_true(rc == -EPIPE || rc == -ECONNRESET);
    assert_int_equal(hoop_stream_write(stream, "x", 1), rc);
    (void)hoop_stream_close(stream);
    return 0;
}

static void a_reset_comes_again_each_time(void **state)
{
    (void)state;
    assert_int_equal(hoop_run(be_reset, NULL), 0);
}

static int get_option(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static void open_with_options(bool nagle, bool keep_alive)
{
    int ends[2];
    hoop_stream *stream;
    open_tcp_pair(ends);
    hoop_stream_options options = {.nagle = nagle, .keep_alive = keep_alive};
    assert_int_equal(hoop_stream_open(ends[0], &options, &stream), 0);
    assert_int_equal(get_option(ends[0], IPPROTO_TCP, 1 /* TCP_NODELAY */) != 0, !nagle);
    assert_int_equal(get_option(ends[0], SOL_SOCKET, SO_KEEPALIVE) != 0, keep_alive);
    assert_int_equal(hoop_stream_close(stream), 0);
    close(ends[1]);
}

IN_A_TASK(tcps_options_are_set_as_wanted)
{
    open_with_options(false, false);
    open_with_options(true, false);
    open_with_options(false, true);
    open_with_options(true, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(bytes_go_through_a_pipe),
        BEHAVIOUR(much_more_than_a_pipe_holds_goes_through_it),
        BEHAVIOUR(the_end_for_reading_cannot_be_written_to),
        BEHAVIOUR(a_pipe_has_no_half_close_and_no_addresses),
        BEHAVIOUR(a_reader_that_is_gone_does_not_kill),
        BEHAVIOUR(the_programs_handler_of_sigpipe_stays_and_hears_nothing),
        BEHAVIOUR(a_sigpipe_that_was_pending_stays_pending),
        BEHAVIOUR(bytes_go_through_a_fifo),
        BEHAVIOUR(bytes_go_through_a_terminal_both_ways),
        BEHAVIOUR(much_goes_through_a_terminal),
        BEHAVIOUR(a_unix_sockets_options_are_none_of_tcps),
        BEHAVIOUR(a_regular_file_is_refused_and_closed),
        BEHAVIOUR(a_closed_number_is_refused),
        BEHAVIOUR(with_wrong_options_the_descriptor_is_closed_too),
        BEHAVIOUR(a_blocking_descriptor_does_not_block_any_more),
        BEHAVIOUR(two_talk_over_tcp),
        BEHAVIOUR(a_reset_comes_again_each_time),
        BEHAVIOUR(tcps_options_are_set_as_wanted),
        BEHAVIOUR(the_end_for_writing_cannot_be_read_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
