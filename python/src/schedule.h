/* SPDX-License-Identifier: MIT
 *
 * Scheduling callbacks: call_soon, call_later, call_at, call_soon_threadsafe, time.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include "loop.h"

PyObject *loop_call_soon(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);
PyObject *loop_call_later(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);
PyObject *loop_call_at(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);
PyObject *loop_call_soon_threadsafe(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                    PyObject *names);
PyObject *loop_time(PyObject *self, PyObject *unused);

#define SCHEDULE_METHODS \
    {"call_soon", (PyCFunction)(void *)loop_call_soon, METH_FASTCALL | METH_KEYWORDS, \
     "call_soon($self, callback, *args, context=None)\n--\n\n" \
     "Calls callback(*args) in the next iteration of the loop, in the order of scheduling.\n\n" \
     "context is the contextvars.Context to call it in, a copy of the current one by default.\n" \
     "Returns a Handle. Only from the loop's thread."}, \
        {"call_soon_threadsafe", (PyCFunction)(void *)loop_call_soon_threadsafe, \
         METH_FASTCALL | METH_KEYWORDS, \
         "call_soon_threadsafe($self, callback, *args, context=None)\n--\n\n" \
         "call_soon, from any thread; wakes the loop."}, \
        {"call_later", (PyCFunction)(void *)loop_call_later, METH_FASTCALL | METH_KEYWORDS, \
         "call_later($self, delay, callback, *args, context=None)\n--\n\n" \
         "Calls callback(*args) after delay seconds, as call_at does. Returns a TimerHandle."}, \
        {"call_at", (PyCFunction)(void *)loop_call_at, METH_FASTCALL | METH_KEYWORDS, \
         "call_at($self, when, callback, *args, context=None)\n--\n\n" \
         "Calls callback(*args) at the time when, in seconds of loop.time().\n\n" \
         "It is never called early; equal times keep the order of scheduling. Returns a\n" \
         "TimerHandle."}, \
    { \
        "time", loop_time, METH_NOARGS, \
            "time($self, /)\n--\n\nThe loop's clock, in seconds: that of time.monotonic()." \
    }

#endif
