/* SPDX-License-Identifier: MIT
 *
 * Sockets made by the system's own calls: non-blocking ones of each family, bound to an address
 * that nobody else has.
 */
#ifndef TESTS_API_SOCKETS_H
#define TESTS_API_SOCKETS_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

static inline struct sockaddr *raw_address(hoop_address *address)
{
    return (struct sockaddr *)(void *)address->storage;
}

static inline int family_of(const hoop_address *address)
{
    sa_family_t family;
    memcpy(&family, address->storage, sizeof family);
    return family;
}

/* An address of FAMILY at which one can bind: any port of this machine, or a new abstract
 * name. False if the machine has no such addresses. */
static inline bool address_here(int family, hoop_address *ret_address)
{
    static int count;
    char name[64];
    snprintf(name, sizeof name, "@hoop-test-%d-%d", (int)getpid(), count++);
    if (family == AF_UNIX) {
        assert_int_equal(hoop_address_unix(name, ret_address), 0);
        return true;
    }
    assert_int_equal(hoop_address_parse(family == AF_INET ? "127.0.0.1" : "::1", 0, ret_address),
                     0);
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_there = fd >= 0 && bind(fd, raw_address(ret_address), ret_address->size) == 0;
    if (fd >= 0)
        close(fd);
    return is_there;
}

static inline hoop_address bound_address(int fd)
{
    hoop_address address = {.size = 0};
    socklen_t size = sizeof address.storage;
    assert_int_equal(getsockname(fd, raw_address(&address), &size), 0);
    address.size = size;
    return address;
}

static inline int new_socket(int family, int type)
{
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

static inline int bound_socket(int family, int type)
{
    hoop_address address;
    assert_true(address_here(family, &address));
    int fd = new_socket(family, type);
    assert_int_equal(bind(fd, raw_address(&address), address.size), 0);
    return fd;
}

static inline int listening_socket(int family, int backlog)
{
    int fd = bound_socket(family, SOCK_STREAM);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

/* An address of this machine at which nobody listens any more. */
static inline hoop_address abandoned_address(int family, int type)
{
    int fd = bound_socket(family, type);
    hoop_address address = bound_address(fd);
    close(fd);
    return address;
}

/* Calls BODY(FAMILY) for each family of addresses that the machine has. */
static inline void for_each_family(void (*body)(int family))
{
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
    hoop_address address;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (address_here(families[i], &address))
            body(families[i]);
}

#endif
