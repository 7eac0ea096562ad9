/* SPDX-License-Identifier: MIT
 *
 * The inside of a transport: a channel, and the protocol that is told of it.
 */
#ifndef IO_PROTOCOL_H
#define IO_PROTOCOL_H

#include <hoop/protocol.h>

#include "io/channel.h"

struct hoop_transport {
    struct channel channel; /* first */
    const hoop_protocol *protocol;
    void *arg;
    hoop_ready ready;      /* queued when there is something to tell */
    struct client *client; /* of a server; or NULL */
    int error;             /* for connection_lost */
    bool is_made;          /* connection_made was called */
    bool is_lost;          /* the channel is gone: connection_lost comes */
    bool is_reading;       /* the program wants to hear of data */
    bool is_over;          /* the end was received */
    bool is_full;          /* pause_writing was called */
};

/* A transport over the descriptor FD, of which PROTOCOL has not been told yet; see channel_open
 * for IS_FRESH and failures. Before transport_made it is closed by channel_abort, silently. */
int transport_new(int fd, bool is_fresh, const hoop_stream_options *options,
                  const hoop_protocol *protocol, void *arg, hoop_transport **ret_transport);

/* Calls connection_made, and begins to read. */
void transport_made(hoop_transport *transport);

#endif
