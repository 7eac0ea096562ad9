/* SPDX-License-Identifier: MIT
 *
 * Operations on a socket or other descriptor of your own, that some library made or that needs
 * system calls which hoop knows nothing of. For connections of the usual kind streams
 * (stream.h) do more, and are faster.
 *
 * The descriptor must be non-blocking (-EINVAL in debug mode if not), stay open during the
 * call, and belongs to the caller. Each call tries first, and waits only if it must: a
 * cancellation point then, which leaves the descriptor as it was. At a time one task may wait
 * for a descriptor to become readable, and one for writable; a second one gets -EBUSY, as does
 * one where hoop_add_reader, hoop_add_writer or a stream watch it. While a task waits, leave the
 * descriptor alone with hoop_add_reader, hoop_remove_reader and the like. All return
 * HOOP_ENOTASK outside of a task, -EBADF, -ENOMEM, and the errno of the system call that they
 * are named for.
 */
#ifndef HOOP_SOCKET_H
#define HOOP_SOCKET_H

#include "address.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Suspends until FD is readable (there is data, the end, or an error) or writable. 0, or
 * -EPERM for a descriptor that cannot be waited for (a regular file). */
HOOP_API HOOP_MUST_CHECK int hoop_wait_readable(int fd);
HOOP_API HOOP_MUST_CHECK int hoop_wait_writable(int fd);

/* Receives up to SIZE bytes; how many, 0 at the end of the stream. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_sock_recv(int fd, void *buffer, size_t size);
/* A datagram and who sent it; RET_FROM may be NULL. What does not fit is cut off. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_sock_recvfrom(int fd, void *buffer, size_t size,
                                                    hoop_address *ret_from);

/* Sends all SIZE bytes. 0, or an error, then an unknown number of them was sent: RET_SENT, which
 * may be NULL, tells how many, and is written in each case. Never raises SIGPIPE. */
HOOP_API HOOP_MUST_CHECK int hoop_sock_sendall(int fd, const void *data, size_t size,
                                               size_t *ret_sent);
/* Sends a datagram to an address; SIZE. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_sock_sendto(int fd, const void *data, size_t size,
                                                  const hoop_address *to);

/* Connects a socket. 0, or why the other end refused: -ECONNREFUSED, -ETIMEDOUT ... A Unix
 * socket waits while the other end's backlog is full. After -ECANCELED the system may still be
 * connecting: close it. */
HOOP_API HOOP_MUST_CHECK int hoop_sock_connect(int fd, const hoop_address *address);

/* Accepts a connection on a listening socket: a new non-blocking descriptor, closed on exec,
 * which is the caller's. RET_FROM may be NULL. */
HOOP_API HOOP_MUST_CHECK int hoop_sock_accept(int fd, hoop_address *ret_from);

/* Sends COUNT bytes (0: up to its end) of the regular file FILE_FD from OFFSET on, without
 * copying them through the program. How many, fewer if the file ends; on failure RET_SENT, which
 * may be NULL, tells how many were sent, and is written in each case. -EINVAL if it is no
 * regular file. The file's own position is not used. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_sock_sendfile(int fd, int file_fd, uint64_t offset,
                                                    uint64_t count, uint64_t *ret_sent);

#ifdef __cplusplus
}
#endif

#endif
