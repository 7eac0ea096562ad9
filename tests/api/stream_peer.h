/* SPDX-License-Identifier: MIT
 *
 * For tests of streams: a stream whose other end is a descriptor in the test's hand, bytes that
 * tell their position, and tasks that read or write on their own.
 */
#ifndef TESTS_API_STREAM_PEER_H
#define TESTS_API_STREAM_PEER_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "in_a_task.h"
#include "socket_pair.h"

static inline hoop_stream *stream_to_peer(int *ret_peer, const hoop_stream_options *options)
{
    int ends[2];
    hoop_stream *stream;
    open_pair(ends);
    assert_int_equal(hoop_stream_open(ends[0], options, &stream), 0);
    *ret_peer = ends[1];
    return stream;
}

static inline void stream_and_peer_end(hoop_stream *stream, int peer)
{
    assert_int_equal(hoop_stream_close(stream), 0);
    assert_int_equal(close(peer), 0);
}

static inline void peer_sends(int peer, const void *data, size_t size)
{
    assert_int_equal(write(peer, data, size), size);
}

static inline void peer_says(int peer, const char *text)
{
    peer_sends(peer, text, strlen(text));
}

/* What has arrived at PEER, up to SIZE bytes; a read that would have to wait counts as none. */
static inline size_t peer_receives(int peer, void *buffer, size_t size)
{
    size_t had = 0;
    while (had < size) {
        ssize_t received = read(peer, (char *)buffer + had, size - had);
        if (received <= 0)
            break;
        had += (size_t)received;
    }
    return had;
}

static inline bool peer_is_at_end(int peer)
{
    char byte;
    return read(peer, &byte, 1) == 0;
}

/* The byte at POSITION of a long transfer: so that none can be lost, doubled or swapped. */
static inline unsigned char byte_at(uint64_t position)
{
    return (unsigned char)((position * 0x9E3779B97F4A7C15U) >> 56);
}

static inline void fill_bytes(void *buffer, size_t size, uint64_t position)
{
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] = byte_at(position + i);
}

static inline void assert_bytes(const void *buffer, size_t size, uint64_t position)
{
    for (size_t i = 0; i < size; i++)
        if (((const unsigned char *)buffer)[i] != byte_at(position + i))
            fail_msg("byte %zu of %zu is not the one at %zu", i, size, (size_t)position + i);
}

static inline char *bytes_new(size_t size)
{
    char *bytes = malloc(size);
    assert_non_null(bytes);
    fill_bytes(bytes, size, 0);
    return bytes;
}

/* Reads the next bytes of STREAM and compares them with TEXT. */
static inline void assert_reads(hoop_stream *stream, const char *text)
{
    char buffer[256];
    size_t size = strlen(text);
    assert_true(size < sizeof buffer);
    assert_int_equal(hoop_stream_readexactly(stream, buffer, size), size);
    assert_memory_equal(buffer, text, size);
}

static inline void assert_at_end(hoop_stream *stream)
{
    char byte;
    assert_int_equal(hoop_stream_read(stream, &byte, 1), 0);
    assert_true(hoop_stream_at_eof(stream));
}

/* ---- much ---- */

/* Writes without waiting until SIZE bytes wait in the stream; how many bytes that were in all,
 * from the one at 0 on. */
static inline uint64_t fill_until_buffered(hoop_stream *stream, size_t size)
{
    uint64_t written = 0;
    while (hoop_stream_write_buffered(stream) < size) {
        char bytes[1000];
        fill_bytes(bytes, sizeof bytes, written);
        assert_int_equal(hoop_stream_write_nowait(stream, bytes, sizeof bytes), sizeof bytes);
        written += sizeof bytes;
    }
    return written;
}

/* Reads at PEER, as it comes, the bytes from POSITION on to END. */
static inline void peer_takes(int peer, uint64_t position, uint64_t end)
{
    static char bytes[50000];
    while (position < end) {
        size_t size = end - position < sizeof bytes ? (size_t)(end - position) : sizeof bytes;
        size_t received = peer_receives(peer, bytes, size);
        assert_bytes(bytes, received, position);
        position += received;
        if (position < end)
            let_others_wait();
    }
}

/* ---- tasks ---- */

/* One hoop_stream_read, readexactly or write in a task of its own. */
struct transfer {
    hoop_stream *stream;
    char *bytes;
    size_t size;
};

static inline int64_t read_some(void *arg)
{
    struct transfer *transfer = arg;
    return hoop_stream_read(transfer->stream, transfer->bytes, transfer->size);
}

static inline int64_t read_all(void *arg)
{
    struct transfer *transfer = arg;
    return hoop_stream_readexactly(transfer->stream, transfer->bytes, transfer->size);
}

static inline int64_t write_all(void *arg)
{
    struct transfer *transfer = arg;
    return hoop_stream_write(transfer->stream, transfer->bytes, transfer->size);
}

static inline int64_t drain(void *stream)
{
    return hoop_stream_drain(stream);
}

static inline int64_t close_stream(void *stream)
{
    return hoop_stream_close(stream);
}

/* Starts FN(ARG) and lets it wait. */
static inline hoop_task *start_waiting(hoop_coroutine_fn fn, void *arg)
{
    hoop_task *task = hoop_create_task(fn, arg);
    assert_non_null(task);
    let_others_wait();
    assert_false(hoop_task_is_done(task));
    return task;
}

#endif
