/* SPDX-License-Identifier: MIT
 *
 * Arguments of methods like `def call_later(self, delay, callback, *args, context=None)`, which may
 * be given by position or by name.
 */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* PARAMETERS: the names before *args, up to a NULL; their VALUES are borrowed. What is left of the
 * COUNT positional ones, for *args, begins behind them in ARGS. NAMES are those of the keywords, whose
 * values follow in ARGS, or NULL. RET_CONTEXT: the keyword context, untouched if it is not given; NULL
 * if METHOD does not take it. 0, or -1 with TypeError, in Python's words. */
int arguments_parse(const char *method, const char *const *parameters, PyObject *const *args,
                    Py_ssize_t count, PyObject *names, PyObject **values, PyObject **ret_context);

#endif
