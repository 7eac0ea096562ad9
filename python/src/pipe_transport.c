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

/* ---- watching ---- */

/* For the file object's descriptor, or if the loop watches that already, for a copy of it. */
static int start_watch(struct pipe_transport *transport, unsigned interest)
{
    hoop_loop *core = transport->base.loop->core;
    int rc = hoop_watch_start_level(core, &transport->base.watch, transport->base.fd, interest);
    if (rc != -EEXIST)
        return rc;
    int copy = fcntl(transport->base.fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return -errno;
    rc = hoop_watch_start_level(core, &transport->base.watch, copy, interest);
    if (rc < 0)
        (void)close(copy);
    return rc;
}

void pipe_transport_unwatch(struct pipe_transport *transport)
{
    int fd = transport->base.watch.fd;
    transport->events = 0;
    if (!transport->is_watched)
        return;
    transport->is_watched = false;
    hoop_watch_stop(transport->base.loop->core, &transport->base.watch);
    descriptor_release(transport->base.loop, fd);
    if (fd != transport->base.fd)
        (void)close(fd);
}

/* It is watched from now on. 0, or -1 with an exception. */
static int begin_watch(struct pipe_transport *transport, unsigned interest)
{
    int rc = start_watch(transport, interest);
    if (rc == -EPERM) { /* such a device never makes anybody wait */
        transport->is_always_ready = true;
        transport->events = interest;
        work_push(transport->base.loop, &transport->base.io);
        return 0;
    }
    if (rc < 0) {
        (void)raise_result(rc);
        return -1;
    }
    transport->is_watched = true;
    if (descriptor_claim(transport->base.loop, transport->base.watch.fd, (PyObject *)transport) ==
        0)
        return 0;
    transport->is_watched = false;
    int fd = transport->base.watch.fd;
    hoop_watch_stop(transport->base.loop->core, &transport->base.watch);
    if (fd != transport->base.fd)
        (void)close(fd);
    return -1;
}

int pipe_transport_watch(struct pipe_transport *transport)
{
    int interest = transport->base.closing && transport->outgoing.count == 0
                       ? -1
                       : transport->kind->interest(transport);
    if (!transport->base.started || interest < 0) {
        pipe_transport_unwatch(transport); /* may drop the table's reference, not the caller's */
        return 0;
    }
    if (!transport->is_watched)
        return begin_watch(transport, (unsigned)interest);
    if ((unsigned)interest == transport->base.watch.interest)
        return 0;
    int rc =
        hoop_watch_change(transport->base.loop->core, &transport->base.watch, (unsigned)interest);
    if (rc < 0)
        (void)raise_result(rc);
    return rc < 0 ? -1 : 0;
}

static void notify(hoop_watch *watch, unsigned events)
{
    struct pipe_transport *transport = pipe_transport_of((PyObject *)transport_of_watch(watch));
    hoop_watch_clear(watch, events); /* the kernel tells again at each poll */
    transport->events |= events;
    work_push(transport->base.loop, &transport->base.io);
}

/* ---- the end ---- */

int pipe_transport_close(struct pipe_transport *transport, PyObject *exception)
{
    struct transport *base = &transport->base;
    base->closing = true;
    outgoing_clear(&transport->outgoing);
    if (base->file == NULL)
        return 0;
    if (loop_check_closed(base->loop) < 0)
        return -1;
    if (exception != NULL)
        Py_XSETREF(base->lost_with, Py_NewRef(exception));
    work_push(base->loop, &base->lost); /* first: it has a reference */
    pipe_transport_unwatch(transport);
    return 0;
}

static int force_close(struct transport *base, PyObject *exception)
{
    return pipe_transport_close(pipe_transport_of((PyObject *)base), exception);
}

static int close_pipe(struct transport *base)
{
    PyObject *pipe = base->file;
    base->file = NULL;
    base->closing = true;
    pipe_transport_unwatch(pipe_transport_of((PyObject *)base));
    return transport_close_file(base, pipe);
}

static int lose(struct transport *base)
{
    struct pipe_transport *transport = pipe_transport_of((PyObject *)base);
    bool was_at_eof = transport->at_eof;
    transport->at_eof = false;
    if (base->file != NULL && was_at_eof &&
        transport_tell(base, base->loop->state->name_eof_received, NULL,
                       "Exception in protocol.eof_received()") < 0) {
        work_push(base->loop, &base->lost); /* the rest, in the next run */
        return -1;
    }
    return transport_lose(base);
}

/* ---- turns in the queue ---- */

static int serve(struct transport *base)
{
    struct pipe_transport *transport = pipe_transport_of((PyObject *)base);
    unsigned events = transport->events;
    transport->events = 0;
    if (events == 0 || base->file == NULL)
        return 0; /* paused or closed meanwhile */
    int rc = transport->kind->serve(transport, events);
    if (rc == 0 && transport->is_always_ready && pipe_transport_watch(transport) < 0)
        rc = transport_report(base, "watching a pipe failed");
    return rc;
}

static int run_io(struct work *work)
{
    return transport_run(work, serve);
}

static int go_on(struct transport *base)
{
    return pipe_transport_watch(pipe_transport_of((PyObject *)base));
}

/* ---- what only this kind has ---- */

static void drop(struct transport *base)
{
    outgoing_clear(&pipe_transport_of((PyObject *)base)->outgoing);
}

static size_t outgoing_size(const struct transport *base)
{
    return ((const struct pipe_transport *)(const void *)base)->outgoing.size;
}

static const struct transport_kind pipe_transport_kind = {
    .run_io = run_io,
    .notify = notify,
    .force_close = force_close,
    .lose = lose,
    .close = close_pipe,
    .abandon = close_pipe,
    .drop = drop,
    .go_on = go_on,
    .outgoing_size = outgoing_size,
};

/* ---- the beginning ---- */

/* What is it, and does it wait for nobody? 0, or -1 with an exception. */
static int look_at_file(struct pipe_transport *transport)
{
    struct stat status;
    transport->base.fd = PyObject_AsFileDescriptor(transport->base.file);
    if (transport->base.fd < 0)
        return -1;
    if (fstat(transport->base.fd, &status) < 0) {
        (void)raise_result(-errno);
        return -1;
    }
    transport->is_fifo = S_ISFIFO(status.st_mode);
    transport->is_socket = S_ISSOCK(status.st_mode);
    if (!transport->is_fifo && !transport->is_socket && !S_ISCHR(status.st_mode)) {
        PyErr_SetString(PyExc_ValueError, transport->kind->refused);
        return -1;
    }
    int flags = fcntl(transport->base.fd, F_GETFL);
    if (flags >= 0 && fcntl(transport->base.fd, F_SETFL, flags | O_NONBLOCK) == 0)
        return 0;
    (void)raise_result(-errno);
    return -1;
}

static int set_up(struct pipe_transport *transport, PyObject *extra)
{
    struct transport *base = &transport->base;
    base->extra = transport_extra(extra);
    if (base->extra == NULL || PyDict_SetItemString(base->extra, "pipe", base->file) < 0)
        return -1;
    return look_at_file(transport);
}

PyObject *pipe_transport_new(PyTypeObject *type, PyObject *args, PyObject *keywords,
                             const struct pipe_kind *kind)
{
    static char *names[] = {"loop", "pipe", "protocol", "waiter", "extra", NULL};
    struct transport_arguments given = {.waiter = Py_None, .extra = Py_None};
    struct core_state *state = core_state_of(type);
    if (state == NULL ||
        !PyArg_ParseTupleAndKeywords(args, keywords, "O!OO|OO", names, (PyTypeObject *)state->Loop,
                                     &given.loop, &given.file, &given.protocol, &given.waiter,
                                     &given.extra))
        return NULL;
    struct transport *transport = transport_allocate(type, &pipe_transport_kind, &given);
    if (transport == NULL)
        return NULL;
    pipe_transport_of((PyObject *)transport)->kind = kind;
    if (set_up(pipe_transport_of((PyObject *)transport), given.extra) < 0) {
        transport_discard(transport);
        return NULL;
    }
    work_push(transport->loop, &transport->start);
    return (PyObject *)transport;
}

/* ---- what the types are made of ---- */

int pipe_transport_set_pipe(PyObject *self, PyObject *pipe, void *closure)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    (void)closure;
    if (pipe != Py_None) {
        PyErr_SetString(PyExc_AttributeError, "a transport's pipe cannot be replaced");
        return -1;
    }
    pipe_transport_unwatch(transport);
    transport->base.closing = true;
    Py_CLEAR(transport->base.file);
    return 0;
}

PyObject *pipe_transport_represent(struct pipe_transport *transport, const char *more)
{
    const struct transport *base = &transport->base;
    const char *state = base->file == NULL ? "closed " : base->closing ? "closing " : "";
    return PyUnicode_FromFormat("<%s %sfd=%d %s%s>", transport->kind->name, state, base->fd,
                                base->file == NULL ? "closed" : "open", more);
}
