/* SPDX-License-Identifier: MIT
 *
 * Receiving and sending of a datagram transport. What concerns addresses of the internet is done
 * here, all others by the socket's own methods.
 */
#include "datagram_transport.h"

#include <errno.h>
#include <sys/socket.h>

#include "link.h"
#include "socket_address.h"

enum {
    ROOM = 256 * 1024, /* for a datagram: asyncio's max_size */
    DATAGRAMS_PER_TURN = 32,
    RETRY_NS = 2000000,
};

/* ---- telling the protocol ---- */

/* protocol.NAME(FIRST, SECOND), or without SECOND if that is NULL. 0, or -1 with an exception. */
static int call_protocol(struct datagram_transport *transport, PyObject *name, PyObject *first,
                         PyObject *second)
{
    if (transport->base.protocol.object == NULL)
        return 0;
    /* It may set another protocol. */
    PyObject *arguments[] = {Py_NewRef(transport->base.protocol.object), first, second};
    size_t count = second == NULL ? 2 : 3;
    PyObject *result = PyObject_VectorcallMethod(name, arguments, count, NULL);
    Py_DECREF(arguments[0]);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* The pending exception, an OSError, is what became of a datagram. 0, or -1 with an exception. */
static int tell_error(struct datagram_transport *transport)
{
    PyObject *exception = PyErr_GetRaisedException();
    int rc =
        call_protocol(transport, transport->base.loop->state->name_error_received, exception, NULL);
    Py_DECREF(exception);
    return rc;
}

/* A system call failed while the queue ran: as work.run returns. */
static int failed(struct datagram_transport *transport, const char *message)
{
    if (!PyErr_ExceptionMatches(PyExc_OSError))
        return transport_failed(&transport->base, message);
    return tell_error(transport) == 0
               ? 0
               : transport_report(&transport->base, "Exception in protocol.error_received()");
}

static bool would_block(void)
{
    if (!PyErr_ExceptionMatches(PyExc_BlockingIOError) &&
        !PyErr_ExceptionMatches(PyExc_InterruptedError))
        return false;
    PyErr_Clear();
    return true;
}

/* ---- receiving ---- */

bool datagram_transport_can_receive(const struct datagram_transport *transport)
{
    return (transport->base.watch.ready & HOOP_READABLE) && transport->base.started &&
           transport_is_reading(&transport->base);
}

/* All three: 1 with *RET_DATA and *RET_FROM, new references; 0 if there is nothing; -1 with an
 * exception. */
static int receive_by_method(struct datagram_transport *transport, PyObject **ret_data,
                             PyObject **ret_from)
{
    PyObject *received = PyObject_CallMethod(transport->base.file, "recvfrom", "i", ROOM);
    if (received == NULL)
        return would_block() ? 0 : -1;
    int is_pair = PyArg_ParseTuple(received, "OO", ret_data, ret_from);
    if (is_pair) {
        Py_INCREF(*ret_data);
        Py_INCREF(*ret_from);
    }
    Py_DECREF(received);
    return is_pair ? 1 : -1;
}

static int receive_from_internet(struct datagram_transport *transport, PyObject **ret_data,
                                 PyObject **ret_from)
{
    if (transport->room == NULL && (transport->room = PyMem_Malloc(ROOM)) == NULL) {
        (void)PyErr_NoMemory();
        return -1;
    }
    struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof from;
    ssize_t count = recvfrom(transport->base.fd, transport->room, ROOM, MSG_DONTWAIT,
                             (struct sockaddr *)(void *)&from, &len);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    if (count < 0) {
        (void)PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    *ret_data = PyBytes_FromStringAndSize(transport->room, count);
    *ret_from = *ret_data == NULL ? NULL : socket_address_build(&from, len);
    if (*ret_from != NULL)
        return 1;
    Py_CLEAR(*ret_data);
    return -1;
}

static int receive_one(struct datagram_transport *transport)
{
    PyObject *data = NULL, *from = NULL;
    int rc = socket_address_is_known(transport->family)
                 ? receive_from_internet(transport, &data, &from)
                 : receive_by_method(transport, &data, &from);
    if (rc == 0)
        hoop_watch_clear(&transport->base.watch, HOOP_READABLE | HOOP_HANGUP);
    if (rc < 0)
        return failed(transport, "Fatal read error on datagram transport");
    if (rc == 0)
        return 0;
    rc = call_protocol(transport, transport->base.loop->state->name_datagram_received, data, from);
    Py_DECREF(data);
    Py_DECREF(from);
    return rc == 0
               ? 0
               : transport_report(&transport->base, "Exception in protocol.datagram_received()");
}

int datagram_transport_receive(struct datagram_transport *transport)
{
    for (int i = 0; i < DATAGRAMS_PER_TURN && datagram_transport_can_receive(transport); i++)
        if (receive_one(transport) < 0)
            return -1;
    return 0;
}

/* ---- sending ---- */

bool datagram_transport_can_send(const struct datagram_transport *transport)
{
    return !link_is_alone(&transport->outgoing) && !transport->is_blocked &&
           transport->base.file != NULL;
}

/* There is no room. Of a Unix socket the kernel does not always tell when there is some again. 0,
 * or -1 with an exception. */
static int send_blocked(struct datagram_transport *transport)
{
    hoop_loop *core = transport->base.loop->core;
    transport->is_blocked = true;
    hoop_watch_clear(&transport->base.watch, HOOP_WRITABLE);
    if (transport->family != AF_UNIX || transport->retry.position != 0)
        return 0;
    int rc = hoop_timer_start(core, &transport->retry, hoop_time_ns(core) + RETRY_NS);
    if (rc < 0)
        (void)raise_result(rc);
    return rc < 0 ? -1 : 0;
}

static int send_by_method(struct datagram_transport *transport, PyObject *data, PyObject *address)
{
    PyObject *sent = PyObject_CallMethod(transport->base.file, "sendto", "OO", data,
                                         address == NULL ? Py_None : address);
    Py_XDECREF(sent);
    if (sent != NULL)
        return 1;
    return would_block() ? send_blocked(transport) : -1;
}

/* LEN 0: to whom the socket is connected. */
static int send_by_system(struct datagram_transport *transport, PyObject *data,
                          const struct sockaddr_storage *to, socklen_t len)
{
    Py_buffer buffer;
    if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) < 0)
        return -1;
    ssize_t sent;
    do
        sent =
            sendto(transport->base.fd, buffer.buf, (size_t)buffer.len, MSG_DONTWAIT | MSG_NOSIGNAL,
                   len == 0 ? NULL : (const struct sockaddr *)(const void *)to, len);
    while (sent < 0 && errno == EINTR);
    int error = errno;
    PyBuffer_Release(&buffer);
    if (sent >= 0)
        return 1;
    if (error == EAGAIN || error == EWOULDBLOCK)
        return send_blocked(transport);
    errno = error;
    (void)PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

/* 1: sent; 0: it must wait; -1 with an exception. */
static int send_now(struct datagram_transport *transport, PyObject *data, PyObject *address)
{
    struct sockaddr_storage to;
    socklen_t len = 0;
    if (!transport->is_connected &&
        (address == NULL || !socket_address_parse(transport->family, address, &to, &len)))
        return send_by_method(transport, data, address);
    return send_by_system(transport, data, &to, len);
}

/* ---- what waits ---- */

static struct outgoing_datagram *first_outgoing(struct datagram_transport *transport)
{
    return (struct outgoing_datagram *)(void *)transport->outgoing.next;
}

/* Off the queue. May run a program's code: the end of an address. */
static void outgoing_free(struct datagram_transport *transport, struct outgoing_datagram *datagram)
{
    link_remove(&datagram->link);
    transport->outgoing_size -= (size_t)PyBytes_GET_SIZE(datagram->bytes) + DATAGRAM_OVERHEAD;
    Py_DECREF(datagram->bytes);
    Py_XDECREF(datagram->address);
    PyMem_Free(datagram);
}

void datagram_transport_drop_outgoing(struct datagram_transport *transport)
{
    while (!link_is_alone(&transport->outgoing))
        outgoing_free(transport, first_outgoing(transport));
}

static int outgoing_add(struct datagram_transport *transport, PyObject *data, PyObject *address)
{
    PyObject *bytes = PyBytes_FromObject(data); /* a copy of what could change */
    if (bytes == NULL)
        return -1;
    struct outgoing_datagram *datagram = PyMem_Malloc(sizeof *datagram);
    if (datagram == NULL) {
        Py_DECREF(bytes);
        (void)PyErr_NoMemory();
        return -1;
    }
    datagram->bytes = bytes;
    datagram->address = Py_XNewRef(address);
    link_append(&transport->outgoing, &datagram->link);
    transport->outgoing_size += (size_t)PyBytes_GET_SIZE(bytes) + DATAGRAM_OVERHEAD;
    return 0;
}

/* All is sent: the end, if that was waited for. */
static int flushed(struct datagram_transport *transport)
{
    if (!transport->base.closing || transport->base.conn_lost > 0 ||
        !link_is_alone(&transport->outgoing))
        return 0;
    transport->base.conn_lost++;
    return transport_lose(&transport->base);
}

int datagram_transport_flush(struct datagram_transport *transport)
{
    while (datagram_transport_can_send(transport)) {
        struct outgoing_datagram *datagram = first_outgoing(transport);
        /* A method of the socket might send on this very transport. */
        PyObject *bytes = Py_NewRef(datagram->bytes), *address = Py_XNewRef(datagram->address);
        int sent = send_now(transport, bytes, address);
        if (sent != 0 && !link_is_alone(&transport->outgoing) &&
            first_outgoing(transport) == datagram)
            outgoing_free(transport, datagram);
        Py_DECREF(bytes);
        Py_XDECREF(address);
        if (sent < 0 && failed(transport, "Fatal write error on datagram transport") < 0)
            return -1;
    }
    if (transport_resume_protocol(&transport->base, transport->outgoing_size) < 0)
        return -1;
    return flushed(transport);
}

/* ---- what the program calls ---- */

/* sendto(data, addr=None) */
static int parse(struct core_state *state, PyObject *const *args, Py_ssize_t count, PyObject *names,
                 PyObject **values)
{
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    if (count > 2) {
        PyErr_SetString(PyExc_TypeError, "sendto() takes 2 arguments at most");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        values[i] = args[i];
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i); // borrowed
        int which = PyUnicode_Compare(name, state->name_data) == 0   ? 0
                    : PyUnicode_Compare(name, state->name_addr) == 0 ? 1
                                                                     : -1;
        if (which < 0 || which < count) {
            PyErr_Format(PyExc_TypeError, "sendto() got an unexpected keyword argument '%U'", name);
            return -1;
        }
        values[which] = args[count + i];
    }
    if (values[0] != NULL)
        return 0;
    PyErr_SetString(PyExc_TypeError, "sendto() missing 1 required positional argument: 'data'");
    return -1;
}

/* Where to: *ADDRESS, as the program has it, becomes what the transport makes of it; NULL for
 * None. */
static int check_address(const struct datagram_transport *transport, PyObject **address)
{
    if (*address == Py_None)
        *address = NULL;
    if (transport->address == NULL)
        return 0;
    int is_same =
        *address == NULL ? 1 : PyObject_RichCompareBool(*address, transport->address, Py_EQ);
    if (is_same == 0)
        PyErr_Format(PyExc_ValueError, "Invalid address: must be None or %S", transport->address);
    *address = transport->address;
    return is_same > 0 ? 0 : -1;
}

static int send_or_queue(struct datagram_transport *transport, PyObject *data, PyObject *address)
{
    if (transport->base.file == NULL ||
        (transport->base.conn_lost > 0 && transport->address != NULL))
        return transport_count_lost_write(&transport->base, "describe_transport");
    if (link_is_alone(&transport->outgoing)) {
        int sent = send_now(transport, data, address);
        if (sent > 0)
            return 0;
        if (sent < 0 && PyErr_ExceptionMatches(PyExc_OSError))
            return tell_error(transport);
        if (sent < 0)
            return transport_failed(&transport->base, "Fatal write error on datagram transport");
    }
    if (outgoing_add(transport, data, address) < 0)
        return -1;
    return transport_pause_protocol(&transport->base, transport->outgoing_size);
}

PyObject *datagram_transport_sendto(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                    PyObject *names)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    PyObject *values[] = {NULL, Py_None};
    if (parse(transport->base.loop->state, args, count, names, values) < 0 ||
        transport_check_data(values[0]) < 0)
        return NULL;
    if (!EMPTY_DATAGRAMS_ARE_SENT) {
        Py_ssize_t len = PyObject_Size(values[0]);
        if (len <= 0)
            return len == 0 ? Py_NewRef(Py_None) : NULL;
    }
    if (check_address(transport, &values[1]) < 0 ||
        send_or_queue(transport, values[0], values[1]) < 0)
        return NULL;
    Py_RETURN_NONE;
}
