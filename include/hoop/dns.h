/* SPDX-License-Identifier: MIT
 *
 * Names and addresses: the platform's resolver, in threads of its own, so that lookups that
 * hang keep nobody from the default executor, and other lookups only if four of them hang.
 *
 * Results are the system's own struct addrinfo, to be freed by freeaddrinfo(3).
 */
#ifndef HOOP_DNS_H
#define HOOP_DNS_H

#include "address.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The system's, of <netdb.h>. */
struct addrinfo;

/* How many lookups of a loop run at a time; further ones wait. */
#define HOOP_DNS_THREADS 4

/* The addresses of HOST and SERVICE (a name or a number), either of which may be NULL, as
 * getaddrinfo(3) finds them; HINTS may be NULL. Literal addresses with a number for a service,
 * and those that the hints say are numeric, are answered at once, without a thread. Otherwise
 * suspends; a cancellation point, which returns at once: the lookup is left to its thread. 0, or
 * a HOOP_EAI_... code (error.h), -ECANCELED, -ENOMEM, HOOP_ENOTASK, -EAGAIN if no thread can be
 * had, or the errno of the system. */
HOOP_API HOOP_MUST_CHECK int hoop_getaddrinfo(const char *host, const char *service,
                                              const struct addrinfo *hints,
                                              struct addrinfo **ret_addresses);

/* The names of ADDRESS, as getnameinfo(3) with FLAGS (NI_NAMEREQD, NI_NUMERICHOST ...) finds
 * them. HOST of HOST_SIZE bytes and SERVICE of SERVICE_SIZE bytes are written on success only;
 * NI_MAXHOST and NI_MAXSERV are enough for all; either may be NULL. At once if the flags say
 * that both are to be numeric; else as hoop_getaddrinfo. -ENOBUFS if a name does not fit. */
HOOP_API HOOP_MUST_CHECK int hoop_getnameinfo(const hoop_address *address, char *host,
                                              size_t host_size, char *service, size_t service_size,
                                              int flags);

#ifdef __cplusplus
}
#endif

#endif
