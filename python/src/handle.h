/* SPDX-License-Identifier: MIT
 *
 * What call_soon and its like return: a scheduled callback, which can be cancelled. It is its own
 * place in the loop's queue. isinstance(handle, asyncio.Handle) holds, by __class__: to derive
 * from that Python class would only add its slots.
 */
#ifndef HANDLE_H
#define HANDLE_H

#include "batch.h"
#include "loop.h"

typedef struct handle_object {
    PyObject_HEAD
    struct work work;    /* queued while it is due */
    loop_object *loop;   /* owned */
    PyObject *context;   /* owned: a contextvars.Context */
    PyObject *callback;  /* owned; NULL once cancelled */
    PyObject *arguments; /* owned: nothing, the only argument, or a tuple of several */
    Py_ssize_t argument_count;
    PyObject *source_traceback; /* owned; debug mode: where it was made; or NULL */
    PyObject *description;      /* owned; its repr before it was cancelled, debug mode; or NULL */
    PyObject *weak_references;
    bool cancelled;
} handle_object;

extern PyType_Spec handle_spec;

/* A handle for CALLBACK(*ARGUMENTS) in CONTEXT (NULL or None: a copy of the current one), not
 * queued yet. NULL with an exception. TYPE is state->Handle or one derived from it. */
handle_object *handle_new(PyTypeObject *type, loop_object *loop, PyObject *callback,
                          PyObject *const *arguments, Py_ssize_t count, PyObject *context);
/* Calls the callback, unless it is cancelled: what WORK of a handle does. */
int handle_run(struct work *work);
/* What TYPE's own dealloc, traverse and clear begin with. */
int handle_traverse(PyObject *self, visitproc visit, void *arg);
int handle_clear(PyObject *self);
void handle_dealloc(PyObject *self);
/* What cancel() does, but for taking it off the timers. */
void handle_cancel(handle_object *handle);

#endif
