/* SPDX-License-Identifier: MIT
 *
 * The life of a datagram transport: its beginning and its end, and its turns in the queue.
 */
#include "datagram_transport.h"

#include <sys/socket.h>

#include "descriptors.h"
#include "link.h"

/* ---- the end ---- */

int datagram_transport_close(struct datagram_transport *transport)
{
    if (transport->base.closing)
        return 0;
    transport->base.closing = true;
    return link_is_alone(&transport->outgoing) ? transport_schedule_lost(&transport->base, NULL)
                                               : 0;
}

static int force_close(struct transport *base, PyObject *exception)
{
    if (base->conn_lost > 0)
        return 0;
    base->closing = true;
    datagram_transport_drop_outgoing(datagram_transport_of((PyObject *)base));
    return transport_schedule_lost(base, exception);
}

/* Lets go of the descriptor, and closes it. As work.run returns. */
static int close_socket(struct transport *base)
{
    hoop_timer_stop(base->loop->core, &datagram_transport_of((PyObject *)base)->retry);
    return transport_close_socket(base);
}

/* ---- turns in the queue ---- */

void datagram_transport_continue(struct datagram_transport *transport)
{
    if (datagram_transport_can_receive(transport) || datagram_transport_can_send(transport))
        work_push(transport->base.loop, &transport->base.io);
}

static int receive_and_send(struct transport *base)
{
    struct datagram_transport *transport = datagram_transport_of((PyObject *)base);
    if (datagram_transport_can_receive(transport) && datagram_transport_receive(transport) < 0)
        return -1;
    return datagram_transport_can_send(transport) ? datagram_transport_flush(transport) : 0;
}

static int run_io(struct work *work)
{
    int rc = transport_run(work, receive_and_send);
    datagram_transport_continue(
        datagram_transport_of(work->owner)); /* after what was queued meanwhile */
    return rc;
}

static void notify(hoop_watch *watch, unsigned events)
{
    struct datagram_transport *transport =
        datagram_transport_of((PyObject *)transport_of_watch(watch));
    if (events & HOOP_WRITABLE)
        transport->is_blocked = false;
    datagram_transport_continue(transport);
}

static void expire(hoop_timer *timer)
{
    char *address = (char *)timer - offsetof(struct datagram_transport, retry);
    struct datagram_transport *transport = (struct datagram_transport *)(void *)address;
    transport->is_blocked = false;
    datagram_transport_continue(transport);
}

static int go_on(struct transport *base)
{
    datagram_transport_continue(datagram_transport_of((PyObject *)base));
    return 0;
}

/* ---- what only this kind has ---- */

static void drop(struct transport *base)
{
    struct datagram_transport *transport = datagram_transport_of((PyObject *)base);
    datagram_transport_drop_outgoing(transport);
    PyMem_Free(transport->room);
    transport->room = NULL;
    Py_CLEAR(transport->address);
}

static size_t outgoing_size(const struct transport *base)
{
    return ((const struct datagram_transport *)(const void *)base)->outgoing_size;
}

static const struct transport_kind kind = {
    .run_io = run_io,
    .notify = notify,
    .force_close = force_close,
    .lose = transport_lose,
    .close = close_socket,
    .abandon = close_socket,
    .drop = drop,
    .go_on = go_on,
    .outgoing_size = outgoing_size,
};

/* ---- the beginning ---- */

static int find_family(int fd, int *ret_family)
{
    socklen_t len = sizeof *ret_family;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, ret_family, &len) == 0)
        return 0;
    (void)PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

/* The socket knows where to send. asyncio asks for the peer's name, which a Unix socket may be
 * without. */
static bool is_connected(int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    return getpeername(fd, (struct sockaddr *)(void *)&peer, &len) == 0;
}

static int set_up(struct datagram_transport *transport, PyObject *address, PyObject *extra)
{
    struct transport *base = &transport->base;
    link_init(&transport->outgoing);
    hoop_timer_init(&transport->retry, expire);
    base->extra = transport_extra(extra);
    if (base->extra == NULL)
        return -1;
    int has_address = PyObject_IsTrue(address);
    transport->address = has_address > 0 ? Py_NewRef(address) : NULL;
    if (has_address < 0 || find_family(base->fd, &transport->family) < 0 ||
        transport_describe_socket(base) < 0)
        return -1;
    transport->is_connected = is_connected(base->fd);
    return descriptor_take(base->loop, base->fd, (PyObject *)base, &base->watch);
}

PyObject *datagram_transport_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"loop", "sock", "protocol", "address", "waiter", "extra", NULL};
    struct transport_arguments given = {.waiter = Py_None, .extra = Py_None};
    PyObject *address = Py_None;
    struct core_state *state = core_state_of(type);
    if (state == NULL ||
        !PyArg_ParseTupleAndKeywords(args, keywords, "O!OO|OOO:DatagramTransport", names,
                                     (PyTypeObject *)state->Loop, &given.loop, &given.file,
                                     &given.protocol, &address, &given.waiter, &given.extra))
        return NULL;
    struct transport *transport = transport_allocate(type, &kind, &given);
    if (transport == NULL)
        return NULL;
    if (set_up(datagram_transport_of((PyObject *)transport), address, given.extra) < 0) {
        transport_discard(transport);
        return NULL;
    }
    work_push(transport->loop, &transport->start);
    return (PyObject *)transport;
}

/* ---- collection ---- */

int datagram_transport_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    Py_VISIT(transport->address);
    hoop_link *outgoing = &transport->outgoing;
    for (hoop_link *link = outgoing->next; link != outgoing; link = link->next)
        Py_VISIT(((struct outgoing_datagram *)(void *)link)->address);
    return transport_traverse(self, visit, arg);
}
