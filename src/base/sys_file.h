/* SPDX-License-Identifier: MIT
 *
 * Files, by the rules of sys.h. A call that a signal interrupts is made again.
 */
#ifndef BASE_SYS_FILE_H
#define BASE_SYS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stat;

/* For an offset: the file's own position, which moves. */
#define SYS_FILE_POSITION ((int64_t)-1)

/* A new descriptor, closed on exec. */
int sys_file_open(const char *path, int flags, unsigned mode);
/* The same if neither a disk nor another process needs to be waited for: a regular file or a
 * folder whose name the kernel has in mind (Linux 5.12). Else -EAGAIN, or an error that no waiting
 * changes. */
int sys_file_open_cached(const char *path, int flags);
/* Tells of errors of writing that show only then; the descriptor is closed in each case. */
int sys_file_close(int fd);
/* Is FD open to be read only; past the page cache? -EBADF if it is not open. */
int sys_file_is_read_only(int fd);
int sys_file_is_direct(int fd);

/* The file's position, and to set it to where something is: that cannot fail. */
int64_t sys_file_position(int fd);
void sys_file_set_position(int fd, int64_t position);

/* How many bytes; 0 for reading at the end. Unless IS_BLOCKING, -EAGAIN if a disk or somebody else
 * would have to be waited for, and -EOPNOTSUPP if that cannot be told of this file. */
int64_t sys_file_read(int fd, void *buffer, size_t size, int64_t offset, bool is_blocking);
int64_t sys_file_write(int fd, const void *data, size_t size, int64_t offset, bool is_blocking);

int sys_file_sync(int fd);
int sys_file_sync_data(int fd);
int sys_file_truncate(int fd, uint64_t size);
int sys_file_status(int fd, struct stat *ret_status);

#endif
