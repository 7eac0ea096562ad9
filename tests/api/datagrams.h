/* SPDX-License-Identifier: MIT
 *
 * Datagram sockets for tests: opened at addresses that nobody else has, and asked for them.
 */
#ifndef TESTS_API_DATAGRAMS_H
#define TESTS_API_DATAGRAMS_H

#include "sockets.h"

static inline hoop_datagram *open_at(const hoop_address *local, const hoop_address *remote)
{
    hoop_datagram *socket = NULL;
    assert_int_equal(hoop_open_datagram(local, remote, NULL, &socket), 0);
    assert_non_null(socket);
    return socket;
}

/* Bound to a new address. */
static inline hoop_datagram *open_here(int family)
{
    hoop_address address;
    assert_true(address_here(family, &address));
    return open_at(&address, NULL);
}

static inline hoop_address local_address(const hoop_datagram *socket)
{
    hoop_address address = {.size = 0};
    assert_int_equal(hoop_datagram_local_address(socket, &address), 0);
    return address;
}

/* Bound to a new address, and connected to SOCKET's. */
static inline hoop_datagram *open_connected(int family, const hoop_datagram *socket)
{
    hoop_address here, there = local_address(socket);
    assert_true(address_here(family, &here));
    return open_at(&here, &there);
}

/* How many datagrams come out of SOCKET without waiting. */
static inline size_t count_datagrams(const hoop_datagram *socket)
{
    char data[16];
    size_t count = 0;
    while (recv(hoop_datagram_fd(socket), data, sizeof data, MSG_DONTWAIT) >= 0)
        count++;
    return count;
}

#endif
