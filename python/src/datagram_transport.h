/* SPDX-License-Identifier: MIT
 *
 * The transport of a datagram socket, as asyncio's: it tells its protocol of each datagram that
 * comes, and of errors, and never waits to send one. Its descriptor is registered once,
 * edge-triggered; what is to be done is done by the loop's queue, in order with the callbacks.
 *
 * datagram_transport.c has its life, datagram_transport_io.c receiving and sending,
 * datagram_transport_python.c what Python sees.
 */
#ifndef DATAGRAM_TRANSPORT_H
#define DATAGRAM_TRANSPORT_H

#include "batch.h"
#include "flow_control.h"
#include "loop.h"

/* One that the kernel has not taken yet. */
struct outgoing_datagram {
    hoop_link link;    /* on datagram_transport.outgoing */
    PyObject *bytes;   /* owned: exact */
    PyObject *address; /* owned: where to; or NULL */
};

struct datagram_transport {
    PyObject_HEAD
    PyObject *asyncio_slots[1]; /* room for those of asyncio's base; not used */
    loop_object *loop;          /* owned, until the object ends */
    PyObject *sock;             /* owned: a socket.socket; NULL once it is closed */
    PyObject *protocol;         /* owned; NULL once connection_lost was called */
    PyObject *address;   /* owned: the only one that is sent to; or NULL, each call says where */
    PyObject *waiter;    /* owned: a future, until the protocol has been told; or NULL */
    PyObject *extra;     /* owned: a dict, for get_extra_info */
    PyObject *context;   /* owned: the contextvars.Context that the protocol is called in */
    PyObject *lost_with; /* owned: what to tell connection_lost; NULL for None */
    PyObject *dict;      /* owned: the program's attributes, or NULL */
    PyObject *weak_references;
    hoop_link outgoing;       /* outgoing_datagram.link */
    size_t outgoing_size;     /* bytes, as flow control counts them */
    struct flow_control flow; /* of outgoing_size */
    hoop_watch watch;
    hoop_timer retry; /* tries again to send: there are sockets of which the kernel does not tell */
    char *room;       /* owned: for a datagram that is received; NULL before the first one */
    int fd, family;
    struct work start;   /* tells the protocol of the transport, then receives */
    struct work io;      /* queued while something can be received or sent */
    struct work lost;    /* tells the protocol of the end, and closes the socket */
    unsigned conn_lost;  /* 0 until the end is certain */
    bool is_connected;   /* the socket: it knows where to send */
    bool protocol_knows; /* connection_made was called */
    bool started;        /* it may receive */
    bool is_blocked;     /* the kernel had no room: news, or the timer, will say otherwise */
    bool paused;         /* pause_reading() */
    bool closing;        /* close() or abort() was called, or it failed */
};

extern PyType_Spec datagram_transport_spec;

static inline struct datagram_transport *datagram_transport_of(PyObject *self)
{
    return (struct datagram_transport *)(void *)self;
}

static inline bool datagram_transport_is_reading(const struct datagram_transport *transport)
{
    return !transport->closing && !transport->paused;
}

/* ---- life: 0, or -1 with an exception that is the caller's to raise ---- */

int datagram_transport_close(struct datagram_transport *transport);
/* At once, with EXCEPTION for connection_lost, or NULL. */
int datagram_transport_force_close(struct datagram_transport *transport, PyObject *exception);
/* The pending exception ends it; it is reported with MESSAGE. 0, or -1 with SystemExit or
 * KeyboardInterrupt. */
int datagram_transport_fail(struct datagram_transport *transport, const char *message);
/* The end, now: called by the queue. */
int datagram_transport_lose(struct datagram_transport *transport);
/* Queues io if there is something to do. */
void datagram_transport_continue(struct datagram_transport *transport);

PyObject *datagram_transport_new(PyTypeObject *type, PyObject *args, PyObject *keywords);
int datagram_transport_init(PyObject *self, PyObject *args, PyObject *keywords);
int datagram_transport_traverse(PyObject *self, visitproc visit, void *arg);
int datagram_transport_clear(PyObject *self);
void datagram_transport_finalize(PyObject *self);
void datagram_transport_dealloc(PyObject *self);

/* ---- receiving and sending ---- */

bool datagram_transport_can_receive(const struct datagram_transport *transport);
bool datagram_transport_can_send(const struct datagram_transport *transport);
/* What there is, up to a bound. As work.run returns. */
int datagram_transport_receive(struct datagram_transport *transport);
/* What waits, as far as the kernel takes it. As work.run returns. */
int datagram_transport_flush(struct datagram_transport *transport);
void datagram_transport_drop_outgoing(struct datagram_transport *transport);
PyObject *datagram_transport_sendto(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                    PyObject *names);

#endif
