/* SPDX-License-Identifier: MIT
 *
 * What Python sees of a stream transport: asyncio.Transport's methods, and the private names of
 * asyncio's own transport that start_tls and sendfile use.
 */
#include "stream_transport.h"

#include <structmember.h>

#include "descriptors.h"

static PyObject *none_or_error(int rc)
{
    return rc < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- closing ---- */

static PyObject *close_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    return none_or_error(stream_transport_close(stream_transport_of(self)));
}

static PyObject *force_close(PyObject *self, PyObject *exception)
{
    struct transport *transport = transport_of(self);
    return none_or_error(
        transport->kind->force_close(transport, exception == Py_None ? NULL : exception));
}

/* ---- information ---- */

static PyObject *represent(PyObject *self)
{
    const struct stream_transport *transport = stream_transport_of(self);
    const struct transport *base = &transport->base;
    const char *state = base->file == NULL ? "closed " : base->closing ? "closing " : "";
    if (base->file == NULL || base->loop->closed)
        return PyUnicode_FromFormat("<StreamTransport %sfd=%d>", state, base->fd);
    bool reads = base->started && !transport->at_eof && transport_is_reading(base);
    return PyUnicode_FromFormat("<StreamTransport %sfd=%d read=%s write=<%s, bufsize=%zu>>", state,
                                base->fd, reads ? "polling" : "idle",
                                transport->outgoing.count > 0 ? "polling" : "idle",
                                transport->outgoing.size);
}

/* ---- what sendfile and start_tls use ---- */

static PyObject *reset_empty_waiter(PyObject *self, PyObject *unused)
{
    (void)unused;
    Py_CLEAR(stream_transport_of(self)->empty_waiter);
    Py_RETURN_NONE;
}

static PyObject *lend_descriptor(PyObject *self, PyObject *unused)
{
    struct transport *transport = transport_of(self);
    (void)unused;
    if (transport->file != NULL) {
        hoop_watch_stop(transport->loop->core, &transport->watch);
        descriptor_release(transport->loop, transport->fd);
    }
    Py_RETURN_NONE;
}

static PyObject *take_back_descriptor(PyObject *self, PyObject *unused)
{
    struct transport *transport = transport_of(self);
    (void)unused;
    if (transport->file == NULL || transport->watch.fd >= 0)
        Py_RETURN_NONE;
    return none_or_error(descriptor_take(transport->loop, transport->fd, self, &transport->watch));
}

static PyObject *is_compatible_with_tls(PyObject *self, void *closure)
{
    (void)self;
    (void)closure;
    Py_RETURN_TRUE;
}

static PyObject *get_sendfile_mode(PyObject *self, void *closure)
{
    (void)closure;
    return PyObject_GetAttrString(transport_of(self)->loop->state->AsyncioSendfileMode,
                                  "TRY_NATIVE");
}

/* ---- the type ---- */

static PyMethodDef methods[] = {
    {"close", close_method, METH_NOARGS,
     "close($self, /)\n--\n\n"
     "Reads no more, sends what was written, and then closes the connection."},
    TRANSPORT_METHODS,
    TRANSPORT_READING_METHODS,
    TRANSPORT_WRITING_METHODS,
    {"write", stream_transport_write, METH_O,
     "write($self, data, /)\n--\n\nSends data, or keeps it until it can be sent; never waits."},
    {"writelines", stream_transport_writelines, METH_O,
     "writelines($self, list_of_data, /)\n--\n\nwrite(), for all in one go."},
    {"write_eof", stream_transport_write_eof, METH_NOARGS,
     "write_eof($self, /)\n--\n\n"
     "After what was written the other end sees the end of the data; reading goes on."},
    {"can_write_eof", transport_can_write_eof, METH_NOARGS, "can_write_eof($self, /)\n--\n\nTrue."},
    {"_force_close", force_close, METH_O,
     "_force_close($self, exception, /)\n--\n\nabort(), with an exception for the protocol."},
    {"_make_empty_waiter", stream_transport_make_empty_waiter, METH_NOARGS,
     "_make_empty_waiter($self, /)\n--\n\n"
     "A future that is done when all is sent; until _reset_empty_waiter() nothing can be written."},
    {"_reset_empty_waiter", reset_empty_waiter, METH_NOARGS,
     "_reset_empty_waiter($self, /)\n--\n\nWriting is allowed again."},
    {"_lend_descriptor", lend_descriptor, METH_NOARGS,
     "_lend_descriptor($self, /)\n--\n\n"
     "The loop's sock_ methods may use the socket, until _take_back_descriptor(). Reading must\n"
     "be paused, and an empty waiter set and done. The caller keeps the transport alive."},
    {"_take_back_descriptor", take_back_descriptor, METH_NOARGS,
     "_take_back_descriptor($self, /)\n--\n\nUndoes _lend_descriptor(). Nothing happens if the\n"
     "transport was closed meanwhile."},
    {0},
};

static PyMemberDef members[] = {
    TRANSPORT_MEMBERS,
    TRANSPORT_READING_MEMBERS,
    TRANSPORT_WRITING_MEMBERS,
    {"_server", T_OBJECT, offsetof(struct stream_transport, server), READONLY, NULL},
    {"_empty_waiter", T_OBJECT, offsetof(struct stream_transport, empty_waiter), READONLY, NULL},
    {"_sock_fd", T_INT, offsetof(struct transport, fd), READONLY, NULL},
    {"_eof", T_BOOL, offsetof(struct stream_transport, eof), READONLY, NULL},
    {0},
};

static PyGetSetDef attributes[] = {
    TRANSPORT_ATTRIBUTES,
    TRANSPORT_SOCKET_ATTRIBUTES,
    {.name = "_start_tls_compatible", .get = is_compatible_with_tls},
    {.name = "_sendfile_compatible", .get = get_sendfile_mode},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The transport of a TCP or Unix connection."},
    {Py_tp_new, stream_transport_new},
    {Py_tp_traverse, stream_transport_traverse},
    TRANSPORT_SLOTS,
    {Py_tp_repr, represent},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, attributes},
    {0, NULL},
};

PyType_Spec stream_transport_spec = {
    .name = "hoop._core.StreamTransport",
    .basicsize = sizeof(struct stream_transport),
    /* Not immutable: from Python 3.14 on only a type with an immutable base may be. */
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
