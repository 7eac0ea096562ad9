/* SPDX-License-Identifier: MIT
 *
 * The inside of a stream: a channel, what was received and not read yet, and the tasks that
 * wait for it.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include "io/channel.h"
#include "task/wait.h"

/* A task that writes, from the moment on when it has to wait, in its own frame. */
struct writer {
    hoop_link link; /* on stream->writers, the first one's turn it is */
    struct wait wait;
};

struct hoop_stream {
    struct channel channel;
    struct buffer in; /* received, not read */
    size_t limit;
    struct wait *reader;   /* who waits for something to read; or NULL */
    hoop_link writers;     /* writer.link, in the order of their calls */
    struct wait *closer;   /* who waits for the end of a close; or NULL */
    bool is_reading;       /* a task is in a read */
    bool is_borrowing;     /* `in` stands on the loop's scratch buffer, within a read only */
    bool is_over;          /* the end was received */
    struct client *client; /* server.c's, which closes it; NULL if another does */
};

/* server.c: STREAM, which has a client, is being closed by its program. */
void client_lost_stream(struct client *client);

#endif
