/* SPDX-License-Identifier: MIT
 *
 * Writing to a stream: what goes at once, what waits and how much of it, the order of several
 * writers, and a reader that is gone.
 */
#include "stream_peer.h"

enum { LARGE = 1000000, HIGH = 20000, LOW = 5000 };

static const hoop_stream_options marks = {.write_high = HIGH, .write_low = LOW};

/* ---- at once, or later ---- */

IN_A_TASK(a_small_write_goes_at_once)
{
    int peer;
    char heard[16];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    assert_int_equal(hoop_stream_write(stream, "hello", 5), 5);
    assert_int_equal(peer_receives(peer, heard, sizeof heard), 5);
    assert_memory_equal(heard, "hello", 5);
    assert_int_equal(hoop_stream_write(stream, NULL, 0), 0);
    assert_int_equal(hoop_stream_write_buffered(stream), 0);
    assert_int_equal(hoop_stream_bytes_written(stream), 5);
    stream_and_peer_end(stream, peer);
}

/* What the system does not take is copied, up to the high mark: so the caller's memory is its
 * own again. */
IN_A_TASK(a_rest_below_the_high_mark_is_sent_in_the_background)
{
    int peer;
    char bytes[1000];
    hoop_stream *stream = stream_to_peer(&peer, &marks);
    uint64_t written = fill_until_buffered(stream, 1);
    while (hoop_stream_write_buffered(stream) + sizeof bytes <= HIGH) {
        size_t before = hoop_stream_write_buffered(stream);
        fill_bytes(bytes, sizeof bytes, written);
        assert_int_equal(hoop_stream_write(stream, bytes, sizeof bytes), sizeof bytes);
        written += sizeof bytes;
        memset(bytes, 0, sizeof bytes);
        assert_int_equal(hoop_stream_write_buffered(stream), before + sizeof bytes);
        assert_int_equal(hoop_stream_bytes_written(stream), written);
    }
    peer_takes(peer, 0, written);
    assert_int_equal(hoop_stream_write_buffered(stream), 0);
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(above_the_high_mark_a_write_waits)
{
    int peer;
    char bytes[1000];
    hoop_stream *stream = stream_to_peer(&peer, &marks);
    uint64_t written = fill_until_buffered(stream, HIGH - 500);
    fill_bytes(bytes, sizeof bytes, written);
    struct transfer transfer = {stream, bytes, sizeof bytes};
    hoop_task *task = start_waiting(write_all, &transfer);
    assert_true(hoop_stream_write_buffered(stream) <= HIGH + 1000);
    peer_takes(peer, 0, written + sizeof bytes);
    assert_int_equal(hoop_await(task), sizeof bytes);
    assert_int_equal(hoop_stream_bytes_written(stream), written + sizeof bytes);
    stream_and_peer_end(stream, peer);
}

/* A write of a megabyte goes out of the writer's own memory. */
static void write_much(const hoop_stream_options *options, size_t high)
{
    int peer;
    char *sent = bytes_new(LARGE);
    hoop_stream *stream = stream_to_peer(&peer, options);
    struct transfer transfer = {stream, sent, LARGE};
    hoop_task *task = start_waiting(write_all, &transfer);
    static char bytes[7001];
    for (size_t position = 0; position < LARGE;) {
        assert_true(hoop_stream_write_buffered(stream) <= high);
        assert_true(hoop_stream_bytes_written(stream) <= LARGE);
        size_t received = peer_receives(peer, bytes, sizeof bytes);
        assert_bytes(bytes, received, position);
        position += received;
        let_others_wait();
    }
    assert_int_equal(hoop_await(task), LARGE);
    assert_int_equal(hoop_stream_bytes_written(stream), LARGE);
    stream_and_peer_end(stream, peer);
    free(sent);
}

IN_A_TASK(no_more_than_the_high_mark_waits_for_a_slow_reader)
{
    write_much(&marks, HIGH);
    write_much(NULL, HOOP_WRITE_HIGH_DEFAULT);
    write_much(&(hoop_stream_options){.write_high = 1, .write_low = 1}, 1);
}

/* ---- without waiting, and to drain ---- */

IN_A_TASK(a_drain_waits_from_the_high_mark_to_the_low_one)
{
    int peer;
    char bytes[500];
    hoop_stream *stream = stream_to_peer(&peer, &marks);
    assert_int_equal(hoop_stream_drain(stream), 0);
    uint64_t written = fill_until_buffered(stream, HIGH - 1000);
    assert_true(hoop_stream_write_buffered(stream) <= HIGH);
    assert_int_equal(hoop_stream_drain(stream), 0);
    while (hoop_stream_write_buffered(stream) <= 200000) {
        fill_bytes(bytes, sizeof bytes, written);
        assert_int_equal(hoop_stream_write_nowait(stream, bytes, sizeof bytes), sizeof bytes);
        written += sizeof bytes;
    }
    hoop_task *task = start_waiting(drain, stream);
    for (uint64_t position = 0; position < written;) {
        size_t received = peer_receives(peer, bytes, sizeof bytes);
        assert_bytes(bytes, received, position);
        position += received;
        let_others_wait();
        assert_int_equal(hoop_task_is_done(task), hoop_stream_write_buffered(stream) <= LOW);
    }
    assert_int_equal(hoop_await(task), 0);
    stream_and_peer_end(stream, peer);
}

/* Behind a write that leaves less than the high mark, but more than the low one. */
IN_A_TASK(a_drain_in_line_goes_on_when_the_low_mark_is_reached)
{
    int peer;
    char *sent = bytes_new(LARGE), bytes[500];
    const hoop_stream_options far = {.write_high = 100000, .write_low = 1000};
    hoop_stream *stream = stream_to_peer(&peer, &far);
    struct transfer transfer = {stream, sent, LARGE};
    hoop_task *writer = start_waiting(write_all, &transfer);
    hoop_task *task = start_waiting(drain, stream);
    for (uint64_t position = 0; position < LARGE;) {
        size_t received = peer_receives(peer, bytes, sizeof bytes);
        assert_bytes(bytes, received, position);
        position += received;
        let_others_wait();
        assert_int_equal(hoop_task_is_done(task),
                         hoop_task_is_done(writer) && hoop_stream_write_buffered(stream) <= 1000);
    }
    assert_int_equal(hoop_await(writer), LARGE);
    assert_int_equal(hoop_await(task), 0);
    stream_and_peer_end(stream, peer);
    free(sent);
}

IN_A_TASK(the_low_mark_is_a_quarter_of_the_high_one)
{
    int peer;
    char bytes[500];
    hoop_stream *stream = stream_to_peer(&peer, &(hoop_stream_options){.write_high = HIGH});
    (void)fill_until_buffered(stream, HIGH + 100000);
    hoop_task *task = start_waiting(drain, stream);
    size_t left = hoop_stream_write_buffered(stream);
    while (!hoop_task_is_done(task)) {
        assert_true(left > HIGH / 4);
        (void)peer_receives(peer, bytes, sizeof bytes);
        let_others_wait();
        left = hoop_stream_write_buffered(stream);
    }
    assert_true(left <= HIGH / 4);
    assert_int_equal(hoop_await(task), 0);
    hoop_stream_abort(stream);
    close(peer);
}

IN_A_TASK(without_waiting_nothing_overtakes_a_write_that_waits)
{
    int peer;
    char *sent = bytes_new(LARGE);
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct transfer transfer = {stream, sent, LARGE};
    hoop_task *task = start_waiting(write_all, &transfer);
    assert_int_equal(hoop_stream_write_nowait(stream, "x", 1), -EBUSY);
    assert_int_equal(hoop_stream_write_eof(stream), -EBUSY);
    peer_takes(peer, 0, LARGE);
    assert_int_equal(hoop_await(task), LARGE);
    assert_int_equal(hoop_stream_write_nowait(stream, "x", 1), 1);
    assert_int_equal(hoop_stream_write_nowait(stream, "", 0), 0);
    stream_and_peer_end(stream, peer);
    free(sent);
}

/* Only another one's write is in the way, as that is to go out in one piece. */
IN_A_TASK(one_may_write_without_waiting_while_another_one_drains)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, &marks);
    uint64_t written = fill_until_buffered(stream, HIGH + 1);
    hoop_task *task = start_waiting(drain, stream);
    char byte = (char)byte_at(written);
    assert_int_equal(hoop_stream_write_nowait(stream, &byte, 1), 1);
    peer_takes(peer, 0, written + 1);
    assert_int_equal(hoop_await(task), 0);
    stream_and_peer_end(stream, peer);
}

struct outside {
    hoop_stream *stream;
    int peer;
};

static int64_t open_for_outside(void *arg)
{
    struct outside *outside = arg;
    outside->stream = stream_to_peer(&outside->peer, NULL);
    return 0;
}

static void write_outside(void *arg)
{
    struct outside *outside = arg;
    assert_null(hoop_current_task());
    assert_int_equal(hoop_stream_write_nowait(outside->stream, "hello", 5), 5);
    assert_int_equal(hoop_stream_write_eof(outside->stream), 0);
    hoop_stop(hoop_running_loop());
}

static int64_t hear_what_was_written_outside(void *arg)
{
    struct outside *outside = arg;
    char heard[16];
    assert_int_equal(peer_receives(outside->peer, heard, sizeof heard), 5);
    assert_true(peer_is_at_end(outside->peer));
    stream_and_peer_end(outside->stream, outside->peer);
    return 0;
}

static void callbacks_may_write_without_waiting(void **state)
{
    (void)state;
    struct outside outside;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_run_until_complete(loop, open_for_outside, &outside), 0);
    hoop_call_soon(loop, write_outside, &outside);
    assert_int_equal(hoop_run_forever(loop), 0);
    assert_int_equal(hoop_run_until_complete(loop, hear_what_was_written_outside, &outside), 0);
    assert_int_equal(hoop_close(loop), 0);
}

/* ---- several writers ---- */

/* Each writer's bytes are in one piece, in the order of the calls, whatever their sizes. */
IN_A_TASK(several_writers_take_turns_and_are_not_mixed)
{
    enum { WRITERS = 12 };
    const size_t sizes[WRITERS] = {300000, 10,    200000, 1,    0,     70000,
                                   65536,  65537, 5,      1000, 90000, 3};
    int peer;
    hoop_task *tasks[WRITERS];
    struct transfer transfers[WRITERS];
    uint64_t total = 0;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    for (int i = 0; i < WRITERS; i++) {
        transfers[i] = (struct transfer){stream, malloc(sizes[i] + 1), sizes[i]};
        fill_bytes(transfers[i].bytes, sizes[i], total);
        total += sizes[i];
        tasks[i] = hoop_create_task(write_all, &transfers[i]);
    }
    let_others_wait();
    peer_takes(peer, 0, total);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(hoop_await(tasks[i]), sizes[i]);
        free(transfers[i].bytes);
    }
    assert_int_equal(hoop_stream_bytes_written(stream), total);
    stream_and_peer_end(stream, peer);
}

/* One in the middle of the line that gives up lets those behind it go on. */
IN_A_TASK(a_writer_that_is_cancelled_in_the_line_writes_nothing)
{
    int peer;
    char *sent = bytes_new(LARGE + 10);
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct transfer first = {stream, sent, LARGE}, second = {stream, sent, 50};
    struct transfer third = {stream, sent + LARGE, 10};
    hoop_task *tasks[3] = {start_waiting(write_all, &first), start_waiting(write_all, &second),
                           start_waiting(write_all, &third)};
    hoop_task_cancel(tasks[1]);
    assert_int_equal(hoop_await(tasks[1]), -ECANCELED);
    peer_takes(peer, 0, LARGE + 10);
    assert_int_equal(hoop_await(tasks[0]), LARGE);
    assert_int_equal(hoop_await(tasks[2]), 10);
    stream_and_peer_end(stream, peer);
    free(sent);
}

IN_A_TASK(a_cancelled_write_tells_how_much_was_taken)
{
    int peer;
    char *sent = bytes_new(LARGE);
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct transfer first = {stream, sent, LARGE};
    hoop_task *task = start_waiting(write_all, &first);
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    uint64_t taken = hoop_stream_bytes_written(stream);
    assert_true(taken > 0 && taken < LARGE);
    /* The rest follows: the other end cannot tell. */
    struct transfer rest = {stream, sent + taken, LARGE - (size_t)taken};
    task = start_waiting(write_all, &rest);
    peer_takes(peer, 0, LARGE);
    assert_int_equal(hoop_await(task), rest.size);
    stream_and_peer_end(stream, peer);
    free(sent);
}

/* ---- nobody reads any more ---- */

IN_A_TASK(a_peer_that_is_gone_is_an_error_each_time)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    close(peer);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hoop_stream_write(stream, "x", 1), -EPIPE);
        assert_int_equal(hoop_stream_write_nowait(stream, "x", 1), -EPIPE);
        assert_int_equal(hoop_stream_drain(stream), -EPIPE);
    }
    assert_int_equal(hoop_stream_bytes_written(stream), 0);
    assert_at_end(stream);
    (void)hoop_stream_close(stream);
}

IN_A_TASK(all_who_wait_hear_of_a_peer_that_is_gone)
{
    int peer;
    char *sent = bytes_new(LARGE), byte;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct transfer much = {stream, sent, LARGE}, reading = {stream, &byte, 1};
    hoop_task *tasks[] = {start_waiting(write_all, &much), start_waiting(write_all, &much),
                          start_waiting(drain, stream)};
    hoop_task *reader = start_waiting(read_some, &reading);
    close(peer);
    for (int i = 0; i < 3; i++) {
        int64_t rc = hoop_await(tasks[i]);
        assert_true(rc == -EPIPE || rc == -ECONNRESET);
    }
    int64_t rc = hoop_await(reader);
    assert_true(rc == 0 || rc == -ECONNRESET);
    assert_int_equal(hoop_stream_write_buffered(stream), 0);
    (void)hoop_stream_close(stream);
    free(sent);
}

IN_A_TASK(the_background_finds_out_for_the_next_write)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    (void)fill_until_buffered(stream, 100);
    close(peer);
    let_others_wait();
    assert_int_equal(hoop_stream_write_buffered(stream), 0); /* of no use to anybody */
    int64_t rc = hoop_stream_write(stream, "x", 1);
    assert_true(rc == -EPIPE || rc == -ECONNRESET);
    (void)hoop_stream_close(stream);
}

/* What came before the other end went is there to be read still. */
IN_A_TASK(a_write_that_fails_does_not_keep_from_reading)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "last words");
    close(peer);
    assert_int_equal(hoop_stream_write(stream, "x", 1), -EPIPE);
    assert_reads(stream, "last words");
    assert_at_end(stream);
    (void)hoop_stream_close(stream);
}

/* ---- no more is written ---- */

IN_A_TASK(each_direction_ends_on_its_own)
{
    hoop_stream *one, *other;
    assert_int_equal(hoop_stream_pair(NULL, &one, &other), 0);
    assert_int_equal(hoop_stream_write(one, "question", 8), 8);
    assert_int_equal(hoop_stream_write_eof(one), 0);
    assert_int_equal(hoop_stream_write_eof(one), 0);
    assert_int_equal(hoop_stream_write(one, "x", 1), -EPIPE);
    assert_int_equal(hoop_stream_write_nowait(one, "x", 1), -EPIPE);
    assert_int_equal(hoop_stream_drain(one), 0);
    assert_reads(other, "question");
    assert_at_end(other);
    assert_int_equal(hoop_stream_write(other, "answer", 6), 6);
    assert_int_equal(hoop_stream_write_eof(other), 0);
    assert_reads(one, "answer");
    assert_at_end(one);
    assert_int_equal(hoop_stream_close(one), 0);
    assert_int_equal(hoop_stream_close(other), 0);
}

IN_A_TASK(the_end_comes_after_all_that_was_written)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    uint64_t written = fill_until_buffered(stream, 500000);
    assert_int_equal(hoop_stream_write_eof(stream), 0);
    assert_int_equal(hoop_stream_write(stream, "x", 1), -EPIPE);
    assert_int_equal(hoop_stream_write_eof(stream), 0);
    peer_takes(peer, 0, written);
    let_others_wait();
    assert_true(peer_is_at_end(peer));
    peer_says(peer, "thanks");
    assert_reads(stream, "thanks");
    stream_and_peer_end(stream, peer);
}

static int64_t count_turns(void *arg)
{
    for (;;) {
        int rc = hoop_sleep(0);
        if (rc < 0)
            return rc;
        ++*(unsigned *)arg;
    }
}

IN_A_TASK(writing_what_goes_at_once_lets_others_run_now_and_then)
{
    int peer;
    unsigned turns = 0;
    char heard[16];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    hoop_task *other = hoop_create_task(count_turns, &turns);
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(hoop_stream_write(stream, "x", 1), 1);
        assert_int_equal(peer_receives(peer, heard, 1), 1);
    }
    assert_true(turns > 10);
    hoop_task_cancel(other);
    assert_int_equal(hoop_await(other), -ECANCELED);
    stream_and_peer_end(stream, peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_small_write_goes_at_once),
        BEHAVIOUR(a_rest_below_the_high_mark_is_sent_in_the_background),
        BEHAVIOUR(above_the_high_mark_a_write_waits),
        BEHAVIOUR(no_more_than_the_high_mark_waits_for_a_slow_reader),
        BEHAVIOUR(a_drain_waits_from_the_high_mark_to_the_low_one),
        BEHAVIOUR(a_drain_in_line_goes_on_when_the_low_mark_is_reached),
        BEHAVIOUR(the_low_mark_is_a_quarter_of_the_high_one),
        BEHAVIOUR(without_waiting_nothing_overtakes_a_write_that_waits),
        BEHAVIOUR(callbacks_may_write_without_waiting),
        BEHAVIOUR(several_writers_take_turns_and_are_not_mixed),
        BEHAVIOUR(a_writer_that_is_cancelled_in_the_line_writes_nothing),
        BEHAVIOUR(a_cancelled_write_tells_how_much_was_taken),
        BEHAVIOUR(a_peer_that_is_gone_is_an_error_each_time),
        BEHAVIOUR(all_who_wait_hear_of_a_peer_that_is_gone),
        BEHAVIOUR(the_background_finds_out_for_the_next_write),
        BEHAVIOUR(a_write_that_fails_does_not_keep_from_reading),
        BEHAVIOUR(each_direction_ends_on_its_own),
        BEHAVIOUR(the_end_comes_after_all_that_was_written),
        BEHAVIOUR(writing_what_goes_at_once_lets_others_run_now_and_then),
        BEHAVIOUR(one_may_write_without_waiting_while_another_one_drains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
