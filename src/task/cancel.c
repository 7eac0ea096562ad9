/* SPDX-License-Identifier: MIT
 *
 * Cancelling tasks. What a task awaits is cancelled with it, and what that awaits: a chain
 * that may be long, a tree that may be deep, or a ring. So it is walked, not descended: a
 * wait's cancel that calls hoop_task_cancel only appends to the walk that runs, and each task
 * is visited once in it.
 */
#include "task/scheduler.h"

bool cancel_begin(struct scheduler *scheduler)
{
    if (scheduler->cancel_walking)
        return false;
    scheduler->cancel_walking = true;
    assert(scheduler->cancel_first == NULL);
    if (++scheduler->cancel_walk == 0)
        scheduler->cancel_walk = 1; /* 0 is "never" */
    return true;
}

/* No program code runs in here, so all tasks stay. */
void cancel_end(struct scheduler *scheduler)
{
    for (hoop_task *task = scheduler->cancel_first; task != NULL; task = task->next) {
        task->cancelling++;
        if (task_is_waiting(task))
            task->wait->kind->cancel(task->wait);
    }
    scheduler->cancel_first = NULL;
    scheduler->cancel_walking = false;
}

static void walk_append(struct scheduler *scheduler, hoop_task *task)
{
    if (task->cancel_walk == scheduler->cancel_walk)
        return;
    task->cancel_walk = scheduler->cancel_walk;
    task->next = NULL;
    if (scheduler->cancel_first == NULL)
        scheduler->cancel_first = task;
    else
        scheduler->cancel_last->next = task;
    scheduler->cancel_last = task;
}

bool hoop_task_cancel(hoop_task *task)
{
    if (task->future.done)
        return false;
    struct scheduler *scheduler = task->scheduler;
    if (loop_check_thread(scheduler->loop, __func__) < 0)
        return false;
    bool is_outermost = cancel_begin(scheduler);
    walk_append(scheduler, task);
    if (is_outermost)
        cancel_end(scheduler);
    return true;
}

void tasks_cancel_all(struct scheduler *scheduler, const hoop_task *except)
{
    cancel_begin(scheduler);
    hoop_task *task = task_after(scheduler, &scheduler->tasks);
    for (; task != NULL; task = task_after(scheduler, &task->future.link))
        if (task != except)
            hoop_task_cancel(task);
    cancel_end(scheduler);
}

unsigned hoop_task_uncancel(hoop_task *task)
{
    if (task->cancelling > 0)
        task->cancelling--;
    return task->cancelling;
}

unsigned hoop_task_cancelling(const hoop_task *task)
{
    return task->cancelling;
}
