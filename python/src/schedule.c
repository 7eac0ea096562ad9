/* SPDX-License-Identifier: MIT
 *
 * Scheduling callbacks, from the loop's thread and from others.
 */
#include "schedule.h"

#include "handle.h"
#include "thread_safe_handle.h"
#include "threadsafe.h"
#include "timer_handle.h"

/* The arguments of one call: METHOD([time,] callback, *args, context=None). All borrowed. */
struct request {
    PyObject *time; /* or NULL */
    PyObject *callback;
    PyObject *const *arguments;
    Py_ssize_t count;
    PyObject *context; /* or NULL */
};

/* The keyword context; there is no other. */
static int parse_context(loop_object *loop, const char *method, PyObject *const *values,
                         PyObject *names, PyObject **ret_context)
{
    Py_ssize_t count = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (name != loop->state->name_context &&
            PyUnicode_Compare(name, loop->state->name_context) != 0) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", method,
                         name);
            return -1;
        }
        *ret_context = values[i];
    }
    return 0;
}

/* The leading NAMED arguments are the time, if there is one, and the callback. */
static int parse(loop_object *loop, const char *method, int named, PyObject *const *args,
                 Py_ssize_t count, PyObject *names, struct request *request)
{
    if (count < named) {
        PyErr_Format(PyExc_TypeError, "%s() missing %zd required positional argument%s", method,
                     named - count, named - count == 1 ? "" : "s");
        return -1;
    }
    *request = (struct request){
        .time = named == 2 ? args[0] : NULL,
        .callback = args[named - 1],
        .arguments = args + named,
        .count = count - named,
    };
    return names == NULL ? 0 : parse_context(loop, method, args + count, names, &request->context);
}

static int check(loop_object *loop, const char *method, PyObject *callback)
{
    if (loop->closed)
        return loop_check_closed(loop);
    if (!loop->debug)
        return 0;
    return loop_check_thread(loop) < 0 ? -1 : loop_check_callback(loop, callback, method);
}

static handle_object *request_handle(loop_object *loop, const struct request *request)
{
    return handle_new((PyTypeObject *)loop->state->Handle, loop, request->callback,
                      request->arguments, request->count, request->context);
}

PyObject *loop_call_soon(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    loop_object *loop = (loop_object *)self;
    struct request request;
    if (parse(loop, "call_soon", 1, args, count, names, &request) < 0 ||
        check(loop, "call_soon", request.callback) < 0)
        return NULL;
    threadsafe_take(loop);
    handle_object *handle = request_handle(loop, &request);
    if (handle != NULL)
        work_push(loop, &handle->work);
    return (PyObject *)handle;
}

PyObject *loop_call_soon_threadsafe(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                    PyObject *names)
{
    loop_object *loop = (loop_object *)self;
    struct request request;
    if (parse(loop, "call_soon_threadsafe", 1, args, count, names, &request) < 0 ||
        loop_check_closed(loop) < 0 ||
        (loop->debug && loop_check_callback(loop, request.callback, "call_soon_threadsafe") < 0))
        return NULL;
    handle_object *handle = thread_safe_handle_new(loop, request.callback, request.arguments,
                                                   request.count, request.context);
    if (handle != NULL && threadsafe_push(loop, &handle->work) < 0)
        Py_CLEAR(handle);
    return (PyObject *)handle;
}

static PyObject *call_at(loop_object *loop, double when, const struct request *request)
{
    return timer_handle_start(loop, when, request->callback, request->arguments, request->count,
                              request->context);
}

/* A time as a double; TypeError with MISSING for None. */
static int parse_time(PyObject *time, const char *missing, double *ret_seconds)
{
    if (time == Py_None) {
        PyErr_SetString(PyExc_TypeError, missing);
        return -1;
    }
    double seconds = PyFloat_AsDouble(time);
    if (seconds == -1 && PyErr_Occurred())
        return -1;
    *ret_seconds = seconds;
    return 0;
}

PyObject *loop_call_later(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    loop_object *loop = (loop_object *)self;
    struct request request;
    double delay;
    if (parse(loop, "call_later", 2, args, count, names, &request) < 0 ||
        parse_time(request.time, "delay must not be None", &delay) < 0 ||
        check(loop, "call_later", request.callback) < 0)
        return NULL;
    return call_at(loop, hoop_time(loop->core) + delay, &request);
}

PyObject *loop_call_at(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    loop_object *loop = (loop_object *)self;
    struct request request;
    double when;
    if (parse(loop, "call_at", 2, args, count, names, &request) < 0 ||
        parse_time(request.time, "when cannot be None", &when) < 0 ||
        check(loop, "call_at", request.callback) < 0)
        return NULL;
    return call_at(loop, when, &request);
}

PyObject *loop_time(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyFloat_FromDouble(hoop_time(((loop_object *)self)->core));
}
