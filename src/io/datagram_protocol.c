/* SPDX-License-Identifier: MIT
 *
 * Datagram sockets whose datagrams go to a protocol.
 *
 * News come while the loop collects what is ready, where no program's code may run; so they only
 * queue the endpoint, whose turn it then is once an iteration: one batch, so that a flood keeps
 * nobody waiting. The batch lies in memory that all endpoints of a loop share, of which only the
 * pages that were ever received into are really there.
 *
 * The struct lives until connection_lost, so that a callback may close its socket.
 */
#include "io/datagram.h"

#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/context.h"
#include "base/list.h"

/* No datagram over IP is longer. */
#define ROOM ((size_t)65536)
#define BATCH 16

#define QUEUE_SIZE_MAX ((size_t)65536)
#define QUEUE_COUNT_MAX 1024

/* A datagram that waits to be sent. */
struct queued {
    hoop_link link; /* on endpoint->queue */
    bool has_address;
    hoop_address to;
    size_t size;
    char data[];
};

struct endpoint {
    hoop_datagram *socket;
    const hoop_datagram_protocol *protocol;
    void *arg;
    hoop_context *context; /* of who made it, for the callbacks; a reference, or NULL */
    hoop_ready ready;      /* queued when there is something to tell or to send */
    hoop_link queue;
    size_t queue_size; /* bytes of data in it */
    unsigned queue_count;
    int error;      /* of an earlier datagram, to be told; or 0 */
    bool is_closed; /* connection_lost comes */
};

/* ---- the memory that all share ---- */

struct room {
    hoop_local local;
    char memory[];
};

static const char key;

static void room_close(hoop_local *base)
{
    alloc_free(CONTAINER_OF(base, struct room, local));
}

/* LOOP's; NULL without memory. */
static char *room_of(hoop_loop *loop)
{
    hoop_local *base = hoop_local_find(loop, &key);
    if (base != NULL)
        return CONTAINER_OF(base, struct room, local)->memory;
    struct room *room = alloc_zeroed(sizeof *room + BATCH * ROOM);
    if (room == NULL)
        return NULL;
    room->local = (hoop_local){.key = &key, .close = room_close};
    hoop_local_add(loop, &room->local);
    return room->memory;
}

/* ---- sending ---- */

/* As datagram_send_now; but the error of an earlier datagram is kept for the protocol, and does
 * not stop this one. */
static int64_t send_past_error(struct endpoint *endpoint, const void *data, size_t size,
                               const hoop_address *to)
{
    hoop_datagram *socket = endpoint->socket;
    int64_t sent = datagram_send_now(socket, data, size, to);
    if (sent != -ECONNREFUSED || socket->is_unix)
        return sent;
    endpoint->error = (int)sent;
    hoop_ready_push(socket->loop, &endpoint->ready);
    return datagram_send_now(socket, data, size, to);
}

static void queued_free(struct endpoint *endpoint, struct queued *queued)
{
    list_remove(&queued->link);
    endpoint->queue_size -= queued->size;
    endpoint->queue_count--;
    alloc_free(queued);
}

static struct queued *first_queued(const struct endpoint *endpoint)
{
    return CONTAINER_OF(endpoint->queue.next, struct queued, link);
}

static int queue(struct endpoint *endpoint, const void *data, size_t size, const hoop_address *to)
{
    if (size > QUEUE_SIZE_MAX - endpoint->queue_size || endpoint->queue_count == QUEUE_COUNT_MAX)
        return -EAGAIN;
    struct queued *queued = alloc_zeroed(sizeof *queued + size);
    if (queued == NULL)
        return -ENOMEM;
    queued->size = size;
    queued->has_address = to != NULL;
    if (to != NULL)
        queued->to = *to;
    if (size > 0)
        memcpy(queued->data, data, size);
    list_append(&endpoint->queue, &queued->link);
    endpoint->queue_size += size;
    endpoint->queue_count++;
    return 0;
}

int hoop_datagram_sendto(hoop_datagram *socket, const void *data, size_t size,
                         const hoop_address *to)
{
    struct endpoint *endpoint = socket->endpoint;
    if (endpoint == NULL)
        return misuse(hoop_get_debug(socket->loop), -EINVAL, __func__);
    if (endpoint->is_closed)
        return -EBADF;
    int64_t sent = -EAGAIN;
    if (list_is_empty(&endpoint->queue))
        sent = send_past_error(endpoint, data, size, to);
    if (sent == -EAGAIN)
        return queue(endpoint, data, size, to);
    return sent < 0 ? (int)sent : 0;
}

/* ---- telling the protocol ---- */

static void tell_error(struct endpoint *endpoint, int error)
{
    if (endpoint->protocol->error_received != NULL)
        endpoint->protocol->error_received(endpoint->arg, error);
}

static void flush(struct endpoint *endpoint)
{
    while (!endpoint->is_closed && !list_is_empty(&endpoint->queue)) {
        struct queued *queued = first_queued(endpoint);
        int64_t sent = send_past_error(endpoint, queued->data, queued->size,
                                       queued->has_address ? &queued->to : NULL);
        if (sent == -EAGAIN)
            return;
        queued_free(endpoint, queued);
        if (sent < 0)
            tell_error(endpoint, (int)sent);
    }
}

static void receive(struct endpoint *endpoint)
{
    hoop_datagram *socket = endpoint->socket;
    char *room = room_of(socket->loop); /* there since the endpoint was made */
    hoop_message messages[BATCH];
    hoop_address from[BATCH];
    for (size_t i = 0; i < BATCH; i++)
        messages[i] = (hoop_message){.data = room + i * ROOM, .size = ROOM, .address = &from[i]};
    int64_t received = datagram_receive_batch(socket, messages, BATCH);
    for (int64_t i = 0; i < received && !endpoint->is_closed; i++)
        endpoint->protocol->datagram_received(endpoint->arg, messages[i].data, messages[i].size,
                                              &from[i]);
    if (received < 0 && received != -EAGAIN)
        tell_error(endpoint, (int)received);
    if (!endpoint->is_closed && (socket->watch.ready & HOOP_READABLE))
        hoop_ready_push(socket->loop, &endpoint->ready);
}

static void queue_drop(struct endpoint *endpoint)
{
    while (!list_is_empty(&endpoint->queue))
        queued_free(endpoint, first_queued(endpoint));
}

/* Frees the socket, which was stopped, and says goodbye with ERROR. */
static void lose(struct endpoint *endpoint, int error)
{
    const hoop_datagram_protocol *protocol = endpoint->protocol;
    void *arg = endpoint->arg;
    hoop_context *context = endpoint->context;
    queue_drop(endpoint);
    hoop_ready_remove(&endpoint->ready);
    datagram_free(endpoint->socket);
    alloc_free(endpoint);
    if (protocol->connection_lost != NULL) {
        hoop_context **outer = context_enter(&context);
        protocol->connection_lost(arg, error);
        context_enter(outer);
    }
    context_unref(context);
}

static void run(hoop_ready *ready)
{
    struct endpoint *endpoint = CONTAINER_OF(ready, struct endpoint, ready);
    int error = endpoint->error;
    endpoint->error = 0;
    if (endpoint->is_closed) {
        lose(endpoint, 0);
        return;
    }
    hoop_context **outer = context_enter(&endpoint->context);
    if (error < 0)
        tell_error(endpoint, error);
    flush(endpoint);
    if (!endpoint->is_closed)
        receive(endpoint);
    context_enter(outer);
}

void endpoint_news(hoop_datagram *socket, unsigned events)
{
    struct endpoint *endpoint = socket->endpoint;
    if ((events & HOOP_READABLE) || !list_is_empty(&endpoint->queue))
        hoop_ready_push(socket->loop, &endpoint->ready);
}

/* ---- its life ---- */

bool endpoint_is_closed(const hoop_datagram *socket)
{
    return socket->endpoint != NULL && socket->endpoint->is_closed;
}

void endpoint_close(hoop_datagram *socket)
{
    struct endpoint *endpoint = socket->endpoint;
    if (endpoint->is_closed)
        return;
    endpoint->is_closed = true;
    datagram_stop(socket);
    hoop_ready_push(socket->loop, &endpoint->ready);
}

void endpoint_loop_closes(hoop_datagram *socket)
{
    bool was_closed = endpoint_is_closed(socket);
    if (!was_closed)
        datagram_stop(socket);
    lose(socket->endpoint, was_closed ? 0 : HOOP_ECLOSED);
}

/* Outside of the task that made it. */
static void tell_that_made(void *arg)
{
    struct endpoint *endpoint = arg;
    hoop_context **outer = context_enter(&endpoint->context);
    endpoint->protocol->connection_made(endpoint->arg, endpoint->socket);
    context_enter(outer);
}

int hoop_create_datagram_endpoint(const hoop_datagram_protocol *protocol, void *arg,
                                  const hoop_address *local, const hoop_address *remote,
                                  const hoop_datagram_options *options, hoop_datagram **ret_socket)
{
    int rc = io_check_loop(__func__);
    if (rc < 0)
        return rc;
    if (protocol->datagram_received == NULL)
        return misuse(hoop_get_debug(hoop_running_loop()), -EINVAL, __func__);
    if (room_of(hoop_running_loop()) == NULL)
        return -ENOMEM;
    struct endpoint *endpoint = alloc_zeroed(sizeof *endpoint);
    if (endpoint == NULL)
        return -ENOMEM;
    hoop_datagram *socket = NULL;
    rc = datagram_open(local, remote, options, &socket);
    if (rc < 0) {
        alloc_free(endpoint);
        return rc;
    }
    endpoint->socket = socket;
    endpoint->protocol = protocol;
    endpoint->arg = arg;
    endpoint->context = context_capture();
    hoop_ready_init(&endpoint->ready, run);
    list_init(&endpoint->queue);
    socket->endpoint = endpoint;
    *ret_socket = socket;
    if (protocol->connection_made != NULL)
        hoop_call_on_thread_stack(tell_that_made, endpoint);
    return 0;
}
