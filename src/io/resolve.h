/* SPDX-License-Identifier: MIT
 *
 * A host and a port, as the addresses to connect to or to listen on.
 */
#ifndef IO_RESOLVE_H
#define IO_RESOLVE_H

#include <hoop/address.h>
#include <string.h>
#include <sys/socket.h>

/* A struct sockaddr begins with it. */
static inline int address_family(const hoop_address *address)
{
    struct sockaddr start;
    memcpy(&start, address->storage, sizeof start);
    return start.sa_family;
}

struct addresses {
    hoop_address *items; /* owned; none is there twice */
    size_t count;        /* at least one */
};

/* The addresses of HOST (NULL: as the resolver's FLAGS say) for stream sockets, in the
 * resolver's order; FAMILY is 0, AF_INET or AF_INET6. Suspends unless HOST is a literal address;
 * a cancellation point. 0, -EINVAL for another family, or as hoop_getaddrinfo. */
int resolve(const char *host, uint16_t port, int family, int flags, struct addresses *ret);

void addresses_done(struct addresses *addresses);

#endif
