/* SPDX-License-Identifier: MIT
 *
 * What of a file is to be sent.
 */
#ifndef IO_FILE_RANGE_H
#define IO_FILE_RANGE_H

#include "base/sys_socket.h"

/* How many bytes that are, of the regular file FD from OFFSET on: COUNT, or up to its end if that
 * is 0 or beyond; or an error. */
static inline int64_t file_range(int fd, uint64_t offset, uint64_t count)
{
    uint64_t size;
    int rc = sys_file_size(fd, &size);
    if (rc < 0)
        return rc;
    uint64_t rest = offset < size ? size - offset : 0;
    return (int64_t)(count > 0 && count < rest ? count : rest);
}

#endif
