/* SPDX-License-Identifier: MIT
 *
 * From a host's name to a connected descriptor, for streams and transports alike.
 */
#ifndef IO_CONNECT_H
#define IO_CONNECT_H

#include <hoop/stream.h>

/* Connects as hoop_open_connection does, TLS aside: a descriptor, or the error, with its
 * message. OPTIONS may not be NULL. In a task only. */
int connect_host(const char *host, uint16_t port, const hoop_connection_options *options);

/* The same for hoop_open_unix_connection. */
int connect_unix(const char *path);

#endif
