/* SPDX-License-Identifier: MIT
 *
 * Listening sockets: from a host's name, or a path, to descriptors that connections can be
 * accepted from.
 */
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include <hoop/server.h>

struct sockets {
    int *fds; /* owned, open */
    size_t count;
};

/* The file of a Unix socket, to be removed with it. All zero: there is none. */
struct socket_file {
    char *path;           /* owned */
    uint64_t identity[2]; /* of the file that was made */
};

/* As hoop_start_server and hoop_start_unix_server say; OPTIONS may not be NULL. The first one
 * suspends, in a task only. */
int listen_on_host(const char *host, uint16_t port, const hoop_server_options *options,
                   struct sockets *ret_sockets);
int listen_on_unix(const char *path, const hoop_server_options *options,
                   struct sockets *ret_sockets, struct socket_file *ret_file);
/* Takes over COUNT descriptors that are listening sockets already; -EINVAL for one that is not.
 * On failure they are closed. */
int listen_on_fds(const int *fds, size_t count, struct sockets *ret_sockets);

/* Closes them all. */
void sockets_done(struct sockets *sockets);
/* Removes the file if it is still the one that was made. */
void socket_file_done(struct socket_file *file);

#endif
