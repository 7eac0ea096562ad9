/* SPDX-License-Identifier: MIT
 *
 * The transport of a connected TCP or Unix socket, as asyncio's: it calls its protocol, and
 * never waits. Its descriptor is registered once, edge-triggered; what is to be done is done by the
 * loop's queue, in order with the callbacks.
 *
 * stream_transport.c has its life, stream_transport_read.c and _write.c the two directions,
 * stream_transport_python.c what Python sees.
 */
#ifndef STREAM_TRANSPORT_H
#define STREAM_TRANSPORT_H

#include "outgoing.h"
#include "transport.h"

struct stream_transport {
    struct transport base;  /* its file is a socket.socket */
    PyObject *server;       /* owned: told when the connection is lost; or NULL */
    PyObject *empty_waiter; /* owned: a future for outgoing to be empty (sendfile); or NULL */
    struct outgoing outgoing;
    size_t read_size; /* how much the next read asks for */
    bool is_tcp;
    bool at_eof; /* the other end has said that no more comes */
    bool eof;    /* write_eof() was called */
};

extern PyType_Spec stream_transport_spec;

static inline struct stream_transport *stream_transport_of(PyObject *self)
{
    return (struct stream_transport *)(void *)self;
}

/* ---- life: 0, or -1 with an exception that is the caller's to raise ---- */

int stream_transport_close(struct stream_transport *transport);
/* Queues io if there is something to do. */
void stream_transport_continue(struct stream_transport *transport);

PyObject *stream_transport_new(PyTypeObject *type, PyObject *args, PyObject *keywords);
int stream_transport_traverse(PyObject *self, visitproc visit, void *arg);

/* ---- reading ---- */

/* Something can be read: one system call, and the protocol is told. 0, or -1 with SystemExit or
 * KeyboardInterrupt. */
int stream_transport_read(struct stream_transport *transport);

/* ---- writing ---- */

/* Something waits and the kernel takes more. 0, or -1 as above. */
int stream_transport_flush(struct stream_transport *transport);
/* The empty waiter fails with EXCEPTION, unless it is done. 0, or -1 with an exception. */
int stream_transport_fail_empty_waiter(struct stream_transport *transport, PyObject *exception);

PyObject *stream_transport_write(PyObject *self, PyObject *data);
PyObject *stream_transport_writelines(PyObject *self, PyObject *lines);
PyObject *stream_transport_write_eof(PyObject *self, PyObject *unused);
PyObject *stream_transport_make_empty_waiter(PyObject *self, PyObject *unused);

#endif
