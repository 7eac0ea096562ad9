/* SPDX-License-Identifier: MIT
 *
 * Running the loop. The interpreter's lock is held all through an iteration, and let go only
 * around a wait that may block; and now and then while there is always something to do, so that
 * other threads get their turn.
 */
#include "run.h"

#include "signals.h"
#include "threadsafe.h"

static void before_wait(void *arg)
{
    loop_object *loop = arg;
    loop->waiting = PyEval_SaveThread();
}

static void after_wait(void *arg)
{
    loop_object *loop = arg;
    PyEval_RestoreThread(loop->waiting);
    loop->waiting = NULL;
    loop->lock_held_since = hoop_time_ns(loop->core);
}

void run_init(loop_object *loop)
{
    hoop_set_wait_hooks(loop->core, before_wait, after_wait, loop);
}

static int check_run(loop_object *loop)
{
    if (loop_check_closed(loop) < 0)
        return -1;
    if (loop->running) {
        PyErr_SetString(PyExc_RuntimeError, "This event loop is already running");
        return -1;
    }
    return 0;
}

/* 0, or an error; loop->batch.raised if there was an exception. */
static int run_with_signals(loop_object *loop)
{
    if (signals_run_begins(loop) < 0) {
        loop->batch.raised = PyErr_GetRaisedException();
        return 0;
    }
    int rc = hoop_run_forever(loop->core);
    signals_run_ends(loop);
    return rc;
}

PyObject *loop_run(PyObject *self, PyObject *unused)
{
    loop_object *loop = (loop_object *)self;
    (void)unused;
    if (check_run(loop) < 0)
        return NULL;
    Py_INCREF(loop);
    threadsafe_take(loop); /* ahead of timers that are due */
    loop->running = true;
    loop->thread = PyThread_get_thread_ident();
    loop->lock_held_since = hoop_time_ns(loop->core);
    batch_resume(loop);
    int rc = run_with_signals(loop);
    loop->running = false;
    loop->thread = 0;
    PyObject *raised = loop->batch.raised;
    loop->batch.raised = NULL;
    Py_DECREF(loop);
    if (raised != NULL) {
        PyErr_SetRaisedException(raised);
        return NULL;
    }
    if (rc < 0)
        return raise_result(rc);
    Py_RETURN_NONE;
}

PyObject *loop_stop(PyObject *self, PyObject *unused)
{
    (void)unused;
    hoop_stop(((loop_object *)self)->core);
    Py_RETURN_NONE;
}

PyObject *loop_is_running(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((loop_object *)self)->running);
}
