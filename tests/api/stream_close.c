/* SPDX-License-Identifier: MIT
 *
 * Closing streams: what waits to be sent is sent first, in the background if need be, but not for
 * ever; tasks that wait in a stream hear of it; and nothing outlives the loop.
 */
#include "stream_peer.h"

#include <fcntl.h>
#include <pthread.h>

enum { MUCH = 1000000 };

/* A stream with much that waits to be sent, all from the byte at 0 on; how many in all. */
static hoop_stream *full_stream(int *ret_peer, const hoop_stream_options *options,
                                uint64_t *ret_written)
{
    hoop_stream *stream = stream_to_peer(ret_peer, options);
    *ret_written = fill_until_buffered(stream, MUCH);
    return stream;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static double now(void)
{
    return hoop_time(hoop_running_loop());
}

/* ---- in order ---- */

IN_A_TASK(nothing_is_closed_without_complaint)
{
    assert_int_equal(hoop_stream_close(NULL), 0);
    hoop_stream_abort(NULL);
}

IN_A_TASK(a_stream_with_nothing_to_send_closes_at_once)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    int fd = hoop_stream_fd(stream);
    double before = now();
    assert_int_equal(hoop_stream_close(stream), 0);
    assert_false(is_open(fd));
    assert_true(now() == before);
    assert_true(peer_is_at_end(peer));
    close(peer);
}

IN_A_TASK(a_close_waits_until_all_is_sent)
{
    int peer;
    uint64_t written;
    hoop_stream *stream = full_stream(&peer, NULL, &written);
    int fd = hoop_stream_fd(stream);
    hoop_task *task = start_waiting(close_stream, stream);
    peer_takes(peer, 0, written / 2);
    assert_false(hoop_task_is_done(task));
    assert_true(is_open(fd));
    peer_takes(peer, written / 2, written);
    let_others_wait();
    assert_true(peer_is_at_end(peer));
    assert_false(is_open(fd));
    assert_int_equal(hoop_await(task), 0);
    close(peer);
}

IN_A_TASK(unread_bytes_do_not_keep_a_stream_open)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "nobody hears this");
    assert_reads(stream, "nobody");
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(after_a_half_close_the_rest_is_sent_too)
{
    int peer;
    uint64_t written;
    hoop_stream *stream = full_stream(&peer, NULL, &written);
    assert_int_equal(hoop_stream_write_eof(stream), 0);
    hoop_task *task = start_waiting(close_stream, stream);
    peer_takes(peer, 0, written);
    assert_int_equal(hoop_await(task), 0);
    assert_true(peer_is_at_end(peer));
    close(peer);
}

/* ---- cancelled ---- */

IN_A_TASK(a_cancelled_close_sends_all_in_the_background)
{
    int peer;
    uint64_t written;
    hoop_stream *stream = full_stream(&peer, NULL, &written);
    int fd = hoop_stream_fd(stream);
    hoop_task *task = start_waiting(close_stream, stream);
    hoop_task_cancel(task);
    let_one_iteration_pass();
    assert_true(hoop_task_is_done(task));
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_true(is_open(fd));
    peer_takes(peer, 0, written);
    let_others_wait();
    assert_true(peer_is_at_end(peer));
    assert_false(is_open(fd));
    close(peer);
}

static int64_t wait_and_close(void *stream)
{
    assert_int_equal(hoop_sleep(1000), -ECANCELED);
    double before = now();
    int rc = hoop_stream_close(stream);
    assert_true(now() == before);
    return rc;
}

IN_A_TASK(a_task_that_is_being_cancelled_closes_without_waiting)
{
    int peer;
    uint64_t written;
    hoop_stream *stream = full_stream(&peer, NULL, &written);
    hoop_task *task = start_waiting(wait_and_close, stream);
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    peer_takes(peer, 0, written);
    let_others_wait();
    assert_true(peer_is_at_end(peer));
    close(peer);

    stream = stream_to_peer(&peer, NULL);
    task = start_waiting(wait_and_close, stream);
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), 0); /* it need not wait */
    assert_true(peer_is_at_end(peer));
    close(peer);
}

/* ---- not for ever ---- */

static void close_for_nobody(const hoop_stream_options *options, double seconds)
{
    int peer;
    uint64_t written;
    hoop_stream *stream = full_stream(&peer, options, &written);
    int fd = hoop_stream_fd(stream);
    double begin = now();
    assert_int_equal(hoop_stream_close(stream), -ETIMEDOUT);
    assert_true(now() - begin > seconds - 1e-6 && now() - begin < seconds + 1e-6);
    assert_false(is_open(fd));
    close(peer);
}

IN_A_TASK(a_peer_that_never_reads_keeps_a_close_for_a_limited_time)
{
    close_for_nobody(NULL, 30);
    close_for_nobody(&(hoop_stream_options){.close_timeout = 5}, 5);
    close_for_nobody(&(hoop_stream_options){.close_timeout = 0.25}, 0.25);
}

IN_A_TASK(the_background_has_the_same_limit)
{
    int peer;
    uint64_t written;
    hoop_stream *stream = full_stream(&peer, &(hoop_stream_options){.close_timeout = 5}, &written);
    int fd = hoop_stream_fd(stream);
    hoop_task *task = hoop_create_task(close_stream, stream);
    let_one_iteration_pass();
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_int_equal(hoop_sleep(4.5), 0);
    assert_true(is_open(fd));
    assert_int_equal(hoop_sleep(1), 0);
    assert_false(is_open(fd));
    close(peer);
}

/* ---- at once ---- */

IN_A_TASK(an_abort_drops_what_waits)
{
    static char bytes[MUCH];
    int peer;
    uint64_t written;
    hoop_stream *stream = full_stream(&peer, NULL, &written);
    int fd = hoop_stream_fd(stream);
    size_t waited = hoop_stream_write_buffered(stream);
    hoop_stream_abort(stream);
    assert_false(is_open(fd));
    assert_int_equal(peer_receives(peer, bytes, sizeof bytes), written - waited);
    assert_bytes(bytes, (size_t)written - waited, 0);
    assert_true(peer_is_at_end(peer));
    close(peer);
}

/* ---- errors ---- */

IN_A_TASK(a_close_tells_that_the_peer_went_before_all_was_sent)
{
    int peer;
    uint64_t written;
    hoop_stream *stream = full_stream(&peer, NULL, &written);
    hoop_task *task = start_waiting(close_stream, stream);
    close(peer);
    int64_t rc = hoop_await(task);
    assert_true(rc == -EPIPE || rc == -ECONNRESET);

    stream = full_stream(&peer, NULL, &written);
    close(peer);
    let_others_wait(); /* the background finds out */
    rc = hoop_stream_close(stream);
    assert_true(rc == -EPIPE || rc == -ECONNRESET);
}

IN_A_TASK(a_peer_that_goes_when_all_was_sent_is_no_error)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    assert_int_equal(hoop_stream_write(stream, "all", 3), 3);
    close(peer);
    let_others_wait();
    assert_int_equal(hoop_stream_close(stream), 0);
}

/* ---- others wait in it ---- */

static int64_t read_large(void *stream)
{
    static char bytes[100000];
    return hoop_stream_readexactly(stream, bytes, sizeof bytes);
}

static int64_t read_line(void *stream)
{
    char bytes[100];
    return hoop_stream_readline(stream, bytes, sizeof bytes);
}

static int64_t look(void *stream)
{
    const void *data;
    return hoop_stream_peek(stream, 10, &data);
}

static int64_t look_until(void *stream)
{
    const void *data;
    return hoop_stream_peekuntil(stream, "\r\n", 2, &data);
}

/* Ends STREAM while readers and writers wait in it: each of them hears -EBADF. */
static void end_under(hoop_coroutine_fn reader, bool abort, bool are_ready)
{
    int peer;
    char *sent = bytes_new(MUCH);
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct transfer much = {stream, sent, MUCH};
    peer_says(peer, "abc");
    hoop_task *tasks[] = {start_waiting(reader, stream), start_waiting(write_all, &much),
                          start_waiting(write_all, &much), start_waiting(drain, stream)};
    if (are_ready) /* they were woken, and have not run yet */
        for (int i = 0; i < 4; i++)
            hoop_task_cancel(tasks[i]);
    if (abort)
        hoop_stream_abort(stream);
    else
        (void)hoop_stream_close(stream);
    for (int i = 0; i < 4; i++)
        assert_int_equal(hoop_await(tasks[i]), -EBADF);
    close(peer);
    free(sent);
}

IN_A_TASK(who_waits_in_a_stream_hears_that_it_is_closed)
{
    const hoop_coroutine_fn readers[] = {read_large, read_line, look, look_until};
    for (int i = 0; i < 4; i++)
        for (int way = 0; way < 4; way++)
            end_under(readers[i], way % 2 == 0, way / 2 == 0);
}

/* ---- outside of tasks ---- */

struct outside {
    hoop_stream *stream;
    int peer;
    uint64_t written;
};

static int64_t open_for_outside(void *arg)
{
    struct outside *outside = arg;
    outside->stream = full_stream(&outside->peer, NULL, &outside->written);
    return 0;
}

static void close_outside(void *arg)
{
    struct outside *outside = arg;
    assert_int_equal(hoop_stream_close(outside->stream), 0);
    hoop_stop(hoop_running_loop());
}

static int64_t hear_the_rest(void *arg)
{
    struct outside *outside = arg;
    peer_takes(outside->peer, 0, outside->written);
    let_others_wait();
    assert_true(peer_is_at_end(outside->peer));
    close(outside->peer);
    return 0;
}

static void a_callback_closes_without_waiting(void **state)
{
    (void)state;
    struct outside outside;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_run_until_complete(loop, open_for_outside, &outside), 0);
    hoop_call_soon(loop, close_outside, &outside);
    assert_int_equal(hoop_run_forever(loop), 0);
    assert_int_equal(hoop_run_until_complete(loop, hear_the_rest, &outside), 0);
    assert_int_equal(hoop_close(loop), 0);
}

/* ---- the end of the program ---- */

/* Another program: it reads one connection to its end, and then the other one. */
struct hearer {
    int fds[2];
    uint64_t heard[2];
    bool is_right;
};

static void *hear(void *arg)
{
    struct hearer *hearer = arg;
    static unsigned char bytes[20000];
    ssize_t size;
    hearer->is_right = true;
    for (int i = 0; i < 2; i++) {
        while ((size = read(hearer->fds[i], bytes, sizeof bytes)) > 0)
            for (ssize_t j = 0; j < size; j++)
                if (bytes[j] != byte_at(hearer->heard[i]++))
                    hearer->is_right = false;
        usleep(2000); /* time to end too early, if it were to */
    }
    close(hearer->fds[0]);
    close(hearer->fds[1]);
    return NULL;
}

struct program {
    struct hearer hearer;
    pthread_t thread;
    uint64_t written[2];
};

static int64_t leave_without_waiting(void *arg)
{
    struct program *program = arg;
    hoop_task_cancel(hoop_current_task());
    for (int i = 0; i < 2; i++) {
        int ends[2];
        hoop_stream *stream;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        assert_int_equal(hoop_stream_open(ends[0], NULL, &stream), 0);
        program->written[i] = fill_until_buffered(stream, MUCH);
        assert_int_equal(hoop_stream_close(stream), -ECANCELED);
        program->hearer.fds[i] = ends[1];
    }
    assert_int_equal(pthread_create(&program->thread, NULL, hear, &program->hearer), 0);
    return 5;
}

static void a_program_does_not_end_before_all_is_sent(void **state)
{
    (void)state;
    struct program program = {0};
    assert_int_equal(hoop_run(leave_without_waiting, &program), 5);
    assert_int_equal(pthread_join(program.thread, NULL), 0);
    assert_true(program.hearer.is_right);
    for (int i = 0; i < 2; i++)
        assert_int_equal(program.hearer.heard[i], program.written[i]);
}

/* ---- the end of the loop ---- */

struct left_over {
    hoop_stream *stream;
    int peer;
    hoop_coroutine_fn fn; /* what waits in the stream; NULL: nothing */
};

static int64_t leave_it(void *arg)
{
    struct left_over *left_over = arg;
    left_over->stream = stream_to_peer(&left_over->peer, NULL);
    peer_says(left_over->peer, "abcdef");
    assert_reads(left_over->stream, "abc");
    (void)fill_until_buffered(left_over->stream, MUCH);
    if (left_over->fn != NULL)
        hoop_task_detach(start_waiting(left_over->fn, left_over->stream));
    return 0;
}

/* Closes a loop with a stream in it: what was reported last, and how much. */
static struct reports close_over(hoop_coroutine_fn fn, bool debug)
{
    struct reports reports = {0};
    struct left_over left_over = {.fn = fn};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_set_debug(loop, debug);
    assert_int_equal(hoop_run_until_complete(loop, leave_it, &left_over), 0);
    assert_int_equal(hoop_close(loop), 0);
    static char bytes[MUCH];
    (void)peer_receives(left_over.peer, bytes, sizeof bytes);
    assert_true(peer_is_at_end(left_over.peer));
    close(left_over.peer);
    return reports;
}

static void a_stream_that_is_left_open_goes_with_the_loop(void **state)
{
    (void)state;
    assert_int_equal(close_over(NULL, false).count, 0);
    struct reports reports = close_over(NULL, true);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.message, "something is still open, but the loop is closed");
    assert_string_equal(reports.error_message, "a stream");
}

static void tasks_that_wait_in_a_stream_go_with_the_loop(void **state)
{
    (void)state;
    const hoop_coroutine_fn waiting[] = {read_large, read_line, look, drain};
    for (int i = 0; i < 4; i++) {
        struct reports reports = close_over(waiting[i], false);
        assert_int_equal(reports.count, 1);
        assert_string_equal(reports.message, "task was destroyed but it is pending");
        assert_int_equal(close_over(waiting[i], true).count, 2);
    }
}

/* Its program has let go of it: nobody is to blame. */
static void a_close_in_the_background_goes_with_the_loop(void **state)
{
    (void)state;
    struct reports reports = close_over(close_stream, true);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.message, "task was destroyed but it is pending");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(nothing_is_closed_without_complaint),
        BEHAVIOUR(a_stream_with_nothing_to_send_closes_at_once),
        BEHAVIOUR(a_close_waits_until_all_is_sent),
        BEHAVIOUR(unread_bytes_do_not_keep_a_stream_open),
        BEHAVIOUR(after_a_half_close_the_rest_is_sent_too),
        BEHAVIOUR(a_cancelled_close_sends_all_in_the_background),
        BEHAVIOUR(a_task_that_is_being_cancelled_closes_without_waiting),
        BEHAVIOUR(a_peer_that_never_reads_keeps_a_close_for_a_limited_time),
        BEHAVIOUR(the_background_has_the_same_limit),
        BEHAVIOUR(an_abort_drops_what_waits),
        BEHAVIOUR(a_close_tells_that_the_peer_went_before_all_was_sent),
        BEHAVIOUR(a_peer_that_goes_when_all_was_sent_is_no_error),
        BEHAVIOUR(who_waits_in_a_stream_hears_that_it_is_closed),
        BEHAVIOUR(a_callback_closes_without_waiting),
        BEHAVIOUR(a_program_does_not_end_before_all_is_sent),
        BEHAVIOUR(a_stream_that_is_left_open_goes_with_the_loop),
        BEHAVIOUR(tasks_that_wait_in_a_stream_go_with_the_loop),
        BEHAVIOUR(a_close_in_the_background_goes_with_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
