/* SPDX-License-Identifier: MIT
 *
 * The transport that writes to a pipe: tried at once, what the kernel does not take waits. It
 * ends when nobody reads any more.
 */
#include "pipe_transport.h"

#include <errno.h>
#include <structmember.h>
#include <unistd.h>

static const char write_error[] = "Fatal write error on pipe transport";

/* A pipe tells that nobody reads as a hang-up, which needs no asking for. Of a socket any event to
 * read is taken for its end, as asyncio does. A device has no such thing. */
static int write_interest(const struct pipe_transport *transport)
{
    int writes = transport->outgoing.count > 0 ? HOOP_WRITABLE : 0;
    if (transport->is_socket)
        return writes | HOOP_READABLE;
    return transport->is_fifo || writes != 0 ? writes : -1;
}

/* ---- what waits is written ---- */

/* The pending exception ends it. */
static int write_failed(struct pipe_transport *transport)
{
    transport->base.conn_lost++;
    return transport_failed_with(&transport->base, write_error,
                                 PyErr_ExceptionMatches(PyExc_OSError));
}

static int flush(struct pipe_transport *transport)
{
    bool took_all;
    ssize_t sent = outgoing_write(&transport->outgoing, transport->base.fd, &took_all);
    if (sent == -EAGAIN)
        return 0;
    if (sent < 0) {
        (void)raise_result(sent);
        return write_failed(transport);
    }
    if (transport_resume_protocol(&transport->base, transport->outgoing.size) < 0)
        return -1; /* it may have written more, or closed the transport */
    if (transport->outgoing.count == 0 && transport->base.closing)
        return transport_lose(&transport->base);
    return pipe_transport_watch(transport) < 0 ? write_failed(transport) : 0;
}

/* Nobody reads what is written. */
static int peer_closed(struct pipe_transport *transport)
{
    if (transport->base.loop->debug && transport_log(&transport->base, "was closed by peer") < 0)
        return -1;
    if (transport->outgoing.count == 0)
        return pipe_transport_close(transport, NULL);
    PyObject *exception = PyObject_CallNoArgs(PyExc_BrokenPipeError);
    int rc =
        exception == NULL ? write_failed(transport) : pipe_transport_close(transport, exception);
    Py_XDECREF(exception);
    return rc;
}

static int serve_write(struct pipe_transport *transport, unsigned events)
{
    bool is_end = transport->is_socket ? (events & (HOOP_READABLE | HOOP_HANGUP)) != 0
                                       : transport->is_fifo && (events & HOOP_HANGUP) != 0;
    if (is_end)
        return peer_closed(transport);
    return transport->outgoing.count > 0 ? flush(transport) : 0;
}

/* ---- write ---- */

/* Nothing waits: SIZE bytes are tried at once. How many were written, or a negative errno. */
static ssize_t write_now(int fd, const void *bytes, size_t size)
{
    ssize_t count;
    do
        count = write(fd, bytes, size);
    while (count < 0 && errno == EINTR);
    return count >= 0 ? count : errno == EAGAIN ? 0 : -errno;
}

/* DATA is at BYTES. */
static int write_bytes(struct pipe_transport *transport, PyObject *data, const void *bytes,
                       size_t size)
{
    if (size == 0)
        return 0;
    if (transport->base.conn_lost > 0 || transport->base.closing)
        return transport_count_lost_write(&transport->base, "pipes");
    bool was_empty = transport->outgoing.count == 0;
    ssize_t count = was_empty ? write_now(transport->base.fd, bytes, size) : 0;
    if (count < 0) {
        (void)raise_result(count);
        return write_failed(transport);
    }
    if ((size_t)count == size)
        return 0;
    if (outgoing_add(&transport->outgoing, data, (size_t)count) < 0 ||
        (was_empty && pipe_transport_watch(transport) < 0))
        return -1;
    return transport_pause_protocol(&transport->base, transport->outgoing.size);
}

static int write_object(struct pipe_transport *transport, PyObject *data)
{
    Py_buffer buffer;
    if (transport_check_data(data) < 0 || PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) < 0)
        return -1;
    int rc = write_bytes(transport, data, buffer.buf, (size_t)buffer.len);
    PyBuffer_Release(&buffer);
    return rc;
}

/* ---- methods ---- */

static PyObject *none_or_error(int rc)
{
    return rc < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *write_method(PyObject *self, PyObject *data)
{
    return none_or_error(write_object(pipe_transport_of(self), data));
}

/* One piece, as asyncio does it: what a pipe takes at once stays together. */
static PyObject *writelines(PyObject *self, PyObject *lines)
{
    PyObject *empty = PyBytes_FromStringAndSize(NULL, 0);
    PyObject *data = empty == NULL ? NULL : PyObject_CallMethod(empty, "join", "O", lines);
    int rc = data == NULL ? -1 : write_object(pipe_transport_of(self), data);
    Py_XDECREF(empty);
    Py_XDECREF(data);
    return none_or_error(rc);
}

/* For a pipe that is the same as close(). */
static PyObject *write_eof(PyObject *self, PyObject *unused)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    (void)unused;
    if (transport->base.closing)
        Py_RETURN_NONE;
    if (transport->outgoing.count == 0)
        return none_or_error(pipe_transport_close(transport, NULL));
    transport->base.closing = true;
    Py_RETURN_NONE;
}

static PyObject *represent(PyObject *self)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    char more[48] = "";
    if (transport->base.file != NULL)
        PyOS_snprintf(more, sizeof more, " bufsize=%zu", transport->outgoing.size);
    return pipe_transport_represent(transport, more);
}

/* ---- the type ---- */

static const struct pipe_kind kind = {
    .name = "WritePipeTransport",
    .refused = "Pipe transport is only for pipes, sockets and character devices",
    .interest = write_interest,
    .serve = serve_write,
};

static PyObject *new (PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    return pipe_transport_new(type, args, keywords, &kind);
}

static PyMethodDef methods[] = {
    {"write", write_method, METH_O,
     "write($self, data, /)\n--\n\nWrites data, or keeps it until it can be written; never waits."},
    {"writelines", writelines, METH_O,
     "writelines($self, list_of_data, /)\n--\n\nwrite(), for all."},
    {"write_eof", write_eof, METH_NOARGS,
     "write_eof($self, /)\n--\n\nCloses the pipe once all is written: who reads sees the end."},
    {"close", write_eof, METH_NOARGS,
     "close($self, /)\n--\n\nCloses the pipe once all is written."},
    TRANSPORT_METHODS,
    TRANSPORT_WRITING_METHODS,
    {"can_write_eof", transport_can_write_eof, METH_NOARGS, "can_write_eof($self, /)\n--\n\nTrue."},
    {0},
};

static PyMemberDef members[] = {
    TRANSPORT_MEMBERS,
    TRANSPORT_WRITING_MEMBERS,
    PIPE_TRANSPORT_MEMBERS,
    {0},
};

static PyGetSetDef attributes[] = {
    TRANSPORT_ATTRIBUTES,
    PIPE_TRANSPORT_ATTRIBUTES,
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The transport that writes to a pipe, or a socket or device used like one."},
    {Py_tp_new, new},
    {Py_tp_repr, represent},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, attributes},
    {Py_tp_traverse, transport_traverse},
    TRANSPORT_SLOTS,
    {0, NULL},
};

PyType_Spec write_pipe_transport_spec = {
    .name = "hoop._core.WritePipeTransport",
    .basicsize = sizeof(struct pipe_transport),
    /* Not immutable: from Python 3.14 on only a type with an immutable base may be. */
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
