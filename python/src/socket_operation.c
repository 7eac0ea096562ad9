/* SPDX-License-Identifier: MIT
 *
 * Operations on sockets. Those on socket.socket itself that move bytes are system calls from here,
 * which never block, whatever the socket's timeout; all else is a Python function that is called
 * until it does not raise BlockingIOError.
 */
#include "socket_operation.h"

#include <errno.h>
#include <structmember.h>
#include <sys/socket.h>

#include "descriptors.h"
#include "readers.h"
#include "report.h"

/* What is to be done. TRY makes one attempt: a new reference; or NULL with an exception, or without
 * one when it must wait. */
struct request {
    PyObject *(*try)(struct request *request);
    PyObject *socket; /* owned once an operation has it; borrowed before */
    int fd;
    unsigned direction;
    Py_ssize_t size;     /* recv: how much at most */
    PyObject *subject;   /* the buffer to receive into, the function, or the socket's method's name;
                            as socket */
    PyObject *arguments; /* of the function or method: a tuple, as socket; or NULL */
    Py_buffer data;      /* to send: always owned; .obj is NULL if there is none */
    Py_ssize_t sent;
};

typedef struct operation_object {
    PyObject_HEAD
    struct waiter waiter;
    loop_object *loop; /* owned */
    PyObject *future;  /* owned; NULL once it is over */
    struct request request;
} operation_object;

/* ---- attempts ---- */

static bool must_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static PyObject *system_call_failed(void)
{
    return must_wait(errno) ? NULL : PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *try_receive(struct request *request)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, request->size);
    if (bytes == NULL)
        return NULL;
    ssize_t count =
        recv(request->fd, PyBytes_AS_STRING(bytes), (size_t)request->size, MSG_DONTWAIT);
    if (count < 0) {
        Py_DECREF(bytes);
        return system_call_failed();
    }
    if (count != request->size)
        (void)_PyBytes_Resize(&bytes, count);
    return bytes;
}

static PyObject *try_receive_into(struct request *request)
{
    Py_buffer buffer;
    if (PyObject_GetBuffer(request->subject, &buffer, PyBUF_WRITABLE) < 0)
        return NULL;
    ssize_t count = recv(request->fd, buffer.buf, (size_t)buffer.len, MSG_DONTWAIT);
    PyObject *result = count < 0 ? system_call_failed() : PyLong_FromSsize_t(count);
    PyBuffer_Release(&buffer);
    return result;
}

static PyObject *try_send(struct request *request)
{
    const char *rest = (const char *)request->data.buf + request->sent;
    size_t len = (size_t)(request->data.len - request->sent);
    ssize_t count = send(request->fd, rest, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && !must_wait(errno))
        return system_call_failed();
    request->sent += count < 0 ? 0 : count;
    return request->sent == request->data.len ? Py_NewRef(Py_None) : NULL;
}

/* The method is looked up at each attempt, as asyncio does. */
static PyObject *try_function(struct request *request)
{
    PyObject *function = PyUnicode_Check(request->subject)
                             ? PyObject_GetAttr(request->socket, request->subject)
                             : Py_NewRef(request->subject);
    if (function == NULL)
        return NULL;
    PyObject *result = PyObject_Call(function, request->arguments, NULL);
    Py_DECREF(function);
    if (result == NULL && (PyErr_ExceptionMatches(PyExc_BlockingIOError) ||
                           PyErr_ExceptionMatches(PyExc_InterruptedError)))
        PyErr_Clear(); /* not yet */
    return result;
}

/* ---- waiting ---- */

/* The operation is over: FUTURE gets RESULT, or EXCEPTION. As work.run returns. */
static int settle(loop_object *loop, PyObject *future, PyObject *result, PyObject *exception)
{
    const struct core_state *state = loop->state;
    PyObject *settled =
        result != NULL ? PyObject_CallMethodOneArg(future, state->name_set_result, result)
                       : PyObject_CallMethodOneArg(future, state->name_set_exception, exception);
    Py_XDECREF(settled);
    if (settled != NULL)
        return 0;
    return report_exception(loop, "A socket operation's future cannot be settled", "future", future,
                            NULL, NULL);
}

/* The program waits for it no more: the coroutine is about to stop it. */
static bool is_cancelled(const operation_object *operation)
{
    if (operation->future == NULL)
        return true;
    PyObject *done =
        PyObject_CallMethodNoArgs(operation->future, operation->loop->state->name_done);
    bool is_true = done == Py_True;
    Py_XDECREF(done);
    if (done == NULL)
        PyErr_Clear();
    return is_true;
}

static int number_of(loop_object *loop, PyObject *socket, int *ret_fd)
{
    PyObject *number = PyObject_CallMethodNoArgs(socket, loop->state->name_fileno);
    long fd = number == NULL ? -1 : PyLong_AsLong(number);
    Py_XDECREF(number);
    if (fd == -1 && PyErr_Occurred())
        return -1;
    *ret_fd = fd > INT_MAX || fd < 0 ? -1 : (int)fd;
    return 0;
}

/* The socket may have been closed meanwhile, and its number may be another one's, or a
 * transport's. 0, or -1 with an exception. */
static int check_descriptor(operation_object *operation)
{
    const struct request *request = &operation->request;
    int fd;
    if (number_of(operation->loop, request->socket, &fd) < 0)
        return -1;
    if (fd == request->fd)
        return descriptor_check_free(operation->loop, fd);
    errno = EBADF;
    (void)PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

/* An attempt had a RESULT, or an EXCEPTION. */
static int operation_end(operation_object *operation, PyObject *result, PyObject *exception)
{
    if (is_cancelled(operation))
        return 0;
    PyObject *future = Py_NewRef(operation->future);
    waiter_stop(operation->loop, &operation->waiter);
    int rc = settle(operation->loop, future, result, exception);
    Py_DECREF(future);
    return rc;
}

static int operation_run(struct work *work)
{
    operation_object *operation = (operation_object *)work->owner;
    if (is_cancelled(operation))
        return 0;
    PyObject *result = NULL;
    if (check_descriptor(operation) == 0)
        result = operation->request.try(&operation->request); /* may run a program's code */
    bool has_failed = PyErr_Occurred() != NULL;
    if (has_failed && report_must_end_run())
        return -1;
    PyObject *exception = has_failed ? PyErr_GetRaisedException() : NULL;
    int rc = 0; /* it goes on waiting */
    if (result != NULL || exception != NULL)
        rc = operation_end(operation, result, exception);
    Py_XDECREF(result);
    Py_XDECREF(exception);
    return rc;
}

static void request_release(struct request *request)
{
    if (request->data.obj != NULL)
        PyBuffer_Release(&request->data);
}

static PyObject *operation_new(loop_object *loop, const struct request *request)
{
    PyTypeObject *type = (PyTypeObject *)loop->state->SocketOperation;
    operation_object *operation = (operation_object *)type->tp_alloc(type, 0);
    if (operation == NULL)
        return NULL;
    waiter_init(&operation->waiter, (PyObject *)operation, operation_run);
    operation->loop = (loop_object *)Py_NewRef(loop);
    operation->request = *request;
    operation->request.data.obj = NULL; /* the caller's, until nothing can fail */
    Py_INCREF(request->socket);
    Py_XINCREF(request->subject);
    Py_XINCREF(request->arguments);
    operation->future =
        PyObject_CallMethodNoArgs((PyObject *)loop, loop->state->name_create_future);
    if (operation->future == NULL ||
        waiter_start(loop, &operation->waiter, request->fd, request->direction) < 0) {
        Py_DECREF(operation);
        return NULL;
    }
    operation->request.data = request->data;
    return (PyObject *)operation;
}

/* Waits for its turn; takes over request->data. */
static PyObject *request_wait(loop_object *loop, struct request *request)
{
    PyObject *operation = NULL;
    if (descriptor_check_free(loop, request->fd) == 0 && loop_check_closed(loop) == 0)
        operation = operation_new(loop, request);
    if (operation == NULL)
        request_release(request);
    return operation;
}

/* Tries at once, unless others were first. */
static PyObject *request_start(loop_object *loop, struct request *request)
{
    if (!readers_are_waited_for(loop, request->fd, request->direction)) {
        PyObject *result = request->try(request);
        if (result != NULL || PyErr_Occurred()) {
            request_release(request);
            return result;
        }
    }
    return request_wait(loop, request);
}

/* ---- what Python calls ---- */

/* Sets fd; refuses what sock_recv and its like refuse. */
static int request_check(loop_object *loop, struct request *request)
{
    if (loop->debug || (PyObject *)Py_TYPE(request->socket) != loop->state->Socket) {
        PyObject *checked =
            call_python("sockets", "check_socket", "(OO)", (PyObject *)loop, request->socket);
        Py_XDECREF(checked);
        if (checked == NULL)
            return -1;
    }
    return number_of(loop, request->socket, &request->fd);
}

static int check_count(const char *method, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most)
{
    if (count >= least && count <= most)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s() got %zd arguments", method, count);
    return -1;
}

/* METHOD of a socket that is not socket.socket itself, which may do it in its own way. */
static PyObject *call_method(loop_object *loop, struct request *request, const char *method,
                             PyObject *argument)
{
    PyObject *result = NULL;
    request->try = try_function;
    request->subject = PyUnicode_FromString(method);
    request->arguments = request->subject == NULL ? NULL : PyTuple_Pack(1, argument);
    if (request->arguments != NULL)
        result = request_start(loop, request);
    Py_XDECREF(request->arguments);
    Py_XDECREF(request->subject);
    return result;
}

static bool is_plain(const loop_object *loop, const struct request *request)
{
    return (PyObject *)Py_TYPE(request->socket) == loop->state->Socket;
}

PyObject *loop_receive(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    loop_object *loop = (loop_object *)self;
    if (check_count("_receive", count, 2, 2) < 0)
        return NULL;
    struct request request = {
        .try = try_receive, .socket = args[0], .direction = HOOP_READABLE, .data.obj = NULL};
    if (request_check(loop, &request) < 0)
        return NULL;
    if (!is_plain(loop, &request))
        return call_method(loop, &request, "recv", args[1]);
    request.size = PyNumber_AsSsize_t(args[1], PyExc_OverflowError);
    if (request.size == -1 && PyErr_Occurred())
        return NULL;
    if (request.size < 0) {
        PyErr_SetString(PyExc_ValueError, "negative buffersize in recv");
        return NULL;
    }
    return request_start(loop, &request);
}

PyObject *loop_receive_into(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    loop_object *loop = (loop_object *)self;
    if (check_count("_receive_into", count, 2, 2) < 0)
        return NULL;
    struct request request = {.try = try_receive_into,
                              .socket = args[0],
                              .direction = HOOP_READABLE,
                              .subject = args[1],
                              .data.obj = NULL};
    if (request_check(loop, &request) < 0)
        return NULL;
    if (!is_plain(loop, &request))
        return call_method(loop, &request, "recv_into", args[1]);
    return request_start(loop, &request);
}

PyObject *loop_send_all(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    loop_object *loop = (loop_object *)self;
    if (check_count("_send_all", count, 2, 2) < 0)
        return NULL;
    struct request request = {.try = try_send, .socket = args[0], .direction = HOOP_WRITABLE};
    if (request_check(loop, &request) < 0)
        return NULL;
    if (!is_plain(loop, &request))
        return call_python("sockets", "send_all", "(OOO)", self, args[0], args[1]);
    if (PyObject_GetBuffer(args[1], &request.data, PyBUF_SIMPLE) < 0)
        return NULL;
    return request_start(loop, &request);
}

/* start(sock, writes, function, *args) */
static PyObject *call_function(PyObject *self, PyObject *const *args, Py_ssize_t count,
                               PyObject *(*start)(loop_object *, struct request *))
{
    loop_object *loop = (loop_object *)self;
    if (check_count("_attempt", count, 3, PY_SSIZE_T_MAX) < 0)
        return NULL;
    struct request request = {
        .try = try_function,
        .socket = args[0],
        .direction = args[1] == Py_True ? HOOP_WRITABLE : HOOP_READABLE,
        .subject = args[2],
    };
    if (request_check(loop, &request) < 0)
        return NULL;
    request.arguments = PyTuple_New(count - 3);
    if (request.arguments == NULL)
        return NULL;
    for (Py_ssize_t i = 3; i < count; i++)
        PyTuple_SET_ITEM(request.arguments, i - 3, Py_NewRef(args[i]));
    PyObject *result = start(loop, &request);
    Py_DECREF(request.arguments);
    return result;
}

PyObject *loop_attempt(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return call_function(self, args, count, request_start);
}

PyObject *loop_retry(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return call_function(self, args, count, request_wait);
}

/* ---- the type ---- */

static PyObject *operation_stop(PyObject *self, PyObject *unused)
{
    operation_object *operation = (operation_object *)self;
    (void)unused;
    waiter_stop(operation->loop, &operation->waiter);
    Py_CLEAR(operation->future);
    Py_RETURN_NONE;
}

static int operation_traverse(PyObject *self, visitproc visit, void *arg)
{
    operation_object *operation = (operation_object *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(operation->loop);
    Py_VISIT(operation->future);
    Py_VISIT(operation->request.socket);
    Py_VISIT(operation->request.subject);
    Py_VISIT(operation->request.arguments);
    Py_VISIT(operation->request.data.obj);
    return 0;
}

/* The loop stays: the queue it waits on needs it. */
static int operation_clear(PyObject *self)
{
    operation_object *operation = (operation_object *)self;
    Py_CLEAR(operation->future);
    Py_CLEAR(operation->request.socket);
    Py_CLEAR(operation->request.subject);
    Py_CLEAR(operation->request.arguments);
    request_release(&operation->request);
    return 0;
}

static void operation_dealloc(PyObject *self)
{
    operation_object *operation = (operation_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self); /* nobody waits: the queue would have a reference */
    (void)operation_clear(self);
    Py_CLEAR(operation->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef operation_methods[] = {
    {"stop", operation_stop, METH_NOARGS,
     "stop($self, /)\n--\n\nWaits no more. To be called when the future was awaited."},
    {0},
};

static PyMemberDef operation_members[] = {
    {"future", T_OBJECT, offsetof(operation_object, future), READONLY, "Of its result."},
    {0},
};

static PyType_Slot operation_slots[] = {
    {Py_tp_doc, "An operation on a socket that waits until the socket is ready."},
    {Py_tp_dealloc, operation_dealloc},
    {Py_tp_traverse, operation_traverse},
    {Py_tp_clear, operation_clear},
    {Py_tp_methods, operation_methods},
    {Py_tp_members, operation_members},
    {0, NULL},
};

PyType_Spec socket_operation_spec = {
    .name = "hoop._core.SocketOperation",
    .basicsize = sizeof(operation_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = operation_slots,
};
