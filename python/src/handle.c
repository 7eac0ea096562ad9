/* SPDX-License-Identifier: MIT
 *
 * A scheduled callback: running it, cancelling it, and what Python sees of it.
 */
#include "handle.h"

#include <structmember.h>

#include "report.h"

/* ---- running ---- */

static PyObject *call_callback(const handle_object *handle, PyObject *callback, PyObject *arguments)
{
    if (handle->argument_count == 0)
        return PyObject_CallNoArgs(callback);
    if (handle->argument_count == 1)
        return PyObject_CallOneArg(callback, arguments);
    return PyObject_Call(callback, arguments, NULL);
}

int handle_run(struct work *work)
{
    handle_object *handle = (handle_object *)work->owner;
    if (handle->cancelled)
        return 0;
    if (PyContext_Enter(handle->context) < 0)
        return report_handle(handle->loop, (PyObject *)handle);
    /* The callback may cancel its own handle, which drops both. */
    PyObject *callback = Py_NewRef(handle->callback);
    PyObject *arguments = Py_XNewRef(handle->arguments);
    PyObject *result = call_callback(handle, callback, arguments);
    Py_DECREF(callback);
    Py_XDECREF(arguments);
    Py_XDECREF(result);
    if (result == NULL) {
        PyObject *exception = PyErr_GetRaisedException();
        (void)PyContext_Exit(handle->context);
        PyErr_SetRaisedException(exception);
        return report_handle(handle->loop, (PyObject *)handle);
    }
    if (PyContext_Exit(handle->context) < 0)
        return report_handle(handle->loop, (PyObject *)handle);
    return 0;
}

/* ---- making and ending ---- */

static PyObject *pack_arguments(PyObject *const *arguments, Py_ssize_t count)
{
    if (count == 1)
        return Py_NewRef(arguments[0]);
    PyObject *tuple = PyTuple_New(count);
    if (tuple != NULL)
        for (Py_ssize_t i = 0; i < count; i++)
            PyTuple_SET_ITEM(tuple, i, Py_NewRef(arguments[i]));
    return tuple;
}

static PyObject *context_for(PyObject *context)
{
    if (context == NULL || context == Py_None)
        return PyContext_CopyCurrent();
    if (PyContext_CheckExact(context))
        return Py_NewRef(context);
    return PyErr_Format(PyExc_TypeError, "context must be a contextvars.Context, not %.200s",
                        Py_TYPE(context)->tp_name);
}

handle_object *handle_new(PyTypeObject *type, loop_object *loop, PyObject *callback,
                          PyObject *const *arguments, Py_ssize_t count, PyObject *context)
{
    handle_object *handle = (handle_object *)type->tp_alloc(type, 0);
    if (handle == NULL)
        return NULL;
    work_init(&handle->work, (PyObject *)handle, handle_run);
    handle->loop = (loop_object *)Py_NewRef(loop);
    handle->callback = Py_NewRef(callback);
    handle->argument_count = count;
    handle->arguments = count == 0 ? NULL : pack_arguments(arguments, count);
    handle->context = context_for(context);
    if ((count > 0 && handle->arguments == NULL) || handle->context == NULL)
        goto failed;
    if (loop->debug) {
        handle->source_traceback = call_python("describe", "source_traceback", "()");
        if (handle->source_traceback == NULL)
            goto failed;
    }
    return handle;

failed:
    Py_DECREF(handle);
    return NULL;
}

int handle_traverse(PyObject *self, visitproc visit, void *arg)
{
    handle_object *handle = (handle_object *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(handle->loop);
    Py_VISIT(handle->context);
    Py_VISIT(handle->callback);
    Py_VISIT(handle->arguments);
    Py_VISIT(handle->source_traceback);
    return 0;
}

/* The loop and the context stay: a queue that still holds the handle needs them. */
int handle_clear(PyObject *self)
{
    handle_object *handle = (handle_object *)self;
    handle->cancelled = true;
    Py_CLEAR(handle->callback);
    Py_CLEAR(handle->arguments);
    Py_CLEAR(handle->source_traceback);
    return 0;
}

void handle_dealloc(PyObject *self)
{
    handle_object *handle = (handle_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    /* A handle may be the argument of another, that one of a third: not all of them on the stack. */
    Py_TRASHCAN_BEGIN(self, handle_dealloc);
    if (handle->weak_references != NULL)
        PyObject_ClearWeakRefs(self);
    (void)handle_clear(self);
    Py_CLEAR(handle->context);
    Py_CLEAR(handle->loop);
    Py_CLEAR(handle->description);
    type->tp_free(self);
    Py_DECREF(type);
    Py_TRASHCAN_END;
}

/* ---- what Python sees ---- */

void handle_cancel(handle_object *handle)
{
    if (handle->cancelled)
        return;
    handle->cancelled = true;
    if (handle->loop->debug) {
        /* Keeps the name of the callback, for "Executing <Handle ...> took 2.5 seconds". */
        handle->description = PyObject_Repr((PyObject *)handle);
        if (handle->description == NULL)
            PyErr_Clear();
    }
    Py_CLEAR(handle->callback);
    Py_CLEAR(handle->arguments);
}

static PyObject *cancel(PyObject *self, PyObject *unused)
{
    (void)unused;
    handle_cancel((handle_object *)self);
    Py_RETURN_NONE;
}

static PyObject *cancelled(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((handle_object *)self)->cancelled);
}

static PyObject *get_context(PyObject *self, PyObject *unused)
{
    (void)unused;
    return Py_NewRef(((handle_object *)self)->context);
}

static PyObject *handle_repr(PyObject *self)
{
    handle_object *handle = (handle_object *)self;
    if (handle->description != NULL)
        return Py_NewRef(handle->description);
    return call_python("describe", "handle", "(O)", self);
}

/* What it would be an instance of if asyncio had made it. */
static PyObject *class_of(PyObject *self, void *closure)
{
    (void)closure;
    return Py_NewRef(((handle_object *)self)->loop->state->AsyncioHandle);
}

static PyObject *arguments_of(PyObject *self, void *closure)
{
    handle_object *handle = (handle_object *)self;
    (void)closure;
    if (handle->callback == NULL)
        Py_RETURN_NONE;
    if (handle->argument_count == 0)
        return PyTuple_New(0);
    return handle->argument_count == 1 ? PyTuple_Pack(1, handle->arguments)
                                       : Py_NewRef(handle->arguments);
}

static PyMethodDef handle_methods[] = {
    {"cancel", cancel, METH_NOARGS,
     "cancel($self, /)\n--\n\nThe callback is not called any more, unless it was already."},
    {"cancelled", cancelled, METH_NOARGS, "cancelled($self, /)\n--\n\nWhether it was cancelled."},
    {"get_context", get_context, METH_NOARGS,
     "get_context($self, /)\n--\n\nThe contextvars.Context in which the callback is called."},
    {0},
};

static PyGetSetDef handle_attributes[] = {
    {.name = "__class__", .get = class_of},
    {.name = "_args", .get = arguments_of, .doc = "The callback's arguments; None once cancelled."},
    {0},
};

static PyMemberDef handle_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(handle_object, weak_references), READONLY, NULL},
    {"_callback", T_OBJECT, offsetof(handle_object, callback), READONLY, NULL},
    {"_cancelled", T_BOOL, offsetof(handle_object, cancelled), READONLY, NULL},
    {"_context", T_OBJECT, offsetof(handle_object, context), READONLY, NULL},
    {"_loop", T_OBJECT, offsetof(handle_object, loop), READONLY, NULL},
    {"_source_traceback", T_OBJECT, offsetof(handle_object, source_traceback), READONLY, NULL},
    {0},
};

static PyType_Slot handle_slots[] = {
    {Py_tp_doc, "A callback that is scheduled, as call_soon returns it."},
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_traverse, handle_traverse},
    {Py_tp_clear, handle_clear},
    {Py_tp_repr, handle_repr},
    {Py_tp_methods, handle_methods},
    {Py_tp_getset, handle_attributes},
    {Py_tp_members, handle_members},
    {0, NULL},
};

PyType_Spec handle_spec = {
    .name = "hoop._core.Handle",
    .basicsize = sizeof(handle_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = handle_slots,
};
