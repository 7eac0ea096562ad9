/* SPDX-License-Identifier: MIT
 *
 * The limits of what may wait to be written.
 */
#include "flow_control.h"

enum { HIGH_WATER = 64 * 1024 }; /* asyncio's */

void flow_control_init(struct flow_control *flow)
{
    *flow = (struct flow_control){.high = HIGH_WATER, .low = HIGH_WATER / 4};
}

/* A limit, or FALLBACK for None. What is too large for memory is never reached. */
static int parse_limit(PyObject *limit, Py_ssize_t fallback, Py_ssize_t *ret_limit)
{
    *ret_limit = limit == Py_None ? fallback : PyNumber_AsSsize_t(limit, NULL);
    return *ret_limit == -1 && PyErr_Occurred() != NULL ? -1 : 0;
}

int flow_control_set(struct flow_control *flow, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"high", "low", NULL};
    PyObject *given_high = Py_None, *given_low = Py_None;
    Py_ssize_t high, low;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO:set_write_buffer_limits", names,
                                     &given_high, &given_low) ||
        parse_limit(given_low, HIGH_WATER / 4, &low) < 0)
        return -1;
    if (parse_limit(given_high, low <= PY_SSIZE_T_MAX / 4 ? 4 * low : PY_SSIZE_T_MAX, &high) < 0)
        return -1;
    if (given_low == Py_None)
        low = high / 4;
    if (high < low || low < 0) {
        PyErr_Format(PyExc_ValueError, "high (%zd) must be >= low (%zd) must be >= 0", high, low);
        return -1;
    }
    flow->high = (size_t)high;
    flow->low = (size_t)low;
    return 0;
}

PyObject *flow_control_get(const struct flow_control *flow)
{
    return Py_BuildValue("nn", (Py_ssize_t)flow->low, (Py_ssize_t)flow->high);
}
