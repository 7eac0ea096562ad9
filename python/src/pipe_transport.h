/* SPDX-License-Identifier: MIT
 *
 * The transports of pipes, and of sockets and devices that are used like them: one that reads,
 * one that writes, as asyncio's. Its descriptor may be shared with other processes (a terminal), so
 * it is watched level-triggered, and only for what is wanted: while it is, the loop keeps the
 * transport alive.
 *
 * pipe_transport.c has what both have in common, read_pipe.c and write_pipe.c the two.
 */
#ifndef PIPE_TRANSPORT_H
#define PIPE_TRANSPORT_H

#include "outgoing.h"
#include "transport.h"

struct pipe_transport;

/* How the two differ. */
struct pipe_kind {
    const char *name;
    const char *refused; /* what is said of other files */
    /* What the kernel has to tell: HOOP_READABLE | HOOP_WRITABLE; 0: hang-ups only; -1: nothing. */
    int (*interest)(const struct pipe_transport *transport);
    /* The kernel told EVENTS. 0, or -1 with SystemExit or KeyboardInterrupt. */
    int (*serve)(struct pipe_transport *transport, unsigned events);
};

struct pipe_transport {
    struct transport base; /* its file is the pipe; its watch may be of a copy of fd, if the loop
                            * watches that for somebody else */
    const struct pipe_kind *kind;
    struct outgoing outgoing; /* writing */
    unsigned events;          /* that are to be served */
    bool is_fifo, is_socket;
    bool is_watched;      /* kept alive by the table of descriptors */
    bool is_always_ready; /* the kernel cannot watch it: /dev/zero */
    bool at_eof;          /* reading: the protocol is to be told first */
};

extern PyType_Spec read_pipe_transport_spec;
extern PyType_Spec write_pipe_transport_spec;

static inline struct pipe_transport *pipe_transport_of(PyObject *self)
{
    return (struct pipe_transport *)(void *)self;
}

/* ---- for both ---- */

PyObject *pipe_transport_new(PyTypeObject *type, PyObject *args, PyObject *keywords,
                             const struct pipe_kind *kind);
/* Tells the kernel what is wanted now. 0, or -1 with an exception. */
int pipe_transport_watch(struct pipe_transport *transport);
void pipe_transport_unwatch(struct pipe_transport *transport);
/* At once; connection_lost will get EXCEPTION, or None for NULL. 0, or -1 with an exception: the loop
 * is closed. */
int pipe_transport_close(struct pipe_transport *transport, PyObject *exception);
PyObject *pipe_transport_represent(struct pipe_transport *transport, const char *more);

/* ---- what both types are made of ---- */

/* To None: the transport lets go of it, unclosed. */
int pipe_transport_set_pipe(PyObject *self, PyObject *pipe, void *closure);

#define PIPE_TRANSPORT_MEMBERS \
    { \
        "_fileno", T_INT, offsetof(struct transport, fd), READONLY, NULL \
    }

#define PIPE_TRANSPORT_ATTRIBUTES \
    { \
        .name = "_pipe", .get = transport_get_file, .set = pipe_transport_set_pipe, \
        .doc = "The file object; None once it is closed." \
    }

#endif
