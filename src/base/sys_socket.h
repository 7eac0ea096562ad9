/* SPDX-License-Identifier: MIT
 *
 * The kernel's part in sockets, pipes and what is sent through them; the resolver too. The
 * rules are those of sys.h. No function here raises SIGPIPE, and none gives -EINTR: none waits,
 * so that the call is simply made again. Descriptors are non-blocking; those that are other
 * programs' too may not be (io/stdio.c), so connected sockets are asked not to wait in each call.
 */
#ifndef BASE_SYS_SOCKET_H
#define BASE_SYS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hoop/address.h>

struct addrinfo;
struct iovec;
struct mmsghdr;
struct msghdr;

/* The most pieces that one call takes. */
#define SYS_PIECES_MAX ((size_t)1024)

/* New descriptors are non-blocking, and closed on exec. */
int sys_socket(int family, int type, int protocol);
int sys_socket_pair(int family, int type, int *ret_fds);
/* RET_FROM may be NULL. */
int sys_accept(int fd, hoop_address *ret_from);

int sys_bind(int fd, const hoop_address *address);
int sys_listen(int fd, int backlog);
/* -EINPROGRESS: wait until it is writable, and ask sys_socket_error. */
int sys_connect(int fd, const hoop_address *address);
/* 0, or the pending error of the socket, negative, which is taken from it. */
int sys_socket_error(int fd);
int sys_shutdown(int fd, int how);
int sys_local_address(int fd, hoop_address *ret_address);
int sys_remote_address(int fd, hoop_address *ret_address);

int sys_set_option(int fd, int level, int option, int value);
int sys_get_option(int fd, int level, int option, int *ret_value);
/* Is it a socket, or something else that can be read and written? -EBADF, -EPERM for a regular
 * file or a folder, which cannot be waited for. */
int sys_is_socket(int fd);
/* Makes a descriptor non-blocking; 1 if it was already, else 0. */
int sys_set_nonblocking(int fd);
int sys_is_nonblocking(int fd);
int sys_set_close_on_exec(int fd);

/* ---- sockets ---- */
int64_t sys_receive(int fd, void *buffer, size_t size);
/* RET_FROM may be NULL. */
int64_t sys_receive_from(int fd, void *buffer, size_t size, hoop_address *ret_from);
int64_t sys_send(int fd, const void *data, size_t size);
int64_t sys_send_to(int fd, const void *data, size_t size, const hoop_address *to);
/* At most SYS_PIECES_MAX of them. */
int64_t sys_send_pieces(int fd, const struct iovec *pieces, size_t count);
/* Connected TCP: the kernel is ready to be given the keys of TLS. -ENOENT: it cannot do it. */
int sys_tls_attach(int fd);
/* With the keys in the kernel: sends a record of a kind other than data. How many bytes. */
int64_t sys_tls_send(int fd, unsigned char kind, const void *data, size_t size);
/* How many messages were received, or sent. */
int sys_receive_messages(int fd, struct mmsghdr *messages, unsigned count);
int sys_send_messages(int fd, struct mmsghdr *messages, unsigned count);

/* ---- pipes, terminals, files ---- */
int64_t sys_read(int fd, void *buffer, size_t size);
int64_t sys_read_at(int fd, void *buffer, size_t size, uint64_t offset);
int64_t sys_write_pieces(int fd, const struct iovec *pieces, size_t count);
/* From the file's OFFSET on; the file's own position is left alone. */
int64_t sys_send_file(int fd, int file_fd, uint64_t offset, size_t count);
/* Of a regular file; -EINVAL for another one. */
int sys_file_size(int fd, uint64_t *ret_size);
/* Removes PATH if it is a socket's file; 0 also if there is none, -EEXIST if it is another's. */
int sys_remove_socket_file(const char *path);
int sys_file_permissions(const char *path, unsigned mode);
/* Which file PATH is now, whatever it is called; false if there is none. */
bool sys_file_identity(const char *path, uint64_t ret_identity[2]);
/* 1, 0 for another file, or why that cannot be told. */
int sys_is_folder(const char *path);

/* ---- the resolver: blocks; results are 0 or a HOOP_EAI code or a negative errno ---- */
int sys_look_up(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_addresses);
int sys_look_up_name(const hoop_address *address, char *host, size_t host_size, char *service,
                     size_t service_size, int flags);

#endif
