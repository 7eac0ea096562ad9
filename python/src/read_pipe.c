/* SPDX-License-Identifier: MIT
 *
 * The transport that reads from a pipe.
 */
#include "pipe_transport.h"

#include <errno.h>
#include <structmember.h>
#include <unistd.h>

enum {
    READ_SIZE = 256 * 1024, /* asyncio's: at most so much at once */
    SMALL = 16 * 1024,      /* is read onto the stack and copied */
};

static int read_interest(const struct pipe_transport *transport)
{
    return transport_is_reading(&transport->base) ? HOOP_READABLE : -1;
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
    return transport_failed_with(&transport->base, "Fatal read error on pipe transport",
                                 error == EIO);
}

static int read_eof(struct pipe_transport *transport)
{
    if (transport->base.loop->debug && transport_log(&transport->base, "was closed by peer") < 0)
        return -1;
    transport->at_eof = true;
    return pipe_transport_close(transport, NULL);
}

static int serve_read(struct pipe_transport *transport, unsigned events)
{
    PyObject *bytes;
    (void)events;
    if (!transport_is_reading(&transport->base))
        return 0;
    ssize_t count = read_bytes(transport->base.fd, &bytes);
    if (count < 0)
        return read_failed(transport, (int)-count);
    if (count == 0)
        return read_eof(transport);
    if (bytes == NULL)
        return transport_failed_with(&transport->base, "Fatal read error on pipe transport", false);
    int rc = transport_tell(&transport->base, transport->base.loop->state->name_data_received,
                            bytes, "Exception in protocol.data_received()");
    Py_DECREF(bytes);
    return rc;
}

/* ---- methods ---- */

static PyObject *close_method(PyObject *self, PyObject *unused)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    (void)unused;
    if (!transport->base.closing && pipe_transport_close(transport, NULL) < 0)
        return NULL;
    Py_RETURN_NONE;
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
    TRANSPORT_METHODS,
    TRANSPORT_READING_METHODS,
    {0},
};

static PyMemberDef members[] = {
    TRANSPORT_MEMBERS,
    TRANSPORT_READING_MEMBERS,
    PIPE_TRANSPORT_MEMBERS,
    {0},
};

static PyGetSetDef attributes[] = {
    TRANSPORT_ATTRIBUTES,
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
    {Py_tp_traverse, transport_traverse},
    TRANSPORT_SLOTS,
    {0, NULL},
};

PyType_Spec read_pipe_transport_spec = {
    .name = "hoop._core.ReadPipeTransport",
    .basicsize = sizeof(struct pipe_transport),
    /* Not immutable: from Python 3.14 on only a type with an immutable base may be. */
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
