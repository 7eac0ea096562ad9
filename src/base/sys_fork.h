/* SPDX-License-Identifier: MIT
 *
 * The kernel's part in helper processes: forks of this program that do not exec, blocking
 * channels to them, and memory that is shared with them. As sys.h; what is for children only and
 * cannot fail in practice has no result.
 */
#ifndef BASE_SYS_FORK_H
#define BASE_SYS_FORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct iovec;

/* ---- processes ---- */
/* As fork. In the child all signals stay blocked (sys_signals_forget). */
int sys_fork(void);
_Noreturn void sys_exit(int status);
/* Kills a child of ours, and reaps it: 0 and waitpid's status, which tells of an earlier death if
 * there was one. -ECHILD: somebody else has reaped it. */
int sys_end_child(int pid, int *ret_status);
/* "Segmentation fault"; NULL for an unknown signal. */
const char *sys_signal_text(int signal);

/* ---- in a child ---- */
/* Dies with its parent, and dies now if that is not PARENT any more. */
void sys_end_with_parent(int parent);
/* Closes all descriptors but the standard ones and KEEP. */
void sys_close_others(int keep);
/* A child that is forked from here on does not have FD. */
int sys_close_in_forks(int fd);
/* Private memory: no more than there is now, and MORE bytes. */
int sys_limit_memory(size_t more);

/* ---- channels: a message arrives whole, or not at all ---- */
#define SYS_CHANNEL_FDS_MAX 2

/* Both ends block, and are no standard descriptors, which helpers would have. */
int sys_channel_pair(int ret_fds[2]);
/* With copies of FD_COUNT descriptors. -EPIPE or -ECONNRESET: the other end is closed, and has
 * not received it. */
int sys_channel_send(int channel, const struct iovec *pieces, size_t count, const int *fds,
                     size_t fd_count);
/* How many bytes, 0 at the end. -ECONNRESET: the other end was closed before it had received all
 * that was sent to it. RET_FDS has room for SYS_CHANNEL_FDS_MAX; or NULL. */
int64_t sys_channel_receive(int channel, const struct iovec *pieces, size_t count, int *ret_fds,
                            size_t *ret_fd_count);
/* Sends a message with a copy of FD, unless that is -1, and receives the one that answers it.
 * -EPIPE: there is nobody at the other end, or not any more. */
int sys_channel_ask(int channel, const void *question, size_t size, int fd, void *ret_answer,
                    size_t answer_size);
/* Who waits there finds the end, here and at the other end. */
void sys_channel_hang_up(int channel);

/* ---- shared memory ---- */
/* A descriptor of SIZE bytes of zeros. */
int sys_memory_create(size_t size);
enum {
    SYS_MEMORY_WRITABLE = 1,
    SYS_MEMORY_NOW = 2, /* with all pages: for little that is all going to be touched */
};
/* SIZE bytes from OFFSET on, a multiple of the page size. */
int sys_memory_map(int memory, uint64_t offset, size_t size, unsigned flags, void **ret_bytes);

#endif
