/* SPDX-License-Identifier: MIT
 *
 * A callback that another thread scheduled, and may cancel. All fields are the interpreter's lock's;
 * who waits without that one has loop->incoming_lock, under which the runner is taken back.
 */
#include "thread_safe_handle.h"

static thread_safe_handle_object *self_of(PyObject *object)
{
    return (thread_safe_handle_object *)(void *)object;
}

static int run(struct work *work)
{
    thread_safe_handle_object *self = self_of(work->owner);
    loop_object *loop = self->handle.loop;
    self->runner = PyThread_get_thread_ident();
    int rc = handle_run(work);
    pthread_mutex_lock(&loop->incoming_lock);
    self->runner = 0;
    if (self->waiting > 0)
        pthread_cond_broadcast(&loop->call_ended);
    pthread_mutex_unlock(&loop->incoming_lock);
    return rc;
}

handle_object *thread_safe_handle_new(loop_object *loop, PyObject *callback,
                                      PyObject *const *arguments, Py_ssize_t count,
                                      PyObject *context)
{
    const struct core_state *state = loop->state;
    bool is_plain = state->AsyncioThreadSafeHandle == state->AsyncioHandle;
    PyObject *type = is_plain ? state->Handle : state->ThreadSafeHandle;
    handle_object *handle =
        handle_new((PyTypeObject *)type, loop, callback, arguments, count, context);
    if (handle != NULL && !is_plain)
        handle->work.run = run;
    return handle;
}

/* The callback itself may ask, too: then it does not wait for itself. */
static void wait_for_end(thread_safe_handle_object *self)
{
    if (self->runner == 0 || self->runner == PyThread_get_thread_ident())
        return;
    loop_object *loop = self->handle.loop;
    self->waiting++;
    Py_BEGIN_ALLOW_THREADS pthread_mutex_lock(&loop->incoming_lock);
    while (self->runner != 0)
        pthread_cond_wait(&loop->call_ended, &loop->incoming_lock);
    pthread_mutex_unlock(&loop->incoming_lock);
    Py_END_ALLOW_THREADS self->waiting--;
}

static PyObject *cancel(PyObject *object, PyObject *unused)
{
    (void)unused;
    wait_for_end(self_of(object));
    handle_cancel((handle_object *)object);
    Py_RETURN_NONE;
}

static PyObject *cancelled(PyObject *object, PyObject *unused)
{
    (void)unused;
    wait_for_end(self_of(object));
    return PyBool_FromLong(((handle_object *)object)->cancelled);
}

static PyObject *class_of(PyObject *object, void *closure)
{
    (void)closure;
    return Py_NewRef(((handle_object *)object)->loop->state->AsyncioThreadSafeHandle);
}

static PyMethodDef methods[] = {
    {"cancel", cancel, METH_NOARGS,
     "cancel($self, /)\n--\n\nThe callback is not called any more, unless it was already; if it "
     "is\n"
     "being called now, in another thread, waits for its end."},
    {"cancelled", cancelled, METH_NOARGS,
     "cancelled($self, /)\n--\n\nWhether it was cancelled. Waits as cancel() does."},
    {0},
};

static PyGetSetDef attributes[] = {
    {.name = "__class__", .get = class_of},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "A callback that is scheduled, as call_soon_threadsafe returns it."},
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_traverse, handle_traverse},
    {Py_tp_clear, handle_clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, NULL},
};

PyType_Spec thread_safe_handle_spec = {
    .name = "hoop._core.ThreadSafeHandle",
    .basicsize = sizeof(thread_safe_handle_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
