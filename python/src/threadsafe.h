/* SPDX-License-Identifier: MIT
 *
 * Work from other threads: it waits in a list of its own until a post brings it into the loop's
 * thread.
 */
#ifndef THREADSAFE_H
#define THREADSAFE_H

#include "loop.h"

/* 0 or -1 with an exception. */
int threadsafe_init(loop_object *loop);
/* Queues WORK, which must not be queued, and wakes the loop. Callable from any thread, with the
 * interpreter's lock. 0, or -1 with RuntimeError for a loop that was closed meanwhile. */
int threadsafe_push(loop_object *loop, struct work *work);
/* Brings in what came, in the loop's thread or, so that it is ahead of what is scheduled next, while
 * the loop does not run. */
void threadsafe_take(loop_object *loop);
int threadsafe_traverse(loop_object *loop, visitproc visit, void *arg);
/* Drops what has not come in. */
void threadsafe_clear(loop_object *loop);
void threadsafe_done(loop_object *loop);

#endif
