/* SPDX-License-Identifier: MIT
 *
 * The one way to suspend. Everything that a task can wait for is built on it, so that
 * cancellation is solved in one place.
 *
 * A wait lives on the stack of the task that waits. The caller puts wait.observer on the
 * queue of whatever will happen, parks, and finds it off that queue when it returns:
 *
 *     struct wait wait;
 *     wait_init(&wait, &lock_wait);
 *     list_append(&lock->waiters, &wait.observer.link);
 *     int64_t rc = wait_park(&wait);
 *
 * Whoever makes it happen calls wait_wake, or the observer's notify. Of several wakes
 * the first one counts: what a task was given before it was cancelled it has. Cancelling the
 * task calls the kind's cancel, which as a rule wakes it with -ECANCELED.
 */
#ifndef TASK_WAIT_H
#define TASK_WAIT_H

#include <hoop/embed.h>
#include <hoop/task.h>

#include "base/check.h"
#include "base/list.h"
#include "base/turn.h"

/* Someone who wants to hear of an event, in the queue of who else does. */
struct observer {
    hoop_link link;
    void (*notify)(struct observer *observer); /* with the observer off the queue; may wake
                                                  tasks, may not run a program's code */
};

struct wait;

struct wait_kind {
    const char *verb; /* for people: "sleeps", "awaits" */
    /* The task is being cancelled: wake it, or see to it that it will be woken. It may cancel
     * other tasks. */
    void (*cancel)(struct wait *wait);
    /* What it waits for, for people, if that is a future; may be NULL. */
    hoop_future *(*target)(const struct wait *wait);
    /* The loop goes, and the waiting frame with it: let go of what it holds. May be NULL. */
    void (*abandon)(struct wait *wait);
};

struct wait {
    struct observer observer;
    const struct wait_kind *kind;
    hoop_task *task; /* who waits; NULL once it is woken */
    int64_t result;  /* what wait_wake said */
};

/* The notify of a wait's observer: wakes with 0. */
void wait_notify(struct observer *observer);

/* Its observer is on no queue, and its notify wakes with 0. */
static inline void wait_init(struct wait *wait, const struct wait_kind *kind)
{
    list_init(&wait->observer.link);
    wait->observer.notify = wait_notify;
    wait->kind = kind;
}

/* Suspends the running task until wait_wake, and returns what that said. Must be called
 * from a task (wait_without_task). If the task is being cancelled already, the kind's cancel
 * is called first, and may make this return at once. */
int64_t wait_park(struct wait *wait);

/* Makes the task ready with RESULT, and takes its observer off its queue. Nothing
 * happens if it was woken before. */
void wait_wake(struct wait *wait, int64_t result);

/* For wait_kind.cancel: wakes with -ECANCELED. */
void wait_cancel(struct wait *wait);
/* The same for what must not be cancelled: does nothing. */
void wait_refuse_cancel(struct wait *wait);

/* OBSERVER is told when FUTURE, which is pending, is done. */
void wait_observe(hoop_future *future, struct observer *observer);

/* HOOP_ENOTASK, for an await outside of a task; in debug mode explained as a misuse of
 * FUNCTION. */
int wait_without_task(const char *function);

/* Returns CODE, an error of an await's own, and forgets the message of an older error. */
int wait_failed(int code);

void wait_budget_spent(void);

/* An await of the running task that need not suspend spends a little; when all is spent it
 * goes to the end of the queue once. That is an await's last act: if the loop is closed just
 * then, what it still holds is lost. */
static inline void wait_spend(void)
{
    if (UNLIKELY(--turn.budget == 0))
        wait_budget_spent();
}

#endif
