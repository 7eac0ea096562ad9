/* SPDX-License-Identifier: MIT
 *
 * The inside of a server: its listening sockets, and the connections that came of them. What
 * becomes of a connection is the server's kind: a task with a stream (client.c), or a protocol.
 *
 * A server lives until its program has freed it and its last client has ended, or the loop is
 * closed. While it lives it is on the loop's list of what must go with it.
 */
#ifndef IO_SERVER_H
#define IO_SERVER_H

#include <hoop/protocol.h>

#include "io/listen.h"
#include "io/local.h"

/* A connection of a server; within what its kind keeps for it. */
struct client {
    hoop_link link; /* on server->clients until it ends */
    hoop_server *server;
    bool is_counted; /* not detached */
};

struct server_kind {
    /* Takes over FD, a connection that was accepted, also if this fails; runs no program's
     * code unless the kind's programs know of that. Ends in client_begin, or an error. */
    int (*serve)(hoop_server *server, int fd);
    /* The connection is to be closed, or aborted. Its program finds out by itself. */
    void (*close)(struct client *client);
    void (*abort)(struct client *client);
    /* Time is up. False if it ends just now anyway. */
    bool (*cancel)(struct client *client);
    /* Is it what runs just now? */
    bool (*is_running)(const struct client *client);
    /* Its program has let go of the stream or transport, or that is gone. */
    void (*lost)(struct client *client);
    /* The loop goes: free it, without client_end. What it is the client of may be gone. */
    void (*drop)(struct client *client);
};

/* What a program wants to be called for each connection. */
struct service {
    const struct server_kind *kind;
    hoop_client_fn client; /* with a stream, and ARG */
    const hoop_protocol *protocol;
    hoop_protocol_factory factory; /* with ARG */
    void *arg;
};

struct listener {
    hoop_watch watch; /* while the server accepts */
    hoop_ready ready; /* somebody may wait to be accepted */
    hoop_server *server;
    hoop_address address;
    int fd; /* -1 once the server is closed */
};

struct hoop_server {
    struct io_item item;
    hoop_loop *loop;
    struct service service;
    hoop_server_options options; /* with a reference to the TLS; what sockets inherit is done */
    hoop_context *context;       /* of who made it, for its clients; a reference, or NULL */
    struct socket_file file;
    struct listener *listeners; /* owned */
    size_t listener_count;
    bool is_serving;
    bool is_closed;
    bool is_starved;     /* the exception handler has heard of it, and clients still wait */
    hoop_timer retry;    /* armed: nobody is accepted until then */
    hoop_link clients;   /* client.link */
    size_t client_count; /* of those that are counted */
    hoop_link waiters;   /* waits for the end: it is closed, and no client is left */
    size_t references;   /* the program's, the clients', and those of functions that suspend */
};

/* Servers for SERVICE, as hoop_start_server, hoop_start_unix_server and hoop_start_server_fds
 * say; OPTIONS may be NULL, FUNCTION is the one that the program called. */
int server_on_host(const struct service *service, const char *host, uint16_t port,
                   const hoop_server_options *options, hoop_server **ret_server,
                   const char *function);
int server_on_unix(const struct service *service, const char *path,
                   const hoop_server_options *options, hoop_server **ret_server,
                   const char *function);
int server_on_fds(const struct service *service, const int *fds, size_t count,
                  const hoop_server_options *options, hoop_server **ret_server,
                  const char *function);

/* CLIENT is one of SERVER's from now on, until client_end. */
void client_begin(struct client *client, hoop_server *server);
/* It is not counted any more; nobody waits for it. */
void client_leave(struct client *client);
void client_end(struct client *client);
/* client.c: the TLS handshake of a client has failed. Anybody may connect and send garbage: that
 * is no news, but to whoever looks for a mistake, in debug mode. */
void client_report_handshake(hoop_server *server, int64_t error);

/* accept.c */
void listener_init(struct listener *listener, hoop_server *server, int fd);
/* Accepts from now on, and until accepting_stop. On failure nothing has begun. */
int accepting_start(hoop_server *server);
void accepting_stop(hoop_server *server);
/* There is memory or a descriptor again. */
void accepting_retry(hoop_server *server);

void server_unref(hoop_server *server);

/* server_end.c */
/* A client has left: if that was the last one of a closed server, who waits for it goes on. */
void server_tell_waiters(hoop_server *server);

#endif
