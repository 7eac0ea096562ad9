/* SPDX-License-Identifier: MIT
 *
 * What the transports of pipes have in common: their beginning and end, their turns in the queue,
 * and being watched.
 */
#include "pipe_transport.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptors.h"
#include "report.h"

/* ---- what goes wrong ---- */

static int report(struct pipe_transport *transport, const char *message)
{
    return report_exception(transport->loop, message, "transport", (PyObject *)transport,
                            "protocol", transport->protocol);
}

int pipe_transport_log(struct pipe_transport *transport, const char *what)
{
    PyObject *result =
        call_python("describe_transport", "log", "(Os)", (PyObject *)transport, what);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Debug mode: EXCEPTION is nobody's fault. */
static int log_failure(struct pipe_transport *transport, const char *message, PyObject *exception)
{
    PyObject *result = call_python("describe_transport", "log_failure", "(OsO)",
                                   (PyObject *)transport, message, exception);
    Py_XDECREF(result);
    return result != NULL ? 0 : report(transport, message);
}

int pipe_transport_fail(struct pipe_transport *transport, const char *message, bool is_usual)
{
    if (PyErr_ExceptionMatches(PyExc_SystemExit) || PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
        return -1;
    int rc = 0;
    PyObject *exception = PyErr_GetRaisedException();
    if (!is_usual) {
        PyErr_SetRaisedException(Py_NewRef(exception));
        rc = report(transport, message);
    } else if (transport->loop->debug) {
        rc = log_failure(transport, message, exception);
    }
    if (rc == 0)
        rc = pipe_transport_close(transport, exception);
    Py_DECREF(exception);
    return rc;
}

int pipe_transport_tell(struct pipe_transport *transport, PyObject *name, PyObject *argument)
{
    PyObject *protocol = Py_XNewRef(transport->protocol); /* it may set another one */
    if (protocol == NULL)
        return 0;
    PyObject *result = argument == NULL ? PyObject_CallMethodNoArgs(protocol, name)
                                        : PyObject_CallMethodOneArg(protocol, name, argument);
    int rc = 0;
    if (result == NULL)
        rc = report(transport, "Exception in callback of a pipe's protocol");
    Py_XDECREF(result);
    Py_DECREF(protocol);
    return rc;
}

/* ---- watching ---- */

/* For the file object's descriptor, or if the loop watches that already, for a copy of it. */
static int start_watch(struct pipe_transport *transport, unsigned interest)
{
    hoop_loop *core = transport->loop->core;
    int rc = hoop_watch_start_level(core, &transport->watch, transport->fd, interest);
    if (rc != -EEXIST)
        return rc;
    int copy = fcntl(transport->fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return -errno;
    rc = hoop_watch_start_level(core, &transport->watch, copy, interest);
    if (rc < 0)
        (void)close(copy);
    return rc;
}

void pipe_transport_unwatch(struct pipe_transport *transport)
{
    int fd = transport->watch.fd;
    transport->events = 0;
    if (!transport->is_watched)
        return;
    transport->is_watched = false;
    hoop_watch_stop(transport->loop->core, &transport->watch);
    descriptor_release(transport->loop, fd);
    if (fd != transport->fd)
        (void)close(fd);
}

/* It is watched from now on. 0, or -1 with an exception. */
static int begin_watch(struct pipe_transport *transport, unsigned interest)
{
    int rc = start_watch(transport, interest);
    if (rc == -EPERM) { /* such a device never makes anybody wait */
        transport->is_always_ready = true;
        transport->events = interest;
        work_push(transport->loop, &transport->io);
        return 0;
    }
    if (rc < 0) {
        (void)raise_result(rc);
        return -1;
    }
    transport->is_watched = true;
    if (descriptor_claim(transport->loop, transport->watch.fd, (PyObject *)transport) == 0)
        return 0;
    transport->is_watched = false;
    int fd = transport->watch.fd;
    hoop_watch_stop(transport->loop->core, &transport->watch);
    if (fd != transport->fd)
        (void)close(fd);
    return -1;
}

int pipe_transport_watch(struct pipe_transport *transport)
{
    int interest = transport->closing && transport->outgoing.count == 0
                       ? -1
                       : transport->kind->interest(transport);
    if (!transport->started || interest < 0) {
        pipe_transport_unwatch(transport); /* may drop the table's reference, not the caller's */
        return 0;
    }
    if (!transport->is_watched)
        return begin_watch(transport, (unsigned)interest);
    if ((unsigned)interest == transport->watch.interest)
        return 0;
    int rc = hoop_watch_change(transport->loop->core, &transport->watch, (unsigned)interest);
    if (rc < 0)
        (void)raise_result(rc);
    return rc < 0 ? -1 : 0;
}

static void notify(hoop_watch *watch, unsigned events)
{
    struct pipe_transport *transport =
        (struct pipe_transport *)(void *)((char *)watch - offsetof(struct pipe_transport, watch));
    hoop_watch_clear(watch, events); /* the kernel tells again at each poll */
    transport->events |= events;
    work_push(transport->loop, &transport->io);
}

/* ---- the end ---- */

int pipe_transport_close(struct pipe_transport *transport, PyObject *exception)
{
    transport->closing = true;
    outgoing_clear(&transport->outgoing);
    if (transport->pipe == NULL)
        return 0;
    if (loop_check_closed(transport->loop) < 0)
        return -1;
    if (exception != NULL)
        Py_XSETREF(transport->lost_with, Py_NewRef(exception));
    work_push(transport->loop, &transport->lost); /* first: it has a reference */
    pipe_transport_unwatch(transport);
    return 0;
}

static int close_pipe(struct pipe_transport *transport)
{
    PyObject *pipe = transport->pipe;
    transport->pipe = NULL;
    transport->closing = true;
    pipe_transport_unwatch(transport);
    PyObject *result = PyObject_CallMethodNoArgs(pipe, transport->loop->state->name_close);
    Py_DECREF(pipe);
    Py_XDECREF(result);
    return result != NULL ? 0 : report(transport, "closing a pipe failed");
}

int pipe_transport_lose(struct pipe_transport *transport)
{
    if (transport->pipe == NULL)
        return 0;
    struct core_state *state = transport->loop->state;
    int rc = transport->at_eof ? pipe_transport_tell(transport, state->name_eof_received, NULL) : 0;
    transport->at_eof = false;
    if (rc < 0) {
        work_push(transport->loop, &transport->lost); /* the rest, in the next run */
        return rc;
    }
    PyObject *exception = transport->lost_with;
    transport->lost_with = NULL;
    rc = pipe_transport_tell(transport, state->name_connection_lost,
                             exception == NULL ? Py_None : exception);
    Py_XDECREF(exception);
    PyObject *raised = rc < 0 ? PyErr_GetRaisedException() : NULL;
    rc = close_pipe(transport);
    Py_CLEAR(transport->protocol);
    if (raised == NULL)
        return rc;
    if (rc < 0)
        PyErr_Clear();
    PyErr_SetRaisedException(raised);
    return -1;
}

/* ---- turns in the queue ---- */

/* Runs STEP in the context in which the transport was made. */
static int run_in_context(struct work *work, int (*step)(struct pipe_transport *))
{
    struct pipe_transport *transport = pipe_transport_of(work->owner);
    PyObject *context = transport->context; /* the queue keeps the transport, and it this */
    if (PyContext_Enter(context) < 0)
        return report(transport, "a context cannot be entered");
    int rc = step(transport);
    PyObject *raised = rc < 0 ? PyErr_GetRaisedException() : NULL;
    if (PyContext_Exit(context) < 0)
        PyErr_WriteUnraisable((PyObject *)transport);
    if (raised != NULL)
        PyErr_SetRaisedException(raised);
    return rc;
}

static int serve(struct pipe_transport *transport)
{
    unsigned events = transport->events;
    transport->events = 0;
    if (events == 0 || transport->pipe == NULL)
        return 0; /* paused or closed meanwhile */
    int rc = transport->kind->serve(transport, events);
    if (rc == 0 && transport->is_always_ready && pipe_transport_watch(transport) < 0)
        rc = report(transport, "watching a pipe failed");
    return rc;
}

static int tell_waiter(struct pipe_transport *transport)
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
    return done != NULL ? 0 : report(transport, "Exception in a pipe's waiter");
}

static int start(struct pipe_transport *transport)
{
    bool is_told = transport->started;
    transport->started = true;
    if (!is_told && pipe_transport_tell(transport, transport->loop->state->name_connection_made,
                                        (PyObject *)transport) < 0) {
        work_push(transport->loop, &transport->start); /* the rest, in the next run */
        return -1;
    }
    if (pipe_transport_watch(transport) < 0 && report(transport, "watching a pipe failed") < 0)
        return -1;
    return tell_waiter(transport);
}

static int run_start(struct work *work)
{
    return run_in_context(work, start);
}

static int run_io(struct work *work)
{
    return run_in_context(work, serve);
}

static int run_lost(struct work *work)
{
    return run_in_context(work, pipe_transport_lose);
}

/* ---- the beginning ---- */

/* What is it, and does it wait for nobody? 0, or -1 with an exception. */
static int look_at_file(struct pipe_transport *transport)
{
    struct stat status;
    transport->fd = PyObject_AsFileDescriptor(transport->pipe);
    if (transport->fd < 0)
        return -1;
    if (fstat(transport->fd, &status) < 0) {
        (void)raise_result(-errno);
        return -1;
    }
    transport->is_fifo = S_ISFIFO(status.st_mode);
    transport->is_socket = S_ISSOCK(status.st_mode);
    if (!transport->is_fifo && !transport->is_socket && !S_ISCHR(status.st_mode)) {
        PyErr_SetString(PyExc_ValueError, transport->kind->refused);
        return -1;
    }
    int flags = fcntl(transport->fd, F_GETFL);
    if (flags >= 0 && fcntl(transport->fd, F_SETFL, flags | O_NONBLOCK) == 0)
        return 0;
    (void)raise_result(-errno);
    return -1;
}

/* EXTRA, the caller's dict or None, is used itself, as asyncio does. */
static int set_up(struct pipe_transport *transport, PyObject *extra)
{
    transport->context = PyContext_CopyCurrent();
    transport->extra = extra == Py_None ? PyDict_New() : Py_NewRef(extra);
    if (transport->context == NULL || transport->extra == NULL ||
        PyDict_SetItemString(transport->extra, "pipe", transport->pipe) < 0)
        return -1;
    return look_at_file(transport);
}

static int check_room(PyTypeObject *base)
{
    if (base->tp_basicsize <= (Py_ssize_t)offsetof(struct pipe_transport, kind))
        return 0;
    PyErr_SetString(PyExc_ImportError, "this Python's transports have more fields than known");
    return -1;
}

PyObject *pipe_transport_new(PyTypeObject *type, PyObject *args, PyObject *keywords,
                             const struct pipe_kind *kind)
{
    static char *names[] = {"loop", "pipe", "protocol", "waiter", "extra", NULL};
    PyObject *loop, *pipe, *protocol, *waiter = Py_None, *extra = Py_None;
    struct core_state *state = core_state_of(type);
    if (state == NULL || check_room(type->tp_base) < 0 ||
        !PyArg_ParseTupleAndKeywords(args, keywords, "O!OO|OO", names, (PyTypeObject *)state->Loop,
                                     &loop, &pipe, &protocol, &waiter, &extra) ||
        loop_check_closed((loop_object *)loop) < 0)
        return NULL;
    if (extra != Py_None && !PyDict_Check(extra))
        return PyErr_Format(PyExc_TypeError, "extra must be a dict or None");
    struct pipe_transport *transport = (struct pipe_transport *)(void *)type->tp_alloc(type, 0);
    if (transport == NULL)
        return NULL;
    transport->kind = kind;
    transport->loop = (loop_object *)Py_NewRef(loop);
    transport->pipe = Py_NewRef(pipe);
    transport->protocol = Py_NewRef(protocol);
    transport->waiter = waiter == Py_None ? NULL : Py_NewRef(waiter);
    flow_control_init(&transport->flow);
    hoop_watch_init(&transport->watch, notify);
    work_init(&transport->start, (PyObject *)transport, run_start);
    work_init(&transport->io, (PyObject *)transport, run_io);
    work_init(&transport->lost, (PyObject *)transport, run_lost);
    if (set_up(transport, extra) < 0) {
        Py_CLEAR(transport->pipe); /* it stays the caller's */
        Py_DECREF(transport);
        return NULL;
    }
    work_push(transport->loop, &transport->start);
    return (PyObject *)transport;
}

/* Instead of asyncio's, which takes something else: the arguments were pipe_transport_new's. */
int pipe_transport_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    (void)self;
    (void)args;
    (void)keywords;
    return 0;
}

/* ---- collection ---- */

int pipe_transport_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(transport->loop);
    Py_VISIT(transport->pipe);
    Py_VISIT(transport->protocol);
    Py_VISIT(transport->waiter);
    Py_VISIT(transport->extra);
    Py_VISIT(transport->context);
    Py_VISIT(transport->lost_with);
    Py_VISIT(transport->dict);
    return 0; /* outgoing has exact bytes objects only */
}

/* The loop and the context stay: a queue that still holds the transport needs them. */
int pipe_transport_clear(PyObject *self)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    Py_CLEAR(transport->protocol);
    Py_CLEAR(transport->waiter);
    Py_CLEAR(transport->lost_with);
    Py_CLEAR(transport->dict);
    return 0;
}

/* Nobody closed it: says so, and does. */
void pipe_transport_finalize(PyObject *self)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    if (transport->pipe == NULL)
        return;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (PyErr_ResourceWarning(self, 1, "unclosed transport %R", self) < 0)
        PyErr_WriteUnraisable(self);
    if (close_pipe(transport) < 0)
        PyErr_WriteUnraisable(self);
    PyErr_Restore(type, value, traceback);
}

void pipe_transport_dealloc(PyObject *self)
{
    if (PyObject_CallFinalizerFromDealloc(self) < 0)
        return;
    struct pipe_transport *transport = pipe_transport_of(self);
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (transport->weak_references != NULL)
        PyObject_ClearWeakRefs(self);
    (void)pipe_transport_clear(self);
    outgoing_clear(&transport->outgoing);
    Py_CLEAR(transport->pipe);
    Py_CLEAR(transport->extra);
    Py_CLEAR(transport->context);
    Py_CLEAR(transport->loop);
    type->tp_free(self);
    Py_DECREF(type);
}
