/* SPDX-License-Identifier: MIT
 *
 * A child process of a loop, from its start until it is reaped. For the layers above.
 *
 * It is watched by a pidfd where there is one, and otherwise by a thread of its own that blocks
 * until the child has ended. Either way the loop's thread reaps it, by its number alone, so that
 * a signal that is sent there never hits somebody else; children of others are not touched, and
 * SIGCHLD is nobody's business here.
 *
 * Whoever makes a child owns it until child_release. It is reaped all the same if the owner has let
 * go before its end; hoop_close kills and reaps what is left, but for those that were let go
 * alive.
 */
#ifndef LOOP_CHILD_H
#define LOOP_CHILD_H

#include <hoop/types.h>

struct child;

/* The child has ended and was reaped. Called once, unless it was released before, in the loop's
 * thread and as hoop_watch.notify is: may wake tasks, but not run a program's code. */
typedef void child_ended_fn(void *owner);

/* A child of LOOP, which is open, that has not begun; NULL without memory. */
struct child *child_new(hoop_loop *loop, child_ended_fn *ended, void *owner);
/* It is the process PID, a child of this one that was not reaped (sys_spawn), and is the loop's
 * from here on: 0. On failure it is killed and reaped. Look at its status afterwards: it may
 * have ended, and ENDED is not called for that. */
int child_begin(struct child *child, int pid);

int child_pid(const struct child *child);
/* As hoop_process_status: how it ended; HOOP_EPENDING while it runs; -ECHILD if that is lost, or if
 * it has not begun. */
int child_status(const struct child *child);
/* 0; -ESRCH if it was reaped; -EPERM, -EINVAL. */
int child_signal(const struct child *child, int signal);
/* The owner lets go, and does not hear of it any more. With KILL, it is killed if it runs. Also
 * for one that did not begin, and while the loop is being closed. */
void child_release(struct child *child, bool kill);

#endif
