/* SPDX-License-Identifier: MIT
 *
 * The life that transports of all kinds have in common.
 */
#include "transport.h"

#include "descriptors.h"
#include "report.h"

enum { LOST_WRITES_BEFORE_WARNING = 5 }; /* asyncio.constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES */

/* ---- what happens to it ---- */

int transport_report(struct transport *transport, const char *message)
{
    return report_exception(transport->loop, message, "transport", (PyObject *)transport,
                            "protocol", transport->protocol.object);
}

int transport_tell(struct transport *transport, PyObject *name, PyObject *argument,
                   const char *message)
{
    PyObject *result = protocol_call(&transport->protocol, name, argument);
    Py_XDECREF(result);
    return result != NULL ? 0 : transport_report(transport, message);
}

int transport_pause_protocol(struct transport *transport, size_t size)
{
    struct flow_control *flow = &transport->flow;
    if (size <= flow->high || flow->is_paused || transport->protocol.object == NULL)
        return 0;
    flow->is_paused = true;
    return transport_tell(transport, transport->loop->state->name_pause_writing, NULL,
                          "protocol.pause_writing() failed");
}

int transport_resume_protocol(struct transport *transport, size_t size)
{
    struct flow_control *flow = &transport->flow;
    if (size > flow->low || !flow->is_paused || transport->protocol.object == NULL)
        return 0;
    flow->is_paused = false;
    return transport_tell(transport, transport->loop->state->name_resume_writing, NULL,
                          "protocol.resume_writing() failed");
}

int transport_log(struct transport *transport, const char *what)
{
    PyObject *result =
        call_python("describe_transport", "log", "(Os)", (PyObject *)transport, what);
    Py_XDECREF(result);
    return result != NULL ? 0 : transport_report(transport, "logging failed");
}

/* Debug mode: EXCEPTION is nobody's fault. */
static int log_failure(struct transport *transport, const char *message, PyObject *exception)
{
    PyObject *result = call_python("describe_transport", "log_failure", "(OsO)",
                                   (PyObject *)transport, message, exception);
    Py_XDECREF(result);
    return result != NULL ? 0 : transport_report(transport, "logging failed");
}

int transport_failed_with(struct transport *transport, const char *message, bool is_usual)
{
    if (report_must_end_run())
        return -1;
    int rc = 0;
    PyObject *exception = PyErr_GetRaisedException();
    if (!is_usual) {
        PyErr_SetRaisedException(Py_NewRef(exception));
        rc = transport_report(transport, message); /* the handler may close it */
    } else if (transport->loop->debug) {
        rc = log_failure(transport, message, exception);
    }
    if (rc == 0)
        rc = transport->kind->force_close(transport, exception);
    Py_DECREF(exception);
    return rc;
}

int transport_failed(struct transport *transport, const char *message)
{
    return transport_failed_with(transport, message, PyErr_ExceptionMatches(PyExc_OSError));
}

int transport_count_lost_write(struct transport *transport, const char *module)
{
    if (transport->conn_lost++ < LOST_WRITES_BEFORE_WARNING)
        return 0;
    PyObject *result = call_python(module, "warn_of_lost_writes", "()");
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int transport_refuse_data(PyObject *data)
{
    PyObject *name = PyType_GetName(Py_TYPE(data));
    if (name != NULL)
        PyErr_Format(PyExc_TypeError, "data argument must be a bytes-like object, not %R", name);
    Py_XDECREF(name);
    return -1;
}

/* ---- the end ---- */

int transport_schedule_lost(struct transport *transport, PyObject *exception)
{
    loop_object *loop = transport->loop;
    transport->conn_lost++;
    Py_XSETREF(transport->lost_with, Py_XNewRef(exception));
    if (loop_check_closed(loop) < 0 || (loop->debug && loop_check_thread(loop) < 0))
        return -1;
    work_push(loop, &transport->lost);
    return 0;
}

static int tell_lost(struct transport *transport)
{
    PyObject *exception = transport->lost_with;
    transport->lost_with = NULL;
    int rc = transport_tell(transport, transport->loop->state->name_connection_lost,
                            exception == NULL ? Py_None : exception,
                            "Exception in protocol.connection_lost()");
    Py_XDECREF(exception);
    return rc;
}

int transport_lose(struct transport *transport)
{
    if (transport->file == NULL)
        return 0;
    int rc = tell_lost(transport);
    PyObject *raised = rc < 0 ? PyErr_GetRaisedException() : NULL;
    if (transport->file != NULL) /* of a pipe the protocol may have taken it */
        rc = transport->kind->close(transport);
    Py_CLEAR(transport->protocol.object);
    if (raised == NULL)
        return rc;
    PyErr_SetRaisedException(raised); /* instead of one of closing */
    return -1;
}

static int run_lost(struct work *work)
{
    return transport_run(work, transport_of(work->owner)->kind->lose);
}

int transport_close_file(struct transport *transport, PyObject *file)
{
    PyObject *result = PyObject_CallMethodNoArgs(file, transport->loop->state->name_close);
    Py_DECREF(file);
    Py_XDECREF(result);
    return result != NULL ? 0 : transport_report(transport, "closing a transport's file failed");
}

int transport_close_socket(struct transport *transport)
{
    PyObject *sock = transport->file;
    transport->file = NULL;
    transport->closing = true;
    if (transport->conn_lost == 0)
        transport->conn_lost = 1;
    hoop_watch_stop(transport->loop->core, &transport->watch);
    work_remove(&transport->io);
    descriptor_release(transport->loop, transport->fd);
    return transport_close_file(transport, sock);
}

/* ---- the beginning ---- */

/* Calls connection_made, the first time. 0, or -1 with an exception that ends the run: then the start
 * is queued again, for the rest. */
static int introduce(struct transport *transport)
{
    if (transport->protocol_is_told)
        return 0;
    transport->protocol_is_told = true;
    if (transport_tell(transport, transport->loop->state->name_connection_made,
                       (PyObject *)transport, "Exception in protocol.connection_made()") == 0)
        return 0;
    work_push(transport->loop, &transport->start); /* the rest, in the next run */
    return -1;
}

/* It gets the result None, unless it is done. */
static int tell_waiter(struct transport *transport)
{
    PyObject *waiter = transport->waiter;
    struct core_state *state = transport->loop->state;
    transport->waiter = NULL;
    if (waiter == NULL)
        return 0;
    PyObject *done = PyObject_CallMethodNoArgs(waiter, state->name_done);
    if (done == Py_False)
        Py_SETREF(done, PyObject_CallMethodOneArg(waiter, state->name_set_result, Py_None));
    Py_DECREF(waiter);
    Py_XDECREF(done);
    return done != NULL ? 0 : transport_report(transport, "Exception in a connection's waiter");
}

static int start(struct transport *transport)
{
    if (introduce(transport) < 0)
        return -1;
    transport->started = true;
    if (transport->kind->go_on(transport) < 0 &&
        transport_report(transport, "watching a transport's file failed") < 0)
        return -1;
    return tell_waiter(transport);
}

static int run_start(struct work *work)
{
    return transport_run(work, start);
}

PyObject *transport_extra(PyObject *extra)
{
    return extra == Py_None ? PyDict_New() : Py_NewRef(extra);
}

/* extra[name] = sock.METHOD(); None where there is no such address. */
static int add_address(struct transport *transport, const char *name, const char *method)
{
    PyObject *address = PyObject_CallMethod(transport->file, method, NULL);
    if (address == NULL && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
        address = Py_NewRef(Py_None);
    }
    int rc = address == NULL ? -1 : PyDict_SetItemString(transport->extra, name, address);
    Py_XDECREF(address);
    return rc;
}

int transport_describe_socket(struct transport *transport)
{
    struct core_state *state = transport->loop->state;
    PyObject *sock = PyObject_CallOneArg(state->AsyncioTransportSocket, transport->file);
    int rc = sock == NULL ? -1 : PyDict_SetItemString(transport->extra, "socket", sock);
    Py_XDECREF(sock);
    if (rc < 0 || add_address(transport, "sockname", "getsockname") < 0)
        return -1;
    PyObject *known = PyDict_GetItemWithError(transport->extra, state->name_peername); // borrowed
    if (known != NULL)
        return 0;
    return PyErr_Occurred() ? -1 : add_address(transport, "peername", "getpeername");
}

static int check_room(PyTypeObject *base)
{
    if (base->tp_basicsize <= (Py_ssize_t)offsetof(struct transport, kind))
        return 0;
    PyErr_SetString(PyExc_ImportError, "this Python's transports have more fields than known");
    return -1;
}

static int check_arguments(const struct transport_arguments *given)
{
    if (loop_check_closed((loop_object *)given->loop) < 0)
        return -1;
    if (given->extra == Py_None || PyDict_Check(given->extra))
        return 0;
    PyErr_SetString(PyExc_TypeError, "extra must be a dict or None");
    return -1;
}

/* Takes over PROTOCOL and CONTEXT. */
static struct transport *allocate(PyTypeObject *type, const struct transport_kind *kind,
                                  const struct transport_arguments *given, struct protocol protocol,
                                  PyObject *context)
{
    struct transport *transport = transport_of(type->tp_alloc(type, 0));
    if (transport == NULL) {
        Py_DECREF(protocol.object);
        Py_DECREF(context);
        return NULL;
    }
    transport->kind = kind;
    transport->loop = (loop_object *)Py_NewRef(given->loop);
    transport->file = Py_NewRef(given->file);
    transport->protocol = protocol;
    transport->waiter = given->waiter == Py_None ? NULL : Py_NewRef(given->waiter);
    transport->context = context;
    flow_control_init(&transport->flow);
    hoop_watch_init(&transport->watch, kind->notify);
    work_init(&transport->start, (PyObject *)transport, run_start);
    work_init(&transport->io, (PyObject *)transport, kind->run_io);
    work_init(&transport->lost, (PyObject *)transport, run_lost);
    return transport;
}

struct transport *transport_allocate(PyTypeObject *type, const struct transport_kind *kind,
                                     const struct transport_arguments *given)
{
    struct core_state *state = ((loop_object *)given->loop)->state;
    if (check_room(type->tp_base) < 0 || check_arguments(given) < 0)
        return NULL;
    int fd = PyObject_AsFileDescriptor(given->file);
    struct protocol protocol = {0};
    if (fd < 0 || protocol_set(&protocol, state, given->protocol) < 0)
        return NULL;
    PyObject *context = PyContext_CopyCurrent();
    if (context == NULL) {
        Py_DECREF(protocol.object);
        return NULL;
    }
    struct transport *transport = allocate(type, kind, given, protocol, context);
    if (transport != NULL)
        transport->fd = fd;
    return transport;
}

void transport_discard(struct transport *transport)
{
    Py_CLEAR(transport->file);
    Py_DECREF(transport);
}

/* ---- collection ---- */

int transport_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct transport *transport = transport_of(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(transport->loop);
    Py_VISIT(transport->file);
    Py_VISIT(transport->protocol.object);
    Py_VISIT(transport->waiter);
    Py_VISIT(transport->extra);
    Py_VISIT(transport->context);
    Py_VISIT(transport->lost_with);
    Py_VISIT(transport->dict);
    return 0;
}

/* The loop and the context stay: a queue that still holds the transport needs them. */
int transport_clear(PyObject *self)
{
    struct transport *transport = transport_of(self);
    Py_CLEAR(transport->waiter);
    Py_CLEAR(transport->lost_with);
    Py_CLEAR(transport->protocol.object);
    Py_CLEAR(transport->dict);
    transport->kind->drop(transport);
    return 0;
}

/* Nobody closed it: says so, and does. */
void transport_finalize(PyObject *self)
{
    struct transport *transport = transport_of(self);
    if (transport->file == NULL)
        return;
    PyObject *raised = PyErr_GetRaisedException(); /* by what dropped the last reference */
    if (PyErr_ResourceWarning(self, 1, "unclosed transport %R", self) < 0)
        PyErr_WriteUnraisable(self);
    if (transport->kind->abandon(transport) < 0)
        PyErr_WriteUnraisable(self);
    PyErr_SetRaisedException(raised);
}

void transport_dealloc(PyObject *self)
{
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    struct transport *transport = transport_of(self);
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (transport->weak_references != NULL)
        PyObject_ClearWeakRefs(self);
    (void)transport_clear(self);
    Py_CLEAR(transport->file);
    Py_CLEAR(transport->extra);
    Py_CLEAR(transport->context);
    Py_CLEAR(transport->loop);
    type->tp_free(self);
    Py_DECREF(type);
}
