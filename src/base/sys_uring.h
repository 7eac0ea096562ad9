/* SPDX-License-Identifier: MIT
 *
 * io_uring: the calls of liburing that enter the kernel, by the rules of sys.h. What
 * only writes to the rings, which are memory, needs no wrapper.
 */
#ifndef BASE_SYS_URING_H
#define BASE_SYS_URING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct io_uring;

/* Rings for ENTRIES submissions at a time and four times as many completions; the kernel
 * keeps what does not fit. -ENOSYS if it has no multishot poll (Linux 5.13), or what it
 * answers where io_uring is switched off: -ENOSYS, -EPERM. */
int sys_uring_open(struct io_uring *ring, unsigned entries);
void sys_uring_close(struct io_uring *ring);
/* Hands in what is queued; how many. What was not taken stays queued. */
int sys_uring_submit(struct io_uring *ring);
/* The same, and waits for a completion for TIMEOUT nanoseconds (0: not at all, INT64_MAX: no
 * limit). 0, also when the time is over or a signal interrupted the wait. */
int sys_uring_wait(struct io_uring *ring, int64_t timeout);

/* Has the kernel something to do, for which it must be entered, before all completions can be
 * seen? */
bool sys_uring_has_work(const struct io_uring *ring);

/* The kernel has written SIZE bytes to MEMORY for a request: news for Valgrind. */
void sys_uring_wrote(void *memory, size_t size);

/* 0 or 1 if FD can be waited for, 1 for a device such as a terminal; -EBADF, or -EPERM for a
 * regular file, as of epoll. RET_FILE is the number of the open socket or pipe, which its
 * descriptor's next user does not have; other kinds may share one. */
int sys_check_pollable(int fd, uint64_t *ret_file);
/* Which of EVENTS (poll's) hold now, and what else poll(2) tells unasked. */
uint32_t sys_poll_state(int fd, uint32_t events);

#endif
