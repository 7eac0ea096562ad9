/* SPDX-License-Identifier: MIT
 *
 * The inside of a stream: a channel, what was received and not read yet, and the tasks that
 * wait for it.
 *
 * A task that waits stands in the stream with a struct of its own frame. Whoever frees the
 * stream under it says so there, so that it does not look at the stream any more.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include "base/check.h"
#include "io/channel.h"
#include "task/wait.h"

struct stream_wait {
    struct wait wait;
    hoop_link link;      /* writers: on stream->writers, from the first wait on until the end */
    hoop_stream *stream; /* NULL: it was closed by another task */
};

struct closer {
    struct wait wait;
    bool is_done;
    int error;
};

struct hoop_stream {
    struct channel channel; /* first */
    struct buffer in;       /* received, not read */
    size_t limit;
    struct stream_wait *reader; /* who waits for something to read; or NULL */
    hoop_link writers;          /* stream_wait.link: who has to wait, the first one's turn it is */
    hoop_link drainers;         /* the same, but they wait for the others' bytes to go */
    struct closer *closer;      /* who waits for the end of a close; or NULL */
    struct client *client;      /* of a server, which closes the stream; NULL: somebody else does */
    bool is_over;               /* the end was received */
    bool is_gone;               /* the channel was closed */
    bool is_released;           /* by its program: it goes with the channel */
};

/* A stream over the descriptor FD; on failure that is the caller's still. */
int stream_new(int fd, enum channel_origin origin, const hoop_stream_options *options,
               hoop_stream **ret_stream);

/* Closes the connection, after what waits was sent or, to ABORT, at once. The stream stays, for
 * its program to find out and close it: it reads the end, and cannot write. */
void stream_hang_up(hoop_stream *stream, bool abort);

/* server.c: STREAM, which has this client, is being closed by its program. */
void client_lost_stream(struct client *client);

/* 0, or why FUNCTION cannot be called by a task for STREAM. */
int stream_check(const hoop_stream *stream, const char *function);

/* The running task waits to read or write (KIND), as WAIT, until it is woken: 0, -ECANCELED, or
 * -EBADF if the stream is gone. */
int stream_park(struct stream_wait *wait, const struct wait_kind *kind);

/* Within one read or write that goes on without waiting: has the task used up its turn? Then WAIT,
 * which stands in the stream, gives the others theirs: 0, or -EBADF if the stream is gone. */
static inline bool stream_must_give_way(void)
{
    if (UNLIKELY(turn.budget <= 1))
        return true;
    turn.budget--;
    return false;
}
int stream_give_way(struct stream_wait *wait);

/* stream_read.c */
void stream_readable(struct channel *channel);

/* stream_write.c */
void stream_wake_all(hoop_link *waiters);
void stream_writable(struct channel *channel);
/* The running task's turn to write: waits for those before it. 0, or as stream_park. */
int stream_writer_begin(struct stream_wait *writer, hoop_stream *stream);
/* Waits for room. */
int stream_writer_wait(struct stream_wait *writer);
/* Its turn is over: the next one's begins. After an -EBADF too. */
void stream_writer_end(struct stream_wait *writer);

static inline hoop_stream *stream_of(struct channel *channel)
{
    return (hoop_stream *)(void *)channel;
}

#endif
