/* SPDX-License-Identifier: MIT
 *
 * Accepting connections. A listener's watch is edge-triggered: its flag stays up until accept
 * says that nobody waits. So no client is forgotten, whatever made us stop before.
 *
 * The watch only queues the listener; connections are accepted in its turn of the batch, some at
 * a time, so that a flood of them leaves the others their turns.
 *
 * A server that is starved, because descriptors or memory are used up, stops accepting and tries
 * again every second, and when a client has ended. The hunger is over when somebody is accepted and
 * nobody waits any more; until then the exception handler is told once.
 */
#include <errno.h>
#include <hoop/error.h>

#include "base/context.h"
#include "base/sys_socket.h"
#include "io/server.h"
#include "loop/loop.h"

/* Of one listener, in one iteration. */
#define ACCEPTS_PER_TURN 64
#define RETRY_NS 1000000000

/* Errors of a connection that has broken before it was accepted: see accept(2). */
static bool is_of_connection(int rc)
{
    switch (rc) {
    case -ECONNABORTED:
    case -ECONNRESET:
    case -EPERM: /* the firewall says no */
    case -EPROTO:
    case -ENOPROTOOPT:
    case -EOPNOTSUPP:
    case -ENETDOWN:
    case -ENETUNREACH:
    case -EHOSTDOWN:
    case -EHOSTUNREACH:
    case -ENONET:
    case -ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

static bool is_paused(const hoop_server *server)
{
    return server->retry.position != 0;
}

static void queue_all(hoop_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        if (server->listeners[i].watch.ready & HOOP_READABLE)
            hoop_ready_push(server->loop, &server->listeners[i].ready);
}

/* ERROR keeps us from accepting more. Its report may run a program's code. */
static void starve(hoop_server *server, int error)
{
    bool is_new = !server->is_starved;
    server->is_starved = true;
    if (!is_paused(server) &&
        hoop_timer_start(server->loop, &server->retry, hoop_time_ns(server->loop) + RETRY_NS) < 0)
        queue_all(server); /* without memory for the pause there is none */
    if (!is_new)
        return;
    hoop_exception exception = {
        .message = "a server cannot accept connections, and tries again every second",
        .error = error,
    };
    hoop_call_exception_handler(server->loop, &exception);
}

/* One connection: 1, 0 if nobody waits, or the error that keeps us from accepting more. */
static int accept_one(struct listener *listener)
{
    hoop_server *server = listener->server;
    int fd = sys_accept(listener->fd, NULL);
    if (fd >= 0) {
        int rc = server->service.kind->serve(server, fd);
        return rc < 0 ? rc : 1;
    }
    if (fd != -EAGAIN)
        return is_of_connection(fd) ? 1 : fd;
    hoop_watch_clear(&listener->watch, HOOP_READABLE);
    return 0;
}

static void accept_some(struct listener *listener)
{
    hoop_server *server = listener->server;
    int rc = 1;
    for (int i = 0; i < ACCEPTS_PER_TURN && rc > 0 && server->is_serving; i++)
        rc = accept_one(listener);
    if (!server->is_serving)
        return;
    if (rc > 0)
        hoop_ready_push(server->loop, &listener->ready);
    else if (rc < 0)
        starve(server, rc);
    else if (!is_paused(server))
        server->is_starved = false;
}

static void listener_run(hoop_ready *ready)
{
    hoop_server *server = CONTAINER_OF(ready, struct listener, ready)->server;
    hoop_context **outer = context_enter(&server->context); /* the clients begin with it */
    server->references++;
    accept_some(CONTAINER_OF(ready, struct listener, ready));
    context_enter(outer);
    server_unref(server);
}

static void listener_notify(hoop_watch *watch, unsigned events)
{
    struct listener *listener = CONTAINER_OF(watch, struct listener, watch);
    if ((events & HOOP_READABLE) && !is_paused(listener->server))
        hoop_ready_push(listener->server->loop, &listener->ready);
}

static void retry_expire(hoop_timer *timer)
{
    queue_all(CONTAINER_OF(timer, hoop_server, retry));
}

void accepting_retry(hoop_server *server)
{
    if (!is_paused(server))
        return;
    hoop_timer_stop(server->loop, &server->retry);
    queue_all(server);
}

void listener_init(struct listener *listener, hoop_server *server, int fd)
{
    *listener = (struct listener){.server = server, .fd = fd};
    hoop_watch_init(&listener->watch, listener_notify);
    hoop_ready_init(&listener->ready, listener_run);
    hoop_timer_init(&server->retry, retry_expire);
}

void accepting_stop(hoop_server *server)
{
    server->is_serving = false;
    hoop_timer_stop(server->loop, &server->retry);
    for (size_t i = 0; i < server->listener_count; i++) {
        hoop_watch_stop(server->loop, &server->listeners[i].watch);
        hoop_ready_remove(&server->listeners[i].ready);
    }
}

int accepting_start(hoop_server *server)
{
    int rc = 0;
    for (size_t i = 0; i < server->listener_count && rc == 0; i++)
        rc = hoop_watch_start(server->loop, &server->listeners[i].watch, server->listeners[i].fd);
    server->is_serving = rc == 0;
    if (rc < 0)
        accepting_stop(server);
    return rc;
}
