/* SPDX-License-Identifier: MIT
 *
 * Addresses of the internet between Python and the system, for those who send and receive many
 * datagrams. Names, and the addresses of other families, are left to the socket module.
 */
#ifndef SOCKET_ADDRESS_H
#define SOCKET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "module.h"

/* ADDRESS as the system wants it for a socket of FAMILY. False if the socket module has to look at
 * it; no exception then. */
bool socket_address_parse(int family, PyObject *address, struct sockaddr_storage *ret_address,
                          socklen_t *ret_len);
/* FAMILY's addresses are those of the functions here. */
bool socket_address_is_known(int family);
/* What socket.recvfrom makes of LEN bytes of it: None for none. A new reference, or NULL with an
 * exception. */
PyObject *socket_address_build(const struct sockaddr_storage *address, socklen_t len);

#endif
