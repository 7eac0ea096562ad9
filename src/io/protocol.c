/* SPDX-License-Identifier: MIT
 *
 * Transports: what happens to a channel is told to a protocol, by callbacks.
 *
 * The channel's own news come while the loop collects what is ready, where no program's code may
 * run; so they only queue the transport, whose turn it then is once an iteration: one receive
 * at most, so that a busy connection keeps nobody waiting.
 *
 * When the channel is gone the transport stays, on the loop's list of what is open, until
 * connection_lost was called: in its turn, or by the loop's end.
 */
#include "io/protocol.h"

#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/context.h"
#include "base/list.h"
#include "base/sys.h"

static hoop_transport *transport_of(struct channel *channel)
{
    return (hoop_transport *)(void *)channel;
}

void transport_queue(hoop_transport *transport)
{
    hoop_ready_push(transport->channel.loop, &transport->ready);
}

/* ---- the end ---- */

void transport_fail(hoop_transport *transport, int error)
{
    if (transport->is_lost)
        return;
    if (transport->error == 0)
        transport->error = error;
    channel_abort(&transport->channel);
}

/* The last word. */
static void lose(hoop_transport *transport)
{
    hoop_context *context = transport->context;
    list_remove(&transport->channel.item.link);
    if (transport->is_made && transport->protocol->connection_lost != NULL) {
        hoop_context **outer = context_enter(&context);
        transport->protocol->connection_lost(transport->arg, transport->error);
        context_enter(outer);
    }
    hoop_ready_remove(&transport->ready);
    if (transport->greeting != NULL)
        greeting_drop(transport);
    if (transport->client.server != NULL)
        client_end(&transport->client);
    alloc_free(transport);
    context_unref(context);
}

/* The loop is being closed. What connection_lost does to other transports then only makes them
 * lost: their own turn comes. */
static void item_close(struct io_item *item)
{
    hoop_transport *transport = transport_of(CONTAINER_OF(item, struct channel, item));
    bool is_made = transport->is_made;
    transport_fail(transport, HOOP_ECLOSED);
    if (is_made)
        lose(transport);
}

static void channel_closed(struct channel *channel, int error)
{
    hoop_transport *transport = transport_of(channel);
    if (transport->error == 0)
        transport->error = error;
    transport->is_lost = true;
    if (!transport->is_made) {
        lose(transport);
        return;
    }
    list_init(&channel->item.link);
    io_add(channel->local, &channel->item);
    if (!channel->local->is_closing)
        transport_queue(transport);
}

/* ---- news ---- */

static void channel_readable(struct channel *channel)
{
    hoop_transport *transport = transport_of(channel);
    if (transport->is_reading)
        transport_queue(transport);
}

static void channel_writable(struct channel *channel)
{
    transport_queue(transport_of(channel));
}

static const struct channel_user transport_user = {
    .readable = channel_readable,
    .writable = channel_writable,
    .closed = channel_closed,
    .what = "a transport",
};

static bool may_read(const hoop_transport *transport)
{
    return transport->is_reading && !transport->is_over && !transport->channel.is_closing;
}

static bool may_have_more(const hoop_transport *transport)
{
    return may_read(transport) &&
           (transport->channel.tls != NULL || (transport->channel.watch.ready & HOOP_READABLE));
}

/* Receives into memory of the protocol's own. */
static int64_t receive_buffered(hoop_transport *transport)
{
    const hoop_protocol *protocol = transport->protocol;
    void *arg = transport->arg, *buffer = NULL;
    size_t room = protocol->get_buffer(arg, IO_SCRATCH_SIZE, &buffer);
    if (!may_read(transport))
        return -EAGAIN;
    if (transport->protocol != protocol || transport->arg != arg) {
        transport_queue(transport); /* to ask the one that it has handed the connection to */
        return -EAGAIN;
    }
    if (room == 0 || buffer == NULL)
        return -ENOBUFS;
    int64_t received = channel_receive(&transport->channel, buffer, room);
    if (received > 0)
        protocol->buffer_updated(arg, (size_t)received);
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

/* There is nothing to read from the end of a pipe that is for writing; when the other end is
 * gone the system says that it is readable all the same. */
static void find_unreadable(hoop_transport *transport)
{
    if (transport->channel.watch.ready & HOOP_HANGUP)
        transport_fail(transport, transport->channel.out.size > 0 ? -EPIPE : 0);
    else
        hoop_watch_clear(&transport->channel.watch, HOOP_READABLE);
}

static void read_once(hoop_transport *transport)
{
    int64_t received = transport->protocol->get_buffer != NULL ? receive_buffered(transport)
                                                               : receive_shown(transport);
    if (received > 0) {
        if (may_have_more(transport))
            transport_queue(transport);
    } else if (received == 0) {
        receive_end(transport);
    } else if (received == -EBADF) {
        find_unreadable(transport);
    } else if (received != -EAGAIN) {
        transport_fail(transport, (int)received);
    }
}

static void tell_of_room(hoop_transport *transport)
{
    if (!transport->is_full || transport->channel.out.size > transport->channel.write_low)
        return;
    transport->is_full = false;
    if (transport->protocol->resume_writing != NULL)
        transport->protocol->resume_writing(transport->arg);
}

static void take_turn(hoop_ready *ready)
{
    hoop_transport *transport = CONTAINER_OF(ready, hoop_transport, ready);
    if (transport->is_lost) {
        lose(transport);
        return;
    }
    hoop_context **outer = context_enter(&transport->context);
    if (transport->channel.write_error != 0)
        transport_fail(transport, transport->channel.write_error);
    else if (!transport->channel.is_closing)
        tell_of_room(transport);
    if (may_read(transport))
        read_once(transport);
    context_enter(outer);
}

/* ---- the beginning ---- */

static bool can_receive(const hoop_protocol *protocol)
{
    return protocol->data_received != NULL ||
           (protocol->get_buffer != NULL && protocol->buffer_updated != NULL);
}

bool protocol_is_complete(const hoop_protocol *protocol)
{
    return protocol != NULL && protocol->connection_made != NULL && can_receive(protocol);
}

int transport_new(int fd, enum channel_origin origin, const hoop_stream_options *options,
                  const hoop_protocol *protocol, void *arg, hoop_transport **ret_transport)
{
    hoop_transport *transport = alloc_zeroed(sizeof *transport);
    if (transport == NULL)
        return -ENOMEM;
    int rc = channel_open(&transport->channel, fd, origin, options, &transport_user);
    if (rc < 0) {
        alloc_free(transport);
        return rc;
    }
    transport->channel.item.close = item_close;
    transport->protocol = protocol;
    transport->arg = arg;
    transport->context = context_capture();
    hoop_ready_init(&transport->ready, take_turn);
    *ret_transport = transport;
    return 0;
}

static void tell_that_made(void *arg)
{
    hoop_transport *transport = arg;
    hoop_context **outer = context_enter(&transport->context);
    transport->protocol->connection_made(transport->arg, transport);
    context_enter(outer);
}

void transport_made(hoop_transport *transport)
{
    transport->is_made = true;
    transport->is_reading = true;
    hoop_call_on_thread_stack(tell_that_made, transport);
    if (may_have_more(transport))
        transport_queue(transport);
}

int hoop_transport_open(const hoop_protocol *protocol, void *arg, int fd,
                        const hoop_stream_options *options, hoop_transport **ret_transport)
{
    int rc = io_check_loop(__func__);
    hoop_transport *transport = NULL;
    if (rc == 0 && !protocol_is_complete(protocol))
        rc = misuse(hoop_get_debug(hoop_running_loop()), -EINVAL, __func__);
    if (rc == 0)
        rc = transport_new(fd, CHANNEL_GIVEN, options, protocol, arg, &transport);
    if (rc != 0) {
        if (rc != -EBADF)
            sys_close(fd);
        return rc;
    }
    *ret_transport = transport;
    transport_made(transport);
    return 0;
}

/* ---- what a protocol does; for writing see protocol_write.c ---- */

void hoop_transport_pause_reading(hoop_transport *transport)
{
    transport->is_reading = false;
}

void hoop_transport_resume_reading(hoop_transport *transport)
{
    if (transport->is_reading || transport->is_lost)
        return;
    transport->is_reading = true;
    if (may_have_more(transport))
        transport_queue(transport);
}

bool hoop_transport_is_reading(const hoop_transport *transport)
{
    return may_read(transport);
}

void hoop_transport_close(hoop_transport *transport)
{
    if (!transport->channel.is_closing)
        channel_close(&transport->channel);
}

void hoop_transport_abort(hoop_transport *transport)
{
    transport_fail(transport, 0);
}

bool hoop_transport_is_closing(const hoop_transport *transport)
{
    return transport->channel.is_closing;
}

void hoop_transport_set_protocol(hoop_transport *transport, const hoop_protocol *protocol,
                                 void *arg)
{
    if (!can_receive(protocol)) {
        (void)misuse(hoop_get_debug(transport->channel.loop), -EINVAL, __func__);
        return;
    }
    transport->protocol = protocol;
    transport->arg = arg;
}
