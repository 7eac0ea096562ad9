/* SPDX-License-Identifier: MIT
 *
 * Servers: a coroutine for each client.
 *
 *     hoop_server *server;
 *     int rc = hoop_start_server(echo, NULL, "127.0.0.1", 8888, NULL, &server);
 *     if (rc < 0)
 *         return rc;
 *     return hoop_server_serve_forever(server);     until the task is cancelled, by Ctrl-C say
 *
 * A server that finds no descriptor or memory for another connection says so to the exception
 * handler, once, lets clients wait, and tries again every second and whenever one of its
 * connections ends.
 *
 * All functions are the loop thread's.
 */
#ifndef HOOP_SERVER_H
#define HOOP_SERVER_H

#include "stream.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_server hoop_server;

/* What runs for each client, as a task of its own. When it returns the stream is closed, which
 * waits until all is sent; a stream that it has closed itself, or has let go of by
 * hoop_stream_detach, is not touched. An error that it returns, other than -ECANCELED or one of
 * a connection that broke (-ECONNRESET, -EPIPE, -ETIMEDOUT, HOOP_ECUT ...), goes to the
 * exception handler. */
typedef int64_t (*hoop_client_fn)(hoop_stream *stream, void *arg);

/* All zero is the default. */
typedef struct hoop_server_options {
    hoop_stream_options stream; /* of each client */
    hoop_tls *tls;              /* a server's: speak TLS. Borrowed, the server takes a reference */
    int family;                 /* AF_INET or AF_INET6 alone; 0: both */
    int backlog;                /* clients that the system lets wait to be accepted; 0: 1024 */
    bool reuse_port;            /* several sockets, of other threads or processes, share the
                                   port, and the system spreads the clients */
    bool do_not_serve;          /* wait for hoop_server_start_serving before accepting */
    double grace;       /* seconds that hoop_server_serve_forever, once it is cancelled, lets
                                   clients go on before it cancels them; 0: none */
    unsigned unix_mode; /* permissions of a Unix socket's file, such as 0660; 0: as the
                                   umask says */
} hoop_server_options;

/* Listens on PORT (0: one that is free, the same for all addresses if possible) of each address
 * of HOST (NULL: of every interface) and starts FN(stream, ARG) for each client. HOST may be a
 * name, whose lookup suspends: a cancellation point. OPTIONS may be NULL. 0, -EADDRINUSE,
 * -EACCES, -EADDRNOTAVAIL, a HOOP_EAI_... code, -EMFILE, -ENOMEM, -EINVAL, HOOP_ENOTASK. */
HOOP_API HOOP_MUST_CHECK int hoop_start_server(hoop_client_fn fn, void *arg, const char *host,
                                               uint16_t port, const hoop_server_options *options,
                                               hoop_server **ret_server);
/* The same on a Unix socket (hoop_address_unix). A socket file that nobody listens on any more
 * is replaced, as in asyncio; the server removes its file when it is closed. */
HOOP_API HOOP_MUST_CHECK int hoop_start_unix_server(hoop_client_fn fn, void *arg, const char *path,
                                                    const hoop_server_options *options,
                                                    hoop_server **ret_server);
/* The same on COUNT listening sockets, which are taken over: they are closed with the server,
 * and also if this fails. */
HOOP_API HOOP_MUST_CHECK int hoop_start_server_fds(hoop_client_fn fn, void *arg, const int *fds,
                                                   size_t count, const hoop_server_options *options,
                                                   hoop_server **ret_server);

/* Listening sockets that were inherited from systemd (sd_listen_fds(3), the variables LISTEN_PID
 * and LISTEN_FDS): how many, 0 if none; their numbers follow each other from *RET_FIRST on. They
 * are closed on exec from now on, and the variables are removed, so that children do not take
 * them for theirs. */
HOOP_API HOOP_MUST_CHECK int hoop_listen_fds(int *ret_first);

/* ---- serving -------------------------------------------------------------- */

/* Begins to accept, if options.do_not_serve was set; clients that came before have waited. 0,
 * HOOP_ESHUTDOWN once it is closed, -ENOMEM. */
HOOP_API HOOP_MUST_CHECK int hoop_server_start_serving(hoop_server *server);
HOOP_API bool hoop_server_is_serving(const hoop_server *server);

/* Serves until the task is cancelled, then closes the server, and ends its clients as
 * hoop_server_shutdown does, with options.grace: -ECANCELED. If another task closes the server,
 * waits for the last client: 0. Frees the server, also if it cannot begin to serve (-ENOMEM
 * ...), but not where it must not be called: HOOP_ENOTASK, -EDEADLK in a client's task. */
HOOP_API HOOP_MUST_CHECK int hoop_server_serve_forever(hoop_server *server);

/* The address it listens on, the INDEXth; -ENOENT beyond the last. */
HOOP_API HOOP_MUST_CHECK int hoop_server_address(const hoop_server *server, size_t index,
                                                 hoop_address *ret_address);
/* How many clients are connected. */
HOOP_API size_t hoop_server_client_count(const hoop_server *server);

/* ---- the end -------------------------------------------------------------- */

/* Stops accepting, and closes the listening sockets. Clients go on. Does not suspend; a second
 * time nothing happens. */
HOOP_API void hoop_server_close(hoop_server *server);
/* Waits until it is closed and its last client has gone. 0, -ECANCELED; -EDEADLK in a client's
 * task. */
HOOP_API HOOP_MUST_CHECK int hoop_server_wait_closed(hoop_server *server);

/* The graceful end: stops accepting, lets clients finish for GRACE seconds (INFINITY: as long
 * as it takes), then cancels their tasks, and waits for those. 0, or how many clients had to be
 * cancelled; -ECANCELED if it was cancelled itself: then the clients are cancelled at once, and
 * still waited for. -EINVAL for a negative or NaN time, -EDEADLK in a client's task,
 * -ENOMEM if the time cannot be kept: as if it had been cancelled. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_server_shutdown(hoop_server *server, double grace);

/* Closes the connections of all clients, after what waits was sent, or at once. Their tasks
 * find out by their next read or write. (asyncio: close_clients, abort_clients.) */
HOOP_API void hoop_server_close_clients(hoop_server *server);
HOOP_API void hoop_server_abort_clients(hoop_server *server);

/* Closes it and lets go of it: clients go on, and its memory goes with the last of them. A server
 * that is not freed goes with its loop. NULL is allowed. */
HOOP_API void hoop_server_free(hoop_server *server);

/* The client's function gives STREAM to somebody else, who closes it: it is no more closed
 * when that returns, and the server no longer counts it. For other streams nothing happens. */
HOOP_API void hoop_stream_detach(hoop_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
