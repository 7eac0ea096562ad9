/* SPDX-License-Identifier: MIT
 *
 * Scheduling callbacks, from the loop's thread and from others.
 */
#include "schedule.h"

#include "arguments.h"
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

static const char *const soon_parameters[] = {"callback", NULL};
static const char *const later_parameters[] = {"delay", "callback", NULL};
static const char *const at_parameters[] = {"when", "callback", NULL};

static int parse(const char *method, const char *const *parameters, PyObject *const *args,
                 Py_ssize_t count, PyObject *names, struct request *request)
{
    PyObject *values[2];
    bool has_time = parameters != soon_parameters;
    Py_ssize_t named = has_time ? 2 : 1;
    *request = (struct request){
        .arguments = args + named,
        .count = count > named ? count - named : 0,
    };
    if (arguments_parse(method, parameters, args, count, names, values, &request->context) < 0)
        return -1;
    request->time = has_time ? values[0] : NULL;
    request->callback = values[named - 1];
    return 0;
}

static int check(loop_object *loop, const char *method, PyObject *callback)
{
    if (loop->closed)
        return loop_check_closed(loop);
    if (!loop->debug)
        return 0;
    return loop_check_thread(loop) < 0 ? -1 : loop_check_callback(callback, method);
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
    if (parse("call_soon", soon_parameters, args, count, names, &request) < 0 ||
        check(loop, "call_soon", request.callback) < 0)
        return NULL;
    if (!loop->running)
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
    if (parse("call_soon_threadsafe", soon_parameters, args, count, names, &request) < 0 ||
        loop_check_closed(loop) < 0 ||
        (loop->debug && loop_check_callback(request.callback, "call_soon_threadsafe") < 0))
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
    if (parse("call_later", later_parameters, args, count, names, &request) < 0 ||
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
    if (parse("call_at", at_parameters, args, count, names, &request) < 0 ||
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
