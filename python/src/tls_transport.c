/* SPDX-License-Identifier: MIT
 *
 * TLS: the transport that the program gets. It only hands its calls to the TlsProtocol below it.
 */
#include "tls.h"

#include <structmember.h>

enum { WARN_FROM = 5 }; /* asyncio's: writes to a lost connection before it says so */

static tls_transport_object *self_of(PyObject *object)
{
    return (tls_transport_object *)(void *)object;
}

static tls_protocol_object *protocol_of(PyObject *object)
{
    return self_of(object)->protocol;
}

static PyObject *none_or_error(int rc)
{
    if (rc < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- life ---- */

PyObject *tls_transport_new(tls_protocol_object *protocol)
{
    PyTypeObject *type = (PyTypeObject *)protocol->state->SSLTransport;
    tls_transport_object *self = (tls_transport_object *)(void *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->protocol = (tls_protocol_object *)Py_NewRef((PyObject *)protocol);
    self->loop = Py_NewRef(protocol->loop);
    return (PyObject *)self;
}

static int tls_transport_traverse(PyObject *object, visitproc visit, void *arg)
{
    tls_transport_object *self = self_of(object);
    Py_VISIT(Py_TYPE(object));
    Py_VISIT((PyObject *)self->protocol);
    Py_VISIT(self->loop);
    Py_VISIT(self->attributes);
    return 0;
}

/* The protocol stays to the end: every method goes by it, and it clears its own side. */
static int tls_transport_clear(PyObject *object)
{
    Py_CLEAR(self_of(object)->attributes);
    return 0;
}

static void tls_transport_finalize(PyObject *object)
{
    if (self_of(object)->is_closed)
        return;
    self_of(object)->is_closed = true;
    PyObject *pending = PyErr_GetRaisedException();
    if (PyErr_ResourceWarning(object, 1, "unclosed transport %R", object) < 0)
        PyErr_WriteUnraisable(object);
    if (pending != NULL)
        PyErr_SetRaisedException(pending);
}

static void tls_transport_dealloc(PyObject *object)
{
    tls_transport_object *self = self_of(object);
    PyTypeObject *type = Py_TYPE(object);
    if (PyObject_CallFinalizerFromDealloc(object) < 0)
        return;
    PyObject_GC_UnTrack(object);
    if (self->weak_references != NULL)
        PyObject_ClearWeakRefs(object);
    (void)tls_transport_clear(object);
    Py_XDECREF((PyObject *)self->protocol);
    Py_XDECREF(self->loop);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *tls_transport_repr(PyObject *object)
{
    tls_transport_object *self = self_of(object);
    const char *state = self->is_closed ? " closing" : "";
    if (self->protocol->transport == NULL)
        return PyUnicode_FromFormat("<SSLTransport%s>", self->is_closed ? " closed" : "");
    return PyUnicode_FromFormat("<SSLTransport%s on %R>", state, self->protocol->transport);
}

/* ---- the connection ---- */

static PyObject *get_extra_info(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "default", NULL};
    PyObject *name;
    PyObject *fallback = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:get_extra_info", names, &name, &fallback))
        return NULL;
    tls_protocol_object *protocol = protocol_of(object);
    return PyObject_CallMethodObjArgs((PyObject *)protocol, protocol->state->name__get_extra_info,
                                      name, fallback, NULL);
}

static PyObject *set_protocol(PyObject *object, PyObject *app_protocol)
{
    tls_protocol_object *protocol = protocol_of(object);
    return none_or_error(protocol_set(&protocol->app, protocol->state, app_protocol));
}

static PyObject *get_protocol(PyObject *object, PyObject *unused)
{
    PyObject *app_protocol = protocol_of(object)->app.object;
    (void)unused;
    return Py_NewRef(app_protocol == NULL ? Py_None : app_protocol);
}

/* Closed here, or below. */
static PyObject *is_closing(PyObject *object, PyObject *unused)
{
    tls_protocol_object *protocol = protocol_of(object);
    (void)unused;
    if (self_of(object)->is_closed || protocol->transport == NULL)
        return PyBool_FromLong(self_of(object)->is_closed);
    return PyObject_CallMethodNoArgs(protocol->transport, protocol->state->name_is_closing);
}

static PyObject *close_transport(PyObject *object, PyObject *unused)
{
    tls_transport_object *self = self_of(object);
    (void)unused;
    if (self->is_closed)
        return none_or_error(tls_forget(self->protocol));
    self->is_closed = true;
    self->protocol->is_closed = true;
    return none_or_error(tls_start_shutdown(self->protocol));
}

static PyObject *force_close(PyObject *object, PyObject *exception)
{
    self_of(object)->is_closed = true;
    protocol_of(object)->is_closed = true;
    return none_or_error(tls_abort(protocol_of(object), exception));
}

static PyObject *abort_transport(PyObject *object, PyObject *unused)
{
    (void)unused;
    return force_close(object, Py_None);
}

/* ---- reading ---- */

static PyObject *is_reading(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(!protocol_of(object)->is_reading_paused);
}

static PyObject *pause_reading(PyObject *object, PyObject *unused)
{
    (void)unused;
    protocol_of(object)->is_reading_paused = true;
    Py_RETURN_NONE;
}

static PyObject *resume_reading(PyObject *object, PyObject *unused)
{
    tls_protocol_object *protocol = protocol_of(object);
    (void)unused;
    if (!protocol->is_reading_paused)
        Py_RETURN_NONE;
    protocol->is_reading_paused = false;
    return none_or_error(tls_call_self_soon(protocol, protocol->state->name__resume));
}

/* ---- writing ---- */

/* Nothing is sent any more. 1, 0, or -1 with an exception. */
static int is_write_in_vain(tls_protocol_object *protocol)
{
    if (protocol->phase == TLS_WRAPPED || protocol->phase == TLS_HANDSHAKE)
        return 0;
    if (protocol->phase == TLS_UNWRAPPED && protocol->transport == NULL &&
        protocol->lost_count == 0)
        return 0; /* not connected yet */
    if (protocol->lost_count++ < WARN_FROM)
        return 1;
    PyObject *result = call_python("tls", "log_closed", "()");
    Py_XDECREF(result);
    return result == NULL ? -1 : 1;
}

/* DATA is bytes, or bytes-like. 0, or -1 with an exception. */
static int write_data(PyObject *object, PyObject *data)
{
    tls_protocol_object *protocol = protocol_of(object);
    int is_vain = is_write_in_vain(protocol);
    if (is_vain != 0)
        return is_vain < 0 ? -1 : 0;
    return tls_write(protocol, data);
}

static PyObject *write_bytes(PyObject *object, PyObject *data)
{
    if (!PyBytes_Check(data) && !PyByteArray_Check(data) && !PyMemoryView_Check(data)) {
        PyErr_Format(PyExc_TypeError, "data: expecting a bytes-like instance, got %s",
                     Py_TYPE(data)->tp_name);
        return NULL;
    }
    Py_ssize_t length = PyObject_Size(data);
    if (length <= 0)
        return none_or_error((int)length);
    return none_or_error(write_data(object, data));
}

/* One record carries many small pieces, so they are joined. */
static PyObject *write_lines(PyObject *object, PyObject *list)
{
    PyObject *empty = PyBytes_FromStringAndSize(NULL, 0);
    PyObject *joined =
        empty == NULL
            ? NULL
            : PyObject_CallMethodOneArg(empty, protocol_of(object)->state->name_join, list);
    Py_XDECREF(empty);
    if (joined == NULL)
        return NULL;
    int rc = PyBytes_GET_SIZE(joined) == 0 ? 0 : write_data(object, joined);
    Py_DECREF(joined);
    return none_or_error(rc);
}

/* CPython's tests fill the backlog by this name, to see that it goes out before the end. */
static PyObject *append_write_backlog(PyObject *object, PyObject *data)
{
    return none_or_error(tls_append_backlog(protocol_of(object), data));
}

static PyObject *write_eof(PyObject *object, PyObject *unused)
{
    (void)object;
    (void)unused;
    PyErr_SetNone(PyExc_NotImplementedError);
    return NULL;
}

static PyObject *can_write_eof(PyObject *object, PyObject *unused)
{
    (void)object;
    (void)unused;
    Py_RETURN_FALSE;
}

/* ---- limits ---- */

static int parse_marks(PyObject *args, PyObject *keywords, const char *function,
                       struct tls_marks *marks)
{
    static char *names[] = {"high", "low", NULL};
    PyObject *high = Py_None;
    PyObject *low = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO", names, &high, &low))
        return -1;
    PyObject *pair = call_python("tls", function, "(OO)", high, low);
    struct tls_marks parsed;
    int ok = pair != NULL && PyArg_ParseTuple(pair, "nn", &parsed.high, &parsed.low);
    Py_XDECREF(pair);
    if (ok)
        *marks = parsed;
    return ok ? 0 : -1;
}

static PyObject *set_write_buffer_limits(PyObject *object, PyObject *args, PyObject *keywords)
{
    tls_protocol_object *protocol = protocol_of(object);
    if (parse_marks(args, keywords, "write_marks", &protocol->write_marks) < 0)
        return NULL;
    return none_or_error(tls_control_writing(protocol));
}

static PyObject *set_read_buffer_limits(PyObject *object, PyObject *args, PyObject *keywords)
{
    tls_protocol_object *protocol = protocol_of(object);
    if (parse_marks(args, keywords, "read_marks", &protocol->read_marks) < 0)
        return NULL;
    return none_or_error(tls_control_reading(protocol));
}

static PyObject *get_write_buffer_limits(PyObject *object, PyObject *unused)
{
    (void)unused;
    return Py_BuildValue("(nn)", protocol_of(object)->write_marks.low,
                         protocol_of(object)->write_marks.high);
}

static PyObject *get_read_buffer_limits(PyObject *object, PyObject *unused)
{
    (void)unused;
    return Py_BuildValue("(nn)", protocol_of(object)->read_marks.low,
                         protocol_of(object)->read_marks.high);
}

static PyObject *get_write_buffer_size(PyObject *object, PyObject *unused)
{
    (void)unused;
    Py_ssize_t size = tls_write_size(protocol_of(object));
    return size < 0 ? NULL : PyLong_FromSsize_t(size);
}

static PyObject *get_read_buffer_size(PyObject *object, PyObject *unused)
{
    (void)unused;
    Py_ssize_t size = tls_engine_incoming(&protocol_of(object)->engine);
    return size < 0 ? NULL : PyLong_FromSsize_t(size);
}

/* ---- the type ---- */

static PyMethodDef tls_transport_methods[] = {
    {"get_extra_info", (PyCFunction)(void *)get_extra_info, METH_VARARGS | METH_KEYWORDS,
     "get_extra_info($self, /, name, default=None)\n--\n\n"
     "sslcontext, peercert, cipher, compression, ssl_object, or what the transport below knows."},
    {"set_protocol", set_protocol, METH_O,
     "set_protocol($self, protocol, /)\n--\n\nThe protocol from now on."},
    {"get_protocol", get_protocol, METH_NOARGS,
     "get_protocol($self, /)\n--\n\nThe protocol; None once the connection is lost."},
    {"is_closing", is_closing, METH_NOARGS,
     "is_closing($self, /)\n--\n\nWhether the transport is closing, or closed."},
    {"close", close_transport, METH_NOARGS,
     "close($self, /)\n--\n\nSends what was written, and that no more comes, then closes the\n"
     "connection. No more data is received."},
    {"abort", abort_transport, METH_NOARGS,
     "abort($self, /)\n--\n\nCloses the connection at once; what was written may be lost."},
    {"_force_close", force_close, METH_O,
     "_force_close($self, exception, /)\n--\n\nabort(), with an exception for the protocol."},
    {"is_reading", is_reading, METH_NOARGS,
     "is_reading($self, /)\n--\n\nWhether the protocol gets data."},
    {"pause_reading", pause_reading, METH_NOARGS,
     "pause_reading($self, /)\n--\n\nThe protocol gets no data until resume_reading()."},
    {"resume_reading", resume_reading, METH_NOARGS,
     "resume_reading($self, /)\n--\n\nThe protocol gets data again."},
    {"write", write_bytes, METH_O, "write($self, data, /)\n--\n\nSends data; never waits."},
    {"writelines", write_lines, METH_O,
     "writelines($self, list_of_data, /)\n--\n\nSends all of them."},
    {"write_eof", write_eof, METH_NOARGS,
     "write_eof($self, /)\n--\n\nNot possible with TLS: NotImplementedError."},
    {"can_write_eof", can_write_eof, METH_NOARGS, "can_write_eof($self, /)\n--\n\nFalse."},
    {"_test__append_write_backlog", append_write_backlog, METH_O,
     "_test__append_write_backlog($self, data, /)\n--\n\n"
     "Keeps data as if the transport below took no more: for asyncio's own tests."},
    {"set_write_buffer_limits", (PyCFunction)(void *)set_write_buffer_limits,
     METH_VARARGS | METH_KEYWORDS,
     "set_write_buffer_limits($self, /, high=None, low=None)\n--\n\n"
     "When the protocol's pause_writing() and resume_writing() are called."},
    {"get_write_buffer_limits", get_write_buffer_limits, METH_NOARGS,
     "get_write_buffer_limits($self, /)\n--\n\n(low, high)"},
    {"get_write_buffer_size", get_write_buffer_size, METH_NOARGS,
     "get_write_buffer_size($self, /)\n--\n\nBytes that the transport below has not got yet."},
    {"set_read_buffer_limits", (PyCFunction)(void *)set_read_buffer_limits,
     METH_VARARGS | METH_KEYWORDS,
     "set_read_buffer_limits($self, /, high=None, low=None)\n--\n\n"
     "When the transport below is paused and resumed, while the protocol does not read."},
    {"get_read_buffer_limits", get_read_buffer_limits, METH_NOARGS,
     "get_read_buffer_limits($self, /)\n--\n\n(low, high)"},
    {"get_read_buffer_size", get_read_buffer_size, METH_NOARGS,
     "get_read_buffer_size($self, /)\n--\n\nBytes that came and were not decrypted yet."},
    {0},
};

static PyObject *true_attribute(PyObject *object, void *closure)
{
    (void)object;
    (void)closure;
    Py_RETURN_TRUE;
}

static PyObject *sendfile_compatible(PyObject *object, void *closure)
{
    (void)closure;
    return Py_NewRef(protocol_of(object)->state->TlsSendfileFallback);
}

static PyObject *protocol_paused(PyObject *object, void *closure)
{
    (void)closure;
    return PyBool_FromLong(protocol_of(object)->is_writing_paused);
}

static PyObject *extra_attribute(PyObject *object, void *closure)
{
    (void)closure;
    return Py_XNewRef(protocol_of(object)->extra);
}

static PyGetSetDef tls_transport_attributes[] = {
    {.name = "__dict__", .get = PyObject_GenericGetDict, .set = PyObject_GenericSetDict},
    {.name = "_start_tls_compatible", .get = true_attribute},
    {.name = "_sendfile_compatible", .get = sendfile_compatible},
    {.name = "_protocol_paused", .get = protocol_paused},
    {.name = "_extra", .get = extra_attribute},
    {0},
};

static PyMemberDef tls_transport_members[] = {
    {"_ssl_protocol", T_OBJECT, offsetof(tls_transport_object, protocol), READONLY, NULL},
    {"_loop", T_OBJECT, offsetof(tls_transport_object, loop), READONLY, NULL},
    {"_closed", T_BOOL, offsetof(tls_transport_object, is_closed), READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(tls_transport_object, attributes), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(tls_transport_object, weak_references), READONLY,
     NULL},
    {0},
};

static PyType_Slot tls_transport_slots[] = {
    {Py_tp_doc, "A transport that encrypts: what a program gets for a connection with TLS."},
    {Py_tp_dealloc, tls_transport_dealloc},
    {Py_tp_finalize, tls_transport_finalize},
    {Py_tp_traverse, tls_transport_traverse},
    {Py_tp_clear, tls_transport_clear},
    {Py_tp_repr, tls_transport_repr},
    {Py_tp_methods, tls_transport_methods},
    {Py_tp_getset, tls_transport_attributes},
    {Py_tp_members, tls_transport_members},
    {0, NULL},
};

PyType_Spec tls_transport_spec = {
    .name = "hoop._core.SSLTransport",
    .basicsize = sizeof(tls_transport_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = tls_transport_slots,
};
