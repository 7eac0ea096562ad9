/* SPDX-License-Identifier: MIT
 *
 * Making futures and tasks: asyncio's. The classes are looked up at each call, as a program may put
 * others in their place; asyncio.tasks._PyTask, for one, to have what it derives from that.
 */
#include "task.h"

#include "arguments.h"

PyObject *loop_create_future(PyObject *self, PyObject *unused)
{
    loop_object *loop = (loop_object *)self;
    (void)unused;
    PyObject *type = PyObject_GetAttr(loop->state->AsyncioFutures, loop->state->name_Future);
    if (type == NULL)
        return NULL;
    PyObject *args[] = {NULL, self};
    PyObject *names = loop->state->loop_name;
    PyObject *future = PyObject_Vectorcall(type, args + 1, PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    Py_DECREF(type);
    return future;
}

/* Calls asyncio.Task with what create_task was given and loop=LOOP. */
static PyObject *make_task(loop_object *loop, PyObject *const *args, Py_ssize_t count,
                           PyObject *names)
{
    enum { MOST = 16 };
    PyObject *all[MOST + 1];
    Py_ssize_t given = count + (names == NULL ? 0 : PyTuple_GET_SIZE(names));
    if (given > MOST)
        return PyErr_Format(PyExc_TypeError, "create_task() got %zd arguments", given);
    for (Py_ssize_t i = 0; i < given; i++)
        all[i] = args[i];
    all[given] = (PyObject *)loop;
    PyObject *name = loop->state->loop_name;
    PyObject *all_names = names == NULL ? Py_NewRef(name) : PySequence_Concat(names, name);
    if (all_names == NULL)
        return NULL;
    PyObject *type = PyObject_GetAttr(loop->state->AsyncioTasks, loop->state->name_Task);
    PyObject *task = type == NULL ? NULL : PyObject_Vectorcall(type, all, (size_t)count, all_names);
    Py_XDECREF(type);
    Py_DECREF(all_names);
    return task;
}

PyObject *loop_create_task(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    loop_object *loop = (loop_object *)self;
    if (loop_check_closed(loop) < 0)
        return NULL;
    if (count > 1)
        return PyErr_Format(PyExc_TypeError, "create_task() takes one positional argument, not %zd",
                            count);
    if (loop->task_factory == NULL)
        return make_task(loop, args, count, names);
    PyObject *method = PyObject_GetAttr(self, loop->state->name__create_task_by_factory);
    PyObject *task =
        method == NULL ? NULL : PyObject_Vectorcall(method, args, (size_t)count, names);
    Py_XDECREF(method);
    return task;
}

PyObject *loop_set_task_factory(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                PyObject *names)
{
    static const char *const parameters[] = {"factory", NULL};
    loop_object *loop = (loop_object *)self;
    PyObject *factory;
    if (count > 1)
        return PyErr_Format(PyExc_TypeError, "set_task_factory() takes 1 argument, not %zd", count);
    if (arguments_parse("set_task_factory", parameters, args, count, names, &factory, NULL) < 0)
        return NULL;
    if (factory != Py_None && !PyCallable_Check(factory)) {
        PyErr_SetString(PyExc_TypeError, "task factory must be a callable or None");
        return NULL;
    }
    Py_XSETREF(loop->task_factory, factory == Py_None ? NULL : Py_NewRef(factory));
    Py_RETURN_NONE;
}

PyObject *loop_get_task_factory(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *factory = ((loop_object *)self)->task_factory;
    return Py_NewRef(factory == NULL ? Py_None : factory);
}
