/* SPDX-License-Identifier: MIT
 *
 * An extension module whose functions are awaited in Python and run in C: a client of a protocol
 * of lines.
 *
 *     connection = await line_client.connect("localhost", 7000)
 *     answer = await connection.ask(b"how are you?\n")
 *
 * What waits is straight C on libhoop's streams, one coroutine a call. Several tasks may ask at
 * once: a lock lets one after another use the line.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <hoop.h>
#include <hoop/python.h>

typedef struct {
    PyObject_HEAD
    hoop_loop *loop;     /* a reference */
    hoop_stream *stream; /* goes with the loop */
    hoop_lock *lock;     /* held by the coroutine that asks */
    bool broken;         /* an answer is still to come that nobody waits for any more */
} connection_object;

/* ---- asking: a coroutine, and what becomes of its result ---- */

struct question {
    connection_object *connection; /* a reference */
    PyObject *line;                /* a reference: bytes */
    char answer[4096];
};

/* Runs on a coroutine's small stack: no Python object is touched, only the bytes in one. */
static int64_t exchange(struct question *question)
{
    hoop_stream *stream = question->connection->stream;
    int64_t rc = hoop_stream_write(stream, PyBytes_AS_STRING(question->line),
                                   (size_t)PyBytes_GET_SIZE(question->line));
    if (rc < 0)
        return rc;
    rc = hoop_stream_readline(stream, question->answer, sizeof question->answer);
    return rc == 0 ? HOOP_EINCOMPLETE : rc;
}

static int64_t ask(void *arg)
{
    struct question *question = arg;
    connection_object *connection = question->connection;
    int64_t rc = hoop_lock_acquire(connection->lock);
    if (rc < 0)
        return rc;
    rc = connection->broken ? -EPIPE : exchange(question);
    connection->broken = rc < 0; /* cancelled, say: the answer would be taken for the next one's */
    (void)hoop_lock_release(connection->lock);
    return rc;
}

/* The coroutine has ended; this is Python's side again. */
static PyObject *answered(int64_t result, const char *message, void *arg)
{
    struct question *question = arg;
    Py_DECREF(question->line);
    Py_DECREF(question->connection);
    if (result < 0)
        return hoop_python_raise(result, message);
    return PyBytes_FromStringAndSize(question->answer, (Py_ssize_t)result);
}

static PyObject *connection_ask(PyObject *self, PyObject *line)
{
    if (!PyBytes_Check(line))
        return PyErr_Format(PyExc_TypeError, "a line is bytes, not %.100s", Py_TYPE(line)->tp_name);
    struct question question = {
        .connection = (connection_object *)Py_NewRef(self),
        .line = Py_NewRef(line),
    };
    PyObject *awaitable = hoop_python_spawn(ask, &question, sizeof question, answered);
    if (awaitable == NULL) {
        Py_DECREF(question.line);
        Py_DECREF(question.connection);
    }
    return awaitable;
}

/* ---- connections ---- */

static void abort_stream(void *stream)
{
    hoop_stream_abort(stream);
}

/* The last reference may go in any thread, and after the loop; the stream is the loop's. */
static void connection_dealloc(PyObject *self)
{
    connection_object *connection = (connection_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    (void)hoop_call_soon_threadsafe(connection->loop, abort_stream, connection->stream);
    hoop_loop_unref(connection->loop);
    (void)hoop_lock_free(connection->lock);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef connection_methods[] = {
    {"ask", connection_ask, METH_O,
     "ask($self, line, /)\n--\n\nSends a line and awaits the line that answers it."},
    {0},
};

static PyType_Slot connection_slots[] = {
    {Py_tp_doc, "A connection to a server that answers each line with one."},
    {Py_tp_dealloc, connection_dealloc},
    {Py_tp_methods, connection_methods},
    {0, NULL},
};

static PyType_Spec connection_spec = {
    .name = "line_client.Connection",
    .basicsize = sizeof(connection_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = connection_slots,
};

struct destination {
    PyTypeObject *type; /* of the connection to be made; a reference */
    char host[256];
    uint16_t port;
    hoop_stream *stream;
};

static int64_t open_connection(void *arg)
{
    struct destination *destination = arg;
    return hoop_open_connection(destination->host, destination->port, NULL, &destination->stream);
}

static PyObject *connected(int64_t result, const char *message, void *arg)
{
    struct destination *destination = arg;
    PyTypeObject *type = destination->type;
    connection_object *connection = NULL;
    if (result < 0)
        (void)hoop_python_raise(result, message);
    else if ((connection = (connection_object *)type->tp_alloc(type, 0)) != NULL) {
        connection->loop = hoop_loop_ref(hoop_running_loop());
        connection->stream = destination->stream;
        connection->lock = hoop_lock_new();
        if (connection->lock == NULL) {
            Py_CLEAR(connection);
            (void)PyErr_NoMemory();
        }
    } else {
        hoop_stream_abort(destination->stream);
    }
    Py_DECREF(type);
    return (PyObject *)connection;
}

static PyObject *line_client_connect(PyObject *module, PyObject *args)
{
    const char *host;
    struct destination destination = {.type = *(PyTypeObject **)PyModule_GetState(module)};
    if (!PyArg_ParseTuple(args, "sH:connect", &host, &destination.port))
        return NULL;
    if (strlen(host) >= sizeof destination.host)
        return PyErr_Format(PyExc_ValueError, "the host's name is too long");
    strcpy(destination.host, host);
    Py_INCREF(destination.type);
    PyObject *awaitable =
        hoop_python_spawn(open_connection, &destination, sizeof destination, connected);
    if (awaitable == NULL)
        Py_DECREF(destination.type);
    return awaitable;
}

/* ---- the module; its state is the type of connections ---- */

static int line_client_exec(PyObject *module)
{
    PyObject **type = PyModule_GetState(module);
    *type = PyType_FromModuleAndSpec(module, &connection_spec, NULL);
    return *type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)*type);
}

static int line_client_traverse(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(*(PyObject **)PyModule_GetState(module));
    return 0;
}

static int line_client_clear(PyObject *module)
{
    Py_CLEAR(*(PyObject **)PyModule_GetState(module));
    return 0;
}

static PyMethodDef line_client_functions[] = {
    {"connect", line_client_connect, METH_VARARGS,
     "connect($module, host, port, /)\n--\n\nAwaits a connection to a server."},
    {0},
};

static PyModuleDef_Slot line_client_slots[] = {
    {Py_mod_exec, line_client_exec},
    {0, NULL},
};

static struct PyModuleDef line_client_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "line_client",
    .m_doc = "A client of a protocol of lines, in C, awaited in Python.",
    .m_size = sizeof(PyObject *),
    .m_methods = line_client_functions,
    .m_slots = line_client_slots,
    .m_traverse = line_client_traverse,
    .m_clear = line_client_clear,
};

PyMODINIT_FUNC PyInit_line_client(void);

PyMODINIT_FUNC PyInit_line_client(void)
{
    return PyModuleDef_Init(&line_client_module);
}
