/* SPDX-License-Identifier: MIT
 *
 * What call_later and call_at return: a handle with a time. It is its own timer in the core's
 * heap; the loop keeps it alive while it is armed.
 */
#ifndef TIMER_HANDLE_H
#define TIMER_HANDLE_H

#include "handle.h"

typedef struct timer_handle_object {
    handle_object handle;
    hoop_timer timer;
    hoop_link pending; /* on loop->timers while armed; the list holds a reference */
    double when;       /* seconds of the loop's clock, as the program said */
} timer_handle_object;

extern PyType_Spec timer_handle_spec;

/* Arms a new handle. A new reference, or NULL with an exception. */
PyObject *timer_handle_start(loop_object *loop, double when, PyObject *callback,
                             PyObject *const *arguments, Py_ssize_t count, PyObject *context);

int timer_handles_traverse(loop_object *loop, visitproc visit, void *arg);
/* Disarms all of the loop's. */
void timer_handles_clear(loop_object *loop);

#endif
