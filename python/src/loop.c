/* SPDX-License-Identifier: MIT
 *
 * The life of a loop as a Python object: made, closed, collected; debug mode; and the type, put
 * together from the methods of the other files.
 */
#include "loop.h"

#include <errno.h>
#include <structmember.h>

#include "descriptors.h"
#include "link.h"
#include "readers.h"
#include "report.h"
#include "run.h"
#include "schedule.h"
#include "socket_operation.h"
#include "spawn.h"
#include "task.h"
#include "threadsafe.h"
#include "timer_handle.h"

/* ---- errors and checks ---- */

PyObject *raise_result(int64_t rc)
{
    if (rc == -ENOMEM)
        return PyErr_NoMemory();
    if (rc > -4096 && rc < 0) {
        errno = (int)-rc;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyErr_Format(PyExc_RuntimeError, "%s", hoop_strerror(rc));
}

int loop_check_closed(loop_object *loop)
{
    if (!loop->closed)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
    return -1;
}

int loop_check_thread(loop_object *loop)
{
    if (loop->thread == 0 || loop->thread == PyThread_get_thread_ident())
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "Non-thread-safe operation invoked on an event loop other "
                                        "than the current one");
    return -1;
}

int loop_check_callback(PyObject *callback, const char *method)
{
    PyObject *result = call_python("describe", "check_callback", "(Os)", callback, method);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* ---- life ---- */

/* Drops all that waits. It may run a program's code: the ends of what callbacks hold. */
static void close_core(loop_object *loop)
{
    loop->closed = true;
    signals_close(loop);
    (void)hoop_close(loop->core);
    threadsafe_clear(loop);
    timer_handles_clear(loop);
    readers_clear(loop);
    descriptors_clear(loop);
    spawn_clear(loop);
    batch_clear(loop);
}

static PyObject *loop_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    (void)args;
    (void)keywords; /* a derived type's __init__ looks at them */
    loop_object *loop = (loop_object *)type->tp_alloc(type, 0);
    if (loop == NULL)
        return NULL;
    batch_init(loop);
    link_init(&loop->timers);
    link_init(&loop->spawned);
    loop->closed = true;
    loop->slow_callback_duration = 0.1;
    loop->state = core_state_of(type);
    if (loop->state == NULL || signals_init(loop) < 0 || threadsafe_init(loop) < 0)
        goto failed;
    hoop_loop_options options = {.no_overflow_report = true};
    hoop_loop *core = hoop_new_event_loop_with(&options);
    if (core == NULL) {
        (void)raise_result(hoop_last_error());
        goto failed;
    }
    loop->core = hoop_loop_ref(core);
    loop->closed = false;
    report_init(loop);
    run_init(loop);
    spawn_init(loop);
    if (signals_prepare(loop) == 0)
        return (PyObject *)loop;
    close_core(loop);

failed:
    Py_DECREF(loop);
    return NULL;
}

static PyObject *loop_close(PyObject *self, PyObject *unused)
{
    loop_object *loop = (loop_object *)self;
    (void)unused;
    if (loop->running) {
        PyErr_SetString(PyExc_RuntimeError, "Cannot close a running event loop");
        return NULL;
    }
    if (!loop->closed)
        close_core(loop);
    Py_RETURN_NONE;
}

static PyObject *loop_is_closed(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((loop_object *)self)->closed);
}

static int loop_traverse(PyObject *self, visitproc visit, void *arg)
{
    loop_object *loop = (loop_object *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(loop->task_factory);
    int rc = batch_traverse(loop, visit, arg);
    if (rc == 0)
        rc = signals_traverse(loop, visit, arg);
    if (rc == 0)
        rc = timer_handles_traverse(loop, visit, arg);
    if (rc == 0)
        rc = descriptors_traverse(loop, visit, arg);
    if (rc == 0)
        rc = spawn_traverse(loop, visit, arg);
    if (rc == 0)
        rc = readers_traverse(loop, visit, arg);
    if (rc == 0)
        rc = threadsafe_traverse(loop, visit, arg);
    return rc;
}

static int loop_clear(PyObject *self)
{
    loop_object *loop = (loop_object *)self;
    Py_CLEAR(loop->task_factory);
    if (loop->core != NULL && !loop->closed)
        close_core(loop);
    Py_CLEAR(loop->signals.handlers);
    return 0;
}

static void loop_dealloc(PyObject *self)
{
    loop_object *loop = (loop_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)loop_clear(self);
    if (loop->core != NULL)
        hoop_loop_unref(loop->core);
    if (loop->post.run != NULL)
        threadsafe_done(loop);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- debug mode ---- */

static PyObject *loop_get_debug(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((loop_object *)self)->debug);
}

static PyObject *loop_set_debug(PyObject *self, PyObject *value)
{
    int debug = PyObject_IsTrue(value);
    if (debug < 0)
        return NULL;
    ((loop_object *)self)->debug = debug > 0;
    Py_RETURN_NONE;
}

static PyObject *current_handle(PyObject *self, void *closure)
{
    PyObject *current = ((loop_object *)self)->current;
    (void)closure;
    return Py_NewRef(current == NULL ? Py_None : current);
}

/* ---- the type ---- */

static PyMethodDef loop_methods[] = {
    {"close", loop_close, METH_NOARGS,
     "close($self, /)\n--\n\nDrops all that is scheduled. The loop must not be running."},
    {"is_closed", loop_is_closed, METH_NOARGS,
     "is_closed($self, /)\n--\n\nWhether the loop was closed."},
    {"get_debug", loop_get_debug, METH_NOARGS,
     "get_debug($self, /)\n--\n\nWhether debug mode is on."},
    {"set_debug", loop_set_debug, METH_O,
     "set_debug($self, enabled, /)\n--\n\nSwitches debug mode on or off."},
    RUN_METHODS,
    READERS_METHODS,
    SCHEDULE_METHODS,
    SIGNALS_METHODS,
    SOCKET_OPERATION_METHODS,
    TASK_METHODS,
    {0},
};

static PyMemberDef loop_members[] = {
    {"slow_callback_duration", T_DOUBLE, offsetof(loop_object, slow_callback_duration), 0,
     "In debug mode a callback that takes so many seconds is reported; 0.1 by default."},
    {"_debug", T_BOOL, offsetof(loop_object, debug), READONLY, NULL},
    SIGNALS_MEMBERS,
    {0},
};

static PyGetSetDef loop_attributes[] = {
    {.name = "_current_handle", .get = current_handle, .doc = "Debug mode: what runs now."},
    {0},
};

static PyType_Slot loop_slots[] = {
    {Py_tp_doc, "What hoop.Loop is built on: libhoop's loop."},
    {Py_tp_new, loop_new},
    {Py_tp_dealloc, loop_dealloc},
    {Py_tp_traverse, loop_traverse},
    {Py_tp_clear, loop_clear},
    {Py_tp_methods, loop_methods},
    {Py_tp_members, loop_members},
    {Py_tp_getset, loop_attributes},
    {0, NULL},
};

PyType_Spec loop_spec = {
    .name = "hoop._core.Loop",
    .basicsize = sizeof(loop_object),
    .flags =
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = loop_slots,
};
