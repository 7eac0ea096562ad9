/* SPDX-License-Identifier: MIT
 *
 * The TLS engine of one connection.
 */
#include "tls_engine.h"

#include <string.h>

enum { PIECE_MAX = 256 * 1024 }; /* of plain data, at once */

/* ---- life ---- */

static int take_method(PyObject **member, PyObject *object, const char *name)
{
    *member = PyObject_GetAttrString(object, name);
    return *member == NULL ? -1 : 0;
}

int tls_engine_init(struct tls_engine *engine, struct core_state *state, PyObject *sslcontext,
                    PyObject *server_side, PyObject *server_hostname)
{
    *engine = (struct tls_engine){.state = state};
    PyObject *made =
        call_python("tls", "engine", "(OOO)", sslcontext, server_side, server_hostname);
    if (made == NULL)
        return -1;
    int is_stock = 0;
    int ok =
        PyArg_ParseTuple(made, "OOOpOOO", &engine->incoming, &engine->outgoing, &engine->object,
                         &is_stock, &engine->read, &engine->write, &engine->pending);
    if (ok) {
        Py_INCREF(engine->incoming);
        Py_INCREF(engine->outgoing);
        Py_INCREF(engine->object);
        Py_INCREF(engine->read);
        Py_INCREF(engine->write);
        Py_INCREF(engine->pending);
    }
    Py_DECREF(made);
    if (!ok)
        return -1;
    engine->is_stock = is_stock != 0;
    engine->records.blind = !engine->is_stock; /* who knows what it keeps back */
    if (take_method(&engine->feed, engine->incoming, "write") < 0)
        return -1;
    return take_method(&engine->drain, engine->outgoing, "read");
}

int tls_engine_traverse(struct tls_engine *engine, visitproc visit, void *arg)
{
    Py_VISIT(engine->object);
    Py_VISIT(engine->incoming);
    Py_VISIT(engine->outgoing);
    Py_VISIT(engine->feed);
    Py_VISIT(engine->drain);
    Py_VISIT(engine->read);
    Py_VISIT(engine->write);
    Py_VISIT(engine->pending);
    return 0;
}

void tls_engine_clear(struct tls_engine *engine)
{
    Py_CLEAR(engine->object);
    Py_CLEAR(engine->incoming);
    Py_CLEAR(engine->outgoing);
    Py_CLEAR(engine->feed);
    Py_CLEAR(engine->drain);
    Py_CLEAR(engine->read);
    Py_CLEAR(engine->write);
    Py_CLEAR(engine->pending);
}

/* ---- what the engine's exceptions mean ---- */

/* The pending exception only says that the peer must be heard first, and is gone. */
static bool is_again(struct tls_engine *engine)
{
    if (!PyErr_ExceptionMatches(engine->state->TlsAgainErrors))
        return false;
    PyErr_Clear();
    return true;
}

/* A read failed. 0: there is nothing to read; -1: it is an error. */
static int read_failed(struct tls_engine *engine)
{
    if (is_again(engine)) {
        tls_records_drained(&engine->records);
        return 0;
    }
    if (!PyErr_ExceptionMatches(engine->state->TlsClosedErrors))
        return -1;
    PyErr_Clear();
    engine->is_ended = true;
    return 0;
}

static Py_ssize_t size_of(PyObject *number)
{
    if (number == NULL)
        return -1;
    Py_ssize_t size = PyLong_AsSsize_t(number);
    Py_DECREF(number);
    return size;
}

/* ---- from the peer to the program ---- */

int tls_engine_feed(struct tls_engine *engine, const char *data, size_t length)
{
    PyObject *view = PyMemoryView_FromMemory((char *)data, (Py_ssize_t)length, PyBUF_READ);
    PyObject *result = view == NULL ? NULL : PyObject_CallOneArg(engine->feed, view);
    Py_XDECREF(view);
    if (result == NULL)
        return -1;
    Py_DECREF(result);
    tls_records_feed(&engine->records, data, length);
    return 0;
}

/* COUNT bytes were read where ROOM would have been. 0, or -1 with an exception. */
static int account(struct tls_engine *engine, size_t count, size_t room)
{
    bool is_record_read = true;
    if (count == room && engine->is_stock) {
        Py_ssize_t rest = size_of(PyObject_CallNoArgs(engine->pending));
        if (rest < 0)
            return -1;
        is_record_read = rest == 0;
    }
    tls_records_take(&engine->records, count, is_record_read);
    return 0;
}

/* What a read of ROOM bytes returned: takes it over. Bytes that are not empty, or NULL. */
static PyObject *accept_bytes(struct tls_engine *engine, PyObject *data, size_t room)
{
    if (data == NULL) {
        (void)read_failed(engine);
        return NULL;
    }
    if (!PyBytes_Check(data) || (size_t)PyBytes_GET_SIZE(data) > room) {
        PyErr_Format(PyExc_TypeError, "read() of the SSL object returned %.100s, not as many bytes",
                     Py_TYPE(data)->tp_name);
        Py_DECREF(data);
        return NULL;
    }
    if (PyBytes_GET_SIZE(data) == 0)
        engine->is_ended = true;
    else if (account(engine, (size_t)PyBytes_GET_SIZE(data), room) == 0)
        return data;
    Py_DECREF(data);
    return NULL;
}

static PyObject *read_bytes(struct tls_engine *engine, size_t room)
{
    PyObject *size = PyLong_FromSize_t(room);
    if (size == NULL)
        return NULL;
    PyObject *data = PyObject_CallOneArg(engine->read, size);
    Py_DECREF(size);
    return accept_bytes(engine, data, room);
}

/* One read into a BUFFER that only the stock object may see, as it forgets it. As read_into. */
static Py_ssize_t read_record(struct tls_engine *engine, char *buffer, size_t room)
{
    PyObject *view = PyMemoryView_FromMemory(buffer, (Py_ssize_t)room, PyBUF_WRITE);
    PyObject *size = view == NULL ? NULL : PyLong_FromSize_t(room);
    PyObject *result = NULL;
    if (size != NULL)
        result = PyObject_CallFunctionObjArgs(engine->read, size, view, NULL);
    Py_XDECREF(size);
    Py_XDECREF(view);
    if (result == NULL)
        return read_failed(engine);
    Py_ssize_t count = size_of(result);
    if (count == 0)
        engine->is_ended = true;
    if (count > 0 && account(engine, (size_t)count, room) < 0)
        return -1;
    return count;
}

static Py_ssize_t read_copied(struct tls_engine *engine, char *buffer, size_t room)
{
    PyObject *data = read_bytes(engine, room);
    if (data == NULL)
        return PyErr_Occurred() ? -1 : 0;
    Py_ssize_t count = PyBytes_GET_SIZE(data);
    memcpy(buffer, PyBytes_AS_STRING(data), (size_t)count);
    Py_DECREF(data);
    return count;
}

static bool may_read(const struct tls_engine *engine)
{
    return engine->records.whole > 0 && !engine->is_ended;
}

Py_ssize_t tls_engine_read_into(struct tls_engine *engine, char *buffer, size_t room)
{
    size_t have = 0;
    while (have < room && may_read(engine)) {
        Py_ssize_t count = engine->is_stock ? read_record(engine, buffer + have, room - have)
                                            : read_copied(engine, buffer + have, room - have);
        if (count < 0)
            return -1;
        have += (size_t)count;
    }
    return (Py_ssize_t)have;
}

/* Several records into one piece, without an object for each. */
static PyObject *read_piece(struct tls_engine *engine, size_t room)
{
    PyObject *data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room);
    if (data == NULL)
        return NULL;
    Py_ssize_t count = tls_engine_read_into(engine, PyBytes_AS_STRING(data), room);
    if (count <= 0)
        Py_CLEAR(data);
    else
        (void)_PyBytes_Resize(&data, count);
    return data;
}

PyObject *tls_engine_read(struct tls_engine *engine)
{
    if (!may_read(engine))
        return NULL;
    size_t room = engine->records.bytes > 0 ? engine->records.bytes : 1;
    if (engine->records.whole > 1 && engine->is_stock)
        return read_piece(engine, room < PIECE_MAX ? room : PIECE_MAX);
    return read_bytes(engine, room < TLS_PLAIN_MAX ? room : TLS_PLAIN_MAX);
}

int tls_engine_discard(struct tls_engine *engine)
{
    for (;;) {
        PyObject *data = tls_engine_read(engine);
        if (data == NULL)
            return PyErr_Occurred() ? -1 : 0;
        Py_DECREF(data);
    }
}

/* ---- from the program to the peer ---- */

Py_ssize_t tls_engine_write(struct tls_engine *engine, PyObject *data)
{
    PyObject *result = PyObject_CallOneArg(engine->write, data);
    if (result == NULL)
        return is_again(engine) ? 0 : -1;
    return size_of(result);
}

PyObject *tls_engine_drain(struct tls_engine *engine)
{
    if (engine->drain == NULL)
        return PyBytes_FromStringAndSize(NULL, 0); /* cleared already */
    PyObject *data = PyObject_CallNoArgs(engine->drain);
    if (data != NULL && !PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "a MemoryBIO gave no bytes");
        Py_CLEAR(data);
    }
    return data;
}

static Py_ssize_t buffered(struct tls_engine *engine, PyObject *bio)
{
    return bio == NULL ? 0 : size_of(PyObject_GetAttr(bio, engine->state->name_pending));
}

Py_ssize_t tls_engine_incoming(struct tls_engine *engine)
{
    return buffered(engine, engine->incoming);
}

Py_ssize_t tls_engine_outgoing(struct tls_engine *engine)
{
    return buffered(engine, engine->outgoing);
}

/* ---- handshake and shutdown ---- */

int tls_engine_settle(struct tls_engine *engine)
{
    Py_ssize_t rest = tls_engine_incoming(engine);
    if (rest == 0)
        tls_records_drained(&engine->records);
    return rest < 0 ? -1 : 0;
}

int tls_engine_step(struct tls_engine *engine, const char *name)
{
    PyObject *result = PyObject_CallMethod(engine->object, name, NULL);
    if (result == NULL)
        return is_again(engine) ? 0 : -1;
    Py_DECREF(result);
    return 1;
}
