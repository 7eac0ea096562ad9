/* SPDX-License-Identifier: MIT
 *
 * TLS on a transport: hoop._core.TlsProtocol is that transport's protocol, hoop._core.SSLTransport
 * what the program gets instead of it. The interface and the rules are asyncio.sslproto's; the
 * transport below and the loop may be anybody's: all that is done seldom goes by method calls.
 *
 *   the program's protocol
 *     | SSLTransport     tls_transport.c   what the program calls
 *   TlsProtocol          tls_protocol.c    what the transport below calls
 *     |                  tls_states.c      handshake, shutdown, the end
 *     |                  tls_data.c        reading and writing
 *     |                  tls_engine.c      the objects of the module ssl
 *   the transport below
 *
 * Functions that return an int: 0, or -1 with an exception that is to reach the transport below:
 * one that is no Exception (SystemExit ...). Others end the connection, and are reported, here.
 * Nearly all of them may run a program's code, and anything may have happened to the connection
 * when they return: what comes next looks at the state.
 */
#ifndef TLS_H
#define TLS_H

#include "module.h"
#include "protocol.h"
#include "tls_engine.h"

enum tls_state {
    TLS_UNWRAPPED, /* before the handshake, and after the end */
    TLS_HANDSHAKE,
    TLS_WRAPPED,  /* data flows */
    TLS_FLUSHING, /* what was written must still go out, before we say that we close */
    TLS_SHUTDOWN, /* we say that we close, and wait for the peer to say it too */
};

/* What the program's protocol has been told. */
enum tls_told {
    TLS_TOLD_NOTHING,
    TLS_TOLD_MADE,
    TLS_TOLD_EOF,
    TLS_TOLD_LOST,
};

struct tls_marks {
    Py_ssize_t high;
    Py_ssize_t low;
};

typedef struct tls_protocol_object {
    PyObject_HEAD
    struct core_state *state; /* of the module; borrowed, the type keeps it */
    PyObject *loop;           /* this and all objects below: owned; NULL where there is none */
    PyObject *waiter;         /* a future: the handshake's end */
    PyObject *extra;          /* what get_extra_info knows of TLS: a dict */
    struct tls_engine engine;
    enum tls_state phase;

    /* The program's side. */
    struct protocol app;     /* the program's protocol */
    PyObject *app_transport; /* until the connection is lost */
    enum tls_told told;
    bool is_closed;         /* by the program: it gets no more data */
    bool is_forgotten;      /* it closed what was closed: it will not ask about the end any more */
    bool is_reading_paused; /* by the program */
    bool is_writing_paused; /* the program, by us */
    struct tls_marks write_marks;
    PyObject *backlog; /* a list: what was written and is not encrypted yet */
    Py_ssize_t backlog_size;
    long lost_count; /* how often it was told, or should know, that the connection is lost */

    /* The side of the transport below. */
    PyObject *transport;      /* from connection_made to connection_lost */
    PyObject *receive_buffer; /* a bytearray that the transport reads into, and its memoryview */
    PyObject *receive_view;
    bool is_lower_reading_paused; /* the transport, by us */
    bool is_lower_writing_paused; /* we, by the transport */
    bool has_lower_eof;
    bool is_drained; /* the engine was asked for what is to go out since it last read */
    struct tls_marks read_marks;

    PyObject *handshake_seconds;
    PyObject *shutdown_seconds;
    PyObject *handshake_start; /* debug mode: loop.time(); or None */
    PyObject *handshake_timer;
    PyObject *shutdown_timer;
    PyObject *weak_references;
} tls_protocol_object;

typedef struct tls_transport_object {
    PyObject_HEAD
    PyObject *asyncio_slots[1];    /* of asyncio.Transport: never used */
    tls_protocol_object *protocol; /* owned */
    PyObject *loop;                /* owned */
    PyObject *attributes;
    PyObject *weak_references;
    bool is_closed;
} tls_transport_object;

extern PyType_Spec tls_protocol_spec;
extern PyType_Spec tls_transport_spec;

/* ---- tls_transport.c ---- */

PyObject *tls_transport_new(tls_protocol_object *protocol);

/* ---- tls_protocol.c ---- */

/* What a StreamTransport received for PROTOCOL, a TlsProtocol. 0, or -1 with any exception. */
int tls_protocol_take(struct core_state *state, PyObject *protocol, const char *data,
                      size_t length);
/* The pending exception ends the connection. */
int tls_fatal(tls_protocol_object *self, const char *message);
/* The pending exception is reported only: METHOD of the program's protocol failed. */
int tls_report(tls_protocol_object *self, const char *message);
/* loop.call_soon(callback[, argument]). Takes CALLBACK over, which may be NULL with an exception.
 * 0, or -1 with any exception. */
int tls_call_soon(tls_protocol_object *self, PyObject *callback, PyObject *argument);
/* The same for a method of our own. */
int tls_call_self_soon(tls_protocol_object *self, PyObject *name);

/* ---- tls_states.c ---- */

int tls_start_handshake(tls_protocol_object *self);
/* More came from the peer. */
int tls_advance(tls_protocol_object *self);
int tls_lower_eof(tls_protocol_object *self, bool *ret_keep_open);
int tls_lower_lost(tls_protocol_object *self, PyObject *exception);
/* The program wants to close, or the peer has. */
int tls_start_shutdown(tls_protocol_object *self);
/* The end at once; EXCEPTION or None is for connection_lost. */
int tls_abort(tls_protocol_object *self, PyObject *exception);
/* The connection is lost, and the program knows: what is left of it goes. 0, or -1 with an exception. */
int tls_forget(tls_protocol_object *self);
int tls_call_eof_received(tls_protocol_object *self);
int tls_handshake_late(tls_protocol_object *self);
int tls_shutdown_late(tls_protocol_object *self);

/* ---- tls_data.c ---- */

/* Hands what has come to the program, if it wants it, and lets out what is to go. */
int tls_read(tls_protocol_object *self);
/* DATA is what the program writes: bytes, or something else with a buffer. */
int tls_write(tls_protocol_object *self, PyObject *data);
/* DATA waits to be encrypted. 0, or -1 with any exception. */
int tls_append_backlog(tls_protocol_object *self, PyObject *data);
/* Encrypts the backlog, as far as it goes, and lets it out. */
int tls_flush(tls_protocol_object *self);
/* Lets out what is encrypted, unless the transport below has enough; IS_LAST: even then. */
int tls_send(tls_protocol_object *self, bool is_last);
/* What was written and is not with the transport below yet; or -1 with an exception. */
Py_ssize_t tls_write_size(tls_protocol_object *self);
/* Tell the program, and the transport below, to pause or to go on. */
int tls_control_writing(tls_protocol_object *self);
int tls_control_reading(tls_protocol_object *self);

#endif
