/* SPDX-License-Identifier: MIT
 *
 * Addresses of sockets: an IP address and a port, or a Unix socket's name. To look a host's
 * addresses up, see dns.h. No function here suspends; each may be called from any thread.
 */
#ifndef HOOP_ADDRESS_H
#define HOOP_ADDRESS_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A socket address of any family: SIZE bytes of STORAGE are a struct sockaddr, to be cast for
 * the system's calls, and as many as a struct sockaddr_storage has there is room for. All zero
 * is no address. */
typedef struct hoop_address {
    uint64_t storage[16];
    uint32_t size;
} hoop_address;

/* "192.0.2.1", or "2001:db8::1", or "fe80::1%eth0" with the name or number of an interface; no
 * names of hosts. 0, or -EINVAL if HOST is nothing of that; -ENOMEM and the like with an
 * interface only. */
HOOP_API HOOP_MUST_CHECK int hoop_address_parse(const char *host, uint16_t port,
                                                hoop_address *ret_address);

/* The Unix socket PATH; "@name" is the abstract socket "name", which is no file. -ENAMETOOLONG
 * for more than 107 bytes, -EINVAL for no name. */
HOOP_API HOOP_MUST_CHECK int hoop_address_unix(const char *path, hoop_address *ret_address);

/* What the longest text of hoop_address_format takes, its end included. */
#define HOOP_ADDRESS_TEXT_SIZE 128

/* Writes "192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1%2]:80" with the interface's number,
 * "unix:/run/x", "unix:@name" with "@" for each zero in it, "unix:" for a socket without a name,
 * or "?" for another family, into the SIZE bytes at BUFFER, cut off if they are too few. Returns
 * BUFFER. */
HOOP_API const char *hoop_address_format(const hoop_address *address, char *buffer, size_t size);

/* The port of an IP address; 0 for another family. */
HOOP_API uint16_t hoop_address_port(const hoop_address *address);

/* Are the two the same family, host and port, or the same name? */
HOOP_API bool hoop_address_equal(const hoop_address *one, const hoop_address *other);

#ifdef __cplusplus
}
#endif

#endif
