/* SPDX-License-Identifier: MIT
 *
 * The way from a stream transport to its protocol. What kind of protocol it is, one that takes
 * bytes objects (asyncio.Protocol) or one that lends a buffer (asyncio.BufferedProtocol), is
 * found out when it is set, as asyncio does. Its methods are looked up at each call, so that a program
 * may replace them; the call itself makes no object.
 *
 * A protocol that is written in C has a kind of its own: its functions get the bytes with no
 * Python call in between.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include "module.h"

/* How protocols of one kind take what was received. All return 0, or -1 with an exception, and
 * may do anything to the transport, but for setting free the protocol they are called with. */
struct protocol_kind {
    /* One written in C: these bytes were received, and are gone after the call. NULL for the others. */
    int (*take)(struct core_state *state, PyObject *protocol, const char *data, size_t length);
    /* NULL: it has no buffer, and takes bytes objects. */
    int (*get_buffer)(struct core_state *state, PyObject *protocol, Py_buffer *ret_buffer);
    /* So many bytes are in the buffer that get_buffer lent; it is released already. */
    int (*buffer_updated)(struct core_state *state, PyObject *protocol, Py_ssize_t count);
};

struct protocol {
    PyObject *object; /* owned; NULL once the connection is lost */
    const struct protocol_kind *kind;
};

/* 0, or -1 with an exception and the old protocol stays. May drop the last reference to it. */
int protocol_set(struct protocol *protocol, struct core_state *state, PyObject *object);

/* object.NAME(ARGUMENT), or without an argument if that is NULL; None without an object. A new
 * reference, or NULL with an exception. Here, because it is part of each message. */
static inline PyObject *protocol_call(const struct protocol *protocol, PyObject *name,
                                      PyObject *argument)
{
    if (protocol->object == NULL)
        Py_RETURN_NONE;
    /* The method may set another protocol. */
    PyObject *object = Py_NewRef(protocol->object);
    PyObject *result = argument == NULL ? PyObject_CallMethodNoArgs(object, name)
                                        : PyObject_CallMethodOneArg(object, name, argument);
    Py_DECREF(object);
    return result;
}

#endif
