/* SPDX-License-Identifier: MIT
 *
 * TLS as the protocol of a transport: made and collected, and what that transport calls.
 */
#include "tls.h"

#include <structmember.h>

enum { RECEIVE_SIZE = 256 * 1024 }; /* lent to the transport; touched as far as data comes */

/* ---- what went wrong ---- */

/* Nothing more can be done about the pending exception, unless it must get through. */
static int give_up(tls_protocol_object *self)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyErr_WriteUnraisable((PyObject *)self);
    return 0;
}

static PyObject *or_none(PyObject *object)
{
    return object == NULL ? Py_None : object;
}

int tls_fatal(tls_protocol_object *self, const char *message)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception) &&
        !PyErr_ExceptionMatches(self->state->AsyncioCancelledError))
        return -1;
    PyObject *exception = PyErr_GetRaisedException();
    if (self->phase != TLS_HANDSHAKE)
        self->phase = TLS_UNWRAPPED; /* whoever comes back from a call sees that it is over */
    PyObject *transport = Py_NewRef(or_none(self->transport));
    PyObject *result = Py_NewRef(Py_None);
    if (transport != Py_None)
        Py_SETREF(result, call_python("tls", "force_close", "(OO)", transport, exception));
    if (result != NULL)
        Py_SETREF(result, call_python("tls", "report_fatal", "(OOOOs)", self->loop,
                                      (PyObject *)self, transport, exception, message));
    Py_DECREF(transport);
    Py_DECREF(exception);
    Py_XDECREF(result);
    return result == NULL ? give_up(self) : 0;
}

int tls_report(tls_protocol_object *self, const char *message)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *result = call_python("tls", "report", "(OOOOs)", self->loop, (PyObject *)self,
                                   or_none(self->app_transport), exception, message);
    Py_DECREF(exception);
    Py_XDECREF(result);
    return result == NULL ? give_up(self) : 0;
}

/* ---- the loop ---- */

int tls_call_soon(tls_protocol_object *self, PyObject *callback, PyObject *argument)
{
    if (callback == NULL)
        return -1;
    PyObject *handle = PyObject_CallMethodObjArgs(self->loop, self->state->name_call_soon, callback,
                                                  argument, NULL);
    Py_DECREF(callback);
    Py_XDECREF(handle);
    return handle == NULL ? -1 : 0;
}

int tls_call_self_soon(tls_protocol_object *self, PyObject *name)
{
    return tls_call_soon(self, PyObject_GetAttr((PyObject *)self, name), NULL);
}

/* ---- life ---- */

/* FUNCTION of hoop.tls for a timeout or for limits. */
static int checked_seconds(PyObject **member, const char *function, PyObject *seconds)
{
    *member = call_python("tls", function, "(O)", seconds);
    return *member == NULL ? -1 : 0;
}

static int default_marks(struct tls_marks *marks, const char *function)
{
    PyObject *pair = call_python("tls", function, "()");
    int ok = pair != NULL && PyArg_ParseTuple(pair, "nn", &marks->high, &marks->low);
    Py_XDECREF(pair);
    return ok ? 0 : -1;
}

/* What the constructor was called with; borrowed. */
struct arguments {
    PyObject *loop;
    PyObject *app_protocol;
    PyObject *sslcontext;
    PyObject *waiter;
    PyObject *server_hostname;
    PyObject *handshake_timeout;
    PyObject *shutdown_timeout;
    int server_side;
    int call_connection_made;
};

static int parse(PyObject *args, PyObject *keywords, struct arguments *a)
{
    static char *names[] = {"loop",
                            "app_protocol",
                            "sslcontext",
                            "waiter",
                            "server_side",
                            "server_hostname",
                            "call_connection_made",
                            "ssl_handshake_timeout",
                            "ssl_shutdown_timeout",
                            NULL};
    *a = (struct arguments){.server_hostname = Py_None,
                            .handshake_timeout = Py_None,
                            .shutdown_timeout = Py_None,
                            .call_connection_made = 1};
    return PyArg_ParseTupleAndKeywords(
               args, keywords, "OOOO|pOpOO:TlsProtocol", names, &a->loop, &a->app_protocol,
               &a->sslcontext, &a->waiter, &a->server_side, &a->server_hostname,
               &a->call_connection_made, &a->handshake_timeout, &a->shutdown_timeout)
               ? 0
               : -1;
}

static int init_engine(tls_protocol_object *self, const struct arguments *a)
{
    PyObject *server_side = a->server_side ? Py_True : Py_False;
    PyObject *context =
        call_python("tls", "context", "(OOO)", a->sslcontext, server_side, a->server_hostname);
    if (context == NULL)
        return -1;
    self->extra = Py_BuildValue("{sO}", "sslcontext", context);
    int rc = self->extra == NULL ? -1
                                 : tls_engine_init(&self->engine, self->state, context, server_side,
                                                   a->server_hostname);
    Py_DECREF(context);
    return rc;
}

static int init(tls_protocol_object *self, const struct arguments *a)
{
    self->loop = Py_NewRef(a->loop);
    self->waiter = a->waiter == Py_None ? NULL : Py_NewRef(a->waiter);
    self->told = a->call_connection_made ? TLS_TOLD_NOTHING : TLS_TOLD_MADE;
    self->backlog = PyList_New(0);
    if (self->backlog == NULL)
        return -1;
    if (checked_seconds(&self->handshake_seconds, "handshake_timeout", a->handshake_timeout) < 0 ||
        checked_seconds(&self->shutdown_seconds, "shutdown_timeout", a->shutdown_timeout) < 0 ||
        default_marks(&self->write_marks, "write_marks") < 0 ||
        default_marks(&self->read_marks, "read_marks") < 0 || init_engine(self, a) < 0 ||
        protocol_set(&self->app, self->state, a->app_protocol) < 0)
        return -1;
    self->app_transport = tls_transport_new(self);
    return self->app_transport == NULL ? -1 : 0;
}

static PyObject *tls_protocol_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    struct arguments arguments;
    struct core_state *state = core_state_of(type);
    if (state == NULL || parse(args, keywords, &arguments) < 0)
        return NULL;
    tls_protocol_object *self = (tls_protocol_object *)(void *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->state = state;
    if (init(self, &arguments) < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

/* All that is owned, but for the engine. */
#define OWNED(X) \
    X(loop) \
    X(waiter) \
    X(extra) \
    X(app.object) \
    X(app_transport) \
    X(backlog) \
    X(transport) \
    X(receive_view) \
    X(receive_buffer) \
    X(handshake_seconds) \
    X(shutdown_seconds) \
    X(handshake_start) \
    X(handshake_timer) \
    X(shutdown_timer)

static int tls_protocol_traverse(PyObject *object, visitproc visit, void *arg)
{
    tls_protocol_object *self = (tls_protocol_object *)(void *)object;
    Py_VISIT(Py_TYPE(object));
#define VISIT(name) Py_VISIT(self->name);
    OWNED(VISIT)
#undef VISIT
    return tls_engine_traverse(&self->engine, visit, arg);
}

static int tls_protocol_clear(PyObject *object)
{
    tls_protocol_object *self = (tls_protocol_object *)(void *)object;
    self->phase = TLS_UNWRAPPED; /* what still calls us finds a lost connection */
    self->lost_count++;
#define CLEAR(name) Py_CLEAR(self->name);
    OWNED(CLEAR)
#undef CLEAR
    tls_engine_clear(&self->engine);
    return 0;
}

static void tls_protocol_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    if (((tls_protocol_object *)(void *)object)->weak_references != NULL)
        PyObject_ClearWeakRefs(object);
    (void)tls_protocol_clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

/* ---- what the transport below calls ---- */

static tls_protocol_object *self_of(PyObject *object)
{
    return (tls_protocol_object *)(void *)object;
}

static PyObject *none_or_error(int rc)
{
    if (rc < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *connection_made(PyObject *object, PyObject *transport)
{
    tls_protocol_object *self = self_of(object);
    if (self->phase != TLS_UNWRAPPED || self->transport != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the connection was made already");
        return NULL;
    }
    self->transport = Py_NewRef(transport);
    return none_or_error(tls_start_handshake(self));
}

static PyObject *connection_lost(PyObject *object, PyObject *exception)
{
    return none_or_error(tls_lower_lost(self_of(object), exception));
}

static int make_receive_buffer(tls_protocol_object *self)
{
    if (self->receive_buffer == NULL)
        self->receive_buffer = PyByteArray_FromStringAndSize(NULL, RECEIVE_SIZE);
    if (self->receive_buffer == NULL)
        return -1;
    self->receive_view = PyMemoryView_FromObject(self->receive_buffer);
    return self->receive_view == NULL ? -1 : 0;
}

static PyObject *get_buffer(PyObject *object, PyObject *hint)
{
    tls_protocol_object *self = self_of(object);
    (void)hint;
    if (self->receive_view == NULL && make_receive_buffer(self) < 0)
        return NULL;
    return Py_NewRef(self->receive_view);
}

int tls_protocol_take(struct core_state *state, PyObject *protocol, const char *data, size_t length)
{
    tls_protocol_object *self = self_of(protocol);
    (void)state;
    if (self->transport == NULL)
        return 0; /* lost already */
    if (tls_engine_feed(&self->engine, data, length) < 0)
        return -1;
    return tls_advance(self);
}

static PyObject *buffer_updated(PyObject *object, PyObject *count)
{
    tls_protocol_object *self = self_of(object);
    Py_ssize_t length = PyLong_AsSsize_t(count);
    if (length == -1 && PyErr_Occurred())
        return NULL;
    if (self->receive_buffer == NULL || length < 0 || length > RECEIVE_SIZE) {
        PyErr_SetString(PyExc_ValueError, "buffer_updated() of more than get_buffer() gave");
        return NULL;
    }
    return none_or_error(tls_protocol_take(
        self->state, object, PyByteArray_AS_STRING(self->receive_buffer), (size_t)length));
}

static PyObject *eof_received(PyObject *object, PyObject *unused)
{
    tls_protocol_object *self = self_of(object);
    (void)unused;
    bool keep_open;
    PyObject *result = call_python("tls", "log_eof", "(OO)", self->loop, object);
    Py_XDECREF(result);
    if (result == NULL || tls_lower_eof(self, &keep_open) < 0)
        return NULL;
    return PyBool_FromLong(keep_open);
}

static PyObject *pause_writing(PyObject *object, PyObject *unused)
{
    (void)unused;
    self_of(object)->is_lower_writing_paused = true;
    Py_RETURN_NONE;
}

static PyObject *resume_writing(PyObject *object, PyObject *unused)
{
    tls_protocol_object *self = self_of(object);
    (void)unused;
    self->is_lower_writing_paused = false;
    if (self->phase == TLS_UNWRAPPED)
        Py_RETURN_NONE;
    if (tls_send(self, false) < 0 && tls_fatal(self, "Fatal error on SSL protocol") < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- what we call through the loop ---- */

static PyObject *check_handshake_timeout(PyObject *object, PyObject *unused)
{
    (void)unused;
    return none_or_error(tls_handshake_late(self_of(object)));
}

static PyObject *check_shutdown_timeout(PyObject *object, PyObject *unused)
{
    (void)unused;
    return none_or_error(tls_shutdown_late(self_of(object)));
}

/* The program reads on. */
static PyObject *resume(PyObject *object, PyObject *unused)
{
    tls_protocol_object *self = self_of(object);
    (void)unused;
    if (self->phase == TLS_HANDSHAKE)
        Py_RETURN_NONE;
    return none_or_error(tls_advance(self));
}

/* ---- what others look at ---- */

static PyObject *get_app_transport(PyObject *object, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(or_none(self_of(object)->app_transport));
}

static PyObject *get_extra_info(PyObject *object, PyObject *args)
{
    tls_protocol_object *self = self_of(object);
    PyObject *name;
    PyObject *fallback = Py_None;
    if (!PyArg_UnpackTuple(args, "_get_extra_info", 1, 2, &name, &fallback))
        return NULL;
    PyObject *value = PyDict_GetItemWithError(self->extra, name); /* borrowed */
    if (value != NULL)
        return Py_NewRef(value);
    if (PyErr_Occurred())
        return NULL;
    if (self->transport == NULL)
        return Py_NewRef(fallback);
    return PyObject_CallMethodObjArgs(self->transport, self->state->name_get_extra_info, name,
                                      fallback, NULL);
}

static PyMethodDef tls_protocol_methods[] = {
    {"connection_made", connection_made, METH_O,
     "connection_made($self, transport, /)\n--\n\nStarts the handshake."},
    {"connection_lost", connection_lost, METH_O,
     "connection_lost($self, exc, /)\n--\n\nTells the program's protocol."},
    {"get_buffer", get_buffer, METH_O,
     "get_buffer($self, sizehint, /)\n--\n\nThe buffer to receive into."},
    {"buffer_updated", buffer_updated, METH_O,
     "buffer_updated($self, nbytes, /)\n--\n\nSo many bytes of the peer are in the buffer."},
    {"eof_received", eof_received, METH_NOARGS,
     "eof_received($self, /)\n--\n\nThe peer has closed the connection below."},
    {"pause_writing", pause_writing, METH_NOARGS,
     "pause_writing($self, /)\n--\n\nThe transport below has enough to send."},
    {"resume_writing", resume_writing, METH_NOARGS,
     "resume_writing($self, /)\n--\n\nThe transport below takes more."},
    {"_check_handshake_timeout", check_handshake_timeout, METH_NOARGS,
     "_check_handshake_timeout($self, /)\n--\n\nEnds a connection whose handshake takes too long."},
    {"_check_shutdown_timeout", check_shutdown_timeout, METH_NOARGS,
     "_check_shutdown_timeout($self, /)\n--\n\nEnds a connection whose shutdown takes too long."},
    {"_resume", resume, METH_NOARGS,
     "_resume($self, /)\n--\n\nGives the program what came while it had paused reading."},
    {"_get_app_transport", get_app_transport, METH_NOARGS,
     "_get_app_transport($self, /)\n--\n\nThe program's transport."},
    {"_get_extra_info", get_extra_info, METH_VARARGS,
     "_get_extra_info($self, name, default=None, /)\n--\n\n"
     "What the transports' get_extra_info() says."},
    {0},
};

static PyObject *get_sslobj(PyObject *object, void *closure)
{
    (void)closure;
    return Py_NewRef(or_none(self_of(object)->engine.object));
}

static PyGetSetDef tls_protocol_attributes[] = {
    {.name = "_sslobj", .get = get_sslobj},
    {0},
};

static PyMemberDef tls_protocol_members[] = {
    {"_app_transport", T_OBJECT, offsetof(tls_protocol_object, app_transport), READONLY, NULL},
    {"_app_protocol", T_OBJECT, offsetof(tls_protocol_object, app.object), READONLY, NULL},
    {"_transport", T_OBJECT, offsetof(tls_protocol_object, transport), READONLY, NULL},
    {"_loop", T_OBJECT, offsetof(tls_protocol_object, loop), READONLY, NULL},
    {"_extra", T_OBJECT, offsetof(tls_protocol_object, extra), READONLY, NULL},
    {"_app_reading_paused", T_BOOL, offsetof(tls_protocol_object, is_reading_paused), READONLY,
     NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(tls_protocol_object, weak_references), READONLY,
     NULL},
    {0},
};

static PyType_Slot tls_protocol_slots[] = {
    {Py_tp_doc, "TLS on a transport: that transport's protocol. The program's transport is "
                "_app_transport."},
    {Py_tp_new, tls_protocol_new},
    {Py_tp_dealloc, tls_protocol_dealloc},
    {Py_tp_traverse, tls_protocol_traverse},
    {Py_tp_clear, tls_protocol_clear},
    {Py_tp_methods, tls_protocol_methods},
    {Py_tp_getset, tls_protocol_attributes},
    {Py_tp_members, tls_protocol_members},
    {0, NULL},
};

PyType_Spec tls_protocol_spec = {
    .name = "hoop._core.TlsProtocol",
    .basicsize = sizeof(tls_protocol_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = tls_protocol_slots,
};
