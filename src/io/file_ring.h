/* SPDX-License-Identifier: MIT
 *
 * The loop's io_uring for files, apart from its poller. It is opened when the first call would
 * block, and if that does not succeed the loop's files are left to threads from then on.
 */
#ifndef IO_FILE_RING_H
#define IO_FILE_RING_H

#include "io/file.h"

/* Makes CALL, a read or a write, and suspends until it is made: a cancellation point, but it
 * returns only when the kernel is done with the buffer. -EOPNOTSUPP if it was not begun, and a
 * thread is to do it. To be called in a task. */
int64_t file_ring_run(const struct file_call *call);

#endif
