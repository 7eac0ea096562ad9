/* SPDX-License-Identifier: MIT
 *
 * Making futures and tasks: asyncio's own types, on this loop.
 */
#ifndef TASK_H
#define TASK_H

#include "loop.h"

PyObject *loop_create_future(PyObject *self, PyObject *unused);
PyObject *loop_create_task(PyObject *self, PyObject *const *args, Py_ssize_t count,
                           PyObject *names);
PyObject *loop_set_task_factory(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                PyObject *names);
PyObject *loop_get_task_factory(PyObject *self, PyObject *unused);

#define TASK_METHODS \
    {"create_future", loop_create_future, METH_NOARGS, \
     "create_future($self, /)\n--\n\nA new asyncio.Future of this loop."}, \
        {"create_task", (PyCFunction)(void *)loop_create_task, METH_FASTCALL | METH_KEYWORDS, \
         "create_task($self, /, coro, **kwargs)\n--\n\n" \
         "Schedules a coroutine as an asyncio.Task, or as what the task factory makes of it.\n\n" \
         "Takes the keywords that asyncio.Task takes in this version of Python."}, \
        {"set_task_factory", (PyCFunction)(void *)loop_set_task_factory, \
         METH_FASTCALL | METH_KEYWORDS, \
         "set_task_factory($self, factory)\n--\n\n" \
         "factory(loop, coro, **kwargs) makes the tasks from now on; None: asyncio.Task."}, \
    { \
        "get_task_factory", loop_get_task_factory, METH_NOARGS, \
            "get_task_factory($self, /)\n--\n\nThe task factory, None for asyncio.Task." \
    }

#endif
