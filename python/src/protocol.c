/* SPDX-License-Identifier: MIT
 *
 * The kinds of protocols.
 */
#include "protocol.h"

#include "tls.h"

static int fill_buffer(PyObject *lent, Py_buffer *ret_buffer)
{
    Py_ssize_t size = PyObject_Size(lent);
    if (size < 0)
        return -1;
    if (size == 0) {
        PyErr_SetString(PyExc_RuntimeError, "get_buffer() returned an empty buffer");
        return -1;
    }
    return PyObject_GetBuffer(lent, ret_buffer, PyBUF_WRITABLE);
}

static int lend_buffer(struct core_state *state, PyObject *protocol, Py_buffer *ret_buffer)
{
    PyObject *no_hint = PyLong_FromLong(-1);
    if (no_hint == NULL)
        return -1;
    PyObject *lent = PyObject_CallMethodOneArg(protocol, state->name_get_buffer, no_hint);
    Py_DECREF(no_hint);
    int rc = lent == NULL ? -1 : fill_buffer(lent, ret_buffer);
    Py_XDECREF(lent);
    return rc;
}

static int tell_count(struct core_state *state, PyObject *protocol, Py_ssize_t count)
{
    PyObject *number = PyLong_FromSsize_t(count);
    if (number == NULL)
        return -1;
    PyObject *result = PyObject_CallMethodOneArg(protocol, state->name_buffer_updated, number);
    Py_DECREF(number);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static const struct protocol_kind plain_kind = {0};
static const struct protocol_kind buffered_kind = {NULL, lend_buffer, tell_count};
static const struct protocol_kind tls_kind = {tls_protocol_take, lend_buffer, tell_count};

int protocol_set(struct protocol *protocol, struct core_state *state, PyObject *object)
{
    int is_buffered = PyObject_IsInstance(object, state->AsyncioBufferedProtocol);
    if (is_buffered < 0)
        return -1;
    protocol->kind = is_buffered ? &buffered_kind : &plain_kind;
    if (Py_IS_TYPE(object, (PyTypeObject *)state->TlsProtocol))
        protocol->kind = &tls_kind;
    PyObject *old = protocol->object;
    protocol->object = Py_NewRef(object);
    Py_XDECREF(old);
    return 0;
}
