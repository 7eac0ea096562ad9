/* SPDX-License-Identifier: MIT
 *
 * The plain kind of channel: bytes go as they are.
 */
#include <errno.h>
#include <sys/socket.h>

#include "base/sys_socket.h"
#include "io/channel.h"

static int64_t plain_receive(struct channel *channel, void *buffer, size_t size)
{
    return channel_system_receive(channel, buffer, size);
}

static int64_t plain_send(struct channel *channel, const struct iovec *pieces, size_t count)
{
    if (channel->out.size > 0)
        return 0; /* it is not our turn */
    int64_t sent = channel_system_send(channel, pieces, count);
    return sent == -EAGAIN ? 0 : sent;
}

static int plain_append(struct channel *channel, const void *data, size_t size)
{
    return buffer_append(&channel->out, data, size);
}

static int plain_end(struct channel *channel)
{
    int rc = sys_shutdown(channel->watch.fd, SHUT_WR);
    return rc == -ENOTCONN ? 0 : rc; /* the other end was quicker */
}

static int plain_finish(struct channel *channel)
{
    (void)channel;
    return 0;
}

static void plain_done(struct channel *channel)
{
    (void)channel;
}

const struct channel_kind channel_plain = {
    .receive = plain_receive,
    .send = plain_send,
    .append = plain_append,
    .end = plain_end,
    .finish = plain_finish,
    .done = plain_done,
};
