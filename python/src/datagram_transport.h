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

#include "transport.h"

/* One that the kernel has not taken yet. */
struct outgoing_datagram {
    hoop_link link;    /* on datagram_transport.outgoing */
    PyObject *bytes;   /* owned: exact */
    PyObject *address; /* owned: where to; or NULL */
};

struct datagram_transport {
    struct transport base; /* its file is a socket.socket; flow control counts outgoing_size */
    PyObject *address;     /* owned: the only one that is sent to; or NULL, each call says where */
    hoop_link outgoing;    /* outgoing_datagram.link */
    size_t outgoing_size;  /* bytes, as flow control counts them */
    hoop_timer retry; /* tries again to send: there are sockets of which the kernel does not tell */
    char *room;       /* owned: for a datagram that is received; NULL before the first one */
    int family;
    bool is_connected; /* the socket: it knows where to send */
    bool is_blocked;   /* the kernel had no room: news, or the timer, will say otherwise */
};

extern PyType_Spec datagram_transport_spec;

static inline struct datagram_transport *datagram_transport_of(PyObject *self)
{
    return (struct datagram_transport *)(void *)self;
}

/* ---- life: 0, or -1 with an exception that is the caller's to raise ---- */

int datagram_transport_close(struct datagram_transport *transport);
/* Queues io if there is something to do. */
void datagram_transport_continue(struct datagram_transport *transport);

PyObject *datagram_transport_new(PyTypeObject *type, PyObject *args, PyObject *keywords);
int datagram_transport_traverse(PyObject *self, visitproc visit, void *arg);

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
