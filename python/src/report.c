/* SPDX-License-Identifier: MIT
 *
 * Telling a program what went wrong where nobody called.
 */
#include "report.h"

bool report_must_end_run(void)
{
    return PyErr_ExceptionMatches(PyExc_SystemExit) ||
           PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
}

/* RESULT of the handler; takes it over. */
static int handler_result(PyObject *result, PyObject *about)
{
    if (result != NULL) {
        Py_DECREF(result);
        return 0;
    }
    if (report_must_end_run())
        return -1;
    PyErr_WriteUnraisable(about); /* a handler that is broken itself */
    return 0;
}

static int set_item(PyObject *dict, const char *name, PyObject *value)
{
    return name == NULL || value == NULL ? 0 : PyDict_SetItemString(dict, name, value);
}

int report_exception(loop_object *loop, const char *message, const char *name, PyObject *subject,
                     const char *second_name, PyObject *second)
{
    if (report_must_end_run())
        return -1;
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *result = NULL;
    PyObject *text = PyUnicode_FromString(message);
    PyObject *context = text == NULL ? NULL : PyDict_New();
    if (context != NULL && set_item(context, "message", text) == 0 &&
        set_item(context, "exception", exception) == 0 && set_item(context, name, subject) == 0 &&
        set_item(context, second_name, second) == 0)
        result = PyObject_CallMethodOneArg((PyObject *)loop,
                                           loop->state->name_call_exception_handler, context);
    Py_XDECREF(context);
    Py_XDECREF(text);
    Py_XDECREF(exception);
    return handler_result(result, (PyObject *)loop);
}

int report_handle(loop_object *loop, PyObject *handle)
{
    if (report_must_end_run())
        return -1;
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *result =
        call_python("describe", "report_handle", "(OOO)", (PyObject *)loop, handle, exception);
    Py_XDECREF(exception);
    return handler_result(result, handle);
}

int report_slow(PyObject *owner, double seconds)
{
    return handler_result(call_python("describe", "report_slow", "(Od)", owner, seconds), owner);
}

/* ---- what libhoop reports ---- */

struct core_report {
    loop_object *loop;
    const hoop_exception *exception;
};

/* On the thread's stack, as the interpreter wants it. */
static void hand_on(void *arg)
{
    const struct core_report *report = arg;
    const hoop_exception *exception = report->exception;
    PyObject *earlier = PyErr_GetRaisedException();
    const char *name = exception->task == NULL ? NULL : hoop_task_name(exception->task);
    const char *code = exception->error == 0 ? NULL : hoop_error_name(exception->error);
    PyObject *done = call_python("describe", "report_core", "(Oszzz)", (PyObject *)report->loop,
                                 exception->message, name, code, exception->error_message);
    if (handler_result(done, (PyObject *)report->loop) < 0)
        loop_raise(report->loop);
    if (earlier != NULL)
        PyErr_SetRaisedException(earlier);
}

static void core_reports(hoop_loop *core, const hoop_exception *exception, void *arg)
{
    struct core_report report = {.loop = arg, .exception = exception};
    (void)core;
    hoop_call_on_thread_stack(hand_on, &report);
}

void report_init(loop_object *loop)
{
    hoop_set_exception_handler(loop->core, core_reports, loop);
}
