/* SPDX-License-Identifier: MIT
 *
 * Reading some bytes of a stream, its end, and who may read.
 */
#include "reports.h"
#include "stderr_capture.h"
#include "stream_peer.h"

#include <math.h>

enum { LARGE = 200000 };

/* ---- bytes ---- */

IN_A_TASK(a_read_takes_what_is_there_and_no_more_than_asked)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "hello");
    assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), 5);
    assert_memory_equal(buffer, "hello", 5);
    peer_says(peer, "again");
    assert_int_equal(hoop_stream_read(stream, buffer, 2), 2);
    assert_memory_equal(buffer, "ag", 2);
    assert_int_equal(hoop_stream_buffered(stream), 3);
    assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), 3);
    assert_memory_equal(buffer, "ain", 3);
    assert_int_equal(hoop_stream_buffered(stream), 0);
    assert_int_equal(hoop_stream_bytes_read(stream), 10);
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(a_read_waits_for_the_first_byte)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    hoop_task *task = start_waiting(read_some, &(struct transfer){stream, buffer, sizeof buffer});
    peer_says(peer, "late");
    assert_int_equal(hoop_await(task), 4);
    assert_memory_equal(buffer, "late", 4);
    stream_and_peer_end(stream, peer);
}

/* All that comes, in reads of SIZE, until the end. */
static void read_in_pieces_of(size_t size)
{
    int peer;
    char *sent = bytes_new(LARGE), *buffer = malloc(size);
    assert_non_null(buffer);
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    size_t position = 0, written = 0;
    while (position < LARGE) {
        ssize_t more = write(peer, sent + written, LARGE - written);
        written += more > 0 ? (size_t)more : 0;
        int64_t received = hoop_stream_read(stream, buffer, size);
        assert_true(received > 0 && (size_t)received <= size);
        assert_bytes(buffer, (size_t)received, position);
        position += (size_t)received;
        assert_int_equal(hoop_stream_bytes_read(stream), position + hoop_stream_buffered(stream));
    }
    assert_int_equal(position, LARGE);
    stream_and_peer_end(stream, peer);
    free(sent);
    free(buffer);
}

IN_A_TASK(small_reads_take_a_long_text_apart_in_order)
{
    read_in_pieces_of(1000);
}

IN_A_TASK(reads_at_the_edge_of_large_ones_take_a_long_text_apart_in_order)
{
    read_in_pieces_of(16383);
    read_in_pieces_of(16384);
}

IN_A_TASK(large_reads_take_a_long_text_apart_in_order)
{
    read_in_pieces_of(65536);
    read_in_pieces_of(LARGE);
}

/* What a small read has left over comes before what a large one would receive. */
IN_A_TASK(a_large_read_takes_first_what_is_buffered)
{
    static char buffer[32768];
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "abcdef");
    assert_int_equal(hoop_stream_read(stream, buffer, 2), 2);
    peer_says(peer, "ghi");
    assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), 4);
    assert_memory_equal(buffer, "cdef", 4);
    assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), 3);
    assert_memory_equal(buffer, "ghi", 3);
    stream_and_peer_end(stream, peer);
}

/* A large read goes past the stream's buffer. */
IN_A_TASK(a_large_read_leaves_nothing_buffered)
{
    static char buffer[32768];
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "abcdef");
    assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), 6);
    char *sent = bytes_new(60000);
    peer_sends(peer, sent, 60000);
    assert_int_equal(hoop_stream_read(stream, buffer, 20000), 20000);
    assert_bytes(buffer, 20000, 0);
    assert_int_equal(hoop_stream_buffered(stream), 0);
    stream_and_peer_end(stream, peer);
    free(sent);
}

/* An idle stream costs its own memory and no more. */
IN_A_TASK(an_idle_stream_keeps_no_buffer)
{
    int peer;
    char buffer[8];
    hoop_stream *warm = stream_to_peer(&peer, NULL);
    peer_says(peer, "x");
    assert_int_equal(hoop_stream_read(warm, buffer, 1), 1); /* the loop's one buffer is there */
    stream_and_peer_end(warm, peer);

    size_t before = hoop_testing_live_allocations();
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    size_t opened = hoop_testing_live_allocations();
    assert_int_equal(opened, before + 1);
    peer_says(peer, "some");
    assert_int_equal(hoop_stream_read(stream, buffer, 2), 2);
    assert_int_equal(hoop_testing_live_allocations(), opened + 1); /* for what is left */
    assert_int_equal(hoop_stream_read(stream, buffer, 2), 2);
    assert_int_equal(hoop_testing_live_allocations(), opened);
    stream_and_peer_end(stream, peer);
}

/* ---- the end ---- */

IN_A_TASK(the_end_comes_after_the_last_bytes_and_again_each_time)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "bye");
    close(peer);
    assert_int_equal(hoop_stream_read(stream, buffer, 2), 2);
    assert_false(hoop_stream_at_eof(stream));
    assert_int_equal(hoop_stream_read(stream, buffer + 2, 8), 1);
    assert_memory_equal(buffer, "bye", 3);
    for (int i = 0; i < 3; i++)
        assert_at_end(stream);
    assert_int_equal(hoop_stream_close(stream), 0);
}

IN_A_TASK(the_end_comes_after_the_last_bytes_of_large_reads_too)
{
    static char buffer[32768];
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "bye");
    close(peer);
    assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), 3);
    assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), 0);
    assert_true(hoop_stream_at_eof(stream));
    assert_int_equal(hoop_stream_close(stream), 0);
}

IN_A_TASK(a_waiting_read_hears_of_the_end)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    hoop_task *task = start_waiting(read_some, &(struct transfer){stream, buffer, sizeof buffer});
    assert_false(hoop_stream_at_eof(stream));
    close(peer);
    assert_int_equal(hoop_await(task), 0);
    assert_true(hoop_stream_at_eof(stream));
    assert_int_equal(hoop_stream_close(stream), 0);
}

/* The flag of a short read is down when the end comes, and nothing else will. */
IN_A_TASK(the_end_alone_is_heard_after_a_short_read)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "abc");
    assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), 3);
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    assert_at_end(stream);
    stream_and_peer_end(stream, peer);
}

/* ---- who may read ---- */

IN_A_TASK(a_second_reader_is_busy_and_the_first_one_goes_on)
{
    int peer;
    char buffer[64], other[64];
    const void *data;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    hoop_task *task = start_waiting(read_some, &(struct transfer){stream, buffer, sizeof buffer});
    assert_int_equal(hoop_stream_read(stream, other, sizeof other), -EBUSY);
    assert_int_equal(hoop_stream_read(stream, other, 1), -EBUSY);
    assert_int_equal(hoop_stream_readexactly(stream, other, 1), -EBUSY);
    assert_int_equal(hoop_stream_readline(stream, other, 1), -EBUSY);
    assert_int_equal(hoop_stream_readuntil(stream, "x", 1, other, 1), -EBUSY);
    assert_int_equal(hoop_stream_peek(stream, 1, &data), -EBUSY);
    assert_int_equal(hoop_stream_peekuntil(stream, "x", 1, &data), -EBUSY);
    peer_says(peer, "first");
    assert_int_equal(hoop_await(task), 5);
    assert_int_equal(hoop_stream_buffered(stream), 0);
    stream_and_peer_end(stream, peer);
}

/* Between what woke it and its turn it is the reader still. */
IN_A_TASK(a_reader_that_was_woken_is_not_overtaken)
{
    int peer;
    char buffer[64], other[64];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct transfer first = {stream, buffer, sizeof buffer};
    struct transfer second = {stream, other, sizeof other};
    hoop_task *reader = start_waiting(read_some, &first);
    hoop_task *thief = hoop_create_task(read_some, &second);
    peer_says(peer, "mine");
    assert_int_equal(hoop_await(thief), -EBUSY);
    assert_int_equal(hoop_await(reader), 4);
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(one_task_reads_while_another_writes)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    hoop_task *task = start_waiting(read_some, &(struct transfer){stream, buffer, sizeof buffer});
    assert_int_equal(hoop_stream_write(stream, "question", 8), 8);
    char heard[16];
    assert_int_equal(peer_receives(peer, heard, sizeof heard), 8);
    peer_says(peer, "answer");
    assert_int_equal(hoop_await(task), 6);
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(a_read_of_no_bytes_is_refused)
{
    int peer;
    char byte;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    assert_int_equal(hoop_stream_read(stream, &byte, 0), -EINVAL);
    stream_and_peer_end(stream, peer);
}

/* ---- outside of tasks, in other loops ---- */

struct outsider {
    hoop_stream *stream;
    int peer;
};

static int64_t open_one(void *arg)
{
    struct outsider *outsider = arg;
    outsider->stream = stream_to_peer(&outsider->peer, NULL);
    peer_says(outsider->peer, "abc");
    return 0;
}

static int64_t call_from_elsewhere(void *arg)
{
    hoop_stream *stream = ((struct outsider *)arg)->stream;
    char buffer[8];
    const void *data;
    assert_int_equal(hoop_stream_read(stream, buffer, 1), HOOP_EOTHERLOOP);
    assert_int_equal(hoop_stream_readexactly(stream, buffer, 1), HOOP_EOTHERLOOP);
    assert_int_equal(hoop_stream_readline(stream, buffer, 1), HOOP_EOTHERLOOP);
    assert_int_equal(hoop_stream_peek(stream, 1, &data), HOOP_EOTHERLOOP);
    assert_int_equal(hoop_stream_write(stream, buffer, 1), HOOP_EOTHERLOOP);
    assert_int_equal(hoop_stream_drain(stream), HOOP_EOTHERLOOP);
    return 0;
}

static int64_t read_it_here(void *arg)
{
    struct outsider *outsider = arg;
    assert_reads(outsider->stream, "abc");
    stream_and_peer_end(outsider->stream, outsider->peer);
    return 0;
}

static void a_stream_is_its_own_loops(void **state)
{
    (void)state;
    struct outsider outsider;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_run_until_complete(loop, open_one, &outsider), 0);
    assert_int_equal(run_virtually(call_from_elsewhere, &outsider), 0);
    assert_int_equal(hoop_run_until_complete(loop, read_it_here, &outsider), 0);
    assert_int_equal(hoop_close(loop), 0);
}

static void call_outside_of_a_task(void *arg)
{
    struct outsider *outsider = arg;
    char buffer[8];
    const void *data;
    open_one(arg);
    assert_int_equal(hoop_stream_read(outsider->stream, buffer, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_stream_readexactly(outsider->stream, buffer, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_stream_readline(outsider->stream, buffer, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_stream_readuntil(outsider->stream, "x", 1, buffer, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_stream_peek(outsider->stream, 1, &data), HOOP_ENOTASK);
    assert_int_equal(hoop_stream_peekuntil(outsider->stream, "x", 1, &data), HOOP_ENOTASK);
    assert_int_equal(hoop_stream_write(outsider->stream, buffer, 1), HOOP_ENOTASK);
    assert_int_equal(hoop_stream_writev(outsider->stream, NULL, 0), HOOP_ENOTASK);
    assert_int_equal(hoop_stream_drain(outsider->stream), HOOP_ENOTASK);
    hoop_stop(hoop_running_loop());
}

static void what_may_suspend_needs_a_task(void **state)
{
    (void)state;
    struct outsider outsider;
    hoop_loop *loop = virtual_loop();
    hoop_call_soon(loop, call_outside_of_a_task, &outsider);
    assert_int_equal(hoop_run_forever(loop), 0);
    assert_int_equal(hoop_run_until_complete(loop, read_it_here, &outsider), 0);
    assert_int_equal(hoop_close(loop), 0);
}

static void a_stream_needs_a_loop_that_runs(void **state)
{
    (void)state;
    int ends[2];
    hoop_stream *stream = NULL, *other = NULL;
    open_pair(ends);
    assert_int_equal(hoop_stream_open(ends[0], NULL, &stream), HOOP_ENOLOOP);
    assert_true(peer_is_at_end(ends[1])); /* the descriptor was taken over all the same */
    assert_int_equal(hoop_stream_pair(NULL, &stream, &other), HOOP_ENOLOOP);
    assert_null(stream);
    assert_null(other);
    close(ends[1]);
}

/* Each read is an await: reading what is there does not keep others out for ever. */
static int64_t count_turns(void *arg)
{
    for (;;) {
        int rc = hoop_sleep(0);
        if (rc < 0)
            return rc;
        ++*(unsigned *)arg;
    }
}

IN_A_TASK(reading_what_is_there_lets_others_run_now_and_then)
{
    int peer;
    unsigned turns = 0;
    char *sent = bytes_new(20000), byte;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_sends(peer, sent, 20000);
    hoop_task *other = hoop_create_task(count_turns, &turns);
    let_one_iteration_pass();
    let_one_iteration_pass();
    unsigned before = turns;
    for (int i = 0; i < 20000; i++)
        assert_int_equal(hoop_stream_read(stream, &byte, 1), 1);
    assert_true(turns > before + 10);
    hoop_task_cancel(other);
    assert_int_equal(hoop_await(other), -ECANCELED);
    stream_and_peer_end(stream, peer);
    free(sent);
}

IN_A_TASK(options_out_of_range_are_refused)
{
    hoop_stream *one = NULL, *other = NULL;
    const hoop_stream_options wrong[] = {
        {.write_high = 10, .write_low = 11},
        {.close_timeout = -1},
        {.close_timeout = NAN},
        {.tls_timeout = -1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(hoop_stream_pair(&wrong[i], &one, &other), -EINVAL);
        assert_null(one);
        assert_null(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_read_takes_what_is_there_and_no_more_than_asked),
        BEHAVIOUR(a_read_waits_for_the_first_byte),
        BEHAVIOUR(small_reads_take_a_long_text_apart_in_order),
        BEHAVIOUR(reads_at_the_edge_of_large_ones_take_a_long_text_apart_in_order),
        BEHAVIOUR(large_reads_take_a_long_text_apart_in_order),
        BEHAVIOUR(a_large_read_takes_first_what_is_buffered),
        BEHAVIOUR(a_large_read_leaves_nothing_buffered),
        BEHAVIOUR(an_idle_stream_keeps_no_buffer),
        BEHAVIOUR(the_end_comes_after_the_last_bytes_and_again_each_time),
        BEHAVIOUR(the_end_comes_after_the_last_bytes_of_large_reads_too),
        BEHAVIOUR(a_waiting_read_hears_of_the_end),
        BEHAVIOUR(the_end_alone_is_heard_after_a_short_read),
        BEHAVIOUR(a_second_reader_is_busy_and_the_first_one_goes_on),
        BEHAVIOUR(a_reader_that_was_woken_is_not_overtaken),
        BEHAVIOUR(one_task_reads_while_another_writes),
        BEHAVIOUR(a_read_of_no_bytes_is_refused),
        BEHAVIOUR(a_stream_is_its_own_loops),
        BEHAVIOUR(what_may_suspend_needs_a_task),
        BEHAVIOUR(a_stream_needs_a_loop_that_runs),
        BEHAVIOUR(reading_what_is_there_lets_others_run_now_and_then),
        BEHAVIOUR(options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
