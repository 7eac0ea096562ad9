/* SPDX-License-Identifier: MIT
 *
 * The inside of a future, which is also the head of every task.
 */
#ifndef TASK_FUTURE_H
#define TASK_FUTURE_H

#include <hoop/future.h>

#include "base/list.h"
#include "base/origin.h"
#include "task/wait.h"

struct hoop_future {
    hoop_link observers;        /* struct observer: who is told when it is done, in order */
    hoop_link link;             /* on the scheduler's list of tasks or of futures, all its life */
    hoop_loop *loop;            /* NULL once that is closed */
    int64_t result;             /* once done, the outcome; before, the code that `message` is of */
    char *message;              /* owned; NULL if there is none */
    struct hoop_origin *origin; /* where it was made, in debug mode; owned */
    uint32_t references;
    bool is_task;
    bool done;
    bool retrieved; /* somebody has seen the outcome */
};

struct scheduler;

/* Sets the outcome, and tells the observers. It must be pending. */
void future_resolve(hoop_future *future, int64_t result);

/* Replaces the message with MESSAGE, of error CODE; takes ownership. */
void future_set_message(hoop_future *future, int64_t code, char *message);

/* The loop goes: nobody will hear of this future any more. */
void future_orphan(hoop_future *future);

/* Frees the done callbacks that SCHEDULER still knows. */
void future_callbacks_drop(struct scheduler *scheduler);

/* How a wait for a future reacts to cancellation. */
extern const struct wait_kind future_wait_cancelling; /* cancels the future, goes on waiting */
extern const struct wait_kind future_wait_shielding;  /* leaves it alone and returns */

/* Waits in the running task until FUTURE is done: 0, or -ECANCELED if KIND lets the wait be
 * cancelled and it was. */
int future_park(hoop_future *future, const struct wait_kind *kind);

/* The same, and retrieves the outcome, with its message handed to the task. */
int64_t future_wait(hoop_future *future, const struct wait_kind *kind);

/* Copies the message of FUTURE's outcome to TASK, which hears of that. */
void future_pass_message(hoop_task *task, hoop_future *future);

/* Why the running task, if there is one, may not wait for FUTURE: a misuse of FUNCTION. 0 if
 * it may. */
int future_check_wait(const hoop_future *future, const char *function);

/* The last reference is gone. */
void future_end(hoop_future *future);

static inline void future_unref(hoop_future *future)
{
    if (--future->references == 0)
        future_end(future);
}

#endif
