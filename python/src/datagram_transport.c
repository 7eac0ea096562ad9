/* SPDX-License-Identifier: MIT
 *
 * The life of a datagram transport: its beginning and its end, and its turns in the queue.
 */
#include "datagram_transport.h"

#include <sys/socket.h>

#include "descriptors.h"
#include "link.h"
#include "report.h"
#include "transport.h"

/* ---- the end ---- */

static int schedule_lost(struct datagram_transport *transport, PyObject *exception)
{
    loop_object *loop = transport->loop;
    transport->conn_lost++;
    Py_XSETREF(transport->lost_with, Py_XNewRef(exception));
    if (loop_check_closed(loop) < 0 || (loop->debug && loop_check_thread(loop) < 0))
        return -1;
    work_push(loop, &transport->lost);
    return 0;
}

int datagram_transport_close(struct datagram_transport *transport)
{
    if (transport->closing)
        return 0;
    transport->closing = true;
    return link_is_alone(&transport->outgoing) ? schedule_lost(transport, NULL) : 0;
}

int datagram_transport_force_close(struct datagram_transport *transport, PyObject *exception)
{
    if (transport->conn_lost > 0)
        return 0;
    transport->closing = true;
    datagram_transport_drop_outgoing(transport);
    return schedule_lost(transport, exception);
}

int datagram_transport_fail(struct datagram_transport *transport, const char *message)
{
    if (PyErr_ExceptionMatches(PyExc_SystemExit) || PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
        return -1;
    PyObject *exception = PyErr_GetRaisedException();
    int rc = transport_tell_failure(transport->loop, (PyObject *)transport, transport->protocol,
                                    exception, message); /* the handler may close it */
    if (rc == 0)
        rc = datagram_transport_force_close(transport, exception);
    Py_DECREF(exception);
    return rc;
}

/* Lets go of the descriptor, and closes it. As work.run returns. */
static int close_socket(struct datagram_transport *transport)
{
    loop_object *loop = transport->loop;
    PyObject *sock = transport->sock;
    transport->sock = NULL;
    transport->closing = true;
    transport->conn_lost++;
    hoop_timer_stop(loop->core, &transport->retry);
    hoop_watch_stop(loop->core, &transport->watch);
    work_remove(&transport->io);
    descriptor_release(loop, transport->fd);
    PyObject *result = PyObject_CallMethodNoArgs(sock, loop->state->name_close);
    Py_DECREF(sock);
    Py_XDECREF(result);
    return result != NULL ? 0
                          : report_exception(loop, "closing a socket failed", "transport",
                                             (PyObject *)transport, NULL, NULL);
}

int datagram_transport_lose(struct datagram_transport *transport)
{
    if (transport->sock == NULL)
        return 0;
    loop_object *loop = transport->loop;
    PyObject *protocol = transport->protocol, *exception = transport->lost_with;
    transport->lost_with = NULL;
    transport->conn_lost++;
    PyObject *result = PyObject_CallMethodOneArg(protocol, loop->state->name_connection_lost,
                                                 exception == NULL ? Py_None : exception);
    int rc = result != NULL
                 ? 0
                 : report_exception(loop, "Exception in protocol.connection_lost()", "transport",
                                    (PyObject *)transport, "protocol", protocol);
    Py_XDECREF(exception);
    Py_XDECREF(result);
    PyObject *raised = rc < 0 ? PyErr_GetRaisedException() : NULL;
    if (transport->sock != NULL)
        rc = close_socket(transport);
    Py_CLEAR(transport->protocol);
    if (raised == NULL)
        return rc;
    PyErr_SetRaisedException(raised); /* instead of one of closing */
    return -1;
}

/* ---- turns in the queue ---- */

void datagram_transport_continue(struct datagram_transport *transport)
{
    if (datagram_transport_can_receive(transport) || datagram_transport_can_send(transport))
        work_push(transport->loop, &transport->io);
}

static int receive_and_send(PyObject *self)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    if (datagram_transport_can_receive(transport) && datagram_transport_receive(transport) < 0)
        return -1;
    return datagram_transport_can_send(transport) ? datagram_transport_flush(transport) : 0;
}

static int run_io(struct work *work)
{
    struct datagram_transport *transport = datagram_transport_of(work->owner);
    int rc = transport_run_in_context(transport->loop, work->owner, transport->context,
                                      receive_and_send);
    datagram_transport_continue(transport); /* after what was queued meanwhile */
    return rc;
}

static int lose(PyObject *self)
{
    return datagram_transport_lose(datagram_transport_of(self));
}

static int run_lost(struct work *work)
{
    struct datagram_transport *transport = datagram_transport_of(work->owner);
    return transport_run_in_context(transport->loop, work->owner, transport->context, lose);
}

static int tell_protocol(struct datagram_transport *transport)
{
    loop_object *loop = transport->loop;
    PyObject *result = PyObject_CallMethodOneArg(
        transport->protocol, loop->state->name_connection_made, (PyObject *)transport);
    Py_XDECREF(result);
    if (result != NULL)
        return 0;
    return report_exception(loop, "Exception in protocol.connection_made()", "transport",
                            (PyObject *)transport, "protocol", transport->protocol);
}

static int start(PyObject *self)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    if (!transport->protocol_knows) {
        transport->protocol_knows = true;
        if (tell_protocol(transport) < 0) {
            work_push(transport->loop, &transport->start); /* the rest, in the next run */
            return -1;
        }
    }
    transport->started = true;
    datagram_transport_continue(transport);
    return transport_tell_waiter(transport->loop, self, &transport->waiter);
}

static int run_start(struct work *work)
{
    struct datagram_transport *transport = datagram_transport_of(work->owner);
    return transport_run_in_context(transport->loop, work->owner, transport->context, start);
}

static void notify(hoop_watch *watch, unsigned events)
{
    char *address = (char *)watch - offsetof(struct datagram_transport, watch);
    struct datagram_transport *transport = (struct datagram_transport *)(void *)address;
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

/* ---- the beginning ---- */

/* What the constructor was given. All borrowed. */
struct arguments {
    PyObject *loop, *sock, *protocol, *address, *waiter, *extra;
};

static PyObject *new_unless_none(PyObject *object)
{
    return object == Py_None ? NULL : Py_NewRef(object);
}

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

static int take_descriptor(struct datagram_transport *transport)
{
    if (descriptor_claim(transport->loop, transport->fd, (PyObject *)transport) < 0)
        return -1;
    int rc = hoop_watch_start(transport->loop->core, &transport->watch, transport->fd);
    if (rc == 0)
        return 0;
    descriptor_release(transport->loop, transport->fd);
    (void)raise_result(rc);
    return -1;
}

static int set_up(struct datagram_transport *transport, const struct arguments *arguments)
{
    struct core_state *state = transport->loop->state;
    transport->sock = Py_NewRef(arguments->sock);
    transport->protocol = Py_NewRef(arguments->protocol);
    transport->waiter = new_unless_none(arguments->waiter);
    int has_address = PyObject_IsTrue(arguments->address);
    transport->address = has_address > 0 ? Py_NewRef(arguments->address) : NULL;
    transport->context = PyContext_CopyCurrent();
    transport->fd = PyObject_AsFileDescriptor(arguments->sock);
    if (has_address < 0 || transport->context == NULL || transport->fd < 0 ||
        find_family(transport->fd, &transport->family) < 0)
        return -1;
    transport->extra = transport_extra(state, arguments->sock, arguments->extra);
    transport->is_connected = is_connected(transport->fd);
    return transport->extra == NULL ? -1 : take_descriptor(transport);
}

static int check_room(PyTypeObject *base)
{
    if (base->tp_basicsize <= (Py_ssize_t)offsetof(struct datagram_transport, loop))
        return 0;
    PyErr_SetString(PyExc_ImportError,
                    "this Python's asyncio.DatagramTransport has more fields than known");
    return -1;
}

static struct datagram_transport *allocate(PyTypeObject *type, PyObject *loop)
{
    struct datagram_transport *transport = datagram_transport_of(type->tp_alloc(type, 0));
    if (transport == NULL)
        return NULL;
    transport->loop = (loop_object *)Py_NewRef(loop);
    link_init(&transport->outgoing);
    flow_control_init(&transport->flow);
    hoop_watch_init(&transport->watch, notify);
    hoop_timer_init(&transport->retry, expire);
    work_init(&transport->start, (PyObject *)transport, run_start);
    work_init(&transport->io, (PyObject *)transport, run_io);
    work_init(&transport->lost, (PyObject *)transport, run_lost);
    return transport;
}

PyObject *datagram_transport_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"loop", "sock", "protocol", "address", "waiter", "extra", NULL};
    struct arguments given = {.address = Py_None, .waiter = Py_None, .extra = Py_None};
    struct core_state *state = core_state_of(type);
    if (state == NULL || check_room(type->tp_base) < 0 ||
        !PyArg_ParseTupleAndKeywords(args, keywords, "O!OO|OOO:DatagramTransport", names,
                                     (PyTypeObject *)state->Loop, &given.loop, &given.sock,
                                     &given.protocol, &given.address, &given.waiter, &given.extra))
        return NULL;
    if (given.extra != Py_None && !PyDict_Check(given.extra))
        return PyErr_Format(PyExc_TypeError, "extra must be a dict or None");
    if (loop_check_closed((loop_object *)given.loop) < 0)
        return NULL;
    struct datagram_transport *transport = allocate(type, given.loop);
    if (transport == NULL)
        return NULL;
    if (set_up(transport, &given) < 0) {
        Py_CLEAR(transport->sock); /* it stays the caller's */
        Py_DECREF(transport);
        return NULL;
    }
    work_push(transport->loop, &transport->start);
    return (PyObject *)transport;
}

/* Instead of asyncio's, which takes something else: the arguments were those of __new__. */
int datagram_transport_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    (void)self;
    (void)args;
    (void)keywords;
    return 0;
}

/* ---- collection ---- */

int datagram_transport_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(transport->loop);
    Py_VISIT(transport->sock);
    Py_VISIT(transport->protocol);
    Py_VISIT(transport->address);
    Py_VISIT(transport->waiter);
    Py_VISIT(transport->extra);
    Py_VISIT(transport->context);
    Py_VISIT(transport->lost_with);
    Py_VISIT(transport->dict);
    hoop_link *outgoing = &transport->outgoing;
    for (hoop_link *link = outgoing->next; link != outgoing; link = link->next)
        Py_VISIT(((struct outgoing_datagram *)(void *)link)->address);
    return 0;
}

/* The loop and the context stay: a queue that still holds the transport needs them. */
int datagram_transport_clear(PyObject *self)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    Py_CLEAR(transport->waiter);
    Py_CLEAR(transport->lost_with);
    Py_CLEAR(transport->protocol);
    Py_CLEAR(transport->dict);
    datagram_transport_drop_outgoing(transport);
    return 0;
}

/* Nobody closed it: says so, and does. */
void datagram_transport_finalize(PyObject *self)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    if (transport->sock == NULL)
        return;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (PyErr_ResourceWarning(self, 1, "unclosed transport %R", self) < 0)
        PyErr_WriteUnraisable(self);
    if (close_socket(transport) < 0)
        PyErr_WriteUnraisable(self);
    PyErr_Restore(type, value, traceback);
}

void datagram_transport_dealloc(PyObject *self)
{
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    struct datagram_transport *transport = datagram_transport_of(self);
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (transport->weak_references != NULL)
        PyObject_ClearWeakRefs(self);
    (void)datagram_transport_clear(self);
    PyMem_Free(transport->room);
    Py_CLEAR(transport->sock);
    Py_CLEAR(transport->address);
    Py_CLEAR(transport->extra);
    Py_CLEAR(transport->context);
    Py_CLEAR(transport->loop);
    type->tp_free(self);
    Py_DECREF(type);
}
