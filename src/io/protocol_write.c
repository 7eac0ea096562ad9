/* SPDX-License-Identifier: MIT
 *
 * What a protocol writes to its transport, and how it is told to hold on; where the connection
 * goes.
 *
 * Whenever what waits, or a mark, has changed, hold_or_go_on sees to the next call:
 * pause_writing at once, resume_writing in the transport's turn.
 */
#include <errno.h>

#include "base/context.h"
#include "base/sys_socket.h"
#include "io/protocol.h"
#include "io/tls.h"

static void tell_that_full(void *arg)
{
    hoop_transport *transport = arg;
    hoop_context **outer = context_enter(&transport->context);
    transport->protocol->pause_writing(transport->arg);
    context_enter(outer);
}

static void hold_or_go_on(hoop_transport *transport)
{
    struct channel *channel = &transport->channel;
    if (transport->is_full && channel->out.size <= channel->write_low) {
        transport_queue(transport);
    } else if (transport->is_full) {
        channel->is_full = true; /* so that the channel tells us of room */
    } else if (channel->out.size > channel->write_high) {
        transport->is_full = channel->is_full = true;
        if (transport->protocol->pause_writing != NULL)
            hoop_call_on_thread_stack(tell_that_full, transport);
    }
}

/* After a write, or the end of writing, with result RC. */
static int written(hoop_transport *transport, int rc)
{
    if (rc >= 0)
        hold_or_go_on(transport);
    else if (transport->channel.write_error != 0)
        transport_fail(transport, transport->channel.write_error);
    else if (rc == -ENOMEM)
        transport_fail(transport, rc);
    return rc;
}

int hoop_transport_write(hoop_transport *transport, const void *data, size_t size)
{
    return written(transport, channel_append(&transport->channel, data, size));
}

int hoop_transport_writev(hoop_transport *transport, const struct iovec *pieces, size_t count)
{
    if (count > SYS_PIECES_MAX)
        return -EINVAL;
    return written(transport, channel_append_pieces(&transport->channel, pieces, count));
}

int hoop_transport_write_eof(hoop_transport *transport)
{
    return written(transport, channel_write_eof(&transport->channel));
}

int hoop_transport_set_write_limits(hoop_transport *transport, size_t high, size_t low)
{
    if (low > high)
        return -EINVAL;
    transport->channel.write_high = high;
    transport->channel.write_low = low;
    if (!transport->channel.is_closing)
        hold_or_go_on(transport);
    return 0;
}

size_t hoop_transport_write_buffered(const hoop_transport *transport)
{
    return transport->channel.out.size;
}

/* ---- the connection ---- */

int hoop_transport_fd(const hoop_transport *transport)
{
    return transport->is_lost ? -EBADF : transport->channel.watch.fd;
}

int hoop_transport_local_address(const hoop_transport *transport, hoop_address *ret_address)
{
    return sys_local_address(hoop_transport_fd(transport), ret_address);
}

int hoop_transport_remote_address(const hoop_transport *transport, hoop_address *ret_address)
{
    return sys_remote_address(hoop_transport_fd(transport), ret_address);
}

struct ssl_st *hoop_transport_ssl(const hoop_transport *transport)
{
    return tls_ssl(&transport->channel);
}

const char *hoop_transport_alpn(const hoop_transport *transport)
{
    return tls_alpn(&transport->channel);
}
