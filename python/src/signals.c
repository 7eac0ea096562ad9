/* SPDX-License-Identifier: MIT
 *
 * A loop and signals: when it watches the pipe, and what it does with what came through it.
 */
#include "signals.h"

#include "handle.h"
#include "link.h"
#include "loop.h"
#include "threadsafe.h"

static loop_object *loop_of_watch(hoop_watch *watch)
{
    return (loop_object *)(void *)((char *)watch - offsetof(loop_object, signals.watch));
}

static loop_object *loop_of_link(hoop_link *link)
{
    return (loop_object *)(void *)((char *)link - offsetof(loop_object, signals.link));
}

static struct signal_pipe *pipe_of(const loop_object *loop)
{
    return &loop->state->signal_pipe;
}

/* ---- what came ---- */

/* Schedules ENTRY of loop->signals.handlers. 0, or -1 with an exception. */
static int schedule(loop_object *loop, PyObject *entry)
{
    PyObject *callback, *arguments, *context; /* borrowed */
    if (!PyArg_ParseTuple(entry, "OO!O", &callback, &PyTuple_Type, &arguments, &context))
        return -1;
    handle_object *handle =
        handle_new((PyTypeObject *)loop->state->Handle, loop, callback,
                   &PyTuple_GET_ITEM(arguments, 0), PyTuple_GET_SIZE(arguments), context);
    if (handle == NULL)
        return -1;
    int rc = threadsafe_push(loop, &handle->work);
    Py_DECREF(handle);
    return rc;
}

/* Schedules the handlers that loops have for the signal NUMBER. 0, or -1 with an exception. */
static int schedule_handlers(struct signal_pipe *pipe, PyObject *number)
{
    for (hoop_link *link = pipe->loops.next; link != &pipe->loops; link = link->next) {
        loop_object *loop = loop_of_link(link);
        PyObject *entry = PyDict_GetItemWithError(loop->signals.handlers, number); /* borrowed */
        if (entry == NULL && PyErr_Occurred() != NULL)
            return -1;
        if (entry == NULL)
            continue;
        Py_INCREF(entry);
        int rc = schedule(loop, entry);
        Py_DECREF(entry);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* Schedules the handlers of all that came, be there an exception: with that it returns -1. No
 * bytecode is run here, or Python's handlers would be called there. */
static int hand_out(struct signal_pipe *pipe)
{
    unsigned char numbers[512];
    size_t count;
    PyObject *raised = NULL;
    do {
        count = signal_pipe_read(pipe, numbers, sizeof numbers);
        for (size_t i = 0; i < count; i++) {
            PyObject *number = PyLong_FromLong(numbers[i]);
            int rc = number == NULL ? -1 : schedule_handlers(pipe, number);
            Py_XDECREF(number);
            if (rc == 0)
                continue;
            if (raised == NULL)
                raised = PyErr_GetRaisedException();
            else
                PyErr_Clear();
        }
    } while (count == sizeof numbers);
    if (raised == NULL)
        return 0;
    PyErr_SetRaisedException(raised);
    return -1;
}

/* The loops' handlers first: they are not lost if one of Python's raises. */
static int look_for_signals(loop_object *loop)
{
    hoop_watch_clear(&loop->signals.watch, HOOP_READABLE);
    return hand_out(pipe_of(loop)) < 0 ? -1 : PyErr_CheckSignals();
}

static int signals_run(struct work *work)
{
    return look_for_signals((loop_object *)work->owner);
}

static void signals_notify(hoop_watch *watch, unsigned events)
{
    loop_object *loop = loop_of_watch(watch);
    (void)events;
    if (watch->ready & HOOP_READABLE)
        work_push(loop, &loop->signals.work);
}

/* ---- who watches ---- */

/* 0, or -1 with an exception. */
static int watch_pipe(loop_object *loop)
{
    struct signal_pipe *pipe = pipe_of(loop);
    if (loop->signals.watch.fd >= 0)
        return 0;
    int rc = signal_pipe_open(pipe);
    if (rc == 0)
        rc = hoop_watch_start(loop->core, &loop->signals.watch, pipe->read_fd);
    if (rc == 0) {
        link_append(&pipe->loops, &loop->signals.link);
        return 0;
    }
    if (link_is_alone(&pipe->loops))
        signal_pipe_close(pipe);
    (void)raise_result(rc);
    return -1;
}

/* The interpreter writes to the pipe no longer, if no loop wants that any more. */
static void release_pipe(loop_object *loop)
{
    struct signal_pipe *pipe = pipe_of(loop);
    for (hoop_link *link = pipe->loops.next; link != &pipe->loops; link = link->next) {
        const struct signals *signals = &loop_of_link(link)->signals;
        if (signals->has_handlers || signals->is_main_run)
            return;
    }
    signal_pipe_uninstall(loop->state);
}

/* 1, 0, or -1 with an exception. */
static int is_main_thread(const loop_object *loop)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main())
        return 0;
    PyObject *thread = PyObject_CallNoArgs(loop->state->main_thread);
    PyObject *ident = thread == NULL ? NULL : PyObject_GetAttr(thread, loop->state->name_ident);
    Py_XDECREF(thread);
    if (ident == NULL)
        return -1;
    unsigned long number = PyLong_AsUnsignedLong(ident);
    Py_DECREF(ident);
    if (number == (unsigned long)-1 && PyErr_Occurred() != NULL)
        return -1;
    return number == PyThread_get_thread_ident();
}

int signals_run_begins(loop_object *loop)
{
    int is_main = is_main_thread(loop);
    if (is_main <= 0)
        return is_main;
    if (watch_pipe(loop) < 0)
        return -1;
    loop->signals.is_main_run = true;
    signal_pipe_install(loop->state);
    if (look_for_signals(loop) == 0) /* what came before wakes nobody any more */
        return 0;
    signals_run_ends(loop);
    return -1;
}

void signals_run_ends(loop_object *loop)
{
    if (!loop->signals.is_main_run)
        return;
    loop->signals.is_main_run = false;
    release_pipe(loop);
}

PyObject *loop_listen_to_signals(PyObject *self, PyObject *has_handlers)
{
    loop_object *loop = (loop_object *)self;
    int has = PyObject_IsTrue(has_handlers);
    if (has < 0 || (has > 0 && (loop_check_closed(loop) < 0 || watch_pipe(loop) < 0)))
        return NULL;
    loop->signals.has_handlers = has > 0;
    if (has > 0)
        signal_pipe_install(loop->state);
    else
        release_pipe(loop);
    Py_RETURN_NONE;
}

/* ---- life ---- */

int signals_init(loop_object *loop)
{
    link_init(&loop->signals.link);
    hoop_watch_init(&loop->signals.watch, signals_notify);
    work_init(&loop->signals.work, (PyObject *)loop, signals_run);
    loop->signals.handlers = PyDict_New();
    return loop->signals.handlers == NULL ? -1 : 0;
}

int signals_prepare(loop_object *loop)
{
    int is_main = is_main_thread(loop);
    return is_main > 0 ? watch_pipe(loop) : is_main;
}

int signals_traverse(loop_object *loop, visitproc visit, void *arg)
{
    Py_VISIT(loop->signals.handlers);
    return 0;
}

static void unwatch_pipe(loop_object *loop)
{
    hoop_watch_stop(loop->core, &loop->signals.watch);
    link_remove(&loop->signals.link);
    work_remove(&loop->signals.work);
}

void signals_forked(loop_object *loop)
{
    unwatch_pipe(loop);
    loop->signals.is_main_run = loop->signals.is_main_run && loop->running;
}

int signals_resume(loop_object *loop)
{
    if (loop->closed || (!loop->signals.has_handlers && !loop->signals.is_main_run))
        return 0;
    if (watch_pipe(loop) < 0)
        return -1;
    signal_pipe_install(loop->state);
    return 0;
}

void signals_close(loop_object *loop)
{
    if (loop->signals.watch.fd < 0)
        return;
    unwatch_pipe(loop);
    release_pipe(loop);
    if (link_is_alone(&pipe_of(loop)->loops))
        signal_pipe_close(pipe_of(loop));
}
