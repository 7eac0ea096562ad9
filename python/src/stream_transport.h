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

#include "batch.h"
#include "loop.h"
#include "outgoing.h"
#include "protocol.h"

/* asyncio's: the protocol is paused when more than so many bytes wait. */
enum { STREAM_TRANSPORT_HIGH_WATER = 64 * 1024 };

struct stream_transport {
    PyObject_HEAD
    PyObject *asyncio_slots[1]; /* room for those of asyncio.Transport; not used */
    loop_object *loop;          /* owned, until the object ends */
    PyObject *sock;             /* owned: a socket.socket; NULL once it is closed */
    PyObject *server;           /* owned: told when the connection is lost; or NULL */
    PyObject *waiter;           /* owned: a future, until the protocol has been told; or NULL */
    PyObject *empty_waiter;     /* owned: a future for outgoing to be empty (sendfile); or NULL */
    PyObject *extra;            /* owned: a dict, for get_extra_info */
    PyObject *context;          /* owned: the contextvars.Context that the protocol is called in */
    PyObject *lost_with;        /* owned: what to tell connection_lost; NULL for None */
    PyObject *dict;             /* owned: the program's attributes, or NULL */
    PyObject *weak_references;
    struct protocol protocol;
    struct outgoing outgoing;
    size_t high_water, low_water; /* of outgoing: where the protocol is paused and resumed */
    hoop_watch watch;
    int fd;
    struct work start;     /* tells the protocol of the connection, then reads */
    struct work io;        /* queued while something can be read or written */
    struct work lost;      /* tells the protocol of the end, and closes the socket */
    size_t read_size;      /* how much the next read asks for */
    unsigned conn_lost;    /* 0 until the end is certain: then nothing is sent any more */
    bool protocol_is_told; /* of the connection: connection_made has been called */
    bool is_tcp;
    bool started;         /* it may read */
    bool paused;          /* pause_reading() */
    bool at_eof;          /* the other end has said that no more comes */
    bool closing;         /* close() or abort() was called, or it failed */
    bool eof;             /* write_eof() was called */
    bool protocol_paused; /* pause_writing() was called */
};

extern PyType_Spec stream_transport_spec;

/* ---- life: 0, or -1 with an exception that is the caller's to raise ---- */

int stream_transport_close(struct stream_transport *transport);
/* At once, with EXCEPTION for connection_lost, or NULL. */
int stream_transport_force_close(struct stream_transport *transport, PyObject *exception);
/* The pending exception ends the connection: it is reported with MESSAGE, or if it is an OSError,
 * logged in debug mode. Nothing but SystemExit and KeyboardInterrupt is left pending, in this
 * case -1. */
int stream_transport_fail(struct stream_transport *transport, const char *message);
/* The end, now: called by the queue. */
int stream_transport_lose(struct stream_transport *transport);
/* Queues io if there is something to do. */
void stream_transport_continue(struct stream_transport *transport);
/* Its descriptor becomes the transport's, and is watched. */
int stream_transport_take_descriptor(struct stream_transport *transport);
/* Debug mode: logs that the transport MESSAGE ("pauses reading"). */
int stream_transport_log(struct stream_transport *transport, const char *message);

PyObject *stream_transport_new(PyTypeObject *type, PyObject *args, PyObject *keywords);
int stream_transport_init(PyObject *self, PyObject *args, PyObject *keywords);
int stream_transport_traverse(PyObject *self, visitproc visit, void *arg);
int stream_transport_clear(PyObject *self);
void stream_transport_finalize(PyObject *self);
void stream_transport_dealloc(PyObject *self);

/* ---- reading ---- */

/* It wants to read. */
static inline bool stream_transport_is_reading(const struct stream_transport *transport)
{
    return !transport->closing && !transport->paused;
}

/* Something can be read: one system call, and the protocol is told. 0, or -1 with SystemExit or
 * KeyboardInterrupt. */
int stream_transport_read(struct stream_transport *transport);

/* ---- writing ---- */

/* Something waits and the kernel takes more. 0, or -1 as above. */
int stream_transport_flush(struct stream_transport *transport);
/* Calls pause_writing if so much waits. 0, or -1 as above. */
int stream_transport_pause_protocol(struct stream_transport *transport);
/* The empty waiter fails with EXCEPTION, unless it is done. 0, or -1 with an exception. */
int stream_transport_fail_empty_waiter(struct stream_transport *transport, PyObject *exception);

PyObject *stream_transport_write(PyObject *self, PyObject *data);
PyObject *stream_transport_writelines(PyObject *self, PyObject *list);
PyObject *stream_transport_write_eof(PyObject *self, PyObject *unused);
PyObject *stream_transport_make_empty_waiter(PyObject *self, PyObject *unused);

#endif
