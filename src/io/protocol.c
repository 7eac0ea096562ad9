/* SPDX-License-Identifier: MIT
 *
 * Transports: what happens to a channel is told to a protocol, by callbacks.
 *
 * The channel's own news come while the loop collects what is ready, where no program's code may
 * run; so they only queue the transport, whose turn it then is once an iteration: one receive
 * at most, so that a busy connection keeps nobody waiting.
 */
#include "io/protocol.h"

#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/list.h"
#include "base/sys.h"
#include "base/sys_socket.h"
#include "io/stream.h"

static hoop_transport *transport_of(struct channel *channel)
{
    return (hoop_transport *)(void *)channel;
}

static void queue(hoop_transport *transport)
{
    hoop_ready_push(transport->channel.loop, &transport->ready);
}

/* ---- the end ---- */

/* Ends the connection with ERROR for connection_lost. */
static void fail(hoop_transport *transport, int error)
{
    if (transport->is_lost)
        return;
    if (transport->error == 0)
        transport->error = error;
    channel_abort(&transport->channel);
}

static void lose(hoop_transport *transport)
{
    list_remove(&transport->channel.item.link);
    if (transport->client != NULL)
        client_lost_stream(transport->client);
    if (transport->is_made && transport->protocol->connection_lost != NULL)
        transport->protocol->connection_lost(transport->arg, transport->error);
    alloc_free(transport);
}

/* The loop is closed before connection_lost could be called. */
static void lost_item_close(struct io_item *item)
{
    lose(transport_of(CONTAINER_OF(item, struct channel, item)));
}

static const char *lost_item_describe(const struct io_item *item)
{
    (void)item;
    return NULL;
}

static void channel_closed(struct channel *channel, int error)
{
    hoop_transport *transport = transport_of(channel);
    if (transport->error == 0)
        transport->error = error;
    transport->is_lost = true;
    list_init(&channel->item.link);
    if (channel->local->is_closing) {
        if (transport->error == 0)
            transport->error = HOOP_ECLOSED;
        lose(transport);
    } else if (!transport->is_made) {
        lose(transport);
    } else {
        channel->item.describe = lost_item_describe;
        channel->item.close = lost_item_close;
        io_add(channel->local, &channel->item);
        queue(transport);
    }
}

/* ---- news ---- */

static void channel_readable(struct channel *channel)
{
    hoop_transport *transport = transport_of(channel);
    if (transport->is_reading)
        queue(transport);
}

static void channel_writable(struct channel *channel)
{
    queue(transport_of(channel));
}

static const struct channel_user transport_user = {
    .readable = channel_readable,
    .writable = channel_writable,
    .closed = channel_closed,
    .what = "a transport",
};

/* Receives into memory of the protocol's own. */
static int64_t receive_buffered(hoop_transport *transport)
{
    void *buffer = NULL;
    size_t room = transport->protocol->get_buffer(transport->arg, IO_SCRATCH_SIZE, &buffer);
    if (transport->channel.is_closing)
        return -EAGAIN;
    if (room == 0 || buffer == NULL)
        return -ENOBUFS;
    int64_t received = channel_receive(&transport->channel, buffer, room);
    if (received > 0)
        transport->protocol->buffer_updated(transport->arg, (size_t)received);
    return received;
}

/* Receives into the scratch buffer, which nobody else may use while the protocol looks at it. */
static int64_t receive_shown(hoop_transport *transport)
{
    struct io_local *local = transport->channel.local;
    char *scratch = io_scratch(local);
    if (scratch == NULL)
        return -ENOMEM;
    int64_t received = channel_receive(&transport->channel, scratch, IO_SCRATCH_SIZE);
    if (received <= 0)
        return received;
    local->scratch = NULL;
    transport->protocol->data_received(transport->arg, scratch, (size_t)received);
    if (local->scratch == NULL)
        local->scratch = scratch;
    else
        alloc_free(scratch);
    return received;
}

static void receive_end(hoop_transport *transport)
{
    transport->is_over = true;
    bool keeps = transport->protocol->eof_received != NULL &&
                 transport->protocol->eof_received(transport->arg);
    if (!keeps)
        hoop_transport_close(transport);
}

static bool may_read(const hoop_transport *transport)
{
    return transport->is_reading && !transport->is_over && !transport->channel.is_closing;
}

static void read_once(hoop_transport *transport)
{
    int64_t received = transport->protocol->get_buffer != NULL ? receive_buffered(transport)
                                                               : receive_shown(transport);
    if (received == 0)
        receive_end(transport);
    else if (received < 0 && received != -EAGAIN)
        fail(transport, (int)received);
    else if (received > 0 && may_read(transport) &&
             (transport->channel.tls != NULL || (transport->channel.watch.ready & HOOP_READABLE)))
        queue(transport); /* there may be more */
}

static void tell_of_room(hoop_transport *transport)
{
    if (!transport->is_full || transport->channel.out.size > transport->channel.write_low)
        return;
    transport->is_full = false;
    if (transport->protocol->resume_writing != NULL)
        transport->protocol->resume_writing(transport->arg);
}

static void tell(hoop_ready *ready)
{
    hoop_transport *transport = CONTAINER_OF(ready, hoop_transport, ready);
    if (!transport->is_lost && !transport->channel.is_closing) {
        if (transport->channel.write_error != 0)
            fail(transport, transport->channel.write_error);
        else
            tell_of_room(transport);
    }
    if (!transport->is_lost && may_read(transport))
        read_once(transport);
    else if (transport->is_lost && !hoop_ready_is_queued(&transport->ready))
        lose(transport);
}

/* ---- the beginning ---- */

int transport_new(int fd, bool is_fresh, const hoop_stream_options *options,
                  const hoop_protocol *protocol, void *arg, hoop_transport **ret_transport)
{
    hoop_transport *transport = alloc_zeroed(sizeof *transport);
    if (transport == NULL)
        return -ENOMEM;
    int rc = channel_open(&transport->channel, fd, is_fresh, options, &transport_user);
    if (rc < 0) {
        alloc_free(transport);
        return rc;
    }
    transport->protocol = protocol;
    transport->arg = arg;
    hoop_ready_init(&transport->ready, tell);
    *ret_transport = transport;
    return 0;
}

void transport_made(hoop_transport *transport)
{
    transport->is_made = true;
    transport->is_reading = true;
    transport->protocol->connection_made(transport->arg, transport);
    if (may_read(transport) &&
        (transport->channel.tls != NULL || (transport->channel.watch.ready & HOOP_READABLE)))
        queue(transport);
}

static bool protocol_is_complete(const hoop_protocol *protocol)
{
    return protocol->connection_made != NULL &&
           (protocol->data_received != NULL ||
            (protocol->get_buffer != NULL && protocol->buffer_updated != NULL));
}

int hoop_transport_open(const hoop_protocol *protocol, void *arg, int fd,
                        const hoop_stream_options *options, hoop_transport **ret_transport)
{
    int rc = io_check_loop(__func__);
    hoop_transport *transport = NULL;
    if (rc == 0 && !protocol_is_complete(protocol))
        rc = -EINVAL;
    if (rc == 0)
        rc = transport_new(fd, false, options, protocol, arg, &transport);
    if (rc < 0) {
        if (rc != -EBADF)
            sys_close(fd);
        return rc;
    }
    *ret_transport = transport;
    transport_made(transport);
    return 0;
}

/* ---- what a protocol does ---- */

/* After a write with result RC. */
static int written(hoop_transport *transport, int rc)
{
    if (rc == -EPIPE && transport->channel.write_error == 0)
        return rc; /* after the end: its own mistake */
    if (rc < 0) {
        fail(transport, rc);
        return rc;
    }
    if (transport->channel.is_full && !transport->is_full) {
        transport->is_full = true;
        if (transport->protocol->pause_writing != NULL)
            transport->protocol->pause_writing(transport->arg);
    }
    return 0;
}

int hoop_transport_write(hoop_transport *transport, const void *data, size_t size)
{
    return written(transport, channel_append(&transport->channel, data, size));
}

int hoop_transport_writev(hoop_transport *transport, const struct iovec *pieces, size_t count)
{
    return written(transport, channel_append_pieces(&transport->channel, pieces, count));
}

int hoop_transport_write_eof(hoop_transport *transport)
{
    return channel_write_eof(&transport->channel);
}

void hoop_transport_pause_reading(hoop_transport *transport)
{
    transport->is_reading = false;
}

void hoop_transport_resume_reading(hoop_transport *transport)
{
    if (transport->is_reading || transport->is_lost)
        return;
    transport->is_reading = true;
    if (may_read(transport))
        queue(transport);
}

void hoop_transport_close(hoop_transport *transport)
{
    if (!transport->channel.is_closing)
        channel_close(&transport->channel);
}

void hoop_transport_abort(hoop_transport *transport)
{
    fail(transport, 0);
}

bool hoop_transport_is_closing(const hoop_transport *transport)
{
    return transport->channel.is_closing;
}

int hoop_transport_set_write_limits(hoop_transport *transport, size_t high, size_t low)
{
    if (low > high)
        return -EINVAL;
    transport->channel.write_high = high;
    transport->channel.write_low = low;
    return 0;
}

size_t hoop_transport_write_buffered(const hoop_transport *transport)
{
    return transport->channel.out.size;
}

void hoop_transport_set_protocol(hoop_transport *transport, const hoop_protocol *protocol,
                                 void *arg)
{
    transport->protocol = protocol;
    transport->arg = arg;
}

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
