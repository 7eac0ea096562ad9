/* SPDX-License-Identifier: MIT
 *
 * Looking at bytes where they are, and dropping them; while other streams of the loop use the
 * buffer that all of them receive into.
 */
#include "stream_peer.h"

IN_A_TASK(what_was_shown_stays_until_it_is_consumed)
{
    int peer;
    const void *data;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "abcdef");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hoop_stream_peek(stream, 2, &data), 6);
        assert_memory_equal(data, "abcdef", 6);
    }
    hoop_stream_consume(stream, 2);
    assert_int_equal(hoop_stream_buffered(stream), 4);
    assert_int_equal(hoop_stream_peek(stream, 1, &data), 4);
    assert_memory_equal(data, "cdef", 4);
    assert_reads(stream, "cdef");
    stream_and_peer_end(stream, peer);
}

struct look {
    hoop_stream *stream;
    size_t size;
    const void *data;
};

static int64_t look_in_task(void *arg)
{
    struct look *look = arg;
    return hoop_stream_peek(look->stream, look->size, &look->data);
}

IN_A_TASK(a_look_waits_until_there_is_enough)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    struct look look = {stream, 6, NULL};
    peer_says(peer, "abc");
    hoop_task *task = start_waiting(look_in_task, &look);
    peer_says(peer, "de");
    let_others_wait();
    assert_false(hoop_task_is_done(task));
    peer_says(peer, "fgh");
    assert_int_equal(hoop_await(task), 8);
    assert_memory_equal(look.data, "abcdefgh", 8);
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(at_the_end_there_may_be_fewer_and_then_none)
{
    int peer;
    const void *data;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "abc");
    close(peer);
    assert_int_equal(hoop_stream_peek(stream, 10, &data), 3);
    assert_memory_equal(data, "abc", 3);
    assert_int_equal(hoop_stream_peek(stream, 10, &data), 3);
    hoop_stream_consume(stream, 3);
    assert_true(hoop_stream_at_eof(stream));
    assert_int_equal(hoop_stream_peek(stream, 1, &data), 0);
    assert_int_equal(hoop_stream_close(stream), 0);
}

IN_A_TASK(a_size_out_of_range_is_refused)
{
    int peer;
    const void *data = NULL;
    hoop_stream *stream = stream_to_peer(&peer, &(hoop_stream_options){.limit = 8});
    peer_says(peer, "0123456789");
    assert_int_equal(hoop_stream_peek(stream, 0, &data), -EINVAL);
    assert_int_equal(hoop_stream_peek(stream, 9, &data), -EINVAL);
    assert_null(data);
    assert_int_equal(hoop_stream_peek(stream, 8, &data), 10);
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(no_more_is_dropped_than_there_is)
{
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    hoop_stream_consume(stream, 10);
    peer_says(peer, "abcdef");
    assert_reads(stream, "ab");
    hoop_stream_consume(stream, 0);
    assert_int_equal(hoop_stream_buffered(stream), 4);
    hoop_stream_consume(stream, 10);
    assert_int_equal(hoop_stream_buffered(stream), 0);
    peer_says(peer, "next");
    assert_reads(stream, "next");
    stream_and_peer_end(stream, peer);
}

/* ---- up to a separator ---- */

IN_A_TASK(a_record_is_shown_with_its_separator)
{
    int peer;
    const void *data;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    peer_says(peer, "one;two;three");
    assert_int_equal(hoop_stream_peekuntil(stream, ";", 1, &data), 4);
    assert_memory_equal(data, "one;two;three", 13);
    assert_int_equal(hoop_stream_peekuntil(stream, ";", 1, &data), 4);
    hoop_stream_consume(stream, 4);
    assert_int_equal(hoop_stream_peekuntil(stream, ";", 1, &data), 4);
    assert_memory_equal(data, "two;", 4);
    hoop_stream_consume(stream, 4);
    close(peer);
    assert_int_equal(hoop_stream_peekuntil(stream, ";", 1, &data), HOOP_EINCOMPLETE);
    assert_reads(stream, "three");
    assert_int_equal(hoop_stream_close(stream), 0);
}

IN_A_TASK(a_record_over_the_limit_is_not_shown)
{
    int peer;
    const void *data = NULL;
    hoop_stream *stream = stream_to_peer(&peer, &(hoop_stream_options){.limit = 8});
    peer_says(peer, "1234567;12345678;");
    assert_int_equal(hoop_stream_peekuntil(stream, ";", 1, &data), 8);
    hoop_stream_consume(stream, 8);
    data = NULL;
    assert_int_equal(hoop_stream_peekuntil(stream, ";", 1, &data), HOOP_ELIMIT);
    assert_null(data);
    assert_reads(stream, "12345678;");
    stream_and_peer_end(stream, peer);
}

/* ---- several streams ---- */

enum { STREAMS = 6 };

/* Of stream I: SIZE bytes that are its own. */
static void fill_own(char *bytes, size_t size, int i)
{
    fill_bytes(bytes, size, (uint64_t)i << 32);
}

/* Each stream shows SIZE bytes; all pointers are right at the same time. */
static void show_in_all_at_once(size_t size)
{
    int peers[STREAMS];
    hoop_stream *streams[STREAMS];
    const void *shown[STREAMS];
    char *bytes = malloc(size);
    for (int i = 0; i < STREAMS; i++) {
        streams[i] = stream_to_peer(&peers[i], NULL);
        fill_own(bytes, size, i);
        peer_sends(peers[i], bytes, size);
    }
    for (int i = 0; i < STREAMS; i++)
        assert_int_equal(hoop_stream_peek(streams[i], size, &shown[i]), size);
    for (int i = 0; i < STREAMS; i++)
        assert_bytes(shown[i], size, (uint64_t)i << 32);
    /* Another one that reads, and comes to wait. */
    int peer;
    hoop_stream *other = stream_to_peer(&peer, NULL);
    peer_says(peer, "something else");
    assert_reads(other, "something");
    struct look look = {other, 10, NULL};
    hoop_task *task = start_waiting(look_in_task, &look);
    for (int i = 0; i < STREAMS; i++)
        assert_bytes(shown[i], size, (uint64_t)i << 32);
    peer_says(peer, "12345");
    assert_int_equal(hoop_await(task), 10);
    assert_memory_equal(look.data, " else12345", 10);
    for (int i = 0; i < STREAMS; i++) {
        assert_bytes(shown[i], size, (uint64_t)i << 32);
        hoop_stream_consume(streams[i], size);
        stream_and_peer_end(streams[i], peers[i]);
    }
    stream_and_peer_end(other, peer);
    free(bytes);
}

IN_A_TASK(a_few_bytes_stay_where_they_were_shown_while_others_read)
{
    show_in_all_at_once(10);
}

IN_A_TASK(many_bytes_stay_where_they_were_shown_while_others_read)
{
    show_in_all_at_once(30000);
    show_in_all_at_once(32768);
    show_in_all_at_once(32769);
    show_in_all_at_once(65000);
    show_in_all_at_once(65536);
}

/* A random part of what has come is left in each stream, which is then read by turns. */
IN_A_TASK(what_is_left_in_one_stream_does_not_mix_with_another_ones)
{
    int peers[STREAMS];
    hoop_stream *streams[STREAMS];
    uint64_t sent[STREAMS] = {0}, had[STREAMS] = {0}, random = 7;
    static char bytes[70000];
    for (int i = 0; i < STREAMS; i++)
        streams[i] = stream_to_peer(&peers[i], NULL);
    for (int step = 0; step < 3000; step++) {
        size_t i = hoop_testing_random(&random) % STREAMS;
        uint64_t choice = hoop_testing_random(&random);
        uint64_t own = (uint64_t)i << 32;
        if (sent[i] - had[i] < 60000 && choice % 2 == 0) {
            size_t size = choice / 2 % 8 == 0 ? choice / 16 % 40000 + 1 : choice / 16 % 300 + 1;
            fill_bytes(bytes, size, own + sent[i]);
            peer_sends(peers[i], bytes, size);
            sent[i] += size;
        } else if (sent[i] > had[i]) {
            const void *data;
            int64_t shown = hoop_stream_peek(streams[i], 1, &data);
            assert_true(shown > 0);
            assert_bytes(data, (size_t)shown, own + had[i]);
            size_t size = choice / 2 % (uint64_t)(shown + 1);
            if (choice % 3 == 0 && size > 0)
                assert_int_equal(hoop_stream_read(streams[i], bytes, size), size);
            else
                hoop_stream_consume(streams[i], size);
            had[i] += size;
        }
    }
    for (int i = 0; i < STREAMS; i++) {
        size_t rest = (size_t)(sent[i] - had[i]);
        assert_int_equal(hoop_stream_readexactly(streams[i], bytes, rest), rest);
        assert_bytes(bytes, rest, ((uint64_t)i << 32) + had[i]);
        stream_and_peer_end(streams[i], peers[i]);
    }
}

/* One that keeps the common buffer, as it has no memory for what is left, is not disturbed. */
IN_A_TASK(without_memory_for_what_is_left_it_stays_too)
{
    int peer, other_peer;
    char byte;
    const void *data;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    hoop_stream *other = stream_to_peer(&other_peer, NULL);
    peer_says(peer, "-");
    assert_reads(stream, "-"); /* the common buffer is there */
    peer_says(peer, "abcdef");
    peer_says(other_peer, "uvwxyz");
    hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION, 1, 1);
    int64_t rc = hoop_stream_read(stream, &byte, 1);
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(rc, 1);
    assert_int_equal(byte, 'a');
    assert_int_equal(hoop_stream_peek(stream, 1, &data), 5);
    assert_reads(other, "uvw");
    assert_memory_equal(data, "bcdef", 5);
    assert_reads(stream, "bcdef");
    assert_reads(other, "xyz");
    stream_and_peer_end(stream, peer);
    stream_and_peer_end(other, other_peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(what_was_shown_stays_until_it_is_consumed),
        BEHAVIOUR(a_look_waits_until_there_is_enough),
        BEHAVIOUR(at_the_end_there_may_be_fewer_and_then_none),
        BEHAVIOUR(a_size_out_of_range_is_refused),
        BEHAVIOUR(no_more_is_dropped_than_there_is),
        BEHAVIOUR(a_record_is_shown_with_its_separator),
        BEHAVIOUR(a_record_over_the_limit_is_not_shown),
        BEHAVIOUR(a_few_bytes_stay_where_they_were_shown_while_others_read),
        BEHAVIOUR(many_bytes_stay_where_they_were_shown_while_others_read),
        BEHAVIOUR(what_is_left_in_one_stream_does_not_mix_with_another_ones),
        BEHAVIOUR(without_memory_for_what_is_left_it_stays_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
