/* SPDX-License-Identifier: MIT
 *
 * What runs in this thread now. It is one thread-local, so that a switch from task to task
 * finds all that it has to change in one place.
 */
#ifndef BASE_TURN_H
#define BASE_TURN_H

#include <hoop/types.h>

#include "base/sys.h"

struct thread_turn {
    hoop_context **context; /* where its bindings are kept; NULL: in the thread's own slot */
    hoop_task *task;        /* the running task; NULL while a loop itself runs, or none */
    unsigned budget;        /* how many awaits without suspension the task may still make */
};

extern _Thread_local struct thread_turn threads_turn;
struct thread_turn *turn_find(void);

#define turn SYS_THREADS_OWN(threads_turn, turn_find)

#endif
