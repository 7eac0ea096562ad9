/* SPDX-License-Identifier: MIT
 *
 * TLS: data on its way to the program and from it, with back pressure on both sides.
 */
#include "tls.h"

#include "stream_transport.h"

/* ---- back pressure ---- */

/* Of the transport below: the call may end the connection, and let go of it. */
static int call_lower(tls_protocol_object *self, PyObject *name)
{
    PyObject *transport = Py_NewRef(self->transport);
    PyObject *result = PyObject_CallMethodNoArgs(transport, name);
    Py_DECREF(transport);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int tls_control_reading(tls_protocol_object *self)
{
    Py_ssize_t size = tls_engine_incoming(&self->engine);
    if (size < 0 || self->transport == NULL)
        return size < 0 ? -1 : 0;
    if (size > self->read_marks.high && !self->is_lower_reading_paused) {
        self->is_lower_reading_paused = true;
        return call_lower(self, self->state->name_pause_reading);
    }
    if (size <= self->read_marks.low && self->is_lower_reading_paused) {
        self->is_lower_reading_paused = false;
        return call_lower(self, self->state->name_resume_reading);
    }
    return 0;
}

Py_ssize_t tls_write_size(tls_protocol_object *self)
{
    Py_ssize_t size = tls_engine_outgoing(&self->engine);
    return size < 0 ? -1 : size + self->backlog_size;
}

static int call_app(tls_protocol_object *self, PyObject *name, const char *message)
{
    PyObject *result = protocol_call(&self->app, name, NULL);
    Py_XDECREF(result);
    return result == NULL ? tls_report(self, message) : 0;
}

int tls_control_writing(tls_protocol_object *self)
{
    Py_ssize_t size = tls_write_size(self);
    if (size < 0)
        return -1;
    if (size > self->write_marks.high && !self->is_writing_paused) {
        self->is_writing_paused = true;
        return call_app(self, self->state->name_pause_writing, "protocol.pause_writing() failed");
    }
    if (size <= self->write_marks.low && self->is_writing_paused) {
        self->is_writing_paused = false;
        return call_app(self, self->state->name_resume_writing, "protocol.resume_writing() failed");
    }
    return 0;
}

/* ---- to the peer ---- */

static int write_lower(tls_protocol_object *self, PyObject *data)
{
    PyObject *transport = self->transport;
    if (transport == NULL)
        return 0;
    Py_INCREF(transport);
    PyObject *result;
    if (Py_IS_TYPE(transport, (PyTypeObject *)self->state->StreamTransport))
        result = stream_transport_write(transport, data);
    else
        result = PyObject_CallMethodOneArg(transport, self->state->name_write, data);
    Py_DECREF(transport);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int tls_send(tls_protocol_object *self, bool is_last)
{
    if (self->transport == NULL)
        return 0;
    if (self->is_lower_writing_paused && !is_last)
        return tls_control_writing(self);
    self->is_drained = true;
    PyObject *data = tls_engine_drain(&self->engine);
    if (data == NULL)
        return -1;
    int rc = PyBytes_GET_SIZE(data) > 0 ? write_lower(self, data) : 0;
    Py_DECREF(data);
    /* Nothing waits here: only who was told to pause, or has not got all out, may hear of it. */
    if (rc == 0 && (self->is_writing_paused || self->backlog_size > 0))
        rc = tls_control_writing(self);
    return rc;
}

/* Encrypts what it can of DATA, of LENGTH bytes. How much that was, or -1 with an exception. */
static Py_ssize_t encrypt(tls_protocol_object *self, PyObject *data, Py_ssize_t length)
{
    Py_ssize_t count = tls_engine_write(&self->engine, data);
    if (count <= length)
        return count;
    PyErr_SetString(PyExc_ValueError, "write() of the SSL object returned a count too large");
    return -1;
}

static int append_bytes(tls_protocol_object *self, PyObject *bytes)
{
    if (PyList_Append(self->backlog, bytes) < 0)
        return -1;
    self->backlog_size += PyBytes_GET_SIZE(bytes);
    return 0;
}

int tls_append_backlog(tls_protocol_object *self, PyObject *data)
{
    /* A copy of what the program may change meanwhile. */
    PyObject *bytes = PyBytes_CheckExact(data) ? Py_NewRef(data) : PyBytes_FromObject(data);
    int rc = bytes == NULL ? -1 : append_bytes(self, bytes);
    Py_XDECREF(bytes);
    return rc;
}

/* The first of the backlog, as far as the engine takes it. 1 if all of it was, 0, or -1. */
static int encrypt_first(tls_protocol_object *self)
{
    PyObject *first = Py_NewRef(PyList_GET_ITEM(self->backlog, 0));
    Py_ssize_t length = PyBytes_GET_SIZE(first);
    Py_ssize_t count = encrypt(self, first, length);
    int rc = count < 0 ? -1 : count == length;
    if (rc == 1)
        rc = PyList_SetSlice(self->backlog, 0, 1, NULL) < 0 ? -1 : 1;
    else if (count > 0) {
        PyObject *rest =
            PyBytes_FromStringAndSize(PyBytes_AS_STRING(first) + count, length - count);
        rc = rest == NULL ? -1 : PyList_SetItem(self->backlog, 0, rest) < 0 ? -1 : 1;
    }
    if (count > 0)
        self->backlog_size -= count;
    Py_DECREF(first);
    return rc;
}

int tls_flush(tls_protocol_object *self)
{
    int rc = 1;
    while (rc == 1 && PyList_GET_SIZE(self->backlog) > 0)
        rc = encrypt_first(self);
    return rc < 0 ? -1 : tls_send(self, false);
}

/* Nothing waits before these bytes. */
static int write_now(tls_protocol_object *self, PyObject *bytes)
{
    Py_ssize_t length = PyBytes_GET_SIZE(bytes);
    Py_ssize_t count = encrypt(self, bytes, length);
    if (count == length)
        return tls_send(self, false);
    PyObject *rest = NULL;
    if (count >= 0)
        rest = PyBytes_FromStringAndSize(PyBytes_AS_STRING(bytes) + count, length - count);
    int rc = rest == NULL ? -1 : append_bytes(self, rest);
    Py_XDECREF(rest);
    return rc < 0 ? -1 : tls_flush(self);
}

static int write_later(tls_protocol_object *self, PyObject *data)
{
    if (tls_append_backlog(self, data) < 0)
        return -1;
    return self->phase == TLS_WRAPPED ? tls_flush(self) : tls_control_writing(self);
}

int tls_write(tls_protocol_object *self, PyObject *data)
{
    int rc;
    if (self->phase == TLS_WRAPPED && self->backlog_size == 0 && PyBytes_CheckExact(data))
        rc = write_now(self, data);
    else
        rc = write_later(self, data);
    return rc < 0 ? tls_fatal(self, "Fatal error on SSL protocol") : 0;
}

/* ---- to the program ---- */

static bool may_deliver(const tls_protocol_object *self)
{
    return (self->phase == TLS_WRAPPED || self->phase == TLS_FLUSHING) && !self->is_closed &&
           !self->is_reading_paused && self->app.object != NULL;
}

/* One piece. 1 if there may be more, 0, or -1 with an exception. */
static int deliver_bytes(tls_protocol_object *self)
{
    PyObject *data = tls_engine_read(&self->engine);
    if (data == NULL)
        return PyErr_Occurred() ? -1 : 0;
    PyObject *result = protocol_call(&self->app, self->state->name_data_received, data);
    Py_DECREF(data);
    Py_XDECREF(result);
    return result == NULL ? -1 : 1;
}

/* As much as fits the buffer that the program lends. As deliver_bytes. */
static int deliver_buffered(tls_protocol_object *self)
{
    const struct protocol_kind *kind = self->app.kind;
    PyObject *protocol = Py_NewRef(self->app.object); /* it may set another one */
    Py_buffer buffer;
    Py_ssize_t count = kind->get_buffer(self->state, protocol, &buffer);
    if (count == 0) {
        if (may_deliver(self)) /* get_buffer may have closed or paused the transport */
            count = tls_engine_read_into(&self->engine, buffer.buf, (size_t)buffer.len);
        PyBuffer_Release(&buffer);
    }
    int rc = count > 0 ? 1 : (int)count;
    if (rc == 1 && kind->buffer_updated(self->state, protocol, count) < 0)
        rc = -1;
    Py_DECREF(protocol);
    return rc;
}

static int deliver(tls_protocol_object *self)
{
    int rc = 1;
    while (rc == 1 && may_deliver(self) && self->engine.records.whole > 0 &&
           !self->engine.is_ended) {
        self->is_drained = false;
        rc = self->app.kind->get_buffer != NULL ? deliver_buffered(self) : deliver_bytes(self);
    }
    return rc < 0 ? -1 : 0;
}

static int peer_closes(tls_protocol_object *self)
{
    if (tls_call_eof_received(self) < 0)
        return -1;
    return self->phase == TLS_WRAPPED ? tls_start_shutdown(self) : 0;
}

/* 0, or -1 with any exception. */
static int read_all(tls_protocol_object *self)
{
    bool is_paused = self->is_reading_paused && !self->is_closed;
    if (!is_paused) {
        int rc = self->is_closed ? tls_engine_discard(&self->engine) : deliver(self);
        if (rc == 0 && self->backlog_size > 0 && self->phase != TLS_UNWRAPPED)
            rc = tls_flush(self);
        else if (rc == 0 && !self->is_drained)
            rc = tls_send(self, false);
        if (rc == 0 && self->engine.is_ended)
            rc = peer_closes(self);
        if (rc < 0)
            return -1;
    }
    /* Where all whole records are read, less than one is left. */
    if (is_paused || self->is_reading_paused || self->is_lower_reading_paused ||
        self->read_marks.high < TLS_PLAIN_MAX * 2)
        return tls_control_reading(self);
    return 0;
}

int tls_read(tls_protocol_object *self)
{
    if (self->phase != TLS_WRAPPED && self->phase != TLS_FLUSHING)
        return 0;
    return read_all(self) < 0 ? tls_fatal(self, "Fatal error on SSL protocol") : 0;
}
