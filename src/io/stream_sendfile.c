/* SPDX-License-Identifier: MIT
 *
 * Files through streams: by the kernel if the bytes go as they are and it can, otherwise read
 * and written in chunks. Either way the file is read in the loop's thread: from the page cache
 * that takes no time, from a slow disk it blocks, as in asyncio.
 */
#include <errno.h>
#include <hoop/loop.h>

#include "base/check.h"
#include "base/sys_socket.h"
#include "io/file_range.h"
#include "io/stream.h"
#include "io/tls.h"

struct transfer {
    int file_fd;
    uint64_t offset; /* of the next byte */
    uint64_t rest;
};

/* The kernel cannot send this file on this descriptor. */
static bool is_unsuited(int64_t error)
{
    return error == -EINVAL || error == -ENOSYS || error == -EOPNOTSUPP || error == -EOVERFLOW;
}

/* As they are, or encrypted by the kernel itself. */
static bool can_send_files(const struct channel *channel)
{
    return channel->kind == &channel_plain || tls_in_kernel(channel);
}

static void advance(struct transfer *transfer, int64_t size)
{
    transfer->offset += (uint64_t)size;
    transfer->rest -= (uint64_t)size;
}

/* 0 at the end, or an error. */
static int64_t send_by_kernel(struct stream_wait *writer, struct transfer *transfer)
{
    int64_t sent = 0;
    while (transfer->rest > 0) {
        sent = channel_send_file(&writer->stream->channel, transfer->file_fd, transfer->offset,
                                 transfer->rest);
        if (sent == -EAGAIN)
            sent = stream_writer_wait(writer);
        else if (sent > 0)
            advance(transfer, sent);
        else if (sent == 0)
            break; /* the file is shorter than it was */
        if (sent > 0 && stream_must_give_way())
            sent = stream_give_way(writer);
        if (sent < 0)
            return sent;
    }
    return 0;
}

/* Through the scratch buffer: each chunk is copied or encrypted before anybody else runs. */
static int64_t send_by_chunks(struct stream_wait *writer, struct transfer *transfer)
{
    struct channel *channel = &writer->stream->channel;
    while (transfer->rest > 0) {
        int64_t rc = channel_check_writing(channel);
        if (rc == 0 && channel->out.size > channel->write_low) {
            rc = stream_writer_wait(writer);
            if (rc == 0)
                continue;
        }
        if (rc < 0)
            return rc;
        char *scratch = io_scratch(channel->local);
        if (scratch == NULL)
            return -ENOMEM;
        size_t size = transfer->rest < IO_SCRATCH_SIZE ? (size_t)transfer->rest : IO_SCRATCH_SIZE;
        int64_t got = sys_read_at(transfer->file_fd, scratch, size, transfer->offset);
        if (got <= 0)
            return got;
        rc = channel_append(channel, scratch, (size_t)got);
        if (rc < 0)
            return rc;
        advance(transfer, got);
        if (stream_must_give_way()) /* another file always has room */
            rc = stream_give_way(writer);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int64_t hoop_stream_sendfile(hoop_stream *stream, int file_fd, uint64_t offset, uint64_t count)
{
    int64_t rc = stream_check(stream, __func__);
    if (rc < 0)
        return rc;
    int64_t size = file_range(file_fd, offset, count);
    if (size < 0)
        return wait_failed((int)size);
    struct transfer transfer = {file_fd, offset, (uint64_t)size};
    struct stream_wait writer;
    rc = stream_writer_begin(&writer, stream);
    if (rc == 0) {
        rc = can_send_files(&stream->channel) ? send_by_kernel(&writer, &transfer) : -EOPNOTSUPP;
        if (is_unsuited(rc))
            rc = send_by_chunks(&writer, &transfer);
    }
    stream_writer_end(&writer);
    if (rc < 0)
        return wait_failed((int)rc);
    wait_spend();
    return (int64_t)(transfer.offset - offset);
}
