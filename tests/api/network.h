/* SPDX-License-Identifier: MIT
 *
 * Servers and connections for tests, all within one task's loop. What fails here fails the test.
 */
#ifndef TESTS_API_NETWORK_H
#define TESTS_API_NETWORK_H

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "in_a_task.h"

/* A hoop_client_fn. */
static inline int64_t echo(hoop_stream *stream, void *arg)
{
    char buffer[512];
    int64_t size;
    (void)arg;
    while ((size = hoop_stream_read(stream, buffer, sizeof buffer)) > 0)
        if ((size = hoop_stream_write(stream, buffer, (size_t)size)) < 0)
            break;
    return size;
}

/* A server on a free port of IPv4's loopback. */
static inline hoop_server *serve_with(hoop_client_fn fn, void *arg,
                                      const hoop_server_options *options)
{
    hoop_server *server = NULL;
    assert_int_equal(hoop_start_server(fn, arg, "127.0.0.1", 0, options, &server), 0);
    return server;
}

static inline hoop_server *serve(hoop_client_fn fn, void *arg)
{
    return serve_with(fn, arg, NULL);
}

/* Of its first address. */
static inline uint16_t port_of(const hoop_server *server)
{
    hoop_address address;
    assert_int_equal(hoop_server_address(server, 0, &address), 0);
    return hoop_address_port(&address);
}

static inline hoop_stream *connect_to_port(uint16_t port)
{
    hoop_stream *stream = NULL;
    assert_int_equal(hoop_open_connection("127.0.0.1", port, NULL, &stream), 0);
    return stream;
}

static inline hoop_stream *connect_to(const hoop_server *server)
{
    return connect_to_port(port_of(server));
}

/* Sends TEXT, and reads the same. */
static inline void assert_echoes(hoop_stream *stream, const char *text)
{
    char buffer[64] = "";
    int64_t size = (int64_t)strlen(text);
    assert_int_equal(hoop_stream_write(stream, text, (size_t)size), size);
    assert_int_equal(hoop_stream_readexactly(stream, buffer, (size_t)size), size);
    assert_string_equal(buffer, text);
}

/* The other end has closed the connection, in order. */
static inline void assert_is_at_end(hoop_stream *stream)
{
    char byte;
    assert_int_equal(hoop_stream_read(stream, &byte, 1), 0);
}

/* Frees the server once the last client has gone. */
static inline void end_server(hoop_server *server)
{
    hoop_server_close(server);
    assert_int_equal(hoop_server_wait_closed(server), 0);
    hoop_server_free(server);
}

/* A socket of the system's own, with a listener of IPv4's loopback: its port. */
static inline int listen_plainly(int backlog, uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* Of IPv4's loopback, that nobody listens on. */
static inline uint16_t free_port(void)
{
    uint16_t port;
    close(listen_plainly(1, &port));
    return port;
}

static inline bool have_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

#endif
