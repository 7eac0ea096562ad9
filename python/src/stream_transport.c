/* SPDX-License-Identifier: MIT
 *
 * The life of a stream transport: its beginning and its end, and its turns in the queue.
 */
#include "stream_transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "descriptors.h"

enum { READ_SIZE = 16 * 1024 }; /* at first */

/* ---- the end ---- */

int stream_transport_close(struct stream_transport *transport)
{
    if (transport->base.closing)
        return 0;
    transport->base.closing = true;
    return transport->outgoing.count > 0 ? 0 : transport_schedule_lost(&transport->base, NULL);
}

static int force_close(struct transport *base, PyObject *exception)
{
    if (base->conn_lost > 0)
        return 0;
    base->closing = true;
    outgoing_clear(&stream_transport_of((PyObject *)base)->outgoing);
    return transport_schedule_lost(base, exception);
}

static int detach_server(struct stream_transport *transport)
{
    PyObject *server = transport->server;
    if (server == NULL)
        return 0;
    transport->server = NULL;
    PyObject *result = PyObject_CallMethodOneArg(server, transport->base.loop->state->name__detach,
                                                 (PyObject *)transport);
    Py_DECREF(server);
    Py_XDECREF(result);
    return result != NULL
               ? 0
               : transport_report(&transport->base, "Exception in callback Server._detach()");
}

/* What waits for the buffer to be empty waits in vain. */
static int give_up_empty_waiter(struct stream_transport *transport)
{
    if (transport->empty_waiter == NULL)
        return 0;
    PyObject *exception =
        PyObject_CallFunction(PyExc_ConnectionError, "s", "Connection is closed by peer");
    int rc = exception == NULL ? -1 : stream_transport_fail_empty_waiter(transport, exception);
    Py_XDECREF(exception);
    return rc == 0 ? 0 : transport_report(&transport->base, "Exception in callback of a transport");
}

/* All that is left to do, whatever fails. */
static int close_all(struct transport *base)
{
    struct stream_transport *transport = stream_transport_of((PyObject *)base);
    int rc = transport_close_socket(base);
    Py_CLEAR(base->protocol.object);
    PyObject *raised = rc < 0 ? PyErr_GetRaisedException() : NULL;
    int (*const steps[])(struct stream_transport *) = {detach_server, give_up_empty_waiter};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i](transport) < 0)
            Py_XSETREF(raised, PyErr_GetRaisedException());
    }
    if (raised == NULL)
        return 0;
    PyErr_SetRaisedException(raised);
    return -1;
}

/* ---- turns in the queue ---- */

static bool can_read(const struct stream_transport *transport)
{
    return (transport->base.watch.ready & HOOP_READABLE) && transport->base.started &&
           !transport->at_eof && transport_is_reading(&transport->base);
}

static bool can_write(const struct stream_transport *transport)
{
    return (transport->base.watch.ready & HOOP_WRITABLE) && transport->outgoing.count > 0;
}

void stream_transport_continue(struct stream_transport *transport)
{
    if (can_read(transport) || can_write(transport))
        work_push(transport->base.loop, &transport->base.io);
}

static int read_and_write(struct transport *base)
{
    struct stream_transport *transport = stream_transport_of((PyObject *)base);
    if (can_read(transport) && stream_transport_read(transport) < 0)
        return -1;
    return can_write(transport) ? stream_transport_flush(transport) : 0;
}

static int run_io(struct work *work)
{
    int rc = transport_run(work, read_and_write);
    stream_transport_continue(
        stream_transport_of(work->owner)); /* after what was queued meanwhile */
    return rc;
}

static void notify(hoop_watch *watch, unsigned events)
{
    (void)events;
    stream_transport_continue(stream_transport_of((PyObject *)transport_of_watch(watch)));
}

static int go_on(struct transport *base)
{
    struct stream_transport *transport = stream_transport_of((PyObject *)base);
    if (!base->paused)
        transport->at_eof = false; /* a protocol that was set meanwhile is told, too */
    stream_transport_continue(transport);
    return 0;
}

/* ---- what only this kind has ---- */

static int abandon(struct transport *base)
{
    if (transport_close_socket(base) < 0)
        PyErr_WriteUnraisable((PyObject *)base);
    return detach_server(stream_transport_of((PyObject *)base));
}

static void drop(struct transport *base)
{
    struct stream_transport *transport = stream_transport_of((PyObject *)base);
    Py_CLEAR(transport->server);
    Py_CLEAR(transport->empty_waiter);
    outgoing_clear(&transport->outgoing);
}

static size_t outgoing_size(const struct transport *base)
{
    return ((const struct stream_transport *)(const void *)base)->outgoing.size;
}

static const struct transport_kind kind = {
    .run_io = run_io,
    .notify = notify,
    .force_close = force_close,
    .lose = transport_lose,
    .close = close_all,
    .abandon = abandon,
    .drop = drop,
    .go_on = go_on,
    .outgoing_size = outgoing_size,
};

/* ---- the beginning ---- */

/* Small writes go out at once, as asyncio has it; other sockets than TCP's refuse. */
static bool set_nodelay(int fd)
{
    int yes = 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0;
}

static int attach_server(struct stream_transport *transport, PyObject *server)
{
    if (server == Py_None)
        return 0;
    PyObject *result = PyObject_CallMethodOneArg(server, transport->base.loop->state->name__attach,
                                                 (PyObject *)transport);
    Py_XDECREF(result);
    if (result == NULL)
        return -1;
    transport->server = Py_NewRef(server);
    return 0;
}

static int set_up(struct stream_transport *transport, PyObject *extra, PyObject *server)
{
    struct transport *base = &transport->base;
    base->extra = transport_extra(extra);
    if (base->extra == NULL || transport_describe_socket(base) < 0)
        return -1;
    transport->is_tcp = set_nodelay(base->fd);
    transport->read_size = READ_SIZE;
    if (descriptor_take(base->loop, base->fd, (PyObject *)base, &base->watch) < 0)
        return -1;
    if (attach_server(transport, server) == 0)
        return 0;
    hoop_watch_stop(base->loop->core, &base->watch);
    descriptor_release(base->loop, base->fd);
    return -1;
}

PyObject *stream_transport_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"loop", "sock", "protocol", "waiter", "extra", "server", NULL};
    struct transport_arguments given = {.waiter = Py_None, .extra = Py_None};
    PyObject *server = Py_None;
    struct core_state *state = core_state_of(type);
    if (state == NULL ||
        !PyArg_ParseTupleAndKeywords(args, keywords, "O!OO|OOO:StreamTransport", names,
                                     (PyTypeObject *)state->Loop, &given.loop, &given.file,
                                     &given.protocol, &given.waiter, &given.extra, &server))
        return NULL;
    struct transport *transport = transport_allocate(type, &kind, &given);
    if (transport == NULL)
        return NULL;
    if (set_up(stream_transport_of((PyObject *)transport), given.extra, server) < 0) {
        transport_discard(transport);
        return NULL;
    }
    work_push(transport->loop, &transport->start);
    return (PyObject *)transport;
}

/* ---- collection ---- */

int stream_transport_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct stream_transport *transport = stream_transport_of(self);
    Py_VISIT(transport->server);
    Py_VISIT(transport->empty_waiter);
    return transport_traverse(self, visit, arg); /* outgoing has exact bytes objects only */
}
