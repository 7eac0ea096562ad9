/* SPDX-License-Identifier: MIT
 *
 * What Python sees of both transports of pipes.
 */
#include "pipe_transport.h"

PyObject *pipe_transport_is_closing(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(pipe_transport_of(self)->closing);
}

PyObject *pipe_transport_set_protocol(PyObject *self, PyObject *protocol)
{
    Py_XSETREF(pipe_transport_of(self)->protocol, Py_NewRef(protocol));
    Py_RETURN_NONE;
}

PyObject *pipe_transport_get_protocol(PyObject *self, PyObject *unused)
{
    PyObject *protocol = pipe_transport_of(self)->protocol;
    (void)unused;
    return Py_NewRef(protocol == NULL ? Py_None : protocol);
}

PyObject *pipe_transport_get_extra_info(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"name", "default", NULL};
    PyObject *name, *fallback = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:get_extra_info", names, &name, &fallback))
        return NULL;
    PyObject *value = PyDict_GetItemWithError(pipe_transport_of(self)->extra, name); // borrowed
    if (value == NULL && PyErr_Occurred() != NULL)
        return NULL;
    return Py_NewRef(value == NULL ? fallback : value);
}

PyObject *pipe_transport_get_pipe(PyObject *self, void *closure)
{
    PyObject *pipe = pipe_transport_of(self)->pipe;
    (void)closure;
    return Py_NewRef(pipe == NULL ? Py_None : pipe);
}

int pipe_transport_set_pipe(PyObject *self, PyObject *pipe, void *closure)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    (void)closure;
    if (pipe != Py_None) {
        PyErr_SetString(PyExc_AttributeError, "a transport's pipe cannot be replaced");
        return -1;
    }
    pipe_transport_unwatch(transport);
    transport->closing = true;
    Py_CLEAR(transport->pipe);
    return 0;
}

PyObject *pipe_transport_get_loop(PyObject *self, void *closure)
{
    struct pipe_transport *transport = pipe_transport_of(self);
    (void)closure;
    return Py_NewRef(transport->pipe == NULL ? Py_None : (PyObject *)transport->loop);
}

PyObject *pipe_transport_represent(struct pipe_transport *transport, const char *more)
{
    const char *state = transport->pipe == NULL ? "closed " : transport->closing ? "closing " : "";
    const char *activity = transport->pipe == NULL ? "closed" : "open";
    return PyUnicode_FromFormat("<%s %sfd=%d %s%s>", transport->kind->name, state, transport->fd,
                                activity, more);
}
