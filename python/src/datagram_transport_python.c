/* SPDX-License-Identifier: MIT
 *
 * What Python sees of a datagram transport: asyncio.DatagramTransport's methods, and what
 * asyncio's own has besides.
 */
#include "datagram_transport.h"

#include <structmember.h>

#include "link.h"

/* ---- closing ---- */

static PyObject *close_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    return datagram_transport_close(datagram_transport_of(self)) < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- information ---- */

static PyObject *represent(PyObject *self)
{
    const struct datagram_transport *transport = datagram_transport_of(self);
    const struct transport *base = &transport->base;
    const char *state = base->file == NULL ? "closed " : base->closing ? "closing " : "";
    if (base->file == NULL || base->loop->closed)
        return PyUnicode_FromFormat("<DatagramTransport %sfd=%d>", state, base->fd);
    bool reads = base->started && transport_is_reading(base);
    return PyUnicode_FromFormat("<DatagramTransport %sfd=%d read=%s write=<%s, bufsize=%zu>>",
                                state, base->fd, reads ? "polling" : "idle",
                                link_is_alone(&transport->outgoing) ? "idle" : "polling",
                                transport->outgoing_size);
}

/* ---- the type ---- */

static PyMethodDef methods[] = {
    {"close", close_method, METH_NOARGS,
     "close($self, /)\n--\n\nReceives no more, sends what waits, and then closes the socket."},
    TRANSPORT_METHODS,
    TRANSPORT_READING_METHODS,
    TRANSPORT_WRITING_METHODS,
    {"sendto", (PyCFunction)(void *)datagram_transport_sendto, METH_FASTCALL | METH_KEYWORDS,
     "sendto($self, /, data, addr=None)\n--\n\n"
     "Sends a datagram to addr, or keeps it until it can be sent; never waits. What goes wrong\n"
     "is told to the protocol's error_received()."},
    {0},
};

static PyMemberDef members[] = {
    TRANSPORT_MEMBERS,
    TRANSPORT_READING_MEMBERS,
    TRANSPORT_WRITING_MEMBERS,
    {"_address", T_OBJECT, offsetof(struct datagram_transport, address), READONLY, NULL},
    {"_sock_fd", T_INT, offsetof(struct transport, fd), READONLY, NULL},
    {0},
};

static PyGetSetDef attributes[] = {
    TRANSPORT_ATTRIBUTES,
    TRANSPORT_SOCKET_ATTRIBUTES,
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The transport of a datagram socket."},
    {Py_tp_new, datagram_transport_new},
    {Py_tp_traverse, datagram_transport_traverse},
    TRANSPORT_SLOTS,
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
