/* SPDX-License-Identifier: MIT
 *
 * What transports of all kinds do alike.
 */
#include "transport.h"

#include "report.h"

int transport_run_in_context(loop_object *loop, PyObject *self, PyObject *context,
                             int (*step)(PyObject *self))
{
    if (PyContext_Enter(context) < 0)
        return report_exception(loop, "a context cannot be entered", "transport", self, NULL, NULL);
    int rc = step(self);
    PyObject *raised = rc < 0 ? PyErr_GetRaisedException() : NULL;
    if (PyContext_Exit(context) < 0)
        PyErr_WriteUnraisable(self);
    if (raised != NULL)
        PyErr_SetRaisedException(raised);
    return rc;
}

/* extra[name] = sock.METHOD(); None where there is no such address. */
static int add_address(PyObject *extra, const char *name, PyObject *sock, const char *method)
{
    PyObject *address = PyObject_CallMethod(sock, method, NULL);
    if (address == NULL && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
        address = Py_NewRef(Py_None);
    }
    int rc = address == NULL ? -1 : PyDict_SetItemString(extra, name, address);
    Py_XDECREF(address);
    return rc;
}

static int add_addresses(struct core_state *state, PyObject *extra, PyObject *sock)
{
    if (add_address(extra, "sockname", sock, "getsockname") < 0)
        return -1;
    PyObject *known = PyDict_GetItemWithError(extra, state->name_peername); // borrowed
    if (known != NULL)
        return 0;
    return PyErr_Occurred() ? -1 : add_address(extra, "peername", sock, "getpeername");
}

PyObject *transport_extra(struct core_state *state, PyObject *sock, PyObject *extra)
{
    PyObject *filled = extra == Py_None ? PyDict_New() : Py_NewRef(extra);
    PyObject *wrapped =
        filled == NULL ? NULL : PyObject_CallOneArg(state->AsyncioTransportSocket, sock);
    int rc = wrapped == NULL ? -1 : PyDict_SetItemString(filled, "socket", wrapped);
    Py_XDECREF(wrapped);
    if (rc < 0 || add_addresses(state, filled, sock) < 0)
        Py_CLEAR(filled);
    return filled;
}

int transport_tell_waiter(loop_object *loop, PyObject *self, PyObject **waiter)
{
    PyObject *told = *waiter;
    *waiter = NULL;
    if (told == NULL)
        return 0;
    PyObject *done = PyObject_CallMethodNoArgs(told, loop->state->name_done);
    if (done == Py_False)
        Py_SETREF(done, PyObject_CallMethodOneArg(told, loop->state->name_set_result, Py_None));
    Py_DECREF(told);
    Py_XDECREF(done);
    return done != NULL ? 0
                        : report_exception(loop, "Exception in a connection's waiter", "transport",
                                           self, NULL, NULL);
}

int transport_log(loop_object *loop, PyObject *self, const char *what)
{
    PyObject *result = call_python("describe_transport", "log", "(Os)", self, what);
    Py_XDECREF(result);
    return result != NULL ? 0 : report_exception(loop, "logging failed", NULL, NULL, NULL, NULL);
}

int transport_tell_failure(loop_object *loop, PyObject *self, PyObject *protocol,
                           PyObject *exception, const char *message)
{
    if (!PyErr_GivenExceptionMatches(exception, PyExc_OSError)) {
        PyErr_SetRaisedException(Py_NewRef(exception));
        return report_exception(loop, message, "transport", self, "protocol", protocol);
    }
    if (!loop->debug)
        return 0;
    PyObject *result =
        call_python("describe_transport", "log_failure", "(OsO)", self, message, exception);
    Py_XDECREF(result);
    return result != NULL ? 0 : report_exception(loop, "logging failed", NULL, NULL, NULL, NULL);
}
