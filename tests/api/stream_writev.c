/* SPDX-License-Identifier: MIT
 *
 * Writing several pieces as one.
 */
#include "stream_peer.h"

#include <sys/uio.h>

static const hoop_stream_options marks = {.write_high = 20000, .write_low = 5000};

struct pieces_write {
    hoop_stream *stream;
    struct iovec pieces[1025];
    size_t count;
};

static int64_t write_pieces(void *arg)
{
    struct pieces_write *write = arg;
    return hoop_stream_writev(write->stream, write->pieces, write->count);
}

/* COUNT pieces of random sizes, some empty, of SIZE bytes at most each. */
static void write_in_pieces(size_t count, size_t size, uint64_t random)
{
    static struct pieces_write write;
    int peer;
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = hoop_testing_random(&random) % 3 == 0
                            ? 0
                            : (size_t)(hoop_testing_random(&random) % (size + 1));
        write.pieces[i] = (struct iovec){malloc(length + 1), length};
        fill_bytes(write.pieces[i].iov_base, length, total);
        total += length;
    }
    write.stream = stream_to_peer(&peer, &marks);
    write.count = count;
    hoop_task *task = hoop_create_task(write_pieces, &write);
    peer_takes(peer, 0, total);
    assert_int_equal(hoop_await(task), total);
    assert_int_equal(hoop_stream_bytes_written(write.stream), total);
    assert_int_equal(hoop_stream_write_buffered(write.stream), 0);
    stream_and_peer_end(write.stream, peer);
    for (size_t i = 0; i < count; i++)
        free(write.pieces[i].iov_base);
}

IN_A_TASK(any_pieces_arrive_as_one)
{
    for (uint64_t seed = 1; seed < 30; seed++) {
        write_in_pieces(1 + seed % 5, 10, seed);
        write_in_pieces(63 + seed % 4, 100, seed);
        write_in_pieces(127 + seed % 4, 9000, seed);
        write_in_pieces(1 + seed % 5, 300000, seed);
    }
    write_in_pieces(1024, 1, 1);
    write_in_pieces(1024, 2000, 2);
}

IN_A_TASK(empty_pieces_are_none)
{
    int peer;
    struct iovec pieces[4] = {{NULL, 0}, {NULL, 0}, {"abc", 3}, {NULL, 0}};
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    assert_int_equal(hoop_stream_writev(stream, NULL, 0), 0);
    assert_int_equal(hoop_stream_writev(stream, pieces, 2), 0);
    assert_int_equal(hoop_stream_writev(stream, pieces, 4), 3);
    char heard[8];
    assert_int_equal(peer_receives(peer, heard, sizeof heard), 3);
    stream_and_peer_end(stream, peer);
}

IN_A_TASK(too_many_pieces_are_refused)
{
    static struct iovec pieces[1025];
    int peer;
    hoop_stream *stream = stream_to_peer(&peer, NULL);
    assert_int_equal(hoop_stream_writev(stream, pieces, 1025), -EINVAL);
    assert_int_equal(hoop_stream_writev(stream, pieces, 1024), 0);
    stream_and_peer_end(stream, peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(any_pieces_arrive_as_one),
        BEHAVIOUR(empty_pieces_are_none),
        BEHAVIOUR(too_many_pieces_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
