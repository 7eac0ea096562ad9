/* SPDX-License-Identifier: MIT
 *
 * A callback that is scheduled for a time.
 */
#include "timer_handle.h"

#include <math.h>
#include <structmember.h>

#include "link.h"

static timer_handle_object *handle_of_timer(hoop_timer *timer)
{
    return (timer_handle_object *)(void *)((char *)timer - offsetof(timer_handle_object, timer));
}

static timer_handle_object *handle_of_link(hoop_link *link)
{
    return (timer_handle_object *)(void *)((char *)link - offsetof(timer_handle_object, pending));
}

static bool is_armed(const timer_handle_object *handle)
{
    return !link_is_alone(&handle->pending);
}

static void disarm(timer_handle_object *handle)
{
    if (!is_armed(handle))
        return;
    hoop_timer_stop(handle->handle.loop->core, &handle->timer);
    link_remove(&handle->pending);
    Py_DECREF(handle);
}

static void expire(hoop_timer *timer)
{
    timer_handle_object *handle = handle_of_timer(timer);
    work_push(handle->handle.loop, &handle->handle.work);
    link_remove(&handle->pending);
    Py_DECREF(handle); /* the queue has its own */
}

/* The first nanosecond that is not before WHEN, so that nothing comes early. */
static int64_t deadline_of(double when)
{
    double nanoseconds = ceil(when * 1e9);
    if (nanoseconds >= (double)INT64_MAX)
        return INT64_MAX;
    return nanoseconds <= 0 ? 0 : (int64_t)nanoseconds;
}

PyObject *timer_handle_start(loop_object *loop, double when, PyObject *callback,
                             PyObject *const *arguments, Py_ssize_t count, PyObject *context)
{
    if (isnan(when)) {
        PyErr_SetString(PyExc_ValueError, "a time cannot be NaN");
        return NULL;
    }
    PyTypeObject *type = (PyTypeObject *)loop->state->TimerHandle;
    timer_handle_object *handle =
        (timer_handle_object *)(void *)handle_new(type, loop, callback, arguments, count, context);
    if (handle == NULL)
        return NULL;
    handle->when = when;
    hoop_timer_init(&handle->timer, expire);
    link_init(&handle->pending);
    int rc = hoop_timer_start(loop->core, &handle->timer, deadline_of(when));
    if (rc < 0) {
        Py_DECREF(handle);
        return raise_result(rc);
    }
    link_append(&loop->timers, &handle->pending);
    Py_INCREF(handle);
    return (PyObject *)handle;
}

int timer_handles_traverse(loop_object *loop, visitproc visit, void *arg)
{
    for (hoop_link *link = loop->timers.next; link != &loop->timers; link = link->next)
        Py_VISIT(handle_of_link(link));
    return 0;
}

void timer_handles_clear(loop_object *loop)
{
    while (!link_is_alone(&loop->timers))
        disarm(handle_of_link(loop->timers.next));
}

/* ---- what Python sees ---- */

static PyObject *cancel(PyObject *self, PyObject *unused)
{
    (void)unused;
    handle_cancel((handle_object *)self);
    disarm((timer_handle_object *)self);
    Py_RETURN_NONE;
}

static PyObject *when(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyFloat_FromDouble(((timer_handle_object *)self)->when);
}

static PyObject *is_scheduled(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(is_armed((timer_handle_object *)self));
}

static PyObject *class_of(PyObject *self, void *closure)
{
    (void)closure;
    return Py_NewRef(((handle_object *)self)->loop->state->AsyncioTimerHandle);
}

static Py_hash_t timer_handle_hash(PyObject *self)
{
    PyObject *time = PyFloat_FromDouble(((timer_handle_object *)self)->when);
    Py_hash_t hash = time == NULL ? -1 : PyObject_Hash(time);
    Py_XDECREF(time);
    return hash;
}

/* 1, 0, or -1 with an exception: the same time, callback, arguments and state. */
static int is_equal(handle_object *one, handle_object *other)
{
    if (one->cancelled != other->cancelled || one->argument_count != other->argument_count)
        return 0;
    if (one->callback == NULL || other->callback == NULL)
        return one->callback == other->callback;
    int same = PyObject_RichCompareBool(one->callback, other->callback, Py_EQ);
    if (same != 1 || one->argument_count == 0)
        return same;
    return PyObject_RichCompareBool(one->arguments, other->arguments, Py_EQ);
}

static PyObject *timer_handle_compare(PyObject *self, PyObject *other, int operation)
{
    if (Py_TYPE(self) != Py_TYPE(other))
        Py_RETURN_NOTIMPLEMENTED;
    double one = ((timer_handle_object *)self)->when;
    double two = ((timer_handle_object *)other)->when;
    if (one < two)
        return PyBool_FromLong(operation == Py_LT || operation == Py_LE || operation == Py_NE);
    if (one > two)
        return PyBool_FromLong(operation == Py_GT || operation == Py_GE || operation == Py_NE);
    if (operation == Py_LT || operation == Py_GT)
        Py_RETURN_FALSE;
    int equal = is_equal((handle_object *)self, (handle_object *)other);
    if (equal < 0)
        return NULL;
    return PyBool_FromLong(operation == Py_NE ? !equal : equal);
}

static PyMethodDef timer_handle_methods[] = {
    {"cancel", cancel, METH_NOARGS,
     "cancel($self, /)\n--\n\nThe callback is not called any more, unless it was already."},
    {"when", when, METH_NOARGS,
     "when($self, /)\n--\n\nWhen the callback is due, in seconds of loop.time()."},
    {0},
};

static PyGetSetDef timer_handle_attributes[] = {
    {.name = "__class__", .get = class_of},
    {.name = "_scheduled", .get = is_scheduled, .doc = "Whether its time has not come yet."},
    {0},
};

static PyMemberDef timer_handle_members[] = {
    {"_when", T_DOUBLE, offsetof(timer_handle_object, when), READONLY, NULL},
    {0},
};

static PyType_Slot timer_handle_slots[] = {
    {Py_tp_doc, "A callback that is scheduled for a time, as call_later and call_at return it."},
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_traverse, handle_traverse},
    {Py_tp_clear, handle_clear},
    {Py_tp_hash, timer_handle_hash},
    {Py_tp_richcompare, timer_handle_compare},
    {Py_tp_methods, timer_handle_methods},
    {Py_tp_getset, timer_handle_attributes},
    {Py_tp_members, timer_handle_members},
    {0, NULL},
};

PyType_Spec timer_handle_spec = {
    .name = "hoop._core.TimerHandle",
    .basicsize = sizeof(timer_handle_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = timer_handle_slots,
};
