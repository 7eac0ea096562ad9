/* SPDX-License-Identifier: MIT
 *
 * The transport that reads from a pipe.
 */
#include "pipe_transport.h"

#include <errno.h>
#include <structmember.h>
#include <unistd.h>

#include "report.h"

enum {
    READ_SIZE = 256 * 1024, /* asyncio's: at most so much at once */
    SMALL = 16 * 1024,      /* is read onto the stack and copied */
};

static bool is_reading(const struct pipe_transport *transport)
{
    return !transport->paused && !transport->closing;
}

static int read_interest(const struct pipe_transport *transport)
{
    return is_reading(transport) ? HOOP_READABLE : -1;
}

/* ---- what comes ---- */

static ssize_t read_once(int fd, void *buffer, size_t size)
{
    ssize_t count;
    do
        count = read(fd, buffer, size);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

/* A pipe holds 64 KiB unless somebody made it larger: what does not fit on the stack is read into a
 * bytes object of the largest size, which then is cut. RET_BYTES: NULL for the end, an error, or an
 * exception. */
static ssize_t read_bytes(int fd, PyObject **ret_bytes)
{
    char small[SMALL];
    ssize_t count = read_once(fd, small, sizeof small);
    *ret_bytes = NULL;
    if (count <= 0)
        return count;
    if (count < (ssize_t)sizeof small) {
        *ret_bytes = PyBytes_FromStringAndSize(small, count);
        return count;
    }
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, READ_SIZE);
    if (bytes == NULL)
        return count;
    memcpy(PyBytes_AS_STRING(bytes), small, sizeof small);
    ssize_t more = read_once(fd, PyBytes_AS_STRING(bytes) + SMALL, READ_SIZE - SMALL);
    count += more > 0 ? more : 0; /* an end or an error comes again */
    if (count < READ_SIZE && _PyBytes_Resize(&bytes, count) < 0)
        return count;
    *ret_bytes = bytes;
    return count;
}

static int read_failed(struct pipe_transport *transport, int error)
{
    if (error == EAGAIN)
        return 0;
    (void)raise_result(-error);
    /* A terminal whose other end is closed says EIO. */
    return pipe_transport_fail(transport, "Fatal read error on pipe transport", error == EIO);
}

static int read_eof(struct pipe_transport *transport)
{
    if (transport->loop->debug && pipe_transport_log(transport, "was closed by peer") < 0)
        return report_exception(transport->loop, "logging failed", NULL, NULL, NULL, NULL);
    transport->at_eof = true;
    return pipe_transport_close(transport, NULL);
}

static int serve_read(struct pipe_transport *transport, unsigned events)
{
    PyObject *bytes;
    (void)events;
    if (!is_reading(transport))
        return 0;
    ssize_t count = read_bytes(transport->fd, &bytes);
    if (count < 0)
        return read_failed(transport, (int)-count);
    if (count == 0)
        return read_eof(transport);
    if (bytes == NULL)
        return pipe_transport_fail(transport, "Fatal read error on pipe transport", false);
    int rc = pipe_transport_tell(transport, transport->loop->state->name_data_received, bytes);
    Py_DECREF(bytes);
    return rc;
}

/* ---- methods ---- */

static PyObject *close_method(PyObject *self, PyObject *unused)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    (void)unused;
    if (!transport->closing && pipe_transport_close(transport, NULL) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *is_reading_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(is_reading(pipe_transport_of(self)));
}

/* The kernel is told, and in debug mode the log. */
static PyObject *set_paused(struct pipe_transport *transport, bool paused)
{
    transport->paused = paused;
    if (pipe_transport_watch(transport) < 0)
        return NULL;
    if (transport->loop->debug &&
        pipe_transport_log(transport, paused ? "pauses reading" : "resumes reading") < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *pause_reading(PyObject *self, PyObject *unused)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    (void)unused;
    if (!is_reading(transport))
        Py_RETURN_NONE;
    return set_paused(transport, true);
}

static PyObject *resume_reading(PyObject *self, PyObject *unused)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    (void)unused;
    if (transport->closing || !transport->paused)
        Py_RETURN_NONE;
    return set_paused(transport, false);
}

static PyObject *represent(PyObject *self)
{
    return pipe_transport_represent(pipe_transport_of(self), "");
}

/* ---- the type ---- */

static const struct pipe_kind kind = {
    .name = "ReadPipeTransport",
    .refused = "Pipe transport is for pipes/sockets only.",
    .interest = read_interest,
    .serve = serve_read,
};

static PyObject *new (PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    return pipe_transport_new(type, args, keywords, &kind);
}

static PyMethodDef methods[] = {
    {"close", close_method, METH_NOARGS,
     "close($self, /)\n--\n\nReads no more, and closes the pipe."},
    {"is_reading", is_reading_method, METH_NOARGS,
     "is_reading($self, /)\n--\n\nWhether it is neither paused nor closing."},
    {"pause_reading", pause_reading, METH_NOARGS,
     "pause_reading($self, /)\n--\n\nThe protocol gets nothing until resume_reading()."},
    {"resume_reading", resume_reading, METH_NOARGS,
     "resume_reading($self, /)\n--\n\nUndoes pause_reading()."},
    PIPE_TRANSPORT_METHODS,
    {0},
};

static PyMemberDef members[] = {
    {"_paused", T_BOOL, offsetof(struct pipe_transport, paused), READONLY, NULL},
    PIPE_TRANSPORT_MEMBERS,
    {0},
};

static PyGetSetDef attributes[] = {
    PIPE_TRANSPORT_ATTRIBUTES,
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The transport that reads from a pipe, or a socket or device used like one."},
    {Py_tp_new, new},
    {Py_tp_repr, represent},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, attributes},
    PIPE_TRANSPORT_SLOTS,
    {0, NULL},
};

PyType_Spec read_pipe_transport_spec = {
    .name = "hoop._core.ReadPipeTransport",
    .basicsize = sizeof(struct pipe_transport),
    /* Not immutable: from Python 3.14 on only a type with an immutable base may be. */
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
