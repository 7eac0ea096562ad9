/* SPDX-License-Identifier: MIT
 *
 * The floor under the row of datagrams: as many as there are in one system call, and back again
 * in another. When no more are there it waits, in epoll as a server with several sockets would.
 */
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "serve.h"

static struct mmsghdr messages[BENCH_DATAGRAM_BATCH];
static struct iovec pieces[BENCH_DATAGRAM_BATCH];
static struct sockaddr_in addresses[BENCH_DATAGRAM_BATCH];
static char buffers[BENCH_DATAGRAM_BATCH][BENCH_DATAGRAM_BUFFER];

static void messages_clear(int count)
{
    for (int i = 0; i < count; i++) {
        pieces[i] = (struct iovec){buffers[i], BENCH_DATAGRAM_BUFFER};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &addresses[i],
                                              .msg_namelen = sizeof addresses[i],
                                              .msg_iov = &pieces[i],
                                              .msg_iovlen = 1};
    }
}

/* Returns how many came; what has no room is dropped, as the network might. */
static int echo_batch(int fd)
{
    int count = recvmmsg(fd, messages, BENCH_DATAGRAM_BATCH, 0, NULL);
    if (count <= 0)
        return 0;
    for (int i = 0; i < count; i++)
        pieces[i].iov_len = messages[i].msg_len;
    sendmmsg(fd, messages, (unsigned)count, 0);
    messages_clear(count);
    return count;
}

void serve_udp(char **arguments)
{
    int fd = listen_at(arguments[0], SOCK_DGRAM);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    bench_require(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    messages_clear(BENCH_DATAGRAM_BATCH);
    bench_ready();
    for (;;) {
        epoll_wait(poller, &event, 1, -1);
        while (echo_batch(fd) > 0)
            continue;
    }
}
