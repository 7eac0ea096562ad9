/* SPDX-License-Identifier: MIT
 *
 * Open files: what the disk may take its time for, awaited. A file is a plain descriptor.
 *
 *     int fd = hoop_file_open("data", O_RDONLY, 0);
 *     int64_t size = fd < 0 ? fd : hoop_file_pread(fd, buffer, sizeof buffer, 0);
 *
 * What is in the page cache is read at once, without a thread and mostly without suspending; for
 * the rest the loop goes on, and the kernel's io_uring does it, or where that is not to be had a
 * thread. The threads are the files' own, HOOP_FILE_THREADS for each loop, so that a full default
 * executor does not keep anybody from reading. The environment variable HOOP_FILES says "threads"
 * for loops that are not to use io_uring.
 *
 * All but hoop_file_close and hoop_file_free return HOOP_ENOTASK outside of a task, -ENOMEM, and
 * the errno of the system call that they are named for. Where one would have to wait it suspends,
 * and is a cancellation point until the work has begun; then it waits until the kernel, or the
 * thread, is done with the caller's memory: with the result if it came through all the same, else
 * with -ECANCELED.
 */
#ifndef HOOP_FILE_H
#define HOOP_FILE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct stat; /* the system's, of <sys/stat.h> */

#define HOOP_FILE_THREADS 16

/* ---- opening and closing -------------------------------------------------- */

/* open(2): a new descriptor, closed on exec, which is the caller's. What blocks an open, such as
 * the missing other end of a FIFO, blocks one of the threads. */
HOOP_API HOOP_MUST_CHECK int hoop_file_open(const char *path, int flags, unsigned mode);

/* Closes FD, and tells of an error of writing that only shows then (-EIO, -EDQUOT). The descriptor
 * is gone in each case; not a cancellation point. Outside of a task it may block. A negative FD
 * is allowed (0). */
HOOP_API int hoop_file_close(int fd);

/* ---- reading and writing -------------------------------------------------- */

/* Reads SIZE bytes from the file's position on, which moves, or from OFFSET on, which leaves it
 * alone: how many, fewer only where the file ends, 0 there. If an error or a cancellation comes
 * after some bytes these are returned, and the next call meets it. Not more than one task at a
 * time should use the position. For pipes and sockets there are streams; here they give what
 * they have (and have no OFFSET: -ESPIPE). */
HOOP_API HOOP_MUST_CHECK int64_t hoop_file_read(int fd, void *buffer, size_t size);
HOOP_API HOOP_MUST_CHECK int64_t hoop_file_pread(int fd, void *buffer, size_t size,
                                                 uint64_t offset);

/* Writes all SIZE bytes: SIZE. After an error or a cancellation *RET_WRITTEN, which may be NULL,
 * tells how many of them were written; it is set in each case. A large SIZE is written in
 * pieces. A pipe or socket that nobody reads any more raises SIGPIPE, as with write(2). */
HOOP_API HOOP_MUST_CHECK int64_t hoop_file_write(int fd, const void *data, size_t size,
                                                 size_t *ret_written);
HOOP_API HOOP_MUST_CHECK int64_t hoop_file_pwrite(int fd, const void *data, size_t size,
                                                  uint64_t offset, size_t *ret_written);

/* Until the disk has all of it: fsync(2), and fdatasync(2), which leaves times out. */
HOOP_API HOOP_MUST_CHECK int hoop_file_sync(int fd);
HOOP_API HOOP_MUST_CHECK int hoop_file_datasync(int fd);

/* Makes the file SIZE bytes long: ftruncate(2). */
HOOP_API HOOP_MUST_CHECK int hoop_file_truncate(int fd, uint64_t size);

/* fstat(2). Asks at once, in the loop's thread. */
HOOP_API HOOP_MUST_CHECK int hoop_file_fstat(int fd, struct stat *ret_status);

/* ---- a whole file --------------------------------------------------------- */

/* The whole file at PATH: *RET_DATA is *RET_SIZE bytes, to be freed by hoop_file_free, with a '\0'
 * behind that does not count. Also for files that do not know their size, such as those in /proc.
 * -EFBIG if it has more than LIMIT bytes (0: no limit). */
HOOP_API HOOP_MUST_CHECK int hoop_file_load(const char *path, size_t limit, void **ret_data,
                                            size_t *ret_size);
/* NULL is allowed. */
HOOP_API void hoop_file_free(void *data);

#ifdef __cplusplus
}
#endif

#endif
