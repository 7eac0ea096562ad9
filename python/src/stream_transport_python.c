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

static struct stream_transport *transport_of(PyObject *self)
{
    return (struct stream_transport *)(void *)self;
}

/* ---- closing ---- */

static PyObject *close_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    return none_or_error(stream_transport_close(transport_of(self)));
}

static PyObject *abort_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    return none_or_error(stream_transport_force_close(transport_of(self), NULL));
}

static PyObject *force_close(PyObject *self, PyObject *exception)
{
    return none_or_error(
        stream_transport_force_close(transport_of(self), exception == Py_None ? NULL : exception));
}

static PyObject *is_closing(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(transport_of(self)->closing);
}

/* ---- the protocol ---- */

static PyObject *set_protocol(PyObject *self, PyObject *protocol)
{
    struct stream_transport *transport = transport_of(self);
    return none_or_error(protocol_set(&transport->protocol, transport->loop->state, protocol));
}

static PyObject *get_protocol(PyObject *self, PyObject *unused)
{
    PyObject *protocol = transport_of(self)->protocol.object;
    (void)unused;
    return Py_NewRef(protocol == NULL ? Py_None : protocol);
}

/* ---- reading ---- */

static PyObject *is_reading(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(stream_transport_is_reading(transport_of(self)));
}

static PyObject *pause_reading(PyObject *self, PyObject *unused)
{
    struct stream_transport *transport = transport_of(self);
    (void)unused;
    if (!stream_transport_is_reading(transport))
        Py_RETURN_NONE;
    transport->paused = true;
    return none_or_error(transport->loop->debug ? stream_transport_log(transport, "pauses reading")
                                                : 0);
}

static PyObject *resume_reading(PyObject *self, PyObject *unused)
{
    struct stream_transport *transport = transport_of(self);
    (void)unused;
    if (transport->closing || !transport->paused)
        Py_RETURN_NONE;
    if (loop_check_closed(transport->loop) < 0)
        return NULL;
    transport->paused = false;
    transport->at_eof = false; /* a protocol that was set meanwhile is told, too */
    stream_transport_continue(transport);
    return none_or_error(transport->loop->debug ? stream_transport_log(transport, "resumes reading")
                                                : 0);
}

/* ---- writing ---- */

static PyObject *can_write_eof(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_TRUE;
}

static PyObject *get_write_buffer_size(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSize_t(transport_of(self)->outgoing.size);
}

static PyObject *get_write_buffer_limits(PyObject *self, PyObject *unused)
{
    struct stream_transport *transport = transport_of(self);
    (void)unused;
    return Py_BuildValue("nn", (Py_ssize_t)transport->low_water, (Py_ssize_t)transport->high_water);
}

/* A limit, or FALLBACK for None. What is too large for memory is never reached. */
static int parse_limit(PyObject *limit, Py_ssize_t fallback, Py_ssize_t *ret_limit)
{
    *ret_limit = limit == Py_None ? fallback : PyNumber_AsSsize_t(limit, NULL);
    return *ret_limit == -1 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *set_write_buffer_limits(PyObject *self, PyObject *args, PyObject *keywords)
{
    struct stream_transport *transport = transport_of(self);
    static char *names[] = {"high", "low", NULL};
    PyObject *given_high = Py_None, *given_low = Py_None;
    Py_ssize_t high, low;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO:set_write_buffer_limits", names,
                                     &given_high, &given_low) ||
        parse_limit(given_low, STREAM_TRANSPORT_HIGH_WATER / 4, &low) < 0)
        return NULL;
    if (parse_limit(given_high, low <= PY_SSIZE_T_MAX / 4 ? 4 * low : PY_SSIZE_T_MAX, &high) < 0)
        return NULL;
    if (given_low == Py_None)
        low = high / 4;
    if (high < low || low < 0 || high < 0)
        return PyErr_Format(PyExc_ValueError, "high (%zd) must be >= low (%zd) must be >= 0", high,
                            low);
    transport->high_water = (size_t)high;
    transport->low_water = (size_t)low;
    return none_or_error(stream_transport_pause_protocol(transport));
}

/* ---- information ---- */

static PyObject *get_extra_info(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "default", NULL};
    PyObject *name, *fallback = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:get_extra_info", names, &name, &fallback))
        return NULL;
    PyObject *value = PyDict_GetItemWithError(transport_of(self)->extra, name); // borrowed
    if (value == NULL && PyErr_Occurred())
        return NULL;
    return Py_NewRef(value == NULL ? fallback : value);
}

static PyObject *represent(PyObject *self)
{
    struct stream_transport *transport = transport_of(self);
    const char *state = transport->sock == NULL ? "closed " : transport->closing ? "closing " : "";
    if (transport->sock == NULL || transport->loop->closed)
        return PyUnicode_FromFormat("<StreamTransport %sfd=%d>", state, transport->fd);
    bool reads = transport->started && !transport->at_eof && stream_transport_is_reading(transport);
    return PyUnicode_FromFormat("<StreamTransport %sfd=%d read=%s write=<%s, bufsize=%zu>>", state,
                                transport->fd, reads ? "polling" : "idle",
                                transport->outgoing.count > 0 ? "polling" : "idle",
                                transport->outgoing.size);
}

/* ---- what sendfile and start_tls use ---- */

static PyObject *reset_empty_waiter(PyObject *self, PyObject *unused)
{
    (void)unused;
    Py_CLEAR(transport_of(self)->empty_waiter);
    Py_RETURN_NONE;
}

static PyObject *lend_descriptor(PyObject *self, PyObject *unused)
{
    struct stream_transport *transport = transport_of(self);
    (void)unused;
    if (transport->sock != NULL) {
        hoop_watch_stop(transport->loop->core, &transport->watch);
        descriptor_release(transport->loop, transport->fd);
    }
    Py_RETURN_NONE;
}

static PyObject *take_back_descriptor(PyObject *self, PyObject *unused)
{
    struct stream_transport *transport = transport_of(self);
    (void)unused;
    if (transport->sock == NULL || transport->watch.fd >= 0)
        Py_RETURN_NONE;
    return none_or_error(stream_transport_take_descriptor(transport));
}

static PyObject *get_sock(PyObject *self, void *closure)
{
    PyObject *sock = transport_of(self)->sock;
    (void)closure;
    return Py_NewRef(sock == NULL ? Py_None : sock);
}

static PyObject *get_loop(PyObject *self, void *closure)
{
    struct stream_transport *transport = transport_of(self);
    (void)closure;
    return Py_NewRef(transport->sock == NULL ? Py_None : (PyObject *)transport->loop);
}

static PyObject *get_private_protocol(PyObject *self, void *closure)
{
    (void)closure;
    return get_protocol(self, NULL);
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
    {"abort", abort_method, METH_NOARGS,
     "abort($self, /)\n--\n\nCloses the connection at once; what was written may be lost."},
    {"is_closing", is_closing, METH_NOARGS,
     "is_closing($self, /)\n--\n\nWhether it is closed, or about to be."},
    {"set_protocol", set_protocol, METH_O,
     "set_protocol($self, protocol, /)\n--\n\nWhat comes from now on is for this protocol."},
    {"get_protocol", get_protocol, METH_NOARGS,
     "get_protocol($self, /)\n--\n\nThe protocol; None once the connection is lost."},
    {"is_reading", is_reading, METH_NOARGS,
     "is_reading($self, /)\n--\n\nWhether it is neither paused nor closing."},
    {"pause_reading", pause_reading, METH_NOARGS,
     "pause_reading($self, /)\n--\n\nThe protocol gets nothing until resume_reading()."},
    {"resume_reading", resume_reading, METH_NOARGS,
     "resume_reading($self, /)\n--\n\nUndoes pause_reading()."},
    {"write", stream_transport_write, METH_O,
     "write($self, data, /)\n--\n\nSends data, or keeps it until it can be sent; never waits."},
    {"writelines", stream_transport_writelines, METH_O,
     "writelines($self, list_of_data, /)\n--\n\nwrite(), for all in one go."},
    {"write_eof", stream_transport_write_eof, METH_NOARGS,
     "write_eof($self, /)\n--\n\n"
     "After what was written the other end sees the end of the data; reading goes on."},
    {"can_write_eof", can_write_eof, METH_NOARGS, "can_write_eof($self, /)\n--\n\nTrue."},
    {"get_write_buffer_size", get_write_buffer_size, METH_NOARGS,
     "get_write_buffer_size($self, /)\n--\n\nBytes that were written and not sent yet."},
    {"get_write_buffer_limits", get_write_buffer_limits, METH_NOARGS,
     "get_write_buffer_limits($self, /)\n--\n\nThe limits: (low, high)."},
    {"set_write_buffer_limits", (PyCFunction)(void *)set_write_buffer_limits,
     METH_VARARGS | METH_KEYWORDS,
     "set_write_buffer_limits($self, /, high=None, low=None)\n--\n\n"
     "pause_writing() is called when more than high bytes wait, resume_writing() when no more\n"
     "than low do. 64 KiB and a quarter of high by default."},
    {"get_extra_info", (PyCFunction)(void *)get_extra_info, METH_VARARGS | METH_KEYWORDS,
     "get_extra_info($self, /, name, default=None)\n--\n\n"
     "What is known of the connection: \"socket\", \"sockname\", \"peername\"."},
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
    {"__dictoffset__", T_PYSSIZET, offsetof(struct stream_transport, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct stream_transport, weak_references), READONLY,
     NULL},
    {"_extra", T_OBJECT, offsetof(struct stream_transport, extra), READONLY, NULL},
    {"_server", T_OBJECT, offsetof(struct stream_transport, server), READONLY, NULL},
    {"_empty_waiter", T_OBJECT, offsetof(struct stream_transport, empty_waiter), READONLY, NULL},
    {"_sock_fd", T_INT, offsetof(struct stream_transport, fd), READONLY, NULL},
    {"_conn_lost", T_UINT, offsetof(struct stream_transport, conn_lost), READONLY, NULL},
    {"_closing", T_BOOL, offsetof(struct stream_transport, closing), READONLY, NULL},
    {"_paused", T_BOOL, offsetof(struct stream_transport, paused), READONLY, NULL},
    {"_eof", T_BOOL, offsetof(struct stream_transport, eof), READONLY, NULL},
    {"_protocol_paused", T_BOOL, offsetof(struct stream_transport, protocol_paused), READONLY,
     NULL},
    {0},
};

static PyGetSetDef attributes[] = {
    {.name = "__dict__", .get = PyObject_GenericGetDict, .set = PyObject_GenericSetDict},
    {.name = "_sock", .get = get_sock, .doc = "The socket; None once it is closed."},
    {.name = "_loop", .get = get_loop, .doc = "The loop; None once the connection is lost."},
    {.name = "_protocol", .get = get_private_protocol},
    {.name = "_start_tls_compatible", .get = is_compatible_with_tls},
    {.name = "_sendfile_compatible", .get = get_sendfile_mode},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The transport of a TCP or Unix connection."},
    {Py_tp_new, stream_transport_new},
    {Py_tp_init, stream_transport_init},
    {Py_tp_dealloc, stream_transport_dealloc},
    {Py_tp_finalize, stream_transport_finalize},
    {Py_tp_traverse, stream_transport_traverse},
    {Py_tp_clear, stream_transport_clear},
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
