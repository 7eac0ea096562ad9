/* SPDX-License-Identifier: MIT
 *
 * A channel: a descriptor that bytes go through in both directions, and what waits to be sent
 * on it. Streams and transports are built on it: they are its user, which is told when
 * there may be something to read or room to write, and asks for the rest itself.
 *
 * How the bytes move is its kind: as they are (plain.c), or encrypted (tls.c).
 *
 * What waits to be sent lies in `out`, and goes out by itself: whenever the descriptor is
 * writable, as soon as the loop has heard of it.
 *
 * A channel that is being closed has no user any more. It lives on until `out` is sent, TLS has
 * said goodbye, and the limit of time has not passed; then its free function is called.
 */
#ifndef IO_CHANNEL_H
#define IO_CHANNEL_H

#include <hoop/embed.h>
#include <hoop/stream.h>

#include "io/buffer.h"

struct channel;

/* Functions return >= 0, or a negative error, which is final unless it is -EAGAIN. */
struct channel_kind {
    /* Receives up to SIZE bytes: how many; 0 at the end; -EAGAIN: nothing now, the user is told
     * when to try again. */
    int64_t (*receive)(struct channel *channel, void *buffer, size_t size);
    /* Sends what there is room for without keeping more than write_high waiting: how many
     * bytes, 0 if there is no room. `out` may hold some already only if the kind puts all
     * there. */
    int64_t (*send)(struct channel *channel, const struct iovec *pieces, size_t count);
    /* Puts all bytes behind those that wait. -ENOMEM: and none was taken. */
    int (*append)(struct channel *channel, const void *data, size_t size);
    /* `out` has been sent, and no more will be written: tell the other end. May put something more
     * in `out`. Called once. */
    int (*end)(struct channel *channel);
    /* The channel is being closed, and `out` has been sent: 0 once all is said and done, -EAGAIN to be
     * called again after more events. */
    int (*finish)(struct channel *channel);
    /* Frees what the kind keeps (channel->tls). */
    void (*done)(struct channel *channel);
};

/* Called as hoop_watch.notify is: may wake tasks and push ready nodes, but not run a program's
 * code. */
struct channel_user {
    void (*readable)(struct channel *channel); /* receive may have something, or an error */
    void (*writable)(struct channel *channel); /* there is room again, or an error */
    /* The channel is gone, its descriptor closed; ERROR tells how it went: free what it lies
     * in. Also called when the loop is closed under it. */
    void (*closed)(struct channel *channel, int error);
};

struct channel {
    hoop_watch watch;
    hoop_loop *loop;
    const struct channel_kind *kind;
    const struct channel_user *user;
    struct tls *tls;   /* tls.c's; NULL for another kind */
    hoop_link link;    /* on the loop's io_local.channels */
    struct buffer out; /* what waits to be sent, in the form in which it is sent */
    size_t write_high;
    size_t write_low;
    uint64_t bytes_read;
    uint64_t bytes_written;
    int error;       /* what broke it, negative; 0 */
    bool is_socket;  /* recv and send; else read and write */
    bool end_wanted; /* no more is written; the kind's end is called once `out` is sent */
    bool end_sent;
    bool is_full; /* over the high mark, or without room: the user waits to be told */
    bool is_closing;
    hoop_timer closing; /* the limit of time for that */
    double close_timeout;
    double tls_timeout;
};

extern const struct channel_kind channel_plain;

/* Takes FD over, makes it non-blocking, sets the options and watches it. On failure FD is left
 * to the caller. */
int channel_open(struct channel *channel, int fd, const hoop_stream_options *options,
                 const struct channel_user *user);

/* Sends what it can of `out`; -EAGAIN if some is left, 0, or the error that broke the channel. */
int channel_flush(struct channel *channel);

/* For the kinds: the system's receive and send on the descriptor, which keep the watch's flags
 * true; -EAGAIN also if the flag is down. send takes the data as they are. */
int64_t channel_system_receive(struct channel *channel, void *buffer, size_t size);
int64_t channel_system_send(struct channel *channel, const struct iovec *pieces, size_t count);

/* The user's: as the kind's functions, and note an error, and how many bytes. */
int64_t channel_receive(struct channel *channel, void *buffer, size_t size);
int64_t channel_send(struct channel *channel, const struct iovec *pieces, size_t count);
int channel_append(struct channel *channel, const void *data, size_t size);
int channel_write_eof(struct channel *channel);

/* The channel is broken: ERROR is what everybody gets from now on, unless there was another one
 * before. The user is told. */
void channel_break(struct channel *channel, int error);

/* Lets go of the channel: sends what waits and closes it, now or later; then user->closed is
 * called, which may be within this call. */
void channel_close(struct channel *channel);
/* The same without sending anything. */
void channel_abort(struct channel *channel);

/* ---- what io keeps for a loop (local.c) ---- */

#define SCRATCH_SIZE ((size_t)65536)

struct io_local {
    hoop_local local;
    hoop_loop *loop;
    hoop_link channels; /* channel.link of all that are open */
    hoop_link servers;  /* hoop_server.link of all that are not closed */
    hoop_link others;   /* struct io_item.link: what else must go with the loop */
    char *scratch;      /* SCRATCH_SIZE bytes to receive into; NULL: allocate them when needed */
};

/* Something of io that the loop's end must close. */
struct io_item {
    hoop_link link;
    void (*close)(struct io_item *item); /* takes it off the list, closes and frees it */
    const char *(*describe)(const struct io_item *item); /* "a server": for debug mode */
};

/* LOOP's, made if there is none; NULL without memory. */
struct io_local *io_local_of(hoop_loop *loop);

/* The scratch buffer, made if need be; NULL without memory. Whoever keeps it sets
 * local->scratch to NULL. */
char *io_scratch(struct io_local *local);

/* The error for a call FUNCTION that needs a running task, or a running loop; 0 if it is there. */
int io_check_task(const char *function);
int io_check_loop(const char *function);

#endif
