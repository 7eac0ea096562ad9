/* SPDX-License-Identifier: MIT
 *
 * Connection after connection, several at a time: connect, send a byte, get it back, reset. The
 * reset leaves no port behind that would have to wait before it is used again.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "load.h"

enum { EVENTS = 256 };

struct visit {
    int fd;
    int is_sent;
};

static struct sockaddr_storage to;
static socklen_t to_size;

static void visit_send(struct visit *visit)
{
    if (visit->is_sent)
        return;
    ssize_t sent = send(visit->fd, "x", 1, MSG_NOSIGNAL);
    bench_require(sent == 1 || errno == EAGAIN || errno == ENOTCONN, "a connection was refused");
    visit->is_sent = sent == 1;
}

static void visit_begin(struct visit *visit, int poller)
{
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bench_require(fd >= 0, "no socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    *visit = (struct visit){.fd = fd};
    int rc = connect(fd, (struct sockaddr *)&to, to_size);
    bench_require(rc == 0 || errno == EINPROGRESS, "cannot connect");
    load_watch(poller, fd, visit);
    visit_send(visit);
}

/* Has the byte come back? Then the connection is reset. */
static int visit_end(struct visit *visit)
{
    char byte;
    ssize_t got = recv(visit->fd, &byte, 1, 0);
    if (got < 0 && (errno == EAGAIN || errno == ENOTCONN))
        return 0;
    bench_require(got == 1 && byte == 'x', "a connection ended without an answer");
    close(visit->fd);
    return 1;
}

void load_accept(const struct load_options *options)
{
    to_size = load_address(options->address, &to);
    struct visit *visits = bench_calloc((size_t)options->connections, sizeof *visits);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < options->connections; i++)
        visit_begin(&visits[i], poller);
    struct meter meter;
    uint64_t count = 0;
    meter_start(&meter, options);
    do {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, 0);
        for (int i = 0; i < ready; i++) {
            struct visit *visit = events[i].data.ptr;
            visit_send(visit);
            if (!visit_end(visit))
                continue;
            count++;
            visit_begin(visit, poller);
        }
    } while (meter_goes_on(&meter, count));
    meter_print(&meter, 0);
}
