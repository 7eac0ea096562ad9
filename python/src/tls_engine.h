/* SPDX-License-Identifier: MIT
 *
 * The TLS engine of one connection: the stock objects of the module ssl (an SSLObject between two
 * MemoryBIOs), made from the program's context, so that all of its settings hold. What comes from
 * the peer is fed in and read as plain data; what the program writes is taken out encrypted.
 *
 * The context's sslobject_class may be the program's own, and its methods then run here.
 */
#ifndef TLS_ENGINE_H
#define TLS_ENGINE_H

#include "module.h"
#include "tls_records.h"

struct tls_engine {
    struct core_state *state; /* borrowed */
    struct tls_records records;
    PyObject *object;   /* the ssl.SSLObject; this and what follows: owned */
    PyObject *incoming; /* ssl.MemoryBIO: what came from the peer */
    PyObject *outgoing; /* ssl.MemoryBIO: what is to go to it */
    PyObject *feed;     /* incoming.write */
    PyObject *drain;    /* outgoing.read */
    PyObject *read;     /* of the object, or of the one below that its class hands them to */
    PyObject *write;
    PyObject *pending;
    bool is_stock; /* reads as ssl.SSLObject: one record at a time, and keeps no buffer */
    bool is_ended; /* the peer has closed: nothing will be read any more */
};

/* 0, or -1 with an exception. */
int tls_engine_init(struct tls_engine *engine, struct core_state *state, PyObject *sslcontext,
                    PyObject *server_side, PyObject *server_hostname);
int tls_engine_traverse(struct tls_engine *engine, visitproc visit, void *arg);
void tls_engine_clear(struct tls_engine *engine);

/* LENGTH bytes came from the peer. 0, or -1 with an exception. */
int tls_engine_feed(struct tls_engine *engine, const char *data, size_t length);

/* The handshake has read what it needed, and nobody counted it. 0, or -1 with an exception. */
int tls_engine_settle(struct tls_engine *engine);

/* The next piece of plain data: bytes, never empty. NULL without an exception: there is none, for
 * now or because is_ended is set. NULL with an exception. */
PyObject *tls_engine_read(struct tls_engine *engine);
/* The same into BUFFER, as much as there is. The number of bytes: 0 if there are none; or -1. */
Py_ssize_t tls_engine_read_into(struct tls_engine *engine, char *buffer, size_t room);
/* Reads all that there is, for nobody. 0, or -1 with an exception. */
int tls_engine_discard(struct tls_engine *engine);

/* Encrypts DATA, an object with a buffer. The number of its bytes that were taken: 0 if the engine
 * must hear from the peer first; or -1. */
Py_ssize_t tls_engine_write(struct tls_engine *engine, PyObject *data);
/* All that is to go to the peer: bytes, empty ones if there is nothing. NULL with an exception. */
PyObject *tls_engine_drain(struct tls_engine *engine);

/* How much has been fed and not been looked at yet; and how much waits to be drained. Or -1. */
Py_ssize_t tls_engine_incoming(struct tls_engine *engine);
Py_ssize_t tls_engine_outgoing(struct tls_engine *engine);

/* Calls the object's method NAME, which takes part in the handshake or the shutdown. 1: done;
 * 0: it must hear from the peer first; -1 with an exception. */
int tls_engine_step(struct tls_engine *engine, const char *name);

#endif
