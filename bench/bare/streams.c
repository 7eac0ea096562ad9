/* SPDX-License-Identifier: MIT
 *
 * The floor under the rows of streams: one epoll set, in which a connection is registered once,
 * edge-triggered, and one buffer for all. An event is one recv and one send; a recv that does
 * not fill the buffer has emptied the socket. What the system does not take of an answer is
 * kept with the connection, and nothing more is received until it has gone out.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "serve.h"

enum { EVENTS = 256 };

struct client {
    int fd;
    size_t kept_start;
    size_t kept_len;
    char kept[BENCH_SERVE_BUFFER]; /* untouched memory, unless it is used */
};

static int poller;

static void watch(int fd, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};
    bench_require(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void listen_on(int fd, const void *address, socklen_t size)
{
    bench_require(fd >= 0, "no socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    bench_require(bind(fd, address, size) == 0, "cannot bind");
}

int listen_at(const char *port, int type)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons(bench_port(port)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    listen_on(fd, &here, sizeof here);
    if (type == SOCK_STREAM)
        bench_require(listen(fd, BENCH_SERVE_BACKLOG) == 0, "cannot listen");
    return fd;
}

static int listen_unix(const char *path)
{
    struct sockaddr_un here = {.sun_family = AF_UNIX};
    bench_require(strlen(path) < sizeof here.sun_path, "the path is too long");
    strcpy(here.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    listen_on(fd, &here, sizeof here);
    bench_require(listen(fd, BENCH_SERVE_BACKLOG) == 0, "cannot listen");
    return fd;
}

static void client_close(struct client *client)
{
    close(client->fd);
    free(client);
}

/* Is all gone that was kept? */
static int client_flush(struct client *client)
{
    while (client->kept_len > 0) {
        ssize_t sent =
            send(client->fd, client->kept + client->kept_start, client->kept_len, MSG_NOSIGNAL);
        if (sent < 0)
            return 0;
        client->kept_start += (size_t)sent;
        client->kept_len -= (size_t)sent;
    }
    return 1;
}

/* Sends what it can of DATA. False: some of it is kept, or the connection broke. */
static int client_send(struct client *client, const char *data, size_t size)
{
    ssize_t sent = send(client->fd, data, size, MSG_NOSIGNAL);
    if (sent == (ssize_t)size)
        return 1;
    size_t done = sent < 0 ? 0 : (size_t)sent;
    client->kept_start = 0;
    client->kept_len = size - done;
    memcpy(client->kept, data + done, client->kept_len);
    return 0;
}

static void echo_turn(struct client *client)
{
    static char buffer[BENCH_SERVE_BUFFER];
    if (!client_flush(client))
        return;
    for (;;) {
        ssize_t got = recv(client->fd, buffer, sizeof buffer, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            client_close(client);
            return;
        }
        if (got < 0 || !client_send(client, buffer, (size_t)got) || got < (ssize_t)sizeof buffer)
            return;
    }
}

static void sink_turn(struct client *client)
{
    static char buffer[BENCH_SINK_BUFFER];
    ssize_t got;
    do {
        got = recv(client->fd, buffer, sizeof buffer, 0);
    } while (got == sizeof buffer);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        client_close(client);
}

static void accept_all(int listener, uint32_t events, int is_tcp)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (is_tcp)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct client *client = malloc(sizeof *client);
        bench_require(client != NULL, "out of memory");
        client->fd = fd;
        client->kept_len = 0;
        watch(fd, events, client);
    }
}

static void serve(int listener, int is_tcp, uint32_t client_events, void (*turn)(struct client *))
{
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(listener, EPOLLIN, NULL);
    bench_ready();
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener, client_events, is_tcp);
            else
                turn(events[i].data.ptr);
        }
    }
}

void serve_tcp(char **arguments)
{
    serve(listen_at(arguments[0], SOCK_STREAM), 1, EPOLLIN | EPOLLOUT | EPOLLET, echo_turn);
}

void serve_unix(char **arguments)
{
    serve(listen_unix(arguments[0]), 0, EPOLLIN | EPOLLOUT | EPOLLET, echo_turn);
}

void serve_sink(char **arguments)
{
    serve(listen_at(arguments[0], SOCK_STREAM), 1, EPOLLIN | EPOLLET, sink_turn);
}
