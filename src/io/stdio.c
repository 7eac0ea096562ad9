/* SPDX-License-Identifier: MIT
 *
 * Streams over standard input and output. What these descriptors refer to is the shell's and other
 * programs' too, who would be surprised to find it non-blocking: its flags are never changed.
 *
 * So a pipe or a terminal is opened anew, and what comes of that is ours alone. What cannot be
 * opened anew is duplicated, and stays as it is. A socket has calls that do not wait; with another
 * descriptor each call asks before whether it would; and with what cannot be waited for at all, as
 * a regular file, no call ever waits (channel->is_file). See
 * docs/decisions/0024-standard-streams.md.
 */
#include <errno.h>
#include <hoop/stream.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/sys_socket.h"
#include "base/sys_stdio.h"
#include "io/stream.h"

/* ---- descriptors that may block ---- */

int64_t channel_shared_receive(struct channel *channel, void *buffer, size_t size)
{
    int fd = channel->watch.fd;
    int rc = channel->is_file ? 1 : sys_is_readable(fd);
    if (rc > 0)
        return sys_read(fd, buffer, size);
    return rc < 0 ? rc : -EAGAIN;
}

/* What PIECES have behind their first OFFSET bytes, in one piece of at most MOST bytes; an empty
 * one at their end. */
static struct iovec piece_at(const struct iovec *pieces, size_t count, size_t offset, size_t most)
{
    for (size_t i = 0; i < count; i++) {
        if (offset < pieces[i].iov_len) {
            size_t size = pieces[i].iov_len - offset;
            return (struct iovec){(char *)pieces[i].iov_base + offset, size < most ? size : most};
        }
        offset -= pieces[i].iov_len;
    }
    return (struct iovec){NULL, 0};
}

/* Writes PIECES until it would have to wait. RET_SENT is how many bytes that were; the result is
 * 0, -EAGAIN, or an error. What there is room for in a pipe is not known, but that it is
 * PIPE_BUF at least. */
static int64_t write_carefully(int fd, const struct iovec *pieces, size_t count, size_t *ret_sent)
{
    struct iovec piece;
    for (size_t sent = 0; (piece = piece_at(pieces, count, sent, PIPE_BUF)).iov_len > 0;) {
        int64_t rc = sys_is_writable(fd);
        if (rc > 0)
            rc = sys_write_pieces(fd, &piece, 1);
        else if (rc == 0)
            rc = -EAGAIN;
        if (rc < 0)
            return rc;
        *ret_sent = sent += (size_t)rc;
    }
    return 0;
}

/* The same for a file; all at once, so that who appends to it does so in one piece. The kernel
 * may take a part if the disk is full, or if it is more than 2 GB. */
static int64_t write_file(int fd, const struct iovec *pieces, size_t count, size_t *ret_sent)
{
    int64_t rc = sys_write_pieces(fd, pieces, count);
    struct iovec piece;
    while (rc >= 0) {
        *ret_sent += (size_t)rc;
        piece = piece_at(pieces, count, *ret_sent, SIZE_MAX);
        if (piece.iov_len == 0)
            return 0;
        rc = sys_write_pieces(fd, &piece, 1);
    }
    return rc;
}

int64_t channel_shared_send(struct channel *channel, const struct iovec *pieces, size_t count)
{
    size_t sent = 0;
    int64_t rc;
    if (!channel->is_file) {
        rc = write_carefully(channel->watch.fd, pieces, count, &sent);
        return sent > 0 || rc == 0 ? (int64_t)sent : rc;
    }
    rc = write_file(channel->watch.fd, pieces, count, &sent);
    if (rc == 0)
        return (int64_t)sent;
    /* Not the part: nobody would ever tell that there is room for the rest. */
    channel->bytes_written += sent;
    return rc;
}

/* ---- opening ---- */

static int open_standard(int fd, const hoop_stream_options *options, hoop_stream **ret_stream,
                         const char *function)
{
    int rc = io_check_loop(function);
    if (rc < 0)
        return rc;
    enum channel_origin origin = CHANNEL_GIVEN;
    int own = sys_reopen(fd);
    if (own < 0) {
        origin = CHANNEL_SHARED;
        own = sys_duplicate(fd);
    }
    if (own < 0)
        return own;
    rc = stream_new(own, origin, options, ret_stream);
    if (rc < 0)
        sys_close(own);
    return rc;
}

int hoop_stream_stdin(const hoop_stream_options *options, hoop_stream **ret_stream)
{
    return open_standard(STDIN_FILENO, options, ret_stream, __func__);
}

int hoop_stream_stdout(const hoop_stream_options *options, hoop_stream **ret_stream)
{
    return open_standard(STDOUT_FILENO, options, ret_stream, __func__);
}

int hoop_stream_stderr(const hoop_stream_options *options, hoop_stream **ret_stream)
{
    return open_standard(STDERR_FILENO, options, ret_stream, __func__);
}
