/* SPDX-License-Identifier: MIT
 *
 * Writing to a stream.
 *
 * A write sends at once what the system takes. A rest that is small enough is copied and left
 * to the channel; of a larger one nothing is copied: the task waits for room and sends on from
 * its own memory. Who has to wait gets in line (stream->writers), so that each write goes out
 * in one piece.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>
#include <sys/uio.h>

#include "base/check.h"
#include "base/sys_socket.h"
#include "io/stream.h"
#include "io/tls.h"

/* ---- taking turns ---- */

static const struct wait_kind write_wait = {"writes", wait_cancel, NULL, NULL};

static bool is_first(const struct stream_wait *writer)
{
    return writer->stream->writers.next == &writer->link;
}

static void wake_first(hoop_stream *stream)
{
    if (!list_is_empty(&stream->writers))
        wait_wake(&CONTAINER_OF(stream->writers.next, struct stream_wait, link)->wait, 0);
}

void stream_wake_all(hoop_link *waiters)
{
    for (hoop_link *link = waiters->next; link != waiters; link = link->next)
        wait_wake(&CONTAINER_OF(link, struct stream_wait, link)->wait, 0);
}

void stream_writable(struct channel *channel)
{
    hoop_stream *stream = stream_of(channel);
    wake_first(stream);
    stream_wake_all(&stream->drainers);
}

/* Not inlined: gcc 12 would warn that WAIT stays in the line beyond its function. */
static __attribute__((noinline)) void stand_in_line(struct stream_wait *wait, hoop_link *line,
                                                    hoop_stream *stream)
{
    *wait = (struct stream_wait){.stream = stream};
    list_append(line, &wait->link);
}

int stream_writer_begin(struct stream_wait *writer, hoop_stream *stream)
{
    stand_in_line(writer, &stream->writers, stream);
    while (!is_first(writer)) {
        int rc = stream_park(writer, &write_wait);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int stream_writer_wait(struct stream_wait *writer)
{
    writer->stream->channel.is_full = true;
    return stream_park(writer, &write_wait);
}

void stream_writer_end(struct stream_wait *writer)
{
    bool was_first = writer->stream != NULL && is_first(writer);
    list_remove(&writer->link);
    if (!was_first)
        return;
    wake_first(writer->stream);
    if (list_is_empty(&writer->stream->writers))
        stream_wake_all(&writer->stream->drainers);
}

/* ---- what is still to be written ---- */

/* How many pieces one system call gets. */
#define PIECES_AT_ONCE 64

struct remainder {
    const struct iovec *pieces;
    size_t count;
    size_t offset; /* of the first piece, taken already */
    size_t size;   /* bytes in all */
};

static void advance(struct remainder *remainder, size_t size)
{
    remainder->size -= size;
    remainder->offset += size;
    while (remainder->count > 0 && remainder->offset >= remainder->pieces->iov_len) {
        remainder->offset -= remainder->pieces->iov_len;
        remainder->pieces++;
        remainder->count--;
    }
}

static struct iovec first_piece(const struct remainder *remainder)
{
    struct iovec piece = *remainder->pieces;
    piece.iov_base = (char *)piece.iov_base + remainder->offset;
    piece.iov_len -= remainder->offset;
    return piece;
}

/* Sends from several pieces: how many bytes were offered in RET_OFFERED, how many were taken. */
static __attribute__((noinline)) int64_t send_pieces(struct channel *channel,
                                                     const struct remainder *remainder,
                                                     size_t *ret_offered)
{
    struct iovec pieces[PIECES_AT_ONCE];
    size_t count = remainder->count < PIECES_AT_ONCE ? remainder->count : PIECES_AT_ONCE;
    size_t offered = 0;
    for (size_t i = 0; i < count; i++) {
        pieces[i] = i == 0 ? first_piece(remainder) : remainder->pieces[i];
        offered += pieces[i].iov_len;
    }
    *ret_offered = offered;
    return channel_send(channel, pieces, count);
}

/* Sends what there is room for: 0, or an error. */
static int send_some(struct channel *channel, struct remainder *remainder)
{
    while (remainder->size > 0) {
        struct iovec piece = first_piece(remainder);
        size_t offered = piece.iov_len;
        int64_t sent = LIKELY(remainder->count == 1) ? channel_send(channel, &piece, 1)
                                                     : send_pieces(channel, remainder, &offered);
        if (sent < 0)
            return (int)sent;
        advance(remainder, (size_t)sent);
        if ((size_t)sent < offered)
            break;
    }
    return 0;
}

/* Leaves the rest to the channel if it is small enough. Without memory for a copy nothing is
 * lost: it is sent from where it is, when there is room. */
static int leave_rest(struct channel *channel, struct remainder *remainder)
{
    while (remainder->size > 0 && channel->out.size + remainder->size <= channel->write_high) {
        struct iovec piece = first_piece(remainder);
        int rc = channel_append(channel, piece.iov_base, piece.iov_len);
        if (rc == -ENOMEM && channel->write_error == 0)
            return 0;
        if (rc < 0)
            return rc;
        advance(remainder, piece.iov_len);
    }
    return 0;
}

/* Writes what can be written without waiting. */
static int write_some(struct channel *channel, struct remainder *remainder)
{
    int rc = send_some(channel, remainder);
    return rc < 0 || remainder->size == 0 ? rc : leave_rest(channel, remainder);
}

static __attribute__((noinline)) int write_waiting(hoop_stream *stream, struct remainder *remainder)
{
    struct stream_wait writer;
    int rc = stream_writer_begin(&writer, stream);
    while (rc == 0) {
        rc = write_some(&stream->channel, remainder);
        if (rc < 0 || remainder->size == 0)
            break;
        rc = stream_writer_wait(&writer);
    }
    stream_writer_end(&writer);
    return rc;
}

static int64_t write_all(hoop_stream *stream, struct remainder *remainder)
{
    size_t size = remainder->size;
    int rc = 0;
    if (LIKELY(list_is_empty(&stream->writers)))
        rc = write_some(&stream->channel, remainder);
    else if (stream->channel.write_error != 0)
        rc = stream->channel.write_error;
    if (rc == 0 && UNLIKELY(remainder->size > 0))
        rc = write_waiting(stream, remainder);
    if (UNLIKELY(rc < 0))
        return tls_failed(&stream->channel, rc);
    wait_spend();
    return (int64_t)size;
}

/* ---- the calls ---- */

int64_t hoop_stream_write(hoop_stream *stream, const void *data, size_t size)
{
    int rc = stream_check(stream, __func__);
    if (rc < 0)
        return rc;
    struct iovec piece = {(void *)(uintptr_t)data, size};
    struct remainder remainder = {.pieces = &piece, .count = size > 0, .size = size};
    return write_all(stream, &remainder);
}

int64_t hoop_stream_writev(hoop_stream *stream, const struct iovec *pieces, size_t count)
{
    int rc = stream_check(stream, __func__);
    if (rc < 0)
        return rc;
    if (count > SYS_PIECES_MAX)
        return wait_failed(-EINVAL);
    struct remainder remainder = {.pieces = pieces, .count = count};
    for (size_t i = 0; i < count; i++)
        remainder.size += pieces[i].iov_len;
    advance(&remainder, 0); /* past empty ones */
    return write_all(stream, &remainder);
}

int64_t hoop_stream_write_nowait(hoop_stream *stream, const void *data, size_t size)
{
    if (!list_is_empty(&stream->writers))
        return -EBUSY;
    int rc = channel_append(&stream->channel, data, size);
    return rc < 0 ? rc : (int64_t)size;
}

int hoop_stream_drain(hoop_stream *stream)
{
    int rc = stream_check(stream, __func__);
    if (rc < 0)
        return rc;
    struct channel *channel = &stream->channel;
    /* What writers keep in their own memory waits as well. */
    if (channel->out.size > channel->write_high || !list_is_empty(&stream->writers)) {
        struct stream_wait drainer;
        stand_in_line(&drainer, &stream->drainers, stream);
        while (rc == 0 && channel->write_error == 0 && !channel->is_closing &&
               (channel->out.size > channel->write_low || !list_is_empty(&stream->writers)))
            rc = stream_writer_wait(&drainer);
        list_remove(&drainer.link);
        if (rc < 0)
            return rc;
    }
    if (channel->write_error < 0 || channel->is_closing)
        return tls_failed(channel, channel->write_error < 0 ? channel->write_error : -EPIPE);
    wait_spend();
    return 0;
}

int hoop_stream_write_eof(hoop_stream *stream)
{
    if (!list_is_empty(&stream->writers))
        return -EBUSY;
    return channel_write_eof(&stream->channel);
}

size_t hoop_stream_write_buffered(const hoop_stream *stream)
{
    return stream->channel.out.size;
}

uint64_t hoop_stream_bytes_written(const hoop_stream *stream)
{
    return stream->channel.bytes_written;
}
