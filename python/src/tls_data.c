/* SPDX-License-Identifier: MIT
 *
 * TLS: data on its way to the program and from it, with back pressure on both sides.
 */
#include "tls.h"

/* ---- back pressure ---- */

/* OBJECT.NAME([ARGUMENT]), of the transport or the program's protocol: the call may be what ends the
 * connection, and lets go of the object. 0, or -1 with an exception. */
static int call_method(PyObject *object, PyObject *name, PyObject *argument)
{
    Py_INCREF(object);
    PyObject *result = argument == NULL ? PyObject_CallMethodNoArgs(object, name)
                                        : PyObject_CallMethodOneArg(object, name, argument);
    Py_XDECREF(result);
    Py_DECREF(object);
    return result == NULL ? -1 : 0;
}

int tls_control_reading(tls_protocol_object *self)
{
    Py_ssize_t size = tls_engine_incoming(&self->engine);
    if (size < 0 || self->transport == NULL)
        return size < 0 ? -1 : 0;
    if (size > self->read_marks.high && !self->is_lower_reading_paused) {
        self->is_lower_reading_paused = true;
        return call_method(self->transport, self->state->name_pause_reading, NULL);
    }
    if (size <= self->read_marks.low && self->is_lower_reading_paused) {
        self->is_lower_reading_paused = false;
        return call_method(self->transport, self->state->name_resume_reading, NULL);
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
    if (self->app_protocol == NULL)
        return 0;
    return call_method(self->app_protocol, name, NULL) < 0 ? tls_report(self, message) : 0;
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
    if (self->transport == NULL)
        return 0;
    return call_method(self->transport, self->state->name_write, data);
}

int tls_send(tls_protocol_object *self, bool is_last)
{
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
           !self->is_reading_paused && self->app_protocol != NULL;
}

/* One piece. 1 if there may be more, 0, or -1 with an exception. */
static int deliver_bytes(tls_protocol_object *self)
{
    PyObject *data = tls_engine_read(&self->engine);
    if (data == NULL)
        return PyErr_Occurred() ? -1 : 0;
    int rc = call_method(self->app_protocol, self->state->name_data_received, data);
    Py_DECREF(data);
    return rc < 0 ? -1 : 1;
}

/* How much came into the buffer that the program gave; 0 or -1. */
static Py_ssize_t fill_buffer(tls_protocol_object *self, PyObject *buffer)
{
    Py_buffer view;
    if (PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE) < 0)
        return -1;
    Py_ssize_t count = -1;
    if (view.len == 0)
        PyErr_SetString(PyExc_RuntimeError, "get_buffer() returned an empty buffer");
    else
        count = tls_engine_read_into(&self->engine, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return count;
}

/* The buffer that the program gives for what is there. A new reference, or NULL. */
static PyObject *ask_buffer(tls_protocol_object *self)
{
    Py_ssize_t hint = tls_engine_incoming(&self->engine);
    PyObject *number = hint < 0 ? NULL : PyLong_FromSsize_t(hint);
    if (number == NULL)
        return NULL;
    PyObject *get_buffer = Py_NewRef(self->get_buffer); /* it may set another protocol */
    PyObject *buffer = PyObject_CallOneArg(get_buffer, number);
    Py_DECREF(get_buffer);
    Py_DECREF(number);
    return buffer;
}

static int deliver_buffered(tls_protocol_object *self)
{
    PyObject *updated = Py_NewRef(self->buffer_updated); /* of the protocol whose buffer it is */
    PyObject *buffer = ask_buffer(self);
    Py_ssize_t count = buffer == NULL ? -1 : fill_buffer(self, buffer);
    Py_XDECREF(buffer);
    int rc = (int)(count > 0 ? 1 : count);
    if (rc == 1) {
        PyObject *length = PyLong_FromSsize_t(count);
        PyObject *result = length == NULL ? NULL : PyObject_CallOneArg(updated, length);
        Py_XDECREF(length);
        Py_XDECREF(result);
        rc = result == NULL ? -1 : 1;
    }
    Py_DECREF(updated);
    return rc;
}

static int deliver(tls_protocol_object *self)
{
    int rc = 1;
    while (rc == 1 && may_deliver(self) && self->engine.records.whole > 0 &&
           !self->engine.is_ended) {
        self->is_drained = false;
        rc = self->get_buffer != NULL ? deliver_buffered(self) : deliver_bytes(self);
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
