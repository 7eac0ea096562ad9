/* SPDX-License-Identifier: MIT
 *
 * What the transports of sockets and pipes have in common: what they consist of, how they begin
 * and end, and how they tell their protocol. Each kind has a struct that begins with this one, and
 * says in a `struct transport_kind` what it does in its own way.
 *
 * transport.c has their life, transport_python.c what Python sees of them all.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "batch.h"
#include "flow_control.h"
#include "loop.h"
#include "protocol.h"

struct transport;

/* All functions are called with a transport of that kind. */
struct transport_kind {
    int (*run_io)(struct work *work); /* transport.io: see there */
    void (*notify)(hoop_watch *watch, unsigned events);
    /* Ends it at once, with EXCEPTION for connection_lost, or NULL. 0, or -1 with an exception that is
     * the caller's to raise. */
    int (*force_close)(struct transport *transport, PyObject *exception);
    /* The turn for transport.lost, in its context: transport_lose, or more. As work.run returns. */
    int (*lose)(struct transport *transport);
    /* The protocol has been told of the end: closes its file, and does what else is to be done. As
     * work.run returns. */
    int (*close)(struct transport *transport);
    /* Nobody closed it: closes its file. As work.run returns. */
    int (*abandon)(struct transport *transport);
    /* Lets go of what only this kind has; the file is closed. May be called again. */
    void (*drop)(struct transport *transport);
    /* It has started, or pause_reading or resume_reading was called: waits for what it is to wait for
     * now. 0, or -1 with an exception. */
    int (*go_on)(struct transport *transport);
    /* How many bytes wait to be written. NULL: it does not write. */
    size_t (*outgoing_size)(const struct transport *transport);
};

struct transport {
    PyObject_HEAD
    PyObject *asyncio_slots[1]; /* room for those of asyncio.BaseTransport; not used */
    const struct transport_kind *kind;
    loop_object *loop;        /* owned, until the object ends */
    PyObject *file;           /* owned: a socket.socket, or a pipe's file; NULL once it is closed */
    struct protocol protocol; /* without an object once the connection is lost */
    PyObject *waiter;         /* owned: a future, until the protocol has been told; or NULL */
    PyObject *extra;          /* owned: a dict, for get_extra_info */
    PyObject *context;        /* owned: the contextvars.Context that the protocol is called in */
    PyObject *lost_with;      /* owned: what to tell connection_lost; NULL for None */
    PyObject *dict;           /* owned: the program's attributes, or NULL */
    PyObject *weak_references;
    struct flow_control flow; /* of what is written */
    hoop_watch watch;
    int fd;
    struct work start;     /* tells the protocol of the connection, then reads */
    struct work io;        /* queued while something can be read or written */
    struct work lost;      /* tells the protocol of the end, and closes the file */
    unsigned conn_lost;    /* 0 until the end is certain: then nothing is written any more */
    bool protocol_is_told; /* of the connection: connection_made has been called */
    bool started;          /* it may read */
    bool paused;           /* pause_reading() */
    bool closing;          /* close() or abort() was called, or it failed */
};

static inline struct transport *transport_of(PyObject *self)
{
    return (struct transport *)(void *)self;
}

static inline struct transport *transport_of_watch(hoop_watch *watch)
{
    return (struct transport *)(void *)((char *)watch - offsetof(struct transport, watch));
}

/* It wants to read. */
static inline bool transport_is_reading(const struct transport *transport)
{
    return !transport->closing && !transport->paused;
}

/* ---- the beginning ---- */

/* What a constructor was given. All borrowed. */
struct transport_arguments {
    PyObject *loop, *file, *protocol, *waiter, *extra;
};

/* A transport that nothing is queued for yet, and whose `extra` is still NULL. A new reference, or NULL
 * with an exception. */
struct transport *transport_allocate(PyTypeObject *type, const struct transport_kind *kind,
                                     const struct transport_arguments *given);
/* The constructor failed: the file stays the caller's. */
void transport_discard(struct transport *transport);
/* The dict for get_extra_info: EXTRA itself, as asyncio has it, or a new one for None. A new
 * reference, or NULL with an exception. */
PyObject *transport_extra(PyObject *extra);
/* Adds what is known of the transport's socket to its `extra`. 0, or -1 with an exception. */
int transport_describe_socket(struct transport *transport);

/* ---- what happens to it ---- */

/* protocol.NAME(ARGUMENT), or without one if that is NULL; what it raises is reported with MESSAGE. As
 * work.run returns. */
int transport_tell(struct transport *transport, PyObject *name, PyObject *argument,
                   const char *message);
/* SIZE bytes wait to be written: calls pause_writing or resume_writing if that is too much, or little
 * enough again. As work.run returns. */
int transport_pause_protocol(struct transport *transport, size_t size);
int transport_resume_protocol(struct transport *transport, size_t size);
/* The pending exception is reported with MESSAGE. As work.run returns. */
int transport_report(struct transport *transport, const char *message);
/* Debug mode: logs that the transport WHAT ("pauses reading"). As work.run returns. */
int transport_log(struct transport *transport, const char *what);
/* The pending exception ends the connection: it is reported with MESSAGE, or if IS_USUAL logged in
 * debug mode. Nothing but SystemExit and KeyboardInterrupt is left pending, in this case -1. */
int transport_failed_with(struct transport *transport, const char *message, bool is_usual);
/* The same; usual is an OSError. */
int transport_failed(struct transport *transport, const char *message);
/* A program writes to a connection that is lost; one that goes on is told by WARN of MODULE. 0, or -1
 * with an exception. */
int transport_count_lost_write(struct transport *transport, const char *module);

/* TypeError: DATA cannot be written. -1 */
int transport_refuse_data(PyObject *data);
/* Can DATA be written? 0, or -1 with an exception. Here, because it is part of each message. */
static inline int transport_check_data(PyObject *data)
{
    bool is_known = PyBytes_Check(data) || PyByteArray_Check(data) || PyMemoryView_Check(data);
    return is_known ? 0 : transport_refuse_data(data);
}

/* ---- the end ---- */

/* connection_lost will be called, with EXCEPTION, or None for NULL; nothing is written any more. 0,
 * or -1 with an exception: the loop is closed, or another thread's. */
int transport_schedule_lost(struct transport *transport, PyObject *exception);
/* The end, now: calls connection_lost, and closes the file. Nothing happens if it is closed. As
 * work.run returns. */
int transport_lose(struct transport *transport);
/* Lets go of the descriptor of a socket, and closes it. As work.run returns. */
int transport_close_socket(struct transport *transport);
/* Closes FILE, which was the transport's. Takes it over. As work.run returns. */
int transport_close_file(struct transport *transport, PyObject *file);

/* ---- turns in the queue ---- */

/* Runs STEP for the owner of WORK, a transport, in its context. As work.run returns. Here, because
 * it is part of each turn. */
static inline int transport_run(struct work *work, int (*step)(struct transport *transport))
{
    struct transport *transport = transport_of(work->owner);
    PyObject *context = transport->context; /* the queue keeps the transport, and it this */
    if (PyContext_Enter(context) < 0)
        return transport_report(transport, "a context cannot be entered");
    int rc = step(transport);
    PyObject *raised = rc < 0 ? PyErr_GetRaisedException() : NULL;
    if (PyContext_Exit(context) < 0)
        PyErr_WriteUnraisable((PyObject *)transport);
    if (raised != NULL)
        PyErr_SetRaisedException(raised);
    return rc;
}

/* ---- what the types are made of ---- */

int transport_traverse(PyObject *self, visitproc visit, void *arg);
int transport_clear(PyObject *self);
void transport_finalize(PyObject *self);
void transport_dealloc(PyObject *self);
int transport_init(PyObject *self, PyObject *args, PyObject *keywords);

PyObject *transport_abort(PyObject *self, PyObject *unused);
PyObject *transport_is_closing(PyObject *self, PyObject *unused);
PyObject *transport_set_protocol(PyObject *self, PyObject *protocol);
PyObject *transport_get_protocol(PyObject *self, PyObject *unused);
PyObject *transport_get_extra_info(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *transport_is_reading_method(PyObject *self, PyObject *unused);
PyObject *transport_pause_reading(PyObject *self, PyObject *unused);
PyObject *transport_resume_reading(PyObject *self, PyObject *unused);
PyObject *transport_can_write_eof(PyObject *self, PyObject *unused);
PyObject *transport_get_write_buffer_size(PyObject *self, PyObject *unused);
PyObject *transport_get_write_buffer_limits(PyObject *self, PyObject *unused);
PyObject *transport_set_write_buffer_limits(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *transport_get_file(PyObject *self, void *closure);
PyObject *transport_get_loop(PyObject *self, void *closure);
PyObject *transport_get_private_protocol(PyObject *self, void *closure);

#define TRANSPORT_METHODS \
    {"is_closing", transport_is_closing, METH_NOARGS, \
     "is_closing($self, /)\n--\n\nWhether it is closed, or about to be."}, \
        {"set_protocol", transport_set_protocol, METH_O, \
         "set_protocol($self, protocol, /)\n--\n\nWhat happens from now on is for this " \
         "protocol."}, \
        {"get_protocol", transport_get_protocol, METH_NOARGS, \
         "get_protocol($self, /)\n--\n\nThe protocol; None once the connection is lost."}, \
    { \
        "get_extra_info", (PyCFunction)(void *)transport_get_extra_info, \
            METH_VARARGS | METH_KEYWORDS, \
            "get_extra_info($self, /, name, default=None)\n--\n\n" \
            "What is known of it: \"socket\", \"sockname\" and \"peername\"; or a pipe's " \
            "\"pipe\"." \
    }

#define TRANSPORT_READING_METHODS \
    {"is_reading", transport_is_reading_method, METH_NOARGS, \
     "is_reading($self, /)\n--\n\nWhether it is neither paused nor closing."}, \
        {"pause_reading", transport_pause_reading, METH_NOARGS, \
         "pause_reading($self, /)\n--\n\nThe protocol gets nothing until resume_reading()."}, \
    { \
        "resume_reading", transport_resume_reading, METH_NOARGS, \
            "resume_reading($self, /)\n--\n\nUndoes pause_reading()." \
    }

#define TRANSPORT_WRITING_METHODS \
    {"abort", transport_abort, METH_NOARGS, \
     "abort($self, /)\n--\n\nCloses it at once; what was written may be lost."}, \
        {"get_write_buffer_size", transport_get_write_buffer_size, METH_NOARGS, \
         "get_write_buffer_size($self, /)\n--\n\nBytes that were written and not sent yet."}, \
        {"get_write_buffer_limits", transport_get_write_buffer_limits, METH_NOARGS, \
         "get_write_buffer_limits($self, /)\n--\n\nThe limits: (low, high)."}, \
    { \
        "set_write_buffer_limits", (PyCFunction)(void *)transport_set_write_buffer_limits, \
            METH_VARARGS | METH_KEYWORDS, \
            "set_write_buffer_limits($self, /, high=None, low=None)\n--\n\n" \
            "pause_writing() is called when more than high bytes wait, resume_writing() when no " \
            "more\nthan low do. 64 KiB and a quarter of high by default." \
    }

/* For these include structmember.h. */
#define TRANSPORT_MEMBERS \
    {"__dictoffset__", T_PYSSIZET, offsetof(struct transport, dict), READONLY, NULL}, \
        {"__weaklistoffset__", T_PYSSIZET, offsetof(struct transport, weak_references), READONLY, \
         NULL}, \
        {"_extra", T_OBJECT, offsetof(struct transport, extra), READONLY, NULL}, \
    { \
        "_closing", T_BOOL, offsetof(struct transport, closing), READONLY, NULL \
    }
#define TRANSPORT_READING_MEMBERS \
    { \
        "_paused", T_BOOL, offsetof(struct transport, paused), READONLY, NULL \
    }
#define TRANSPORT_WRITING_MEMBERS \
    {"_conn_lost", T_UINT, offsetof(struct transport, conn_lost), READONLY, NULL}, \
    { \
        "_protocol_paused", T_BOOL, offsetof(struct transport, flow.is_paused), READONLY, NULL \
    }

#define TRANSPORT_ATTRIBUTES \
    {.name = "__dict__", .get = PyObject_GenericGetDict, .set = PyObject_GenericSetDict}, \
    { \
        .name = "_loop", .get = transport_get_loop, \
        .doc = "The loop; None once the connection is lost." \
    }
#define TRANSPORT_SOCKET_ATTRIBUTES \
    {.name = "_sock", .get = transport_get_file, .doc = "The socket; None once it is closed."}, \
    { \
        .name = "_protocol", .get = transport_get_private_protocol \
    }

#define TRANSPORT_SLOTS \
    {Py_tp_init, transport_init}, {Py_tp_dealloc, transport_dealloc}, \
        {Py_tp_finalize, transport_finalize}, \
    { \
        Py_tp_clear, transport_clear \
    }

#endif
