/* SPDX-License-Identifier: MIT
 *
 * What Python sees of a datagram transport: asyncio.DatagramTransport's methods, and what
 * asyncio's own has besides.
 */
#include "datagram_transport.h"

#include <structmember.h>

#include "link.h"
#include "transport.h"

static PyObject *none_or_error(int rc)
{
    return rc < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- closing ---- */

static PyObject *close_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    return none_or_error(datagram_transport_close(datagram_transport_of(self)));
}

static PyObject *abort_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    return none_or_error(datagram_transport_force_close(datagram_transport_of(self), NULL));
}

static PyObject *is_closing(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(datagram_transport_of(self)->closing);
}

/* ---- the protocol ---- */

static PyObject *set_protocol(PyObject *self, PyObject *protocol)
{
    Py_XSETREF(datagram_transport_of(self)->protocol, Py_NewRef(protocol));
    Py_RETURN_NONE;
}

static PyObject *get_protocol(PyObject *self, PyObject *unused)
{
    PyObject *protocol = datagram_transport_of(self)->protocol;
    (void)unused;
    return Py_NewRef(protocol == NULL ? Py_None : protocol);
}

/* ---- receiving ---- */

static PyObject *is_reading(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(datagram_transport_is_reading(datagram_transport_of(self)));
}

static PyObject *pause_reading(PyObject *self, PyObject *unused)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    (void)unused;
    if (!datagram_transport_is_reading(transport))
        Py_RETURN_NONE;
    transport->paused = true;
    if (transport->loop->debug && transport_log(transport->loop, self, "pauses reading") < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *resume_reading(PyObject *self, PyObject *unused)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    (void)unused;
    if (transport->closing || !transport->paused)
        Py_RETURN_NONE;
    if (loop_check_closed(transport->loop) < 0)
        return NULL;
    transport->paused = false;
    datagram_transport_continue(transport);
    if (transport->loop->debug && transport_log(transport->loop, self, "resumes reading") < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- what waits to be sent ---- */

static PyObject *get_write_buffer_size(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSize_t(datagram_transport_of(self)->outgoing_size);
}

static PyObject *get_write_buffer_limits(PyObject *self, PyObject *unused)
{
    (void)unused;
    return flow_control_get(&datagram_transport_of(self)->flow);
}

static PyObject *set_write_buffer_limits(PyObject *self, PyObject *args, PyObject *keywords)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    if (flow_control_set(&transport->flow, args, keywords) < 0)
        return NULL;
    return none_or_error(flow_control_pause(&transport->flow, transport->outgoing_size,
                                            transport->loop, self, transport->protocol));
}

/* ---- information ---- */

static PyObject *get_extra_info(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "default", NULL};
    PyObject *name, *fallback = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:get_extra_info", names, &name, &fallback))
        return NULL;
    PyObject *value = PyDict_GetItemWithError(datagram_transport_of(self)->extra, name); // borrowed
    if (value == NULL && PyErr_Occurred())
        return NULL;
    return Py_NewRef(value == NULL ? fallback : value);
}

static PyObject *represent(PyObject *self)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    const char *state = transport->sock == NULL ? "closed " : transport->closing ? "closing " : "";
    if (transport->sock == NULL || transport->loop->closed)
        return PyUnicode_FromFormat("<DatagramTransport %sfd=%d>", state, transport->fd);
    bool reads = transport->started && datagram_transport_is_reading(transport);
    return PyUnicode_FromFormat("<DatagramTransport %sfd=%d read=%s write=<%s, bufsize=%zu>>",
                                state, transport->fd, reads ? "polling" : "idle",
                                link_is_alone(&transport->outgoing) ? "idle" : "polling",
                                transport->outgoing_size);
}

static PyObject *get_sock(PyObject *self, void *closure)
{
    PyObject *sock = datagram_transport_of(self)->sock;
    (void)closure;
    return Py_NewRef(sock == NULL ? Py_None : sock);
}

static PyObject *get_loop(PyObject *self, void *closure)
{
    struct datagram_transport *transport = datagram_transport_of(self);
    (void)closure;
    return Py_NewRef(transport->sock == NULL ? Py_None : (PyObject *)transport->loop);
}

static PyObject *get_private_protocol(PyObject *self, void *closure)
{
    (void)closure;
    return get_protocol(self, NULL);
}

/* ---- the type ---- */

static PyMethodDef methods[] = {
    {"close", close_method, METH_NOARGS,
     "close($self, /)\n--\n\nReceives no more, sends what waits, and then closes the socket."},
    {"abort", abort_method, METH_NOARGS,
     "abort($self, /)\n--\n\nCloses the socket at once; what waits is lost."},
    {"is_closing", is_closing, METH_NOARGS,
     "is_closing($self, /)\n--\n\nWhether it is closed, or about to be."},
    {"set_protocol", set_protocol, METH_O,
     "set_protocol($self, protocol, /)\n--\n\nWhat comes from now on is for this protocol."},
    {"get_protocol", get_protocol, METH_NOARGS,
     "get_protocol($self, /)\n--\n\nThe protocol; None once connection_lost was called."},
    {"is_reading", is_reading, METH_NOARGS,
     "is_reading($self, /)\n--\n\nWhether it is neither paused nor closing."},
    {"pause_reading", pause_reading, METH_NOARGS,
     "pause_reading($self, /)\n--\n\nThe protocol gets nothing until resume_reading()."},
    {"resume_reading", resume_reading, METH_NOARGS,
     "resume_reading($self, /)\n--\n\nUndoes pause_reading()."},
    {"sendto", (PyCFunction)(void *)datagram_transport_sendto, METH_FASTCALL | METH_KEYWORDS,
     "sendto($self, /, data, addr=None)\n--\n\n"
     "Sends a datagram to addr, or keeps it until it can be sent; never waits. What goes wrong\n"
     "is told to the protocol's error_received()."},
    {"get_write_buffer_size", get_write_buffer_size, METH_NOARGS,
     "get_write_buffer_size($self, /)\n--\n\nHow many bytes wait to be sent."},
    {"get_write_buffer_limits", get_write_buffer_limits, METH_NOARGS,
     "get_write_buffer_limits($self, /)\n--\n\nThe limits: (low, high)."},
    {"set_write_buffer_limits", (PyCFunction)(void *)set_write_buffer_limits,
     METH_VARARGS | METH_KEYWORDS,
     "set_write_buffer_limits($self, /, high=None, low=None)\n--\n\n"
     "pause_writing() is called when more than high bytes wait, resume_writing() when no more\n"
     "than low do. 64 KiB and a quarter of high by default."},
    {"get_extra_info", (PyCFunction)(void *)get_extra_info, METH_VARARGS | METH_KEYWORDS,
     "get_extra_info($self, /, name, default=None)\n--\n\n"
     "What is known of the socket: \"socket\", \"sockname\", \"peername\"."},
    {0},
};

static PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(struct datagram_transport, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct datagram_transport, weak_references),
     READONLY, NULL},
    {"_extra", T_OBJECT, offsetof(struct datagram_transport, extra), READONLY, NULL},
    {"_address", T_OBJECT, offsetof(struct datagram_transport, address), READONLY, NULL},
    {"_sock_fd", T_INT, offsetof(struct datagram_transport, fd), READONLY, NULL},
    {"_conn_lost", T_UINT, offsetof(struct datagram_transport, conn_lost), READONLY, NULL},
    {"_closing", T_BOOL, offsetof(struct datagram_transport, closing), READONLY, NULL},
    {"_paused", T_BOOL, offsetof(struct datagram_transport, paused), READONLY, NULL},
    {"_protocol_paused", T_BOOL, offsetof(struct datagram_transport, flow.is_paused), READONLY,
     NULL},
    {0},
};

static PyGetSetDef attributes[] = {
    {.name = "__dict__", .get = PyObject_GenericGetDict, .set = PyObject_GenericSetDict},
    {.name = "_sock", .get = get_sock, .doc = "The socket; None once it is closed."},
    {.name = "_loop", .get = get_loop, .doc = "The loop; None once the socket is closed."},
    {.name = "_protocol", .get = get_private_protocol},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The transport of a datagram socket."},
    {Py_tp_new, datagram_transport_new},
    {Py_tp_init, datagram_transport_init},
    {Py_tp_dealloc, datagram_transport_dealloc},
    {Py_tp_finalize, datagram_transport_finalize},
    {Py_tp_traverse, datagram_transport_traverse},
    {Py_tp_clear, datagram_transport_clear},
    {Py_tp_repr, represent},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, attributes},
    {0, NULL},
};

PyType_Spec datagram_transport_spec = {
    .name = "hoop._core.DatagramTransport",
    .basicsize = sizeof(struct datagram_transport),
    /* Not immutable: from Python 3.14 on only a type with an immutable base may be. */
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
