/* SPDX-License-Identifier: MIT
 *
 * Writing of a stream transport: tried at once; what the kernel does not take waits in `outgoing`,
 * and the protocol is told when too much does.
 */
#include "stream_transport.h"

#include <errno.h>
#include <sys/socket.h>

/* ---- the future for an empty buffer, of sendfile ---- */

/* It may be cancelled, or failed already. */
static bool waits_for_empty(struct stream_transport *transport)
{
    if (transport->empty_waiter == NULL)
        return false;
    PyObject *done =
        PyObject_CallMethodNoArgs(transport->empty_waiter, transport->base.loop->state->name_done);
    if (done == NULL)
        PyErr_Clear(); /* a loop's create_future that makes something else */
    bool waits = done == Py_False;
    Py_XDECREF(done);
    return waits;
}

int stream_transport_fail_empty_waiter(struct stream_transport *transport, PyObject *exception)
{
    if (!waits_for_empty(transport))
        return 0;
    PyObject *result = PyObject_CallMethodOneArg(
        transport->empty_waiter, transport->base.loop->state->name_set_exception, exception);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int tell_empty_waiter(struct stream_transport *transport)
{
    if (!waits_for_empty(transport))
        return 0;
    PyObject *result = PyObject_CallMethodOneArg(
        transport->empty_waiter, transport->base.loop->state->name_set_result, Py_None);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

PyObject *stream_transport_make_empty_waiter(PyObject *self, PyObject *unused)
{
    struct stream_transport *transport = stream_transport_of(self);
    (void)unused;
    if (transport->empty_waiter != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "Empty waiter is already set");
        return NULL;
    }
    PyObject *waiter = PyObject_CallMethodNoArgs((PyObject *)transport->base.loop,
                                                 transport->base.loop->state->name_create_future);
    if (waiter == NULL)
        return NULL;
    transport->empty_waiter = waiter;
    Py_INCREF(waiter);
    if (transport->outgoing.count == 0 && tell_empty_waiter(transport) < 0)
        Py_CLEAR(waiter);
    return waiter;
}

/* ---- what waits is sent ---- */

static int write_failed(struct stream_transport *transport, int error)
{
    errno = error;
    (void)PyErr_SetFromErrno(PyExc_OSError);
    return transport_failed(&transport->base, "Fatal write error on socket transport");
}

/* Ends our direction. 0 or a negative errno. */
static int shut_down(struct stream_transport *transport)
{
    return shutdown(transport->base.fd, SHUT_WR) < 0 ? -errno : 0;
}

/* All was sent: what waited for that. */
static int drained(struct stream_transport *transport)
{
    if (tell_empty_waiter(transport) < 0)
        return transport_failed(&transport->base, "Fatal write error on socket transport");
    if (transport->base.closing) {
        transport->base.conn_lost++;
        return transport_lose(&transport->base);
    }
    int rc = transport->eof ? shut_down(transport) : 0;
    return rc < 0 ? write_failed(transport, -rc) : 0;
}

/* 0, EAGAIN included, or a negative errno. */
static int send_outgoing(struct stream_transport *transport)
{
    bool took_all;
    ssize_t sent = outgoing_send(&transport->outgoing, transport->base.fd, &took_all);
    if (!took_all)
        hoop_watch_clear(&transport->base.watch, HOOP_WRITABLE);
    return sent < 0 && sent != -EAGAIN ? (int)sent : 0;
}

/* Writing failed while something waited. */
static int flush_failed(struct stream_transport *transport, int error)
{
    errno = error;
    (void)PyErr_SetFromErrno(PyExc_OSError);
    PyObject *exception = PyErr_GetRaisedException();
    PyErr_SetRaisedException(Py_NewRef(exception));
    int rc = transport_failed(&transport->base, "Fatal write error on socket transport");
    if (rc == 0 && stream_transport_fail_empty_waiter(transport, exception) < 0)
        rc = transport_report(&transport->base, "Fatal write error on socket transport");
    Py_DECREF(exception);
    return rc;
}

int stream_transport_flush(struct stream_transport *transport)
{
    int rc = send_outgoing(transport);
    if (rc < 0)
        return flush_failed(transport, -rc);
    if (transport_resume_protocol(&transport->base, transport->outgoing.size) <
        0) /* may write more */
        return -1;
    return transport->outgoing.count == 0 && transport->base.conn_lost == 0 ? drained(transport)
                                                                            : 0;
}

/* ---- write ---- */

/* METHOD is called: may it be? */
static int check_write(const struct stream_transport *transport, const char *method,
                       const char *busy)
{
    if (transport->eof)
        PyErr_Format(PyExc_RuntimeError, "Cannot call %s() after write_eof()", method);
    else if (transport->empty_waiter != NULL)
        PyErr_Format(PyExc_RuntimeError, "%s; sendfile is in progress", busy);
    else
        return 0;
    return -1;
}

/* Nothing waits: SIZE bytes are tried at once. How many were sent, or a negative errno. */
static ssize_t send_now(struct stream_transport *transport, const void *bytes, size_t size)
{
    ssize_t sent;
    do
        sent = send(transport->base.fd, bytes, size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)size)
        return sent;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        return -errno;
    hoop_watch_clear(&transport->base.watch, HOOP_WRITABLE);
    return sent < 0 ? 0 : sent;
}

/* DATA is at BYTES. */
static int write_bytes(struct stream_transport *transport, PyObject *data, const void *bytes,
                       size_t size)
{
    if (size == 0)
        return 0;
    if (transport->base.conn_lost > 0)
        return transport_count_lost_write(&transport->base, "describe_transport");
    ssize_t sent = 0;
    if (transport->outgoing.count == 0 && (sent = send_now(transport, bytes, size)) < 0)
        return write_failed(transport, (int)-sent);
    if ((size_t)sent == size)
        return 0;
    if (outgoing_add(&transport->outgoing, data, (size_t)sent) < 0)
        return -1;
    return transport_pause_protocol(&transport->base, transport->outgoing.size);
}

PyObject *stream_transport_write(PyObject *self, PyObject *data)
{
    struct stream_transport *transport = stream_transport_of(self);
    if (transport_check_data(data) < 0 || check_write(transport, "write", "unable to write") < 0)
        return NULL;
    int rc;
    if (PyBytes_CheckExact(data)) {
        rc = write_bytes(transport, data, PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data));
    } else {
        Py_buffer buffer;
        if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) < 0)
            return NULL;
        rc = write_bytes(transport, data, buffer.buf, (size_t)buffer.len);
        PyBuffer_Release(&buffer);
    }
    return rc < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- writelines ---- */

/* Adds all of LIST, or nothing and an exception is pending. */
static int add_lines(struct outgoing *outgoing, PyObject *list)
{
    size_t before = outgoing->count;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *line = Py_NewRef(PyList_GET_ITEM(list, i)); /* its buffer may be Python code */
        int rc = outgoing_add(outgoing, line, 0);
        Py_DECREF(line);
        if (rc < 0) {
            outgoing_truncate(outgoing, before);
            return -1;
        }
    }
    return 0;
}

static int write_list(struct stream_transport *transport, PyObject *list)
{
    bool was_empty = transport->outgoing.count == 0;
    if (PyList_GET_SIZE(list) == 0)
        return 0;
    if (transport->base.conn_lost > 0)
        return transport_count_lost_write(&transport->base, "describe_transport");
    if (add_lines(&transport->outgoing, list) < 0)
        return -1;
    if (was_empty && transport->outgoing.count > 0) {
        int rc = send_outgoing(transport);
        if (rc < 0)
            return write_failed(transport, -rc);
        stream_transport_continue(transport); /* more than go into one system call */
    }
    return transport_pause_protocol(&transport->base, transport->outgoing.size);
}

PyObject *stream_transport_writelines(PyObject *self, PyObject *lines)
{
    struct stream_transport *transport = stream_transport_of(self);
    if (check_write(transport, "writelines", "unable to writelines") < 0)
        return NULL;
    PyObject *list = PySequence_List(lines);
    if (list == NULL)
        return NULL;
    int rc = write_list(transport, list);
    Py_DECREF(list);
    return rc < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- the end of our direction ---- */

PyObject *stream_transport_write_eof(PyObject *self, PyObject *unused)
{
    struct stream_transport *transport = stream_transport_of(self);
    (void)unused;
    if (transport->base.closing || transport->eof)
        Py_RETURN_NONE;
    transport->eof = true;
    int rc = transport->outgoing.count == 0 ? shut_down(transport) : 0;
    return rc < 0 ? raise_result(rc) : Py_NewRef(Py_None);
}
