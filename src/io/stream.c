/* SPDX-License-Identifier: MIT
 *
 * The life of a stream: opened over a descriptor, and closed. See stream_read.c and
 * stream_write.c for what comes in between.
 *
 * Its memory goes when both are through with it: its program, and its channel, which may
 * still send in the background.
 */
#include "io/stream.h"

#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/sys.h"
#include "base/sys_socket.h"

int stream_check(const hoop_stream *stream, const char *function)
{
    if (UNLIKELY(turn.task == NULL))
        return wait_without_task(function);
    hoop_loop *loop = hoop_running_loop();
    if (UNLIKELY(stream->channel.loop != loop))
        return wait_failed(misuse(hoop_get_debug(loop), HOOP_EOTHERLOOP, function));
    return 0;
}

int stream_park(struct stream_wait *wait, const struct wait_kind *kind)
{
    wait_init(&wait->wait, kind);
    int rc = (int)wait_park(&wait->wait);
    return wait->stream != NULL ? rc : wait_failed(-EBADF);
}

int stream_give_way(struct stream_wait *wait)
{
    wait->wait.task = NULL; /* nobody can wake it: it goes on by itself */
    wait_budget_spent();
    return wait->stream != NULL ? 0 : wait_failed(-EBADF);
}

/* ---- the end ---- */

static void stream_free(hoop_stream *stream)
{
    buffer_done(&stream->in);
    alloc_free(stream);
}

/* The channel is gone. */
static void stream_closed(struct channel *channel, int error)
{
    hoop_stream *stream = stream_of(channel);
    stream->is_gone = true;
    if (stream->closer != NULL) {
        stream->closer->is_done = true;
        stream->closer->error = error;
        if (!channel->local->is_closing)
            wait_wake(&stream->closer->wait, 0);
    }
    /* When the loop goes, so do those who could still close the stream. */
    if (stream->is_released || channel->local->is_closing)
        stream_free(stream);
}

static const struct channel_user stream_user = {
    .readable = stream_readable,
    .writable = stream_writable,
    .closed = stream_closed,
    .what = "a stream",
};

static void send_away(hoop_link *waiters)
{
    for (hoop_link *link; (link = list_pop(waiters)) != NULL;) {
        struct stream_wait *waiter = CONTAINER_OF(link, struct stream_wait, link);
        waiter->stream = NULL;
        wait_wake(&waiter->wait, -EBADF);
    }
}

/* Its program lets go of the stream: tasks that wait in it must not look at it any more. */
static void release(hoop_stream *stream)
{
    stream->is_released = true;
    if (stream->client != NULL)
        client_lost_stream(stream->client);
    if (stream->reader != NULL) {
        stream->reader->stream = NULL;
        wait_wake(&stream->reader->wait, -EBADF);
    }
    send_away(&stream->writers);
    send_away(&stream->drainers);
}

static const struct wait_kind close_wait = {"closes a stream", wait_cancel, NULL, NULL};

int hoop_stream_close(hoop_stream *stream)
{
    if (stream == NULL)
        return 0;
    release(stream);
    struct closer closer = {.is_done = stream->is_gone, .error = stream->channel.write_error};
    if (stream->is_gone) {
        stream_free(stream);
        return closer.error < 0 && closer.error != -EPIPE ? closer.error : 0;
    }
    wait_init(&closer.wait, &close_wait);
    closer.wait.task = NULL; /* not parked yet */
    stream->closer = turn.task != NULL ? &closer : NULL;
    if (!stream->channel.is_closing)
        channel_close(&stream->channel);
    if (turn.task == NULL)
        return 0;
    if (!closer.is_done) {
        int64_t rc = wait_park(&closer.wait);
        if (!closer.is_done) {
            stream->closer = NULL; /* it goes on in the background */
            return (int)rc;
        }
    }
    return closer.error < 0 ? wait_failed(closer.error) : 0;
}

void hoop_stream_abort(hoop_stream *stream)
{
    if (stream == NULL)
        return;
    release(stream);
    if (stream->is_gone)
        stream_free(stream);
    else
        channel_abort(&stream->channel);
}

void stream_hang_up(hoop_stream *stream, bool abort)
{
    if (stream->is_gone || (stream->channel.is_closing && !abort))
        return;
    if (stream->reader != NULL)
        wait_wake(&stream->reader->wait, 0); /* it will find the end */
    stream_wake_all(&stream->writers);
    stream_wake_all(&stream->drainers);
    if (abort)
        channel_abort(&stream->channel);
    else
        channel_close(&stream->channel);
}

/* ---- the beginning ---- */

int stream_new(int fd, enum channel_origin origin, const hoop_stream_options *options,
               hoop_stream **ret_stream)
{
    hoop_stream *stream = alloc_zeroed(sizeof *stream);
    if (stream == NULL)
        return -ENOMEM;
    int rc = channel_open(&stream->channel, fd, origin, options, &stream_user);
    if (rc < 0) {
        alloc_free(stream);
        return rc;
    }
    stream->limit =
        options != NULL && options->limit != 0 ? options->limit : HOOP_STREAM_LIMIT_DEFAULT;
    list_init(&stream->writers);
    list_init(&stream->drainers);
    *ret_stream = stream;
    return 0;
}

int hoop_stream_open(int fd, const hoop_stream_options *options, hoop_stream **ret_stream)
{
    int rc = io_check_loop(__func__);
    if (rc == 0)
        rc = stream_new(fd, CHANNEL_GIVEN, options, ret_stream);
    if (rc < 0 && rc != -EBADF && rc != -EEXIST)
        sys_close(fd);
    return rc;
}

int hoop_stream_pair(const hoop_stream_options *options, hoop_stream **ret_one,
                     hoop_stream **ret_other)
{
    int fds[2];
    hoop_stream *one;
    int rc = io_check_loop(__func__);
    if (rc < 0)
        return rc;
    rc = sys_socket_pair(AF_UNIX, SOCK_STREAM, fds);
    if (rc < 0)
        return rc;
    rc = stream_new(fds[0], CHANNEL_FRESH, options, &one);
    if (rc < 0) {
        sys_close(fds[0]);
        sys_close(fds[1]);
        return rc;
    }
    rc = stream_new(fds[1], CHANNEL_FRESH, options, ret_other);
    if (rc < 0) {
        sys_close(fds[1]);
        hoop_stream_abort(one);
        return rc;
    }
    *ret_one = one;
    return 0;
}

/* ---- the connection ---- */

int hoop_stream_fd(const hoop_stream *stream)
{
    return stream->is_gone ? -EBADF : stream->channel.watch.fd;
}

int hoop_stream_local_address(const hoop_stream *stream, hoop_address *ret_address)
{
    return sys_local_address(hoop_stream_fd(stream), ret_address);
}

int hoop_stream_remote_address(const hoop_stream *stream, hoop_address *ret_address)
{
    return sys_remote_address(hoop_stream_fd(stream), ret_address);
}
