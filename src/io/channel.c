/* SPDX-License-Identifier: MIT
 *
 * See channel.h.
 */
#include "io/channel.h"

#include <errno.h>
#include <hoop/loop.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/sys.h"
#include "base/sys_socket.h"

#define CLOSE_TIMEOUT 30 /* seconds, as asyncio's SSL_SHUTDOWN_TIMEOUT */
#define TLS_TIMEOUT 60   /* as asyncio's SSL_HANDSHAKE_TIMEOUT */

/* What one sendfile is asked for: it goes on as long as there is room, and others wait. */
#define FILE_BYTES_MAX ((size_t)1 << 20)

/* ---- the system ---- */

int64_t channel_system_receive(struct channel *channel, void *buffer, size_t size)
{
    hoop_watch *watch = &channel->watch;
    if (!(watch->ready & HOOP_READABLE))
        return -EAGAIN;
    int64_t received;
    if (LIKELY(channel->is_socket))
        received = sys_receive(watch->fd, buffer, size);
    else if (channel->is_shared)
        received = channel_shared_receive(channel, buffer, size);
    else
        received = sys_read(watch->fd, buffer, size);
    if (received == -EAGAIN)
        hoop_watch_clear(watch, HOOP_READABLE | HOOP_HANGUP);
    else if (received > 0 && (size_t)received < size && channel->is_socket &&
             !(watch->ready & HOOP_HANGUP))
        hoop_watch_clear(watch, HOOP_READABLE); /* that was all: no need to ask */
    return received;
}

static size_t pieces_size(const struct iovec *pieces, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += pieces[i].iov_len;
    return size;
}

int64_t channel_system_send(struct channel *channel, const struct iovec *pieces, size_t count)
{
    hoop_watch *watch = &channel->watch;
    if (!(watch->ready & HOOP_WRITABLE))
        return -EAGAIN;
    int64_t sent;
    if (UNLIKELY(!channel->is_socket))
        sent = channel->is_shared ? channel_shared_send(channel, pieces, count)
                                  : sys_write_pieces(watch->fd, pieces, count);
    else if (count == 1)
        sent = sys_send(watch->fd, pieces->iov_base, pieces->iov_len);
    else
        sent = sys_send_pieces(watch->fd, pieces, count);
    if (sent == -EAGAIN || (sent >= 0 && (size_t)sent < pieces_size(pieces, count)))
        hoop_watch_clear(watch, HOOP_WRITABLE);
    return sent;
}

int channel_flush(struct channel *channel)
{
    while (channel->out.size > 0) {
        struct iovec piece = {(void *)(uintptr_t)buffer_data(&channel->out), channel->out.size};
        int64_t sent = channel_system_send(channel, &piece, 1);
        if (sent < 0)
            return (int)sent;
        buffer_consume(&channel->out, (size_t)sent);
    }
    return 0;
}

/* ---- what breaks ---- */

/* Writing is over: nobody needs what waits to be sent. Returns ERROR. */
static int break_writing(struct channel *channel, int error)
{
    if (error == -EBADF) /* the wrong end of a pipe */
        return error;
    channel->write_error = error;
    buffer_done(&channel->out);
    return error;
}

static int64_t break_reading(struct channel *channel, int64_t error)
{
    if (error != -EAGAIN && error != -EBADF)
        channel->read_error = (int)error;
    return error;
}

/* ---- for the user ---- */

int64_t channel_receive(struct channel *channel, void *buffer, size_t size)
{
    if (UNLIKELY(channel->read_error != 0))
        return channel->read_error;
    int64_t received = channel->kind->receive(channel, buffer, size);
    if (UNLIKELY(received < 0))
        return break_reading(channel, received);
    channel->bytes_read += (uint64_t)received;
    return received;
}

int channel_check_writing(const struct channel *channel)
{
    if (UNLIKELY(channel->write_error != 0))
        return channel->write_error;
    return UNLIKELY(channel->end_wanted || channel->is_closing) ? -EPIPE : 0;
}

static bool end_waits(const struct channel *channel)
{
    return channel->end_wanted && !channel->end_sent;
}

/* Sends what it can, and then says that it was all if no more is to be written. */
static int flush(struct channel *channel)
{
    int rc = channel_flush(channel);
    if (rc == 0 && end_waits(channel)) {
        rc = channel->kind->end(channel);
        channel->end_sent = rc != -EAGAIN;
        if (rc == 0)
            rc = channel_flush(channel);
    }
    return rc < 0 && rc != -EAGAIN ? break_writing(channel, rc) : rc;
}

int64_t channel_send(struct channel *channel, const struct iovec *pieces, size_t count)
{
    int rc = channel_check_writing(channel);
    if (rc < 0)
        return rc;
    int64_t sent = channel->kind->send(channel, pieces, count);
    if (UNLIKELY(sent < 0))
        return break_writing(channel, (int)sent);
    channel->bytes_written += (uint64_t)sent;
    if ((size_t)sent < pieces_size(pieces, count))
        channel->is_full = true;
    return sent;
}

/* Leaves what is behind the first SENT bytes of PIECES to the kind; how many bytes that is. */
static int64_t append_rest(struct channel *channel, const struct iovec *pieces, size_t count,
                           size_t sent)
{
    size_t appended = 0;
    for (size_t i = 0; i < count; i++) {
        size_t skipped = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;
        size_t rest = pieces[i].iov_len - skipped;
        sent -= skipped;
        if (rest == 0)
            continue;
        int rc = channel->kind->append(channel, (const char *)pieces[i].iov_base + skipped, rest);
        if (rc < 0) /* a part is of no use to the other end */
            return appended > 0 || rc != -ENOMEM ? break_writing(channel, rc) : rc;
        appended += rest;
    }
    return (int64_t)appended;
}

int channel_append_pieces(struct channel *channel, const struct iovec *pieces, size_t count)
{
    int64_t sent = channel->out.size == 0 ? channel_send(channel, pieces, count)
                                          : channel_check_writing(channel);
    if (sent < 0)
        return (int)sent;
    int64_t appended = append_rest(channel, pieces, count, (size_t)sent);
    if (appended < 0)
        return sent > 0 ? break_writing(channel, (int)appended) : (int)appended;
    channel->bytes_written += (uint64_t)appended;
    int rc = appended > 0 ? flush(channel) : 0;
    if (channel->out.size > channel->write_high)
        channel->is_full = true; /* it stays so until there is room: somebody may wait for that */
    return rc == -EAGAIN ? 0 : rc;
}

int64_t channel_send_file(struct channel *channel, int file_fd, uint64_t offset, uint64_t count)
{
    hoop_watch *watch = &channel->watch;
    int rc = channel_check_writing(channel);
    if (rc < 0)
        return rc;
    if (channel->is_shared)
        return -EINVAL; /* it might block */
    if (channel->out.size > 0 || !(watch->ready & HOOP_WRITABLE))
        return -EAGAIN;
    size_t size = count < FILE_BYTES_MAX ? (size_t)count : FILE_BYTES_MAX;
    int64_t sent = sys_send_file(watch->fd, file_fd, offset, size);
    if (sent == -EAGAIN)
        hoop_watch_clear(watch, HOOP_WRITABLE);
    else if (sent == -EPIPE || sent == -ECONNRESET)
        break_writing(channel, (int)sent);
    else if (sent > 0)
        channel->bytes_written += (uint64_t)sent;
    return sent;
}

int channel_append(struct channel *channel, const void *data, size_t size)
{
    struct iovec piece = {(void *)(uintptr_t)data, size};
    return channel_append_pieces(channel, &piece, 1);
}

int channel_write_eof(struct channel *channel)
{
    int rc = channel_check_writing(channel);
    if (rc < 0)
        return channel->end_wanted ? 0 : rc;
    if (!channel->is_socket)
        return -EOPNOTSUPP;
    channel->end_wanted = true;
    rc = flush(channel);
    return rc == -EAGAIN ? 0 : rc;
}

/* ---- the end ---- */

static void finish(struct channel *channel, int error)
{
    hoop_timer_stop(channel->loop, &channel->limit);
    int fd = channel->watch.fd;
    if (!channel->is_file)
        hoop_watch_stop(channel->loop, &channel->watch);
    sys_close(fd);
    list_remove(&channel->item.link);
    buffer_done(&channel->out);
    channel->kind->done(channel);
    if (channel->is_lingering)
        io_lingered(channel->local);
    channel->user->closed(channel, error); /* it may be gone now */
}

/* Goes on in the background until LIMIT. */
static int linger(struct channel *channel)
{
    if (channel->is_lingering)
        return 0;
    int64_t deadline =
        clock_add(hoop_time_ns(channel->loop), clock_from_seconds(channel->close_timeout));
    int rc = hoop_timer_start(channel->loop, &channel->limit, deadline);
    if (rc < 0)
        return rc;
    channel->is_lingering = true;
    io_lingers(channel->local);
    return 0;
}

static void close_further(struct channel *channel)
{
    int rc = channel->write_error;
    if (rc == 0)
        rc = flush(channel);
    if (rc == 0) {
        rc = channel->kind->finish(channel);
        if (rc == -EAGAIN && channel->out.size > 0) {
            int flushed = channel_flush(channel);
            rc = flushed < 0 ? flushed : rc;
        }
    }
    if (rc == -EAGAIN)
        rc = linger(channel) < 0 ? -ENOMEM : -EAGAIN;
    if (rc != -EAGAIN)
        finish(channel, rc);
}

static void close_limit(hoop_timer *timer)
{
    finish(CONTAINER_OF(timer, struct channel, limit), -ETIMEDOUT);
}

void channel_close(struct channel *channel)
{
    assert(!channel->is_closing);
    channel->is_closing = true;
    close_further(channel);
}

void channel_abort(struct channel *channel)
{
    channel->is_closing = true;
    finish(channel, 0);
}

static void item_close(struct io_item *item)
{
    channel_abort(CONTAINER_OF(item, struct channel, item));
}

static const char *item_describe(const struct io_item *item)
{
    const struct channel *channel = CONTAINER_OF(item, struct channel, item);
    return channel->is_closing ? NULL : channel->user->what;
}

/* ---- the beginning ---- */

static void notify(hoop_watch *watch, unsigned events)
{
    struct channel *channel = CONTAINER_OF(watch, struct channel, watch);
    if (UNLIKELY(channel->is_closing)) {
        close_further(channel);
        return;
    }
    if (events & HOOP_WRITABLE &&
        (channel->out.size > 0 || channel->is_full || UNLIKELY(end_waits(channel)))) {
        (void)flush(channel);
        if (channel->write_error != 0 ||
            (channel->is_full && channel->out.size <= channel->write_low)) {
            channel->is_full = false;
            channel->user->writable(channel);
        }
    }
    if (events & HOOP_READABLE)
        channel->user->readable(channel);
}

/* The options of a TCP socket; for another one there is nothing to set. */
static int set_options(int fd, const hoop_stream_options *options)
{
    int rc = options->nagle ? 0 : sys_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (rc == -EOPNOTSUPP || rc == -ENOPROTOOPT)
        return 0;
    if (rc == 0 && options->keep_alive)
        rc = sys_set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    return rc;
}

static bool options_are_valid(const hoop_stream_options *options)
{
    size_t high = options->write_high != 0 ? options->write_high : HOOP_WRITE_HIGH_DEFAULT;
    return options->write_low <= high && options->close_timeout >= 0 && options->tls_timeout >= 0;
}

/* Whether FD is a socket, made ready for us; or an error. */
static int prepare(int fd, enum channel_origin origin, const hoop_stream_options *options)
{
    if (origin != CHANNEL_FRESH) {
        int is_socket = sys_is_socket(fd);
        if (is_socket < 0 || origin == CHANNEL_SHARED)
            return is_socket;
        int rc = sys_set_nonblocking(fd);
        if (rc < 0 || is_socket == 0)
            return rc < 0 ? rc : 0;
    }
    int rc = set_options(fd, options);
    return rc < 0 ? rc : 1;
}

/* Begins to watch FD, unless it is a file that is shared. */
static int watch_start(struct channel *channel, int fd)
{
    int rc = channel->is_file ? -EPERM : hoop_watch_start(channel->loop, &channel->watch, fd);
    if (rc != -EPERM || !channel->is_shared)
        return rc;
    channel->is_file = true;
    channel->watch.fd = fd;
    return 0;
}

int channel_open(struct channel *channel, int fd, enum channel_origin origin,
                 const hoop_stream_options *options, const struct channel_user *user)
{
    static const hoop_stream_options defaults;
    hoop_loop *loop = hoop_running_loop();
    if (options == NULL)
        options = &defaults;
    if (!options_are_valid(options))
        return -EINVAL;
    struct io_local *local = io_local_of(loop);
    if (local == NULL)
        return -ENOMEM;
    int is_socket = prepare(fd, origin, options);
    bool is_file = is_socket == -EPERM && origin == CHANNEL_SHARED;
    if (is_socket < 0 && !is_file)
        return is_socket;
    *channel = (struct channel){
        .loop = loop,
        .local = local,
        .kind = &channel_plain,
        .user = user,
        .item = {.describe = item_describe, .close = item_close},
        .write_high = options->write_high != 0 ? options->write_high : HOOP_WRITE_HIGH_DEFAULT,
        .is_socket = is_socket == 1,
        .is_shared = origin == CHANNEL_SHARED,
        .is_file = is_file,
        .close_timeout =
            (float)(options->close_timeout > 0 ? options->close_timeout : CLOSE_TIMEOUT),
        .tls_timeout = (float)(options->tls_timeout > 0 ? options->tls_timeout : TLS_TIMEOUT),
    };
    channel->write_low = options->write_low != 0 ? options->write_low : channel->write_high / 4;
    hoop_watch_init(&channel->watch, notify);
    hoop_timer_init(&channel->limit, close_limit);
    int rc = watch_start(channel, fd);
    if (rc < 0)
        return rc;
    /* A new one is writable; the first write finds out. And who reads from the wrong end of a pipe
     * has to be told, which the kernel does only when asked. */
    channel->watch.ready = HOOP_WRITABLE | (channel->is_socket ? 0 : HOOP_READABLE);
    list_init(&channel->item.link);
    io_add(local, &channel->item);
    return 0;
}
