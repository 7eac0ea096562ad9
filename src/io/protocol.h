/* SPDX-License-Identifier: MIT
 *
 * The inside of a transport: a channel, and the protocol that is told of it.
 *
 * It lives until connection_lost has returned; or, if connection_made was never called, as long
 * as its channel.
 */
#ifndef IO_PROTOCOL_H
#define IO_PROTOCOL_H

#include <hoop/context.h>
#include <hoop/protocol.h>

#include "io/channel.h"
#include "io/server.h"

struct greeting;

struct hoop_transport {
    struct channel channel; /* first */
    const hoop_protocol *protocol;
    void *arg;
    hoop_context *context;     /* of who opened it, for the callbacks; a reference, or NULL */
    hoop_ready ready;          /* queued when there is something to tell */
    struct client client;      /* client.server is NULL: it is no server's */
    struct greeting *greeting; /* the TLS handshake of a server's client; or NULL */
    int error;                 /* for connection_lost */
    bool is_made;              /* connection_made was called */
    bool is_lost;              /* the channel is gone: connection_lost comes */
    bool is_reading;           /* the program wants to hear of data */
    bool is_over;              /* the end was received, or there is nothing to receive */
    bool is_full;              /* pause_writing was called */
    bool is_unwanted;          /* its server has closed it before it was made */
};

/* Has PROTOCOL all that it needs? */
bool protocol_is_complete(const hoop_protocol *protocol);

/* A transport over the descriptor FD, of which PROTOCOL has not been told yet; on failure FD
 * is the caller's still. Before transport_made it is closed by channel_abort, silently. */
int transport_new(int fd, enum channel_origin origin, const hoop_stream_options *options,
                  const hoop_protocol *protocol, void *arg, hoop_transport **ret_transport);

/* Calls connection_made, and begins to read. */
void transport_made(hoop_transport *transport);

/* protocol_open.c: the loop goes, with the task that makes TRANSPORT's handshake. */
void greeting_drop(hoop_transport *transport);

/* Its turn is to come. Not once it is lost. */
void transport_queue(hoop_transport *transport);

/* Ends the connection with ERROR for connection_lost, if it has not ended before. */
void transport_fail(hoop_transport *transport, int error);

#endif
