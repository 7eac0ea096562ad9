/* SPDX-License-Identifier: MIT
 *
 * Sockets of the load generator. TLS is OpenSSL's, without a look at the certificate and with
 * one cipher only, so that each server has the same work.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/un.h>

#include "load.h"

static int starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

socklen_t load_address(const char *address, struct sockaddr_storage *ret_address)
{
    const char *place = strchr(address, ':');
    bench_require(place != NULL, "an address is tcp:PORT, tls:PORT, udp:PORT or unix:PATH");
    place++;
    *ret_address = (struct sockaddr_storage){0};
    if (starts_with(address, "unix:")) {
        struct sockaddr_un *name = (struct sockaddr_un *)ret_address;
        name->sun_family = AF_UNIX;
        bench_require(strlen(place) < sizeof name->sun_path, "the path is too long");
        strcpy(name->sun_path, place);
        return sizeof *name;
    }
    struct sockaddr_in *ip = (struct sockaddr_in *)ret_address;
    ip->sin_family = AF_INET;
    ip->sin_port = htons((uint16_t)atoi(place));
    ip->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof *ip;
}

static SSL *tls_open(int fd)
{
    static SSL_CTX *context;
    if (context == NULL) {
        context = SSL_CTX_new(TLS_client_method());
        bench_require(context && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) &&
                          SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256"),
                      "no TLS context");
        SSL_CTX_set_mode(context,
                         SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    SSL *ssl = SSL_new(context);
    bench_require(ssl && SSL_set_fd(ssl, fd) && SSL_connect(ssl) == 1, "no TLS handshake");
    return ssl;
}

void connection_open(struct connection *connection, const char *address)
{
    struct sockaddr_storage to;
    socklen_t to_size = load_address(address, &to);
    int is_udp = starts_with(address, "udp:");
    int fd = socket(to.ss_family, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    bench_require(fd >= 0, "no socket");
    bench_require(connect(fd, (struct sockaddr *)&to, to_size) == 0, "cannot connect");
    if (to.ss_family == AF_INET && !is_udp)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    connection->fd = fd;
    connection->ssl = starts_with(address, "tls:") ? tls_open(fd) : NULL;
    bench_require(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0, "fcntl");
}

static size_t tls_moved(SSL *ssl, int size)
{
    if (size > 0)
        return (size_t)size;
    int why = SSL_get_error(ssl, size);
    bench_require(why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE,
                  "a TLS connection ended");
    return 0;
}

size_t connection_send(struct connection *connection, const void *data, size_t size)
{
    if (connection->ssl != NULL)
        return tls_moved(connection->ssl, SSL_write(connection->ssl, data, (int)size));
    ssize_t sent = send(connection->fd, data, size, MSG_NOSIGNAL);
    bench_require(sent >= 0 || errno == EAGAIN, "a connection ended while it was sent to");
    return sent < 0 ? 0 : (size_t)sent;
}

size_t connection_receive(struct connection *connection, void *buffer, size_t size)
{
    if (connection->ssl != NULL)
        return tls_moved(connection->ssl, SSL_read(connection->ssl, buffer, (int)size));
    ssize_t got = recv(connection->fd, buffer, size, 0);
    bench_require(got > 0 || (got < 0 && errno == EAGAIN), "a connection ended");
    return got < 0 ? 0 : (size_t)got;
}

void load_watch(int poller, int fd, void *data)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = data};
    bench_require(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}
