/* SPDX-License-Identifier: MIT
 *
 * The floor under the row of TLS: OpenSSL on the socket itself, without a buffer of ours
 * between them, edge-triggered. An answer has always room here: the load generator has one
 * message under way a connection.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "serve.h"

enum { EVENTS = 256 };

static SSL_CTX *context_new(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bench_require(context &&
                      SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM) == 1 &&
                      SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1,
                  "no certificate");
    return context;
}

static void accept_all(int poller, int listener, SSL_CTX *context)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        SSL *ssl = SSL_new(context);
        bench_require(ssl && SSL_set_fd(ssl, fd) == 1, "out of memory");
        SSL_set_accept_state(ssl);
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = ssl};
        bench_require(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    }
}

static void client_turn(SSL *ssl)
{
    static char buffer[BENCH_SERVE_BUFFER];
    int got;
    while ((got = SSL_read(ssl, buffer, sizeof buffer)) > 0)
        bench_require(SSL_write(ssl, buffer, got) == got, "an answer has no room");
    if (SSL_get_error(ssl, got) == SSL_ERROR_WANT_READ)
        return;
    ERR_clear_error();
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
}

void serve_tls(char **arguments)
{
    bench_require(arguments[1] && arguments[2], "serve tls PORT CERTIFICATE KEY");
    SSL_CTX *context = context_new(arguments[1], arguments[2]);
    int listener = listen_at(arguments[0], SOCK_STREAM);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    bench_require(epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) == 0, "epoll_ctl");
    bench_ready();
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(poller, listener, context);
            else
                client_turn(events[i].data.ptr);
        }
    }
}
