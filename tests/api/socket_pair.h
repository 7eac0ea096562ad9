/* SPDX-License-Identifier: MIT
 *
 * Two connected sockets, non-blocking: something to watch, and a way to make it readable.
 */
#ifndef TESTS_SOCKET_PAIR_H
#define TESTS_SOCKET_PAIR_H

#include <sys/socket.h>
#include <unistd.h>

static inline void open_pair(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

static inline void close_pair(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

static inline void send_byte(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
}

#endif
