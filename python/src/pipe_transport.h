/* SPDX-License-Identifier: MIT
 *
 * The transports of pipes, and of sockets and devices that are used like them: one that reads,
 * one that writes, as asyncio's. Its descriptor may be shared with other processes (a terminal), so
 * it is watched level-triggered, and only for what is wanted: while it is, the loop keeps the
 * transport alive.
 *
 * pipe_transport.c has what both have in common and pipe_transport_python.c what Python sees of
 * that, read_pipe.c and write_pipe.c the two.
 */
#ifndef PIPE_TRANSPORT_H
#define PIPE_TRANSPORT_H

#include "batch.h"
#include "flow_control.h"
#include "loop.h"
#include "outgoing.h"

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
    PyObject_HEAD
    PyObject *asyncio_slots[1]; /* room for those of asyncio.BaseTransport; not used */
    const struct pipe_kind *kind;
    loop_object *loop;   /* owned, until the object ends */
    PyObject *pipe;      /* owned: a file object; NULL once it is closed */
    PyObject *protocol;  /* owned; NULL once the connection is lost */
    PyObject *waiter;    /* owned: a future, until the protocol has been told; or NULL */
    PyObject *extra;     /* owned: a dict, for get_extra_info */
    PyObject *context;   /* owned: the contextvars.Context that the protocol is called in */
    PyObject *lost_with; /* owned: what to tell connection_lost; NULL for None */
    PyObject *dict;      /* owned: the program's attributes, or NULL */
    PyObject *weak_references;
    hoop_watch watch; /* of fd, or of a copy of it if the loop watches that for somebody else */
    unsigned events;  /* that are to be served */
    int fd;
    bool is_fifo, is_socket;
    bool is_watched;      /* kept alive by the table of descriptors */
    bool is_always_ready; /* the kernel cannot watch it: /dev/zero */
    bool started;         /* the protocol knows of it */
    bool closing;
    bool paused;              /* reading: pause_reading() */
    bool at_eof;              /* reading: the protocol is to be told first */
    unsigned conn_lost;       /* writing: nothing is written any more */
    struct work start;        /* tells the protocol of the connection */
    struct work io;           /* queued while there are events */
    struct work lost;         /* tells the protocol of the end, and closes the pipe */
    struct outgoing outgoing; /* writing */
    struct flow_control flow; /* writing */
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
/* The pending exception ends it: it is reported with MESSAGE, or if IS_USUAL logged in debug mode.
 * 0, or -1 with SystemExit or KeyboardInterrupt. */
int pipe_transport_fail(struct pipe_transport *transport, const char *message, bool is_usual);
/* The end, now. 0, or -1 as above. */
int pipe_transport_lose(struct pipe_transport *transport);
/* protocol.NAME(ARGUMENT), or without one if that is NULL; what it raises is reported. 0, or -1 as
 * above. */
int pipe_transport_tell(struct pipe_transport *transport, PyObject *name, PyObject *argument);
/* Debug mode: logs what happens to it. 0, or -1 with an exception. */
int pipe_transport_log(struct pipe_transport *transport, const char *what);
PyObject *pipe_transport_represent(struct pipe_transport *transport, const char *more);

/* ---- what both types are made of ---- */

int pipe_transport_init(PyObject *self, PyObject *args, PyObject *keywords);
int pipe_transport_traverse(PyObject *self, visitproc visit, void *arg);
int pipe_transport_clear(PyObject *self);
void pipe_transport_finalize(PyObject *self);
void pipe_transport_dealloc(PyObject *self);
PyObject *pipe_transport_is_closing(PyObject *self, PyObject *unused);
PyObject *pipe_transport_set_protocol(PyObject *self, PyObject *protocol);
PyObject *pipe_transport_get_protocol(PyObject *self, PyObject *unused);
PyObject *pipe_transport_get_extra_info(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *pipe_transport_get_loop(PyObject *self, void *closure);
PyObject *pipe_transport_get_pipe(PyObject *self, void *closure);
/* To None: the transport lets go of it, unclosed. */
int pipe_transport_set_pipe(PyObject *self, PyObject *pipe, void *closure);

#define PIPE_TRANSPORT_METHODS \
    {"is_closing", pipe_transport_is_closing, METH_NOARGS, \
     "is_closing($self, /)\n--\n\nWhether it is closed, or about to be."}, \
        {"set_protocol", pipe_transport_set_protocol, METH_O, \
         "set_protocol($self, protocol, /)\n--\n\nWhat happens from now on is for this " \
         "protocol."}, \
        {"get_protocol", pipe_transport_get_protocol, METH_NOARGS, \
         "get_protocol($self, /)\n--\n\nThe protocol; None once the connection is lost."}, \
    { \
        "get_extra_info", (PyCFunction)(void *)pipe_transport_get_extra_info, \
            METH_VARARGS | METH_KEYWORDS, \
            "get_extra_info($self, /, name, default=None)\n--\n\n\"pipe\": the file object." \
    }

#define PIPE_TRANSPORT_MEMBERS \
    {"__dictoffset__", T_PYSSIZET, offsetof(struct pipe_transport, dict), READONLY, NULL}, \
        {"__weaklistoffset__", T_PYSSIZET, offsetof(struct pipe_transport, weak_references), \
         READONLY, NULL}, \
        {"_extra", T_OBJECT, offsetof(struct pipe_transport, extra), READONLY, NULL}, \
        {"_fileno", T_INT, offsetof(struct pipe_transport, fd), READONLY, NULL}, \
    { \
        "_closing", T_BOOL, offsetof(struct pipe_transport, closing), READONLY, NULL \
    }

#define PIPE_TRANSPORT_ATTRIBUTES \
    {.name = "__dict__", .get = PyObject_GenericGetDict, .set = PyObject_GenericSetDict}, \
        {.name = "_pipe", \
         .get = pipe_transport_get_pipe, \
         .set = pipe_transport_set_pipe, \
         .doc = "The file object; None once it is closed."}, \
    { \
        .name = "_loop", .get = pipe_transport_get_loop, \
        .doc = "The loop; None once the connection is lost." \
    }

#define PIPE_TRANSPORT_SLOTS \
    {Py_tp_init, pipe_transport_init}, {Py_tp_dealloc, pipe_transport_dealloc}, \
        {Py_tp_finalize, pipe_transport_finalize}, {Py_tp_traverse, pipe_transport_traverse}, \
    { \
        Py_tp_clear, pipe_transport_clear \
    }

#endif
