/* SPDX-License-Identifier: MIT
 *
 * Streams: bytes to and from another program, over TCP, a Unix socket, TLS or a pipe, read and
 * written by coroutines that read top to bottom.
 *
 *     static int64_t echo(hoop_stream *stream, void *arg)
 *     {
 *         char buffer[4096];
 *         int64_t size;
 *         while ((size = hoop_stream_read(stream, buffer, sizeof buffer)) > 0)
 *             if ((size = hoop_stream_write(stream, buffer, (size_t)size)) < 0)
 *                 break;
 *         return size;
 *     }
 *
 * Nothing is lost: whatever read fails, times out or is cancelled leaves the bytes that came
 * where the next read finds them. Each stream belongs to the loop that ran when it was made,
 * and all functions are that loop thread's.
 *
 * One task reads at a time (a second one gets -EBUSY); several may write, and each write goes
 * out in one piece, in the order of the calls.
 *
 * What may suspend returns HOOP_ENOTASK outside of a task, and -ECANCELED when the task is being
 * cancelled and it would have to wait. -ECONNRESET, -EPIPE, -ETIMEDOUT and the like are the
 * connection's; once one has come, it comes again. Over TLS also HOOP_ETLS, and HOOP_ECUT.
 */
#ifndef HOOP_STREAM_H
#define HOOP_STREAM_H

#include "address.h"
#include "tls.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_stream hoop_stream;

struct iovec;  /* the system's, of <sys/uio.h> */
struct ssl_st; /* OpenSSL's SSL */

/* ---- opening -------------------------------------------------------------- */

#define HOOP_STREAM_LIMIT_DEFAULT ((size_t)65536)
#define HOOP_WRITE_HIGH_DEFAULT ((size_t)65536)

/* What holds for each kind of stream and transport. All zero is the default. */
typedef struct hoop_stream_options {
    size_t limit;      /* bytes of a line or record that is read through the stream's own buffer, at
                             most; 0: 64 KiB, as in asyncio */
    size_t write_high; /* bytes that may wait to be sent before a writer has to wait as well; 0:
                             64 KiB */
    size_t write_low;  /* and until how few of them are left; 0: a quarter of it */
    double close_timeout; /* seconds that a close may take to send what waits, and for TLS's
                             goodbye; 0: 30. Then the connection is aborted */
    double tls_timeout;   /* seconds for the TLS handshake; 0: 60 (-ETIMEDOUT) */
    bool nagle;           /* TCP: let small writes wait for more. As in asyncio they do not */
    bool keep_alive;      /* TCP: look now and then whether the other end is still there */
} hoop_stream_options;

/* All zero is the default. */
typedef struct hoop_connection_options {
    hoop_stream_options stream;
    hoop_tls *tls;               /* a client's: speak TLS. Borrowed, the stream takes a reference */
    const char *server_name;     /* TLS: whose certificate is asked for; NULL: HOST */
    const hoop_address *local;   /* the address to connect from; NULL: any */
    int family;                  /* AF_INET or AF_INET6 alone; 0: both */
    double happy_eyeballs_delay; /* seconds after which the next address of HOST is tried beside
                                    the ones that are under way (RFC 8305); 0: 0.25; INFINITY:
                                    one after another */
} hoop_connection_options;

/* Connects to PORT of HOST, a name or a literal address; of several addresses the first one that
 * answers is taken, IPv6 and IPv4 by turns. OPTIONS may be NULL. Suspends; a cancellation point.
 * 0, or a HOOP_EAI_... code; if no address answers, the error of the first one (-ECONNREFUSED,
 * -ENETUNREACH, -ETIMEDOUT ...), and hoop_error_message tells of all; HOOP_ETLS,
 * HOOP_ECERTIFICATE; -ENOMEM, -EMFILE, -EINVAL. */
HOOP_API HOOP_MUST_CHECK int hoop_open_connection(const char *host, uint16_t port,
                                                  const hoop_connection_options *options,
                                                  hoop_stream **ret_stream);
/* The same for a Unix socket (hoop_address_unix); TLS needs options->server_name. */
HOOP_API HOOP_MUST_CHECK int hoop_open_unix_connection(const char *path,
                                                       const hoop_connection_options *options,
                                                       hoop_stream **ret_stream);

/* A stream over FD: a connected socket, a pipe's end, a FIFO, a terminal; made non-blocking, and
 * taken over: it is closed with the stream, and also if this fails, unless that is -EBADF or
 * -EEXIST. For one direction of a pipe the other one fails with -EBADF. Does not suspend. 0,
 * -EPERM for a regular file, -EBADF, -EEXIST (the loop watches FD already), -ENOMEM,
 * HOOP_ENOLOOP. */
HOOP_API HOOP_MUST_CHECK int hoop_stream_open(int fd, const hoop_stream_options *options,
                                              hoop_stream **ret_stream);
/* Two that are connected with each other. Does not suspend. */
HOOP_API HOOP_MUST_CHECK int hoop_stream_pair(const hoop_stream_options *options,
                                              hoop_stream **ret_one, hoop_stream **ret_other);

/* Streams over descriptors 0, 1 and 2, whatever they are: a terminal, a pipe, a socket, a file.
 * They are other programs' too, so nothing is changed about them, and closing the stream leaves
 * them open: it works on a descriptor of its own (hoop_stream_fd). Other programs that read the
 * same input miss what the stream has read, or buffered.
 *
 * A pipe or a terminal is opened anew, through /proc; a socket's calls do not wait, and its
 * options are left alone. A regular file, or /dev/null, is read and written at once, from where
 * it stands, in the loop's thread. A terminal's or a pipe's call may block if it cannot be
 * opened anew (no /proc, or it is another user's) and another program takes what was to be read,
 * or the room to write, right before it.
 *
 * Do not suspend. 0, -EBADF if the descriptor is closed, -EMFILE, -EINVAL, -ENOMEM,
 * HOOP_ENOLOOP. */
HOOP_API HOOP_MUST_CHECK int hoop_stream_stdin(const hoop_stream_options *options,
                                               hoop_stream **ret_stream);
HOOP_API HOOP_MUST_CHECK int hoop_stream_stdout(const hoop_stream_options *options,
                                                hoop_stream **ret_stream);
HOOP_API HOOP_MUST_CHECK int hoop_stream_stderr(const hoop_stream_options *options,
                                                hoop_stream **ret_stream);

/* ---- reading -------------------------------------------------------------- */

/* Some bytes, as they come, at most SIZE, which must not be 0: how many; 0 at the end. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_stream_read(hoop_stream *stream, void *buffer, size_t size);

/* SIZE bytes exactly: SIZE; HOOP_EINCOMPLETE if the stream ends before, and what there is stays
 * to be read. (asyncio: IncompleteReadError.) */
HOOP_API HOOP_MUST_CHECK int64_t hoop_stream_readexactly(hoop_stream *stream, void *buffer,
                                                         size_t size);

/* A line with its '\n', into BUFFER, without a '\0': its size; at the end of the stream what is
 * left without one, then 0. HOOP_ELIMIT if it is longer than SIZE or the stream's limit:
 * nothing is taken then, so that it can be read in pieces, or with more room. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_stream_readline(hoop_stream *stream, void *buffer,
                                                      size_t size);

/* Up to and with the SEPARATOR_SIZE bytes at SEPARATOR: how many; HOOP_EINCOMPLETE if the stream
 * ends before, HOOP_ELIMIT as above. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_stream_readuntil(hoop_stream *stream, const void *separator,
                                                       size_t separator_size, void *buffer,
                                                       size_t size);

/* Without a copy. Waits until SIZE bytes at least (1 to the stream's limit) are there, and
 * shows them in the stream's own buffer, where they stay until hoop_stream_consume: how many,
 * which may be more than SIZE; fewer at the end of the stream only, 0 if nothing is left.
 * *RET_DATA is valid until the next read, peek or consume of this stream. -EINVAL for a SIZE
 * out of range. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_stream_peek(hoop_stream *stream, size_t size,
                                                  const void **ret_data);
/* The same up to and with a separator: how many bytes that are. As hoop_stream_readuntil. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_stream_peekuntil(hoop_stream *stream, const void *separator,
                                                       size_t separator_size,
                                                       const void **ret_data);
/* Drops SIZE bytes of those that were shown; at most as many as are buffered. */
HOOP_API void hoop_stream_consume(hoop_stream *stream, size_t size);

/* How many bytes wait in the stream's buffer. */
HOOP_API size_t hoop_stream_buffered(const hoop_stream *stream);
/* Has the end been read, and is nothing left in the buffer? */
HOOP_API bool hoop_stream_at_eof(const hoop_stream *stream);

/* ---- writing -------------------------------------------------------------- */

/* Writes all SIZE bytes: SIZE. What the system does not take at once is copied and sent in the
 * background; above options->write_high of it the call waits. So when it returns the caller's
 * memory is free again. On -ECANCELED and other errors a part may have been taken:
 * hoop_stream_bytes_written tells how much. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_stream_write(hoop_stream *stream, const void *data,
                                                   size_t size);
/* The same for several pieces, at most 1024 (-EINVAL). */
HOOP_API HOOP_MUST_CHECK int64_t hoop_stream_writev(hoop_stream *stream, const struct iovec *pieces,
                                                    size_t count);

/* Takes all bytes without waiting, whatever the high mark says; also outside of a task. For
 * hoop_stream_drain to follow. -EBUSY while another task's write waits for room. -ENOMEM: there is
 * no memory for what the system does not take now; if it has taken a part, the stream is broken,
 * otherwise nothing has happened. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_stream_write_nowait(hoop_stream *stream, const void *data,
                                                          size_t size);
/* If more than write_high wait to be sent, waits until write_low are left. 0. */
HOOP_API HOOP_MUST_CHECK int hoop_stream_drain(hoop_stream *stream);

/* Sends COUNT bytes (0: up to its end) of the regular file FILE_FD from OFFSET on; without a
 * copy through the program, unless TLS has to encrypt them here. How many, fewer if the file
 * ends. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_stream_sendfile(hoop_stream *stream, int file_fd,
                                                      uint64_t offset, uint64_t count);

/* No more will be written: the other end reads the end once all that was written has gone
 * out. Reading goes on. Over TLS the goodbye is sent; -EOPNOTSUPP for a pipe: close it. Does not
 * wait. 0; -EBUSY while another task's write waits for room. */
HOOP_API HOOP_MUST_CHECK int hoop_stream_write_eof(hoop_stream *stream);

/* Bytes that wait to be sent; and all that were taken, or received, so far. Over TLS the
 * first are encrypted ones. */
HOOP_API size_t hoop_stream_write_buffered(const hoop_stream *stream);
HOOP_API uint64_t hoop_stream_bytes_written(const hoop_stream *stream);
HOOP_API uint64_t hoop_stream_bytes_read(const hoop_stream *stream);

/* ---- the end -------------------------------------------------------------- */

/* Sends what waits to be sent, says goodbye if it is TLS, closes the connection and waits for
 * all that: 0, or the error that has ended it. The stream is gone in each case: a cancelled
 * close returns -ECANCELED at once, and the rest is done in the background. NULL is allowed (0).
 * Outside of a task it never waits. Other tasks must not be in a call of the stream: those that
 * wait get -EBADF. */
HOOP_API int hoop_stream_close(hoop_stream *stream);
/* Closes it now, and drops what was not sent. NULL is allowed. */
HOOP_API void hoop_stream_abort(hoop_stream *stream);

/* ---- TLS ------------------------------------------------------------------ */

/* Goes on in TLS, as the one that TLS is made for, client or server. SERVER_NAME is the
 * client's: whose certificate is asked for. All that was written before is sent in the clear
 * first, and others who write meanwhile wait for the end of the handshake. Bytes that came in
 * the clear and were not read are an attack or a mistake: -EPROTO, and nothing is changed; as
 * after -EBUSY (another task reads), -EALREADY, -EPIPE (no more can be written), -EOPNOTSUPP (a
 * pipe), -EINVAL (a client without a name). Suspends; a cancellation point. 0; HOOP_ETLS,
 * HOOP_ECERTIFICATE, HOOP_ECUT, -ETIMEDOUT ...: the stream is then of no more use but to be
 * closed. */
HOOP_API HOOP_MUST_CHECK int hoop_stream_start_tls(hoop_stream *stream, hoop_tls *tls,
                                                   const char *server_name);

/* OpenSSL's SSL, borrowed, to ask for the peer's certificate, the cipher and so on; NULL
 * without TLS. */
HOOP_API struct ssl_st *hoop_stream_ssl(const hoop_stream *stream);
/* Whether the kernel encrypts what is sent: see hoop_tls_options.kernel. */
HOOP_API bool hoop_stream_tls_in_kernel(const hoop_stream *stream);
/* The application protocol that was agreed on by ALPN; "" if none. Valid as long as the stream. */
HOOP_API const char *hoop_stream_alpn(const hoop_stream *stream);

/* ---- the connection ------------------------------------------------------- */

/* Borrowed: for options of the socket, not for reading or writing. */
HOOP_API int hoop_stream_fd(const hoop_stream *stream);
HOOP_API HOOP_MUST_CHECK int hoop_stream_local_address(const hoop_stream *stream,
                                                       hoop_address *ret_address);
HOOP_API HOOP_MUST_CHECK int hoop_stream_remote_address(const hoop_stream *stream,
                                                        hoop_address *ret_address);

#ifdef __cplusplus
}
#endif

#endif
