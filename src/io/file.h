/* SPDX-License-Identifier: MIT
 *
 * One call on an open file, described so that it can be made elsewhere than in the task that waits
 * for it.
 */
#ifndef IO_FILE_H
#define IO_FILE_H

#include <stddef.h>
#include <stdint.h>

enum file_operation { FILE_READ, FILE_WRITE, FILE_SYNC, FILE_SYNC_DATA, FILE_TRUNCATE };

struct file_call {
    enum file_operation operation;
    int fd;
    char *buffer;   /* what to read into, or to write */
    size_t size;    /* of the buffer */
    int64_t offset; /* in the file, or SYS_FILE_POSITION; for FILE_TRUNCATE its new size */
};

#endif
