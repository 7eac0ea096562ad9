/* SPDX-License-Identifier: MIT
 *
 * What later versions of Python offer, for those before: the only place that asks for the
 * version of the interpreter.
 */
#ifndef VERSION_H
#define VERSION_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030C0000
/* The exception that is being raised, normalised, with its traceback; a new reference or NULL. */
static inline PyObject *PyErr_GetRaisedException(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL)
        return NULL;
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(traceback);
    Py_DECREF(type);
    return value;
}

/* Takes EXCEPTION over; NULL: none is raised any more. */
static inline void PyErr_SetRaisedException(PyObject *exception)
{
    if (exception == NULL) {
        PyErr_Clear();
        return;
    }
    PyErr_Restore(Py_NewRef(Py_TYPE(exception)), exception, PyException_GetTraceback(exception));
}
#endif

/* Datagram transports: what a datagram that waits counts for besides its bytes, and whether one
 * without any is sent. */
#if PY_VERSION_HEX >= 0x030D0000
enum { DATAGRAM_OVERHEAD = 8, EMPTY_DATAGRAMS_ARE_SENT = 1 };
#else
enum { DATAGRAM_OVERHEAD = 0, EMPTY_DATAGRAMS_ARE_SENT = 0 };
#endif

/* The slot of a module that several interpreters may have, each with a lock of its own; where there
 * is none it ends the list. */
#ifdef Py_mod_multiple_interpreters
#define INTERPRETERS_SLOT \
    { \
        Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED \
    }
#else
#define INTERPRETERS_SLOT \
    { \
        0, NULL \
    }
#endif

#endif
