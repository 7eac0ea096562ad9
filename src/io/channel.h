/* SPDX-License-Identifier: MIT
 *
 * A channel: a descriptor that bytes go through in both directions, and what waits to be sent
 * on it. Streams and transports are built on it: they are its user, which is told when
 * there may be something to read or room to write, and asks for the rest itself.
 *
 * How the bytes move is its kind: as they are (plain.c), or encrypted (tls.c).
 *
 * What waits to be sent lies in `out`, and goes out by itself whenever the loop hears that the
 * descriptor is writable.
 *
 * A channel that is being closed lives on until `out` is sent, TLS has said goodbye, or the
 * time for that is over; then user->closed is told, and frees it.
 */
#ifndef IO_CHANNEL_H
#define IO_CHANNEL_H

#include <hoop/embed.h>
#include <hoop/stream.h>

#include "io/buffer.h"
#include "io/local.h"

struct channel;

/* Functions return >= 0, or a negative error, which is final unless it is -EAGAIN. */
struct channel_kind {
    /* Receives up to SIZE bytes: how many; 0 at the end; -EAGAIN: nothing now, the user is told
     * when to try again. */
    int64_t (*receive)(struct channel *channel, void *buffer, size_t size);
    /* Sends what there is room for without keeping more than write_high waiting: how many
     * bytes; 0 if there is no room. */
    int64_t (*send)(struct channel *channel, const struct iovec *pieces, size_t count);
    /* Takes all bytes, behind those that wait. -ENOMEM: and none was taken. */
    int (*append)(struct channel *channel, const void *data, size_t size);
    /* `out` has been sent, and no more will be written: tell the other end. May put something
     * more into `out`. Called again when there is room after -EAGAIN, else once. */
    int (*end)(struct channel *channel);
    /* The channel is being closed, and `out` has been sent: 0 once all is said and done;
     * -EAGAIN to be called again after more events, and once more in `out` is sent. */
    int (*finish)(struct channel *channel);
    /* Frees what the kind keeps (channel->tls). */
    void (*done)(struct channel *channel);
};

/* Called as hoop_watch.notify is: may wake tasks and push ready nodes, but not run a program's
 * code or close the channel. */
struct channel_user {
    void (*readable)(struct channel *channel); /* receive may have something, or an error */
    void (*writable)(struct channel *channel); /* there is room again, or an error */
    /* The channel is gone, its descriptor closed: free what it lies in. ERROR is why what
     * waited could not be sent, or 0. If local->is_closing, nothing may be woken or
     * scheduled. */
    void (*closed)(struct channel *channel, int error);
    const char *what; /* for debug mode: "a stream" */
};

/* Where a channel's descriptor comes from. */
enum channel_origin {
    CHANNEL_GIVEN,  /* somebody's, of whatever kind: it is made non-blocking */
    CHANNEL_FRESH,  /* a socket of ours, non-blocking already, which saves looking */
    CHANNEL_SHARED, /* other programs use what it refers to: that is left as it is, and may be a
                       regular file (stdio.c) */
};

struct channel {
    hoop_watch watch; /* not started if is_file, but for the descriptor and the flags */
    hoop_loop *loop;
    struct io_local *local;
    const struct channel_kind *kind;
    const struct channel_user *user;
    struct tls *tls;     /* tls.c's; NULL for another kind */
    struct io_item item; /* on the loop's list until the channel is closed */
    struct buffer out;   /* what waits to be sent, in the form in which it is sent */
    size_t write_high;
    size_t write_low;
    uint64_t bytes_read;    /* of the user's */
    uint64_t bytes_written; /* taken from the user */
    int read_error;         /* what broke reading, negative; or 0 */
    int write_error;        /* the same for writing */
    bool is_socket : 1;     /* recv and send; else read and write */
    bool is_shared : 1;     /* CHANNEL_SHARED: may block, but for a socket's recv and send */
    bool is_file : 1;       /* a shared one that never waits, and cannot be waited for */
    bool is_full : 1;       /* the user is to be told when there is room */
    bool end_wanted : 1;    /* no more is written: kind->end comes once `out` is sent */
    bool end_sent : 1;      /* it was called */
    bool is_closing : 1;
    bool is_lingering : 1; /* that could not be done at once */
    float close_timeout;   /* seconds */
    float tls_timeout;
    hoop_timer limit; /* of a close in the background */
};

/* ---- opening ---- */

/* Takes FD over and watches it. On failure FD is the caller's still. */
int channel_open(struct channel *channel, int fd, enum channel_origin origin,
                 const hoop_stream_options *options, const struct channel_user *user);

/* ---- for the user: as the kind's functions, with accounts ---- */

int64_t channel_receive(struct channel *channel, void *buffer, size_t size);
/* If it takes less than all, user->writable follows. */
int64_t channel_send(struct channel *channel, const struct iovec *pieces, size_t count);
/* Sends what it can at once, and keeps the rest. -ENOMEM: nothing was taken, unless write_error
 * is set. */
int channel_append(struct channel *channel, const void *data, size_t size);
int channel_append_pieces(struct channel *channel, const struct iovec *pieces, size_t count);
int channel_write_eof(struct channel *channel);
/* 0, or why nothing can be written any more. */
int channel_check_writing(const struct channel *channel);
/* The plain kind's, and TLS's in the kernel: sends up to COUNT bytes of a file without a copy:
 * how many, 0 at its end; -EAGAIN without room or while something waits. -EINVAL and the like:
 * the file cannot be sent so. */
int64_t channel_send_file(struct channel *channel, int file_fd, uint64_t offset, uint64_t count);

/* Sends what waits and closes the channel, now or later; then user->closed is called, which may
 * be within this call. */
void channel_close(struct channel *channel);
/* The same, but drops what waits, and never later. */
void channel_abort(struct channel *channel);

/* ---- for the kinds ---- */

/* The system's receive and send on the descriptor, which keep the watch's flags true, and do
 * not even try when the flag is down: -EAGAIN. */
int64_t channel_system_receive(struct channel *channel, void *buffer, size_t size);
int64_t channel_system_send(struct channel *channel, const struct iovec *pieces, size_t count);

/* stdio.c: the same for what is shared and no socket, without the flags. */
int64_t channel_shared_receive(struct channel *channel, void *buffer, size_t size);
int64_t channel_shared_send(struct channel *channel, const struct iovec *pieces, size_t count);

/* Sends what it can of `out`: 0 if all went, -EAGAIN, or an error. */
int channel_flush(struct channel *channel);

extern const struct channel_kind channel_plain;

#endif
