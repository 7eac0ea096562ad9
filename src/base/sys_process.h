/* SPDX-License-Identifier: MIT
 *
 * Processes: starting a program, and the end of a child. As sys.h; functions without a result,
 * and those that ask how a child of ours ended, cannot fail in practice.
 */
#ifndef BASE_SYS_PROCESS_H
#define BASE_SYS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

struct sys_spawn {
    const char *program; /* looked for in PATH if there is no '/' in it */
    const char *const *argv;
    const char *const *environment; /* NULL: ours */
    const char *directory;          /* NULL: ours */
    int stdio[3]; /* what is 0, 1 and 2 in the child, each >= 3; -1: it has what we have, unless
                     that is closed on exec */
    const int *inherit; /* further ones that it has, under the same numbers, each >= 3 */
    size_t inherit_count;
    bool new_session;
    int group; /* the process group to join, 0: one of its own, -1: ours */
};

/* Starts a program: its process id. Nothing is copied of our memory, and what is not named above
 * is closed in the child, also what we have open without close-on-exec. Signals: none is
 * blocked; the caught ones and SIGPIPE are at their defaults.
 * One error has many causes: see sys_check_directory. */
int sys_spawn(const struct sys_spawn *spawn);
/* 0 if a process could make PATH its working directory, else why not. */
int sys_check_directory(const char *path);

/* Descriptors for a child's standard ones: each at least 3, closed on exec. */
int sys_pipe(int ret_fds[2]);
int sys_open_null(void);

/* A descriptor that is readable once the process has ended. -ENOSYS, -EPERM: not here; -ESRCH. */
int sys_pidfd_open(int pid);

/* In the following, PIDFD is -1 if there is none. PID is a child that was not reaped. */
int sys_process_signal(int pid, int pidfd, int signal);
/* Kills it. */
void sys_process_kill(int pid, int pidfd);
/* Reaps it if it has ended, or, with WAIT, as soon as it has: its status in the form of
 * hoop_process_wait; -EAGAIN: it runs; -ECHILD: somebody else has reaped it. */
int sys_process_reap(int pid, int pidfd, bool wait);
/* Blocks until it has ended, and leaves it to be reaped. */
void sys_process_await(int pid);

#endif
