/* SPDX-License-Identifier: MIT
 *
 * The kernel's part in standard input and output, whose open file descriptions are other programs'
 * as well: with the descriptors themselves nothing is done that those would notice. The rules
 * are those of sys.h. New descriptors are closed on exec, and above 2.
 */
#ifndef BASE_SYS_STDIO_H
#define BASE_SYS_STDIO_H

/* The pipe, FIFO or terminal behind FD, opened anew: for the same (reading, writing), but
 * non-blocking. -EOPNOTSUPP if it is something else. */
int sys_reopen(int fd);
/* Will a read, or a write of up to PIPE_BUF bytes to a pipe, return at once? 1 or 0; 1 also if it
 * will fail; -EBADF if FD is not open for that. */
int sys_is_readable(int fd);
int sys_is_writable(int fd);

#endif
