/* SPDX-License-Identifier: MIT
 *
 * Running the loop, stopping it, and letting the interpreter's lock go while it waits.
 */
#ifndef RUN_H
#define RUN_H

#include "loop.h"

/* Sets the core's hooks around its wait. */
void run_init(loop_object *loop);

PyObject *loop_run(PyObject *self, PyObject *unused);
PyObject *loop_stop(PyObject *self, PyObject *unused);
PyObject *loop_is_running(PyObject *self, PyObject *unused);

#define RUN_METHODS \
    {"_run", loop_run, METH_NOARGS, \
     "_run($self, /)\n--\n\nRuns until stop(). What run_forever sets up around it is its own."}, \
        {"stop", loop_stop, METH_NOARGS, \
         "stop($self, /)\n--\n\nThe loop returns from run_forever once the current iteration " \
         "ends."}, \
    { \
        "is_running", loop_is_running, METH_NOARGS, \
            "is_running($self, /)\n--\n\nWhether the loop is running now." \
    }

#endif
