/* SPDX-License-Identifier: MIT
 *
 * Reading a number of bytes exactly: through the stream's buffer, and past its limit straight
 * into the caller's memory, from where what came is put back if the rest does not.
 */
#include "stream_peer.h"

#include <hoop/timeout.h>

enum { SMALL_LIMIT = 16, LARGE = 300000 };

static const hoop_stream_options small = {.limit = SMALL_LIMIT};

IN_A_TASK(it_waits_for_the_last_byte)
{
    int peer;
    char buffer[8];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    hoop_task *task = start_waiting(read_all, &(struct transfer){stream, buffer, 8});
    for (int i = 0; i < 7; i++) {
        peer_sends(peer, &"abcdefg"[i], 1);
        let_others_wait();
        assert_false(hoop_task_is_done(task));
    }
    peer_says(peer, "h and more");
    assert_int_equal(hoop_await(task), 8);
    assert_memory_equal(buffer, "abcdefgh", 8);
    assert_reads(stream, " and more");
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(no_bytes_are_there_at_once)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    assert_int_equal(hoop_stream_readexactly(stream, NULL, 0), 0);
    peer_says(peer, "abc");
    close(peer);
    assert_int_equal(hoop_stream_readexactly(stream, NULL, 0), 0);
    assert_reads(stream, "abc");
    assert_at_end(stream);
    assert_int_equal(hoop_stream_readexactly(stream, NULL, 0), 0);
    assert_int_equal(hoop_stream_close(stream), 0);
}

/* SIZE bytes with a limit of SMALL_LIMIT, byte by byte, and what follows stays. */
static void read_bytewise(size_t size)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, &small);
    hoop_task *task = start_waiting(read_all, &(struct transfer){stream, buffer, size});
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = byte_at(i);
        assert_false(hoop_task_is_done(task));
        peer_sends(peer, &byte, 1);
        let_others_wait();
    }
    assert_int_equal(hoop_await(task), size);
    assert_bytes(buffer, size, 0);
    peer_says(peer, "rest");
    assert_reads(stream, "rest");
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(around_the_limit_it_makes_no_difference)
{
    read_bytewise(SMALL_LIMIT - 1);
    read_bytewise(SMALL_LIMIT);
    read_bytewise(SMALL_LIMIT + 1);
    read_bytewise(3 * SMALL_LIMIT);
}

/* The first bytes of a large one may be buffered already, or all of them. */
IN_A_TASK(a_large_one_begins_with_what_is_buffered)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, &small);
    peer_says(peer, "-0123456789abcdefghijklmnop");
    assert_reads(stream, "-");
    assert_int_equal(hoop_stream_readexactly(stream, buffer, 20), 20);
    assert_memory_equal(buffer, "0123456789abcdefghij", 20);
    assert_int_equal(hoop_stream_buffered(stream), 6);
    struct transfer transfer = {stream, buffer, 20};
    hoop_task *task = start_waiting(read_all, &transfer);
    peer_says(peer, "0123456789abcdefgh");
    assert_int_equal(hoop_await(task), 20);
    assert_memory_equal(buffer, "klmnop0123456789abcd", 20);
    assert_reads(stream, "efgh");
    stream_and_peer_end(stream, peer);
}

struct sending {
    int peer;
    const char *bytes;
    size_t size;
};

static int64_t send_slowly(void *arg)
{
    struct sending *sending = arg;
    for (size_t sent = 0; sent < sending->size;) {
        ssize_t more = write(sending->peer, sending->bytes + sent, sending->size - sent);
        sent += more > 0 ? (size_t)more : 0;
        let_one_iteration_pass();
    }
    return 0;
}

IN_A_TASK(much_more_than_the_limit_comes_whole)
{
    int peer;
    char *sent = bytes_new(LARGE), *buffer = malloc(LARGE);
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct sending sending = {peer, sent, LARGE};
    hoop_task *sender = hoop_create_task(send_slowly, &sending);
    assert_int_equal(hoop_stream_readexactly(stream, buffer, LARGE), LARGE);
    assert_bytes(buffer, LARGE, 0);
    assert_int_equal(hoop_stream_buffered(stream), 0);
    assert_int_equal(hoop_await(sender), 0);
    stream_and_peer_end(stream, peer);
    free(sent);
    free(buffer);
}

/* ---- the rest does not come ---- */

static void end_before(size_t size, const hoop_stream_options *options)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, options);
    peer_says(peer, "-12345678");
    close(peer);
    assert_reads(stream, "-");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hoop_stream_readexactly(stream, buffer, size), HOOP_EINCOMPLETE);
        assert_int_equal(hoop_stream_buffered(stream), 8);
        assert_false(hoop_stream_at_eof(stream));
    }
    assert_reads(stream, "12345678");
    assert_int_equal(hoop_stream_readexactly(stream, buffer, size), HOOP_EINCOMPLETE);
    assert_at_end(stream);
    assert_int_equal(hoop_stream_close(stream), 0);
}

IN_A_TASK(at_the_end_what_came_stays_to_be_read)
{
    end_before(9, NULL);
}

IN_A_TASK(at_the_end_what_came_of_a_large_one_is_put_back)
{
    end_before(SMALL_LIMIT + 1, &small);
    end_before(64, &small);
}

/* Cancels a read of SIZE bytes after some of them, and reads them all then. */
static void cancel_before(size_t size, const hoop_stream_options *options)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, options);
    peer_says(peer, "-123");
    assert_reads(stream, "-");
    hoop_task *task = start_waiting(read_all, &(struct transfer){stream, buffer, size});
    peer_says(peer, "456");
    let_others_wait();
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_int_equal(hoop_stream_buffered(stream), 6);
    peer_says(peer, "789");
    assert_reads(stream, "123456789");
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(a_cancelled_one_leaves_what_came)
{
    cancel_before(20, NULL);
}

IN_A_TASK(a_large_cancelled_one_leaves_what_came)
{
    cancel_before(20, &small);
}

static void time_out_before(size_t size, const hoop_stream_options *options)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, options);
    peer_says(peer, "1234567");
    for (int i = 0; i < 3; i++) {
        hoop_timeout timeout;
        assert_int_equal(hoop_timeout_enter(&timeout, 1), 0);
        int64_t rc = hoop_stream_readexactly(stream, buffer, size);
        assert_int_equal(hoop_timeout_exit(&timeout, rc), -ETIMEDOUT);
        assert_int_equal(hoop_stream_buffered(stream), 7 + i);
        peer_says(peer, "+");
    }
    assert_reads(stream, "1234567+++");
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(one_that_took_too_long_leaves_what_came)
{
    time_out_before(20, NULL);
    time_out_before(20, &small);
}

/* More than the loop's common buffer holds, several times over. */
IN_A_TASK(a_cancelled_one_puts_much_back)
{
    int peer;
    char *sent = bytes_new(LARGE), *buffer = malloc(LARGE + 1);
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct transfer transfer = {stream, buffer, LARGE + 1};
    hoop_task *reader = hoop_create_task(read_all, &transfer);
    send_slowly(&(struct sending){peer, sent, LARGE});
    let_others_wait();
    hoop_task_cancel(reader);
    assert_int_equal(hoop_await(reader), -ECANCELED);
    assert_int_equal(hoop_stream_buffered(stream), LARGE);
    memset(buffer, 0, LARGE);
    assert_int_equal(hoop_stream_readexactly(stream, buffer, LARGE), LARGE);
    assert_bytes(buffer, LARGE, 0);
    stream_and_peer_end(stream, peer);
    free(sent);
    free(buffer);
}

/* Without memory to put it back the stream must not go on as if nothing were missing. */
IN_A_TASK(what_cannot_be_put_back_breaks_the_stream)
{
    int peer;
    char buffer[64];
    hoop_stream *stream = stream_to_peer(&peer, &small);
    peer_says(peer, "12345");
    hoop_task *task = start_waiting(read_all, &(struct transfer){stream, buffer, 20});
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    hoop_task_cancel(task);
    int64_t rc = hoop_await(task);
    hoop_testing_fail_nth(0, 0);
    assert_true(rc == -ECANCELED || rc == -ENOMEM);
    peer_says(peer, "67890");
    for (int i = 0; i < 2; i++)
        assert_int_equal(hoop_stream_read(stream, buffer, sizeof buffer), -ENOMEM);
    stream_and_peer_end(stream, peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(it_waits_for_the_last_byte),
        BEHAVIOUR(no_bytes_are_there_at_once),
        BEHAVIOUR(around_the_limit_it_makes_no_difference),
        BEHAVIOUR(a_large_one_begins_with_what_is_buffered),
        BEHAVIOUR(much_more_than_the_limit_comes_whole),
        BEHAVIOUR(at_the_end_what_came_stays_to_be_read),
        BEHAVIOUR(at_the_end_what_came_of_a_large_one_is_put_back),
        BEHAVIOUR(a_cancelled_one_leaves_what_came),
        BEHAVIOUR(a_large_cancelled_one_leaves_what_came),
        BEHAVIOUR(one_that_took_too_long_leaves_what_came),
        BEHAVIOUR(a_cancelled_one_puts_much_back),
        BEHAVIOUR(what_cannot_be_put_back_breaks_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
