/* SPDX-License-Identifier: MIT
 *
 * Coroutines of libhoop that Python awaits. Each has a small object that knows both sides: the
 * task, and the Python future that stands for it (hoop/bridge.py). While the task runs the loop
 * keeps the object alive.
 */
#include "spawn.h"

#include <hoop/python.h>

#include "link.h"
#include "report.h"

/* The key under which a core's loop knows its Python object. */
static const char local_key;

typedef struct spawned_object {
    PyObject_HEAD
    hoop_link running;    /* on loop->spawned until it has ended; a reference goes with it */
    struct work settling; /* queued once the coroutine has returned */
    loop_object *loop;    /* owned */
    PyObject *future;     /* owned; NULL once it has the result */
    hoop_task *task;      /* a reference, or NULL */
    hoop_coroutine_fn fn;
    hoop_python_convert_fn convert;
    void *args; /* a copy of ours, or borrowed */
    bool owns_args;
} spawned_object;

static spawned_object *spawned_of(hoop_link *link)
{
    return (spawned_object *)(void *)((char *)link - offsetof(spawned_object, running));
}

/* ---- the end of a coroutine ---- */

static PyObject *convert(spawned_object *spawned, int64_t result, const char *message)
{
    if (spawned->convert != NULL)
        return spawned->convert(result, message, spawned->args);
    return result < 0 ? hoop_python_raise(result, message) : PyLong_FromLongLong(result);
}

/* The coroutine has returned: its outcome goes to the future. */
static int settle(struct work *work)
{
    spawned_object *spawned = (spawned_object *)work->owner;
    link_remove(&spawned->running);
    PyObject *value =
        convert(spawned, hoop_task_result(spawned->task), hoop_task_error_message(spawned->task));
    PyObject *exception = value == NULL ? PyErr_GetRaisedException() : NULL;
    PyObject *future = spawned->future;
    spawned->future = NULL;
    PyObject *done =
        call_python("bridge", "settle", "(OOO)", future, value == NULL ? Py_None : value,
                    exception == NULL ? Py_None : exception);
    int rc = done != NULL ? 0
                          : report_exception(spawned->loop, "A coroutine's result could not be set",
                                             "future", future, NULL, NULL);
    Py_XDECREF(done);
    Py_XDECREF(exception);
    Py_XDECREF(value);
    Py_DECREF(future);
    Py_DECREF(spawned); /* the list's */
    return rc;
}

/* ---- starting one ---- */

static loop_object *find_running_loop(void)
{
    const hoop_loop *core = hoop_running_loop();
    hoop_local *local = core == NULL ? NULL : hoop_local_find(core, &local_key);
    if (local != NULL)
        return (loop_object *)(void *)((char *)local - offsetof(loop_object, local));
    PyErr_SetString(PyExc_RuntimeError, "no loop of hoop runs in this thread");
    return NULL;
}

static int copy_args(spawned_object *spawned, const void *args, size_t size)
{
    spawned->args = (void *)(uintptr_t)args;
    if (size == 0)
        return 0;
    spawned->args = PyMem_Malloc(size);
    if (spawned->args == NULL) {
        (void)PyErr_NoMemory();
        return -1;
    }
    spawned->owns_args = true;
    memcpy(spawned->args, args, size);
    return 0;
}

static spawned_object *spawned_new(loop_object *loop)
{
    PyTypeObject *type = (PyTypeObject *)loop->state->Spawned;
    spawned_object *spawned = (spawned_object *)type->tp_alloc(type, 0);
    if (spawned == NULL)
        return NULL;
    link_init(&spawned->running);
    work_init(&spawned->settling, (PyObject *)spawned, settle);
    spawned->loop = (loop_object *)Py_NewRef(loop);
    spawned->future = call_python("bridge", "new_future", "(OO)", loop, spawned);
    if (spawned->future == NULL)
        Py_CLEAR(spawned);
    return spawned;
}

/* The task. Its stack is small: all that needs the interpreter happens in settle. */
static int64_t run_coroutine(void *arg)
{
    spawned_object *spawned = arg;
    int64_t result = spawned->fn(spawned->args);
    work_push(spawned->loop, &spawned->settling);
    return result;
}

static int start(spawned_object *spawned, const char *name)
{
    spawned->task = hoop_create_task_named(run_coroutine, spawned, name);
    if (spawned->task == NULL) {
        (void)raise_result(hoop_last_error());
        return -1;
    }
    link_append(&spawned->loop->spawned, &spawned->running);
    Py_INCREF(spawned);
    return 0;
}

PyObject *hoop_python_spawn_named(hoop_coroutine_fn fn, const void *args, size_t size,
                                  hoop_python_convert_fn convert_fn, const char *name)
{
    loop_object *loop = find_running_loop();
    spawned_object *spawned = loop == NULL ? NULL : spawned_new(loop);
    if (spawned == NULL)
        return NULL;
    spawned->fn = fn;
    spawned->convert = convert_fn;
    PyObject *future = Py_NewRef(spawned->future);
    if (copy_args(spawned, args, size) < 0 || start(spawned, name) < 0)
        Py_CLEAR(future);
    Py_DECREF(spawned);
    return future;
}

/* ---- the loop's part ---- */

/* The core's loop is closed; what hangs on it is freed with the Python object. */
static void local_close(hoop_local *local)
{
    (void)local;
}

void spawn_init(loop_object *loop)
{
    loop->local = (hoop_local){.key = &local_key, .close = local_close};
    hoop_local_add(loop->core, &loop->local);
}

int spawn_traverse(loop_object *loop, visitproc visit, void *arg)
{
    for (hoop_link *link = loop->spawned.next; link != &loop->spawned; link = link->next)
        Py_VISIT(spawned_of(link));
    return 0;
}

void spawn_clear(loop_object *loop)
{
    while (!link_is_alone(&loop->spawned)) {
        spawned_object *spawned = spawned_of(loop->spawned.next);
        link_remove(&spawned->running);
        Py_XDECREF(convert(spawned, HOOP_ECLOSED, ""));
        PyErr_Clear(); /* nobody is there to be told: the loop reported the task */
        Py_DECREF(spawned);
    }
}

/* ---- what Python sees ---- */

static PyObject *cancel(PyObject *self, PyObject *unused)
{
    spawned_object *spawned = (spawned_object *)self;
    (void)unused;
    bool asked = !link_is_alone(&spawned->running) && hoop_task_cancel(spawned->task);
    return PyBool_FromLong(asked);
}

static int spawned_traverse(PyObject *self, visitproc visit, void *arg)
{
    spawned_object *spawned = (spawned_object *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(spawned->loop);
    Py_VISIT(spawned->future);
    return 0;
}

static int spawned_clear(PyObject *self)
{
    Py_CLEAR(((spawned_object *)self)->future);
    return 0;
}

static void spawned_dealloc(PyObject *self)
{
    spawned_object *spawned = (spawned_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)spawned_clear(self);
    hoop_task_unref(spawned->task);
    if (spawned->owns_args)
        PyMem_Free(spawned->args);
    Py_CLEAR(spawned->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef spawned_methods[] = {
    {"cancel", cancel, METH_NOARGS,
     "cancel($self, /)\n--\n\nAsks the coroutine to end; False if it has."},
    {0},
};

static PyType_Slot spawned_slots[] = {
    {Py_tp_doc, "A coroutine of libhoop that a Python future stands for."},
    {Py_tp_dealloc, spawned_dealloc},
    {Py_tp_traverse, spawned_traverse},
    {Py_tp_clear, spawned_clear},
    {Py_tp_methods, spawned_methods},
    {0, NULL},
};

PyType_Spec spawned_spec = {
    .name = "hoop._core.Spawned",
    .basicsize = sizeof(spawned_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = spawned_slots,
};
