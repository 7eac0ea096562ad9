/* SPDX-License-Identifier: MIT
 *
 * Python's exceptions for libhoop's errors.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/python.h>
#include <netdb.h>

/* Raises MODULE.NAME(text), with NUMBER before the text if it is not 0. */
static PyObject *raise_named(const char *module, const char *name, int number, const char *text)
{
    PyObject *imported = PyImport_ImportModule(module);
    PyObject *type = imported == NULL ? NULL : PyObject_GetAttrString(imported, name);
    PyObject *arguments = NULL;
    if (type != NULL)
        arguments = number == 0 ? Py_BuildValue("(s)", text) : Py_BuildValue("(is)", number, text);
    if (arguments != NULL)
        PyErr_SetObject(type, arguments);
    Py_XDECREF(arguments);
    Py_XDECREF(type);
    Py_XDECREF(imported);
    return NULL;
}

/* The resolver's number for a code of ours; 0 for any other code. */
static int resolver_error(int64_t result)
{
    switch (result) {
    case HOOP_EAI_NONAME:
        return EAI_NONAME;
    case HOOP_EAI_AGAIN:
        return EAI_AGAIN;
    case HOOP_EAI_FAIL:
        return EAI_FAIL;
    case HOOP_EAI_SERVICE:
        return EAI_SERVICE;
    case HOOP_EAI_FAMILY:
        return EAI_FAMILY;
    case HOOP_EAI_SOCKTYPE:
        return EAI_SOCKTYPE;
    default:
        return 0;
    }
}

static PyObject *raise_errno(int number, const char *text)
{
    /* OSError's constructor chooses the kind: ConnectionResetError and so on. */
    PyObject *error = PyObject_CallFunction(PyExc_OSError, "is", number, text);
    if (error != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    return NULL;
}

PyObject *hoop_python_raise(int64_t result, const char *message)
{
    const char *text = message != NULL && message[0] != '\0' ? message : hoop_strerror(result);
    if (result == -ECANCELED)
        return raise_named("asyncio", "CancelledError", 0, text);
    if (result == -ENOMEM)
        return PyErr_NoMemory();
    if (result < 0 && result > -4096)
        return raise_errno((int)-result, text);
    if (resolver_error(result) != 0)
        return raise_named("socket", "gaierror", resolver_error(result), text);
    if (result == HOOP_ECERTIFICATE)
        return raise_named("ssl", "SSLCertVerificationError", 0, text);
    if (result == HOOP_ETLS || result == HOOP_ECUT)
        return raise_named("ssl", "SSLError", 0, text);
    if (result == HOOP_EINCOMPLETE)
        PyErr_SetString(PyExc_EOFError, text);
    else
        PyErr_Format(PyExc_RuntimeError, "%s: %s", hoop_error_name(result), text);
    return NULL;
}
