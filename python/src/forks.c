/* SPDX-License-Identifier: MIT
 *
 * Around os.fork(). From before it until the child has let go of the pipe for signals they are blocked:
 * or one that comes in between would be told to the parent's loops.
 */
#include "forks.h"

#include <signal.h>

#include "loop.h"

/* Of this thread, which forks. */
static _Thread_local sigset_t mask_before;

static PyObject *before_fork(PyObject *module, PyObject *unused)
{
    sigset_t all;
    (void)module;
    (void)unused;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &mask_before);
    Py_RETURN_NONE;
}

static PyObject *after_fork(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    (void)pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
    Py_RETURN_NONE;
}

/* 0, or -1 with an exception. */
static int loop_forked(loop_object *loop)
{
    if (loop->running && loop->thread != PyThread_get_thread_ident()) {
        loop->running = false; /* its thread is not there any more */
        loop->thread = 0;
        loop->waiting = NULL;
    }
    int rc = hoop_loop_forked(loop->core); /* first: until then the poller is the parent's */
    signals_forked(loop);
    if (rc < 0)
        (void)raise_result(rc);
    return rc < 0 ? -1 : 0;
}

/* Calls FORKED with each; what goes wrong with one does not keep it from the others. */
static void for_each(PyObject *loops, int (*forked)(loop_object *loop))
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(loops); i++) {
        PyObject *loop = PyList_GET_ITEM(loops, i); // borrowed: the list is the caller's alone
        if (forked((loop_object *)loop) < 0)
            PyErr_WriteUnraisable(loop);
    }
}

static PyObject *after_fork_in_child(PyObject *module, PyObject *loops)
{
    struct core_state *state = PyModule_GetState(module);
    if (!PyList_Check(loops))
        return PyErr_Format(PyExc_TypeError, "a list of loops is expected");
    for_each(loops, loop_forked);
    signal_pipe_forked(state);
    for_each(loops, signals_resume);
    return after_fork(module, NULL);
}

static PyMethodDef functions[] = {
    {"_before_fork", before_fork, METH_NOARGS, "_before_fork($module, /)\n--\n\nBlocks signals."},
    {"_after_fork", after_fork, METH_NOARGS, "_after_fork($module, /)\n--\n\nUnblocks signals."},
    {"_after_fork_in_child", after_fork_in_child, METH_O,
     "_after_fork_in_child($module, loops, /)\n--\n\n"
     "The loops let go of what they share with the parent's, and signals are unblocked."},
    {0},
};

int forks_add_functions(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
