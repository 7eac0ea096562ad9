/* SPDX-License-Identifier: MIT
 *
 * What Python sees of transports of all kinds.
 */
#include "transport.h"

static PyObject *none_or_error(int rc)
{
    return rc < 0 ? NULL : Py_NewRef(Py_None);
}

/* Instead of asyncio's, which takes something else: the arguments were those of __new__. */
int transport_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    (void)self;
    (void)args;
    (void)keywords;
    return 0;
}

PyObject *transport_abort(PyObject *self, PyObject *unused)
{
    struct transport *transport = transport_of(self);
    (void)unused;
    return none_or_error(transport->kind->force_close(transport, NULL));
}

PyObject *transport_is_closing(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(transport_of(self)->closing);
}

/* ---- the protocol ---- */

PyObject *transport_set_protocol(PyObject *self, PyObject *protocol)
{
    struct transport *transport = transport_of(self);
    return none_or_error(protocol_set(&transport->protocol, transport->loop->state, protocol));
}

PyObject *transport_get_protocol(PyObject *self, PyObject *unused)
{
    PyObject *protocol = transport_of(self)->protocol.object;
    (void)unused;
    return Py_NewRef(protocol == NULL ? Py_None : protocol);
}

PyObject *transport_get_private_protocol(PyObject *self, void *closure)
{
    (void)closure;
    return transport_get_protocol(self, NULL);
}

/* ---- reading ---- */

PyObject *transport_is_reading_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(transport_is_reading(transport_of(self)));
}

static PyObject *set_paused(struct transport *transport, bool paused)
{
    transport->paused = paused;
    if (transport->kind->go_on(transport) < 0)
        return NULL;
    if (!transport->loop->debug)
        Py_RETURN_NONE;
    return none_or_error(transport_log(transport, paused ? "pauses reading" : "resumes reading"));
}

PyObject *transport_pause_reading(PyObject *self, PyObject *unused)
{
    struct transport *transport = transport_of(self);
    (void)unused;
    if (!transport_is_reading(transport))
        Py_RETURN_NONE;
    return set_paused(transport, true);
}

PyObject *transport_resume_reading(PyObject *self, PyObject *unused)
{
    struct transport *transport = transport_of(self);
    (void)unused;
    if (transport->closing || !transport->paused)
        Py_RETURN_NONE;
    return loop_check_closed(transport->loop) < 0 ? NULL : set_paused(transport, false);
}

/* ---- writing ---- */

PyObject *transport_can_write_eof(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_TRUE;
}

PyObject *transport_get_write_buffer_size(PyObject *self, PyObject *unused)
{
    struct transport *transport = transport_of(self);
    (void)unused;
    return PyLong_FromSize_t(transport->kind->outgoing_size(transport));
}

PyObject *transport_get_write_buffer_limits(PyObject *self, PyObject *unused)
{
    (void)unused;
    return flow_control_get(&transport_of(self)->flow);
}

PyObject *transport_set_write_buffer_limits(PyObject *self, PyObject *args, PyObject *keywords)
{
    struct transport *transport = transport_of(self);
    if (flow_control_set(&transport->flow, args, keywords) < 0)
        return NULL;
    return none_or_error(
        transport_pause_protocol(transport, transport->kind->outgoing_size(transport)));
}

/* ---- information ---- */

PyObject *transport_get_extra_info(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "default", NULL};
    PyObject *name, *fallback = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:get_extra_info", names, &name, &fallback))
        return NULL;
    PyObject *value = PyDict_GetItemWithError(transport_of(self)->extra, name); // borrowed
    if (value == NULL && PyErr_Occurred())
        return NULL;
    return Py_NewRef(value == NULL ? fallback : value);
}

PyObject *transport_get_file(PyObject *self, void *closure)
{
    PyObject *file = transport_of(self)->file;
    (void)closure;
    return Py_NewRef(file == NULL ? Py_None : file);
}

PyObject *transport_get_loop(PyObject *self, void *closure)
{
    struct transport *transport = transport_of(self);
    (void)closure;
    return Py_NewRef(transport->file == NULL ? Py_None : (PyObject *)transport->loop);
}
