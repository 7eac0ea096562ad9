/* SPDX-License-Identifier: MIT
 *
 * The life of a stream transport: its beginning and its end, its turns in the queue, and what goes
 * wrong.
 */
#include "stream_transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "descriptors.h"
#include "report.h"

enum { READ_SIZE = 16 * 1024 }; /* at first */

/* ---- failures ---- */

int stream_transport_log(struct stream_transport *transport, const char *message)
{
    PyObject *result =
        call_python("describe_transport", "log", "(Os)", (PyObject *)transport, message);
    Py_XDECREF(result);
    if (result == NULL)
        return report_exception(transport->loop, "logging failed", NULL, NULL, NULL, NULL);
    return 0;
}

/* Reports EXCEPTION. 0, or -1 with one that ends the run. */
static int tell_failure(struct stream_transport *transport, PyObject *exception,
                        const char *message)
{
    if (!PyErr_GivenExceptionMatches(exception, PyExc_OSError)) {
        PyErr_SetRaisedException(Py_NewRef(exception));
        return report_exception(transport->loop, message, "transport", (PyObject *)transport,
                                "protocol", transport->protocol.object);
    }
    if (!transport->loop->debug)
        return 0;
    PyObject *result = call_python("describe_transport", "log_failure", "(OsO)",
                                   (PyObject *)transport, message, exception);
    Py_XDECREF(result);
    return result != NULL
               ? 0
               : report_exception(transport->loop, "logging failed", NULL, NULL, NULL, NULL);
}

int stream_transport_fail(struct stream_transport *transport, const char *message)
{
    if (PyErr_ExceptionMatches(PyExc_SystemExit) || PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
        return -1;
    PyObject *exception = PyErr_GetRaisedException();
    int rc = tell_failure(transport, exception, message); /* the handler may close it */
    if (rc == 0)
        rc = stream_transport_force_close(transport, exception);
    Py_DECREF(exception);
    return rc;
}

/* ---- the end ---- */

/* connection_lost will be called; from here on nothing is sent. */
static int schedule_lost(struct stream_transport *transport, PyObject *exception)
{
    loop_object *loop = transport->loop;
    transport->conn_lost++;
    Py_XSETREF(transport->lost_with, Py_XNewRef(exception));
    if (loop_check_closed(loop) < 0 || (loop->debug && loop_check_thread(loop) < 0))
        return -1;
    work_push(loop, &transport->lost);
    return 0;
}

int stream_transport_close(struct stream_transport *transport)
{
    if (transport->closing)
        return 0;
    transport->closing = true;
    return transport->outgoing.count > 0 ? 0 : schedule_lost(transport, NULL);
}

int stream_transport_force_close(struct stream_transport *transport, PyObject *exception)
{
    if (transport->conn_lost > 0)
        return 0;
    transport->closing = true;
    outgoing_clear(&transport->outgoing);
    return schedule_lost(transport, exception);
}

/* METHOD(ARGUMENT) of OBJECT, if there is an object; a failure is reported. */
static int call_or_report(struct stream_transport *transport, PyObject *object, PyObject *method,
                          PyObject *argument, const char *message)
{
    if (object == NULL)
        return 0;
    PyObject *result = argument == NULL ? PyObject_CallMethodNoArgs(object, method)
                                        : PyObject_CallMethodOneArg(object, method, argument);
    Py_XDECREF(result);
    if (result != NULL)
        return 0;
    return report_exception(transport->loop, message, "transport", (PyObject *)transport, NULL,
                            NULL);
}

/* Lets go of the descriptor, and closes it. */
static int close_socket(struct stream_transport *transport)
{
    struct core_state *state = transport->loop->state;
    PyObject *sock = transport->sock;
    transport->sock = NULL;
    transport->closing = true;
    transport->conn_lost++;
    hoop_watch_stop(transport->loop->core, &transport->watch);
    work_remove(&transport->io);
    descriptor_release(transport->loop, transport->fd);
    int rc = call_or_report(transport, sock, state->name_close, NULL, "closing a socket failed");
    Py_XDECREF(sock);
    return rc;
}

static int detach_server(struct stream_transport *transport)
{
    PyObject *server = transport->server;
    transport->server = NULL;
    int rc = call_or_report(transport, server, transport->loop->state->name__detach,
                            (PyObject *)transport, "Exception in callback Server._detach()");
    Py_XDECREF(server);
    return rc;
}

/* What waits for the buffer to be empty waits in vain. */
static int give_up_empty_waiter(struct stream_transport *transport)
{
    if (transport->empty_waiter == NULL)
        return 0;
    PyObject *exception =
        PyObject_CallFunction(PyExc_ConnectionError, "s", "Connection is closed by peer");
    int rc = exception == NULL ? -1 : stream_transport_fail_empty_waiter(transport, exception);
    Py_XDECREF(exception);
    return rc == 0 ? 0
                   : report_exception(transport->loop, "Exception in callback of a transport",
                                      "transport", (PyObject *)transport, NULL, NULL);
}

/* All that is left to do, whatever fails. */
static int end(struct stream_transport *transport)
{
    int rc = close_socket(transport);
    Py_CLEAR(transport->protocol.object);
    PyObject *raised = rc < 0 ? PyErr_GetRaisedException() : NULL;
    int (*const steps[])(struct stream_transport *) = {detach_server, give_up_empty_waiter};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i](transport) < 0)
            Py_XSETREF(raised, PyErr_GetRaisedException());
    }
    if (raised == NULL)
        return 0;
    PyErr_SetRaisedException(raised);
    return -1;
}

int stream_transport_lose(struct stream_transport *transport)
{
    if (transport->sock == NULL)
        return 0;
    transport->conn_lost++;
    PyObject *exception = transport->lost_with;
    transport->lost_with = NULL;
    PyObject *result =
        protocol_call(&transport->protocol, transport->loop->state->name_connection_lost,
                      exception == NULL ? Py_None : exception);
    Py_XDECREF(exception);
    Py_XDECREF(result);
    int rc = result != NULL
                 ? 0
                 : report_exception(transport->loop, "Exception in protocol.connection_lost()",
                                    "transport", (PyObject *)transport, "protocol",
                                    transport->protocol.object);
    PyObject *raised = rc < 0 ? PyErr_GetRaisedException() : NULL;
    rc = end(transport);
    if (raised == NULL)
        return rc;
    PyErr_SetRaisedException(raised); /* instead of one that end() left */
    return -1;
}

/* ---- turns in the queue ---- */

/* Runs STEP in the context that the connection began in. */
static int run_in_context(struct stream_transport *transport,
                          int (*step)(struct stream_transport *))
{
    PyObject *context = transport->context; /* the queue keeps the transport, and it this */
    if (PyContext_Enter(context) < 0)
        return report_exception(transport->loop, "a context cannot be entered", "transport",
                                (PyObject *)transport, NULL, NULL);
    int rc = step(transport);
    PyObject *raised = rc < 0 ? PyErr_GetRaisedException() : NULL;
    if (PyContext_Exit(context) < 0)
        PyErr_WriteUnraisable((PyObject *)transport);
    if (raised != NULL)
        PyErr_SetRaisedException(raised);
    return rc;
}

static bool can_read(const struct stream_transport *transport)
{
    return (transport->watch.ready & HOOP_READABLE) && transport->started && !transport->at_eof &&
           stream_transport_is_reading(transport);
}

static bool can_write(const struct stream_transport *transport)
{
    return (transport->watch.ready & HOOP_WRITABLE) && transport->outgoing.count > 0;
}

void stream_transport_continue(struct stream_transport *transport)
{
    if (can_read(transport) || can_write(transport))
        work_push(transport->loop, &transport->io);
}

static int read_and_write(struct stream_transport *transport)
{
    if (can_read(transport) && stream_transport_read(transport) < 0)
        return -1;
    return can_write(transport) ? stream_transport_flush(transport) : 0;
}

static int run_io(struct work *work)
{
    struct stream_transport *transport = (struct stream_transport *)(void *)work->owner;
    int rc = run_in_context(transport, read_and_write);
    stream_transport_continue(transport); /* after what was queued meanwhile */
    return rc;
}

static int run_lost(struct work *work)
{
    return run_in_context((struct stream_transport *)(void *)work->owner, stream_transport_lose);
}

static int tell_protocol(struct stream_transport *transport)
{
    PyObject *result = protocol_call(
        &transport->protocol, transport->loop->state->name_connection_made, (PyObject *)transport);
    Py_XDECREF(result);
    if (result != NULL)
        return 0;
    return report_exception(transport->loop, "Exception in protocol.connection_made()", "transport",
                            (PyObject *)transport, "protocol", transport->protocol.object);
}

static int tell_waiter(struct stream_transport *transport)
{
    PyObject *waiter = transport->waiter;
    struct core_state *state = transport->loop->state;
    transport->waiter = NULL;
    PyObject *done =
        waiter == NULL ? Py_NewRef(Py_True) : PyObject_CallMethodNoArgs(waiter, state->name_done);
    if (done == Py_False)
        Py_SETREF(done, PyObject_CallMethodOneArg(waiter, state->name_set_result, Py_None));
    Py_XDECREF(waiter);
    Py_XDECREF(done);
    return done != NULL ? 0
                        : report_exception(transport->loop, "Exception in a connection's waiter",
                                           "transport", (PyObject *)transport, NULL, NULL);
}

static int start(struct stream_transport *transport)
{
    if (!transport->protocol_is_told) {
        transport->protocol_is_told = true;
        if (tell_protocol(transport) < 0) {
            work_push(transport->loop, &transport->start); /* the rest, in the next run */
            return -1;
        }
    }
    transport->started = true;
    stream_transport_continue(transport);
    return tell_waiter(transport);
}

static int run_start(struct work *work)
{
    return run_in_context((struct stream_transport *)(void *)work->owner, start);
}

static void notify(hoop_watch *watch, unsigned events)
{
    (void)events;
    stream_transport_continue(
        (struct stream_transport *)(void *)((char *)watch -
                                            offsetof(struct stream_transport, watch)));
}

/* ---- the beginning ---- */

/* extra[name] = sock.METHOD(); None where there is no such address. */
static int add_address(struct stream_transport *transport, const char *name, const char *method)
{
    PyObject *address = PyObject_CallMethod(transport->sock, method, NULL);
    if (address == NULL && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
        address = Py_NewRef(Py_None);
    }
    int rc = address == NULL ? -1 : PyDict_SetItemString(transport->extra, name, address);
    Py_XDECREF(address);
    return rc;
}

/* What get_extra_info knows. EXTRA, the caller's dict or None, is used itself, as asyncio does. */
static int fill_extra(struct stream_transport *transport, PyObject *extra)
{
    struct core_state *state = transport->loop->state;
    transport->extra = extra == Py_None ? PyDict_New() : Py_NewRef(extra);
    PyObject *sock = transport->extra == NULL
                         ? NULL
                         : PyObject_CallOneArg(state->AsyncioTransportSocket, transport->sock);
    int rc = sock == NULL ? -1 : PyDict_SetItemString(transport->extra, "socket", sock);
    Py_XDECREF(sock);
    if (rc < 0 || add_address(transport, "sockname", "getsockname") < 0)
        return -1;
    PyObject *known = PyDict_GetItemWithError(transport->extra, state->name_peername); // borrowed
    if (known != NULL)
        return 0;
    return PyErr_Occurred() ? -1 : add_address(transport, "peername", "getpeername");
}

/* Small writes go out at once, as asyncio has it; other sockets than TCP's refuse. */
static bool set_nodelay(int fd)
{
    int yes = 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0;
}

int stream_transport_take_descriptor(struct stream_transport *transport)
{
    int rc = descriptor_claim(transport->loop, transport->fd, (PyObject *)transport);
    if (rc < 0)
        return -1;
    rc = hoop_watch_start(transport->loop->core, &transport->watch, transport->fd);
    if (rc == 0)
        return 0;
    descriptor_release(transport->loop, transport->fd);
    (void)raise_result(rc);
    return -1;
}

static int attach_server(struct stream_transport *transport, PyObject *server)
{
    if (server == Py_None)
        return 0;
    PyObject *result = PyObject_CallMethodOneArg(server, transport->loop->state->name__attach,
                                                 (PyObject *)transport);
    Py_XDECREF(result);
    if (result == NULL)
        return -1;
    transport->server = Py_NewRef(server);
    return 0;
}

/* What stream_transport_new was given. All borrowed. */
struct arguments {
    PyObject *loop, *sock, *protocol, *waiter, *extra, *server;
};

static int set_up(struct stream_transport *transport, const struct arguments *arguments)
{
    transport->sock = Py_NewRef(arguments->sock);
    transport->waiter = arguments->waiter == Py_None ? NULL : Py_NewRef(arguments->waiter);
    transport->context = PyContext_CopyCurrent();
    transport->fd = PyObject_AsFileDescriptor(arguments->sock);
    if (transport->context == NULL || transport->fd < 0 ||
        fill_extra(transport, arguments->extra) < 0 ||
        protocol_set(&transport->protocol, transport->loop->state, arguments->protocol) < 0)
        return -1;
    transport->is_tcp = set_nodelay(transport->fd);
    if (stream_transport_take_descriptor(transport) < 0)
        return -1;
    if (attach_server(transport, arguments->server) == 0)
        return 0;
    hoop_watch_stop(transport->loop->core, &transport->watch);
    descriptor_release(transport->loop, transport->fd);
    return -1;
}

static int check_room(PyTypeObject *base)
{
    if (base->tp_basicsize <= (Py_ssize_t)offsetof(struct stream_transport, loop))
        return 0;
    PyErr_SetString(PyExc_ImportError,
                    "this Python's asyncio.Transport has more fields than known");
    return -1;
}

PyObject *stream_transport_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"loop", "sock", "protocol", "waiter", "extra", "server", NULL};
    struct arguments given = {.waiter = Py_None, .extra = Py_None, .server = Py_None};
    struct core_state *state = core_state_of(type);
    if (state == NULL || check_room(type->tp_base) < 0 ||
        !PyArg_ParseTupleAndKeywords(args, keywords, "O!OO|OOO:StreamTransport", names,
                                     (PyTypeObject *)state->Loop, &given.loop, &given.sock,
                                     &given.protocol, &given.waiter, &given.extra, &given.server))
        return NULL;
    if (given.extra != Py_None && !PyDict_Check(given.extra))
        return PyErr_Format(PyExc_TypeError, "extra must be a dict or None");
    if (loop_check_closed((loop_object *)given.loop) < 0)
        return NULL;
    struct stream_transport *transport = (struct stream_transport *)(void *)type->tp_alloc(type, 0);
    if (transport == NULL)
        return NULL;
    transport->loop = (loop_object *)Py_NewRef(given.loop);
    transport->high_water = STREAM_TRANSPORT_HIGH_WATER;
    transport->low_water = STREAM_TRANSPORT_HIGH_WATER / 4;
    transport->read_size = READ_SIZE;
    hoop_watch_init(&transport->watch, notify);
    work_init(&transport->start, (PyObject *)transport, run_start);
    work_init(&transport->io, (PyObject *)transport, run_io);
    work_init(&transport->lost, (PyObject *)transport, run_lost);
    if (set_up(transport, &given) < 0) {
        Py_CLEAR(transport->sock); /* it stays the caller's */
        Py_DECREF(transport);
        return NULL;
    }
    work_push(transport->loop, &transport->start);
    return (PyObject *)transport;
}

/* Instead of asyncio's, which takes something else: the arguments were stream_transport_new's. */
int stream_transport_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    (void)self;
    (void)args;
    (void)keywords;
    return 0;
}

/* ---- collection ---- */

int stream_transport_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct stream_transport *transport = (struct stream_transport *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(transport->loop);
    Py_VISIT(transport->sock);
    Py_VISIT(transport->server);
    Py_VISIT(transport->waiter);
    Py_VISIT(transport->empty_waiter);
    Py_VISIT(transport->extra);
    Py_VISIT(transport->context);
    Py_VISIT(transport->lost_with);
    Py_VISIT(transport->dict);
    Py_VISIT(transport->protocol.object);
    return 0; /* outgoing has exact bytes objects only */
}

/* The loop and the context stay: a queue that still holds the transport needs them. */
int stream_transport_clear(PyObject *self)
{
    struct stream_transport *transport = (struct stream_transport *)self;
    Py_CLEAR(transport->server);
    Py_CLEAR(transport->waiter);
    Py_CLEAR(transport->empty_waiter);
    Py_CLEAR(transport->lost_with);
    Py_CLEAR(transport->protocol.object);
    Py_CLEAR(transport->dict);
    return 0;
}

/* Nobody closed it: says so, and does. */
void stream_transport_finalize(PyObject *self)
{
    struct stream_transport *transport = (struct stream_transport *)self;
    if (transport->sock == NULL)
        return;
    PyObject *raised = PyErr_GetRaisedException(); /* by what dropped the last reference */
    if (PyErr_ResourceWarning(self, 1, "unclosed transport %R", self) < 0)
        PyErr_WriteUnraisable(self);
    if (close_socket(transport) < 0)
        PyErr_WriteUnraisable(self);
    if (detach_server(transport) < 0)
        PyErr_WriteUnraisable(self);
    if (raised != NULL)
        PyErr_SetRaisedException(raised);
}

void stream_transport_dealloc(PyObject *self)
{
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    struct stream_transport *transport = (struct stream_transport *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (transport->weak_references != NULL)
        PyObject_ClearWeakRefs(self);
    (void)stream_transport_clear(self);
    outgoing_clear(&transport->outgoing);
    Py_CLEAR(transport->sock);
    Py_CLEAR(transport->extra);
    Py_CLEAR(transport->context);
    Py_CLEAR(transport->loop);
    type->tp_free(self);
    Py_DECREF(type);
}
