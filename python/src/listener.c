/* SPDX-License-Identifier: MIT
 *
 * Accepting connections. The descriptor is registered once, edge-triggered, so a turn that ends
 * before the queue of connections is empty has to come again by itself. The loop keeps an open
 * listener alive, as asyncio's keeps a server that nobody holds.
 */
#include "listener.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "batch.h"
#include "descriptors.h"
#include "loop.h"
#include "report.h"

enum { RETRY_NS = 1000000000 }; /* asyncio.constants.ACCEPT_RETRY_DELAY */

struct listener {
    PyObject_HEAD
    loop_object *loop;                  /* owned, until the object ends */
    PyObject *sock;                     /* owned: the listening socket; NULL once closed */
    PyObject *accepted;                 /* owned: called with each new socket */
    PyObject *context;                  /* owned: the contextvars.Context that it is called in */
    PyObject *family, *type, *protocol; /* owned: of the new sockets */
    hoop_watch watch;
    hoop_timer retry; /* armed while accepting pauses, because something is short */
    struct work work; /* queued while connections wait */
    long backlog;     /* how many a turn takes */
    int fd;
};

/* ---- one connection ---- */

/* A socket object for FD, which it takes over; also when it fails. */
static PyObject *make_socket(struct listener *listener, int fd)
{
    PyObject *number = PyLong_FromLong(fd);
    PyObject *args[] = {NULL, listener->family, listener->type, listener->protocol, number};
    PyObject *sock = number == NULL ? NULL
                                    : PyObject_Vectorcall(listener->loop->state->Socket, args + 1,
                                                          4 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_XDECREF(number);
    if (sock == NULL)
        close(fd);
    return sock;
}

static int report(struct listener *listener, const char *message)
{
    struct core_state *state = listener->loop->state;
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *sock = listener->sock == NULL
                         ? NULL
                         : PyObject_CallOneArg(state->AsyncioTransportSocket, listener->sock);
    if (sock == NULL)
        PyErr_Clear();
    PyErr_SetRaisedException(exception);
    int rc = report_exception(listener->loop, message, "socket", sock, NULL, NULL);
    Py_XDECREF(sock);
    return rc;
}

static int hand_over(struct listener *listener, int fd)
{
    PyObject *sock = make_socket(listener, fd);
    PyObject *accepted = Py_NewRef(listener->accepted); /* it may close the listener */
    PyObject *result = sock == NULL ? NULL : PyObject_CallOneArg(accepted, sock);
    Py_DECREF(accepted);
    Py_XDECREF(sock);
    Py_XDECREF(result);
    return result != NULL ? 0 : report(listener, "Exception in accepting a connection");
}

/* ---- a turn ---- */

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* It failed: says so, and goes on in a second. */
static int pause_accepting(struct listener *listener, int error)
{
    loop_object *loop = listener->loop;
    errno = error;
    (void)PyErr_SetFromErrno(PyExc_OSError);
    int rc = report(listener, is_shortage(error) ? "socket.accept() out of system resource"
                                                 : "socket.accept() failed");
    if (listener->sock == NULL || listener->retry.position != 0)
        return rc; /* the handler closed it */
    if (hoop_timer_start(loop->core, &listener->retry, hoop_time_ns(loop->core) + RETRY_NS) < 0)
        work_push(loop, &listener->work); /* without memory for the pause there is none */
    return rc;
}

/* The errors of a connection that is gone already, of accept(2)'s manual. */
static bool is_of_connection(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

/* Accepts until nobody waits, or so many. 0, or -1 with what ends the run. */
static int accept_some(struct listener *listener)
{
    for (long i = 0; i < listener->backlog && listener->sock != NULL; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            if (hand_over(listener, fd) < 0)
                return -1;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            hoop_watch_clear(&listener->watch, HOOP_READABLE);
            return 0;
        } else if (!is_of_connection(errno)) {
            return pause_accepting(listener, errno);
        }
    }
    return 0;
}

static void push_if_due(struct listener *listener)
{
    if (listener->sock != NULL && (listener->watch.ready & HOOP_READABLE) &&
        listener->retry.position == 0)
        work_push(listener->loop, &listener->work);
}

static int run(struct work *work)
{
    struct listener *listener = (struct listener *)(void *)work->owner;
    if (listener->sock == NULL)
        return 0;
    if (PyContext_Enter(listener->context) < 0)
        return report(listener, "a context cannot be entered");
    int rc = accept_some(listener);
    PyObject *raised = rc < 0 ? PyErr_GetRaisedException() : NULL;
    if (PyContext_Exit(listener->context) < 0)
        PyErr_WriteUnraisable((PyObject *)listener);
    push_if_due(listener);
    if (raised != NULL)
        PyErr_SetRaisedException(raised);
    return rc;
}

static void notify(hoop_watch *watch, unsigned events)
{
    (void)events;
    push_if_due((struct listener *)(void *)((char *)watch - offsetof(struct listener, watch)));
}

static void expire(hoop_timer *timer)
{
    push_if_due((struct listener *)(void *)((char *)timer - offsetof(struct listener, retry)));
}

/* ---- life ---- */

/* May drop the last reference but the caller's. */
static void stop(struct listener *listener)
{
    if (listener->sock == NULL)
        return;
    PyObject *sock = listener->sock;
    listener->sock = NULL;
    hoop_watch_stop(listener->loop->core, &listener->watch);
    hoop_timer_stop(listener->loop->core, &listener->retry);
    work_remove(&listener->work);
    descriptor_release(listener->loop, listener->fd);
    Py_DECREF(sock);
}

static PyObject *close_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    stop((struct listener *)self);
    Py_RETURN_NONE;
}

static int int_option(int fd, int option, int *ret_value)
{
    socklen_t size = sizeof *ret_value;
    if (getsockopt(fd, SOL_SOCKET, option, ret_value, &size) == 0)
        return 0;
    (void)PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

/* What new sockets are: as the listening one, and not blocking, which Python must know. */
static int describe_sockets(struct listener *listener)
{
    int family, type, protocol;
    if (int_option(listener->fd, SO_DOMAIN, &family) < 0 ||
        int_option(listener->fd, SO_TYPE, &type) < 0 ||
        int_option(listener->fd, SO_PROTOCOL, &protocol) < 0)
        return -1;
    listener->family = PyLong_FromLong(family);
    listener->type = PyLong_FromLong(type | SOCK_NONBLOCK);
    listener->protocol = PyLong_FromLong(protocol);
    return listener->family == NULL || listener->type == NULL || listener->protocol == NULL ? -1
                                                                                            : 0;
}

static PyObject *new (PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"loop", "sock", "accepted", "backlog", NULL};
    struct core_state *state = core_state_of(type);
    PyObject *loop, *sock, *accepted;
    long backlog;
    if (state == NULL ||
        !PyArg_ParseTupleAndKeywords(args, keywords, "O!OOl:Listener", names,
                                     (PyTypeObject *)state->Loop, &loop, &sock, &accepted,
                                     &backlog) ||
        loop_check_closed((loop_object *)loop) < 0)
        return NULL;
    struct listener *listener = (struct listener *)(void *)type->tp_alloc(type, 0);
    if (listener == NULL)
        return NULL;
    listener->loop = (loop_object *)Py_NewRef(loop);
    listener->accepted = Py_NewRef(accepted);
    listener->backlog = backlog < 1 ? 1 : backlog; /* listen(0) lets one wait, too */
    work_init(&listener->work, (PyObject *)listener, run);
    hoop_timer_init(&listener->retry, expire);
    hoop_watch_init(&listener->watch, notify);
    listener->fd = PyObject_AsFileDescriptor(sock);
    listener->context = PyContext_CopyCurrent();
    if (listener->fd < 0 || listener->context == NULL || describe_sockets(listener) < 0 ||
        descriptor_take(listener->loop, listener->fd, (PyObject *)listener, &listener->watch) < 0)
        Py_CLEAR(listener);
    else
        listener->sock = Py_NewRef(sock);
    return (PyObject *)listener;
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    struct listener *listener = (struct listener *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(listener->loop);
    Py_VISIT(listener->sock);
    Py_VISIT(listener->accepted);
    Py_VISIT(listener->context);
    return 0;
}

/* The loop, the context and what a turn in the queue uses stay until the end. */
static int clear(PyObject *self)
{
    stop((struct listener *)self);
    return 0;
}

static void dealloc(PyObject *self)
{
    struct listener *listener = (struct listener *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)clear(self);
    Py_CLEAR(listener->accepted);
    Py_CLEAR(listener->context);
    Py_CLEAR(listener->family);
    Py_CLEAR(listener->type);
    Py_CLEAR(listener->protocol);
    Py_CLEAR(listener->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- the type ---- */

static PyObject *represent(PyObject *self)
{
    struct listener *listener = (struct listener *)self;
    return PyUnicode_FromFormat("<Listener %sfd=%d>", listener->sock == NULL ? "closed " : "",
                                listener->fd);
}

static PyMethodDef methods[] = {
    {"close", close_method, METH_NOARGS,
     "close($self, /)\n--\n\nAccepts no more. The socket is not closed."},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Listener(loop, sock, accepted, backlog)\n--\n\n"
                "Calls accepted(sock) with each new connection to a listening socket, at most\n"
                "backlog times in an iteration of the loop, until close()."},
    {Py_tp_new, new},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_repr, represent},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec listener_spec = {
    .name = "hoop._core.Listener",
    .basicsize = sizeof(struct listener),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
