/* SPDX-License-Identifier: MIT
 *
 * Arguments that may be given by position or by name.
 */
#include "arguments.h"

#include <stdbool.h>

static bool is_named(PyObject *name, const char *text)
{
    return PyUnicode_CompareWithASCIIString(name, text) == 0;
}

/* Where the keyword NAME is to go. NULL with TypeError if there is no such parameter, or it has
 * its value. */
static PyObject **place_of(const char *method, const char *const *parameters, PyObject *name,
                           PyObject **values, PyObject **ret_context)
{
    if (ret_context != NULL && is_named(name, "context"))
        return ret_context;
    for (Py_ssize_t i = 0; parameters[i] != NULL; i++) {
        if (!is_named(name, parameters[i]))
            continue;
        if (values[i] == NULL)
            return &values[i];
        PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", method, name);
        return NULL;
    }
    PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", method, name);
    return NULL;
}

static int check_all_there(const char *method, const char *const *parameters, PyObject **values)
{
    for (Py_ssize_t i = 0; parameters[i] != NULL; i++) {
        if (values[i] != NULL)
            continue;
        PyErr_Format(PyExc_TypeError, "%s() missing 1 required positional argument: '%s'", method,
                     parameters[i]);
        return -1;
    }
    return 0;
}

int arguments_parse(const char *method, const char *const *parameters, PyObject *const *args,
                    Py_ssize_t count, PyObject *names, PyObject **values, PyObject **ret_context)
{
    for (Py_ssize_t i = 0; parameters[i] != NULL; i++)
        values[i] = i < count ? args[i] : NULL;
    Py_ssize_t keywords = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    for (Py_ssize_t i = 0; i < keywords; i++) {
        PyObject **place =
            place_of(method, parameters, PyTuple_GET_ITEM(names, i), values, ret_context);
        if (place == NULL)
            return -1;
        *place = args[count + i];
    }
    return check_all_there(method, parameters, values);
}
