/* SPDX-License-Identifier: MIT
 *
 * What call_soon_threadsafe returns from Python 3.14 on: cancel() and cancelled() in another thread
 * wait until the callback has ended, if it is being called.
 */
#ifndef THREAD_SAFE_HANDLE_H
#define THREAD_SAFE_HANDLE_H

#include "handle.h"

typedef struct thread_safe_handle_object {
    handle_object handle;
    unsigned long runner; /* the thread in which the callback is being called, or 0 */
    int waiting;          /* threads that wait for its end */
} thread_safe_handle_object;

extern PyType_Spec thread_safe_handle_spec;

/* As handle_new; an ordinary handle where this Python's asyncio has no other. */
handle_object *thread_safe_handle_new(loop_object *loop, PyObject *callback,
                                      PyObject *const *arguments, Py_ssize_t count,
                                      PyObject *context);

#endif
