/* SPDX-License-Identifier: MIT
 *
 * Cancelling what waits in a stream, at any moment: nothing is lost and nothing comes twice.
 */
#include "stream_peer.h"

#include <hoop/timeout.h>

/* ---- each await ---- */

static int64_t read_eight(void *stream)
{
    char bytes[8];
    return hoop_stream_read(stream, bytes, sizeof bytes);
}

static int64_t read_large(void *stream)
{
    static char bytes[32768];
    return hoop_stream_read(stream, bytes, sizeof bytes);
}

static int64_t read_exactly(void *stream)
{
    char bytes[10];
    return hoop_stream_readexactly(stream, bytes, sizeof bytes);
}

static int64_t read_exactly_over_the_limit(void *stream)
{
    char bytes[100];
    return hoop_stream_readexactly(stream, bytes, sizeof bytes);
}

static int64_t read_line(void *stream)
{
    char bytes[100];
    return hoop_stream_readline(stream, bytes, sizeof bytes);
}

static int64_t read_until(void *stream)
{
    char bytes[100];
    return hoop_stream_readuntil(stream, "--", 2, bytes, sizeof bytes);
}

static int64_t look(void *stream)
{
    const void *data;
    return hoop_stream_peek(stream, 10, &data);
}

static int64_t look_until(void *stream)
{
    const void *data;
    return hoop_stream_peekuntil(stream, "--", 2, &data);
}

static const hoop_coroutine_fn whole_reads[] = {
    read_exactly, read_exactly_over_the_limit, read_line, read_until, look, look_until,
};
enum { WHOLE_READS = sizeof whole_reads / sizeof *whole_reads };

static const hoop_stream_options limited = {.limit = 50};

IN_A_TASK(each_read_can_be_cancelled_and_leaves_what_came)
{
    for (int i = 0; i < WHOLE_READS; i++) {
        int peer;
        hoop_stream *stream = stream_to_peer(&peer, &limited);
        peer_says(peer, "abc");
        hoop_task *task = start_waiting(whole_reads[i], stream);
        peer_says(peer, "def-");
        let_others_wait();
        hoop_task_cancel(task);
        assert_int_equal(hoop_await(task), -ECANCELED);
        assert_reads(stream, "abcdef-");
        stream_and_peer_end(stream, peer);
    }
}

IN_A_TASK(a_read_of_what_does_not_come_can_be_cancelled)
{
    const hoop_coroutine_fn reads[] = {read_eight, read_large};
    for (int i = 0; i < 2; i++) {
        int peer;
        hoop_stream *stream = stream_to_peer(&peer, NULL);
        hoop_task *task = start_waiting(reads[i], stream);
        hoop_task_cancel(task);
        assert_int_equal(hoop_await(task), -ECANCELED);
        peer_says(peer, "abc");
        assert_reads(stream, "abc");
        stream_and_peer_end(stream, peer);
    }
}

/* It was cancelled before it had its turn, but after the bytes had come: it reads them, or
 * leaves them. */
IN_A_TASK(a_cancellation_that_comes_with_the_bytes_loses_none)
{
    for (int early = 0; early < 2; early++) {
        int peer;
        char bytes[8];
        hoop_stream *stream = stream_to_peer(&peer, NULL);
        struct transfer transfer = {stream, bytes, sizeof bytes};
        hoop_task *task = start_waiting(read_some, &transfer);
        if (early)
            hoop_task_cancel(task);
        peer_says(peer, "abc");
        usleep(100); /* long enough for the loop to ask the kernel in the next iteration */
        let_one_iteration_pass();
        hoop_task_cancel(task);
        int64_t rc = hoop_await(task);
        if (rc == -ECANCELED)
            assert_reads(stream, "abc");
        else
            assert_int_equal(rc, 3);
        assert_int_equal(hoop_stream_buffered(stream), 0);
        assert_int_equal(hoop_stream_bytes_read(stream), 3);
        stream_and_peer_end(stream, peer);
    }
}

static int64_t read_while_cancelled(void *arg)
{
    struct transfer *transfer = arg;
    hoop_task_cancel(hoop_current_task());
    assert_int_equal(hoop_stream_read(transfer->stream, transfer->bytes, 2), 2);
    assert_int_equal(hoop_stream_write(transfer->stream, "x", 1), 1);
    assert_int_equal(hoop_stream_drain(transfer->stream), 0);
    assert_int_equal(hoop_stream_readexactly(transfer->stream, transfer->bytes, 2), -ECANCELED);
    assert_int_equal(hoop_stream_read(transfer->stream, transfer->bytes, 2), 1);
    return hoop_stream_read(transfer->stream, transfer->bytes, 2);
}

IN_A_TASK(a_cancelled_task_gets_what_it_need_not_wait_for)
{
    int peer;
    char bytes[8];
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct transfer transfer = {stream, bytes, sizeof bytes};
    peer_says(peer, "-abc");
    assert_reads(stream, "-");
    hoop_task *task = hoop_create_task(read_while_cancelled, &transfer);
    assert_int_equal(hoop_await(task), -ECANCELED);
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(each_await_can_take_too_long)
{
    for (int i = 0; i < WHOLE_READS; i++) {
        int peer;
        hoop_stream *stream = stream_to_peer(&peer, &limited);
        peer_says(peer, "abc");
        double before = hoop_time(hoop_running_loop());
        assert_int_equal(hoop_wait_for(whole_reads[i], stream, 2), -ETIMEDOUT);
        assert_int_equal(hoop_wait_for(whole_reads[i], stream, 0), -ETIMEDOUT);
        assert_true(hoop_time(hoop_running_loop()) == before + 2);
        (void)fill_until_buffered(stream, 100000);
        assert_int_equal(hoop_wait_for(drain, stream, 2), -ETIMEDOUT);
        assert_reads(stream, "abc");
        hoop_stream_abort(stream);
        close(peer);
    }
}

/* ---- a long transfer ---- */

enum { LENGTH = 1000000 };

struct trip {
    hoop_stream *one, *other;
    uint64_t random;
    uint64_t sent; /* what of the bytes has been taken by `one`, as far as its writer knows */
    unsigned cancelled;
    hoop_task *writer, *reader;
    bool is_over;
};

static size_t random_below(struct trip *trip, size_t limit)
{
    return (size_t)(hoop_testing_random(&trip->random) % limit);
}

/* Goes on after a cancellation, which is counted. */
static bool go_on(struct trip *trip, int64_t rc)
{
    if (rc != -ECANCELED)
        return false;
    trip->cancelled++;
    while (hoop_task_cancelling(hoop_current_task()) > 0)
        hoop_task_uncancel(hoop_current_task());
    return true;
}

static int64_t write_trip(void *arg)
{
    struct trip *trip = arg;
    static char bytes[100000];
    while (trip->sent < LENGTH) {
        size_t size = 1 + random_below(trip, random_below(trip, 4) == 0 ? sizeof bytes : 2000);
        if (size > LENGTH - trip->sent)
            size = (size_t)(LENGTH - trip->sent);
        fill_bytes(bytes, size, trip->sent);
        int64_t rc = hoop_stream_write(trip->one, bytes, size);
        if (!go_on(trip, rc))
            assert_int_equal(rc, size);
        trip->sent = hoop_stream_bytes_written(trip->one);
    }
    return hoop_stream_write_eof(trip->one);
}

/* One read of some kind: how many bytes of those at BYTES it has taken. */
static int64_t read_somehow(struct trip *trip, char *bytes, size_t size)
{
    const void *data;
    int64_t rc;
    const size_t room = size;
    size = 1 + random_below(trip, random_below(trip, 4) == 0 ? room : 500);
    switch (random_below(trip, 6)) {
    case 0:
        return hoop_stream_readexactly(trip->other, bytes, size);
    case 1:
        return hoop_stream_readline(trip->other, bytes, size);
    case 2:
        return hoop_stream_readuntil(trip->other, "\x55\xaa", 2, bytes, size);
    case 3:
        rc = hoop_stream_peek(trip->other, 1 + size % 1000, &data);
        if (rc <= 0)
            return rc;
        size = random_below(trip, (size_t)rc < room ? (size_t)rc + 1 : room);
        memcpy(bytes, data, size);
        hoop_stream_consume(trip->other, size);
        return (int64_t)size;
    default:
        return hoop_stream_read(trip->other, bytes, size);
    }
}

static int64_t read_trip(void *arg)
{
    struct trip *trip = arg;
    static char bytes[100000];
    uint64_t position = 0;
    while (!hoop_stream_at_eof(trip->other)) {
        int64_t rc = read_somehow(trip, bytes, sizeof bytes);
        if (rc == HOOP_EINCOMPLETE || rc == HOOP_ELIMIT)
            rc = hoop_stream_read(trip->other, bytes, 100);
        if (go_on(trip, rc))
            continue;
        assert_true(rc >= 0);
        assert_bytes(bytes, (size_t)rc, position);
        position += (uint64_t)rc;
        assert_int_equal(hoop_stream_bytes_read(trip->other),
                         position + hoop_stream_buffered(trip->other));
        assert_true(hoop_stream_buffered(trip->other) <= 4 * 65536);
        assert_true(hoop_stream_write_buffered(trip->one) <= HOOP_WRITE_HIGH_DEFAULT);
    }
    trip->is_over = true;
    assert_int_equal(position, LENGTH);
    return 0;
}

static int64_t cancel_now_and_then(void *arg)
{
    struct trip *trip = arg;
    while (!trip->is_over) {
        for (size_t turns = 1 + random_below(trip, 6); turns > 0; turns--)
            let_one_iteration_pass();
        hoop_task_cancel(random_below(trip, 2) == 0 ? trip->writer : trip->reader);
    }
    return 0;
}

static int64_t travel(void *arg)
{
    struct trip *trip = arg;
    hoop_stream_options options = {.limit = 1000 + random_below(trip, 70000)};
    assert_int_equal(hoop_stream_pair(&options, &trip->one, &trip->other), 0);
    int little = 1 + (int)random_below(trip, 20000); /* so that both have to wait often */
    int fd = hoop_stream_fd(trip->one);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof little), 0);
    trip->writer = hoop_task_ref(hoop_create_task(write_trip, trip));
    trip->reader = hoop_task_ref(hoop_create_task(read_trip, trip));
    hoop_task *canceller = hoop_create_task(cancel_now_and_then, trip);
    assert_int_equal(hoop_await(trip->writer), 0);
    assert_int_equal(hoop_await(trip->reader), 0);
    assert_int_equal(hoop_await(canceller), 0);
    hoop_task_unref(trip->writer);
    hoop_task_unref(trip->reader);
    assert_int_equal(hoop_stream_close(trip->one), 0);
    assert_int_equal(hoop_stream_close(trip->other), 0);
    return 0;
}

static void no_byte_is_lost_however_often_both_ends_are_cancelled(void **state)
{
    (void)state;
    unsigned cancelled = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct trip trip = {.random = seed};
        hoop_loop *loop = hoop_new_event_loop_with(
            &(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL, .seed = seed % 2 == 0 ? seed : 0});
        assert_non_null(loop);
        assert_int_equal(hoop_run_until_complete(loop, travel, &trip), 0);
        assert_int_equal(hoop_close(loop), 0);
        cancelled += trip.cancelled;
    }
    assert_true(cancelled > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(each_read_can_be_cancelled_and_leaves_what_came),
        BEHAVIOUR(a_read_of_what_does_not_come_can_be_cancelled),
        BEHAVIOUR(a_cancellation_that_comes_with_the_bytes_loses_none),
        BEHAVIOUR(a_cancelled_task_gets_what_it_need_not_wait_for),
        BEHAVIOUR(each_await_can_take_too_long),
        BEHAVIOUR(no_byte_is_lost_however_often_both_ends_are_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
