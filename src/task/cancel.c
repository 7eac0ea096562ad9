/* SPDX-License-Identifier: MIT
 *
 * Cancelling tasks. What a task awaits is cancelled with it, and what that awaits: a chain
 * that may be long, a tree that may be deep, or a ring. So it is walked, not descended: a
 * wait's cancel that calls hoop_task_cancel only appends to the walk that runs, and each task
 * is visited once in it.
 */
#include "task/scheduler.h"

static void walk_begin(struct scheduler *scheduler)
{
    assert(scheduler->cancel_last == NULL);
    if (++scheduler->cancel_walk == 0)
        scheduler->cancel_walk = 1; /* 0 is "never" */
}

static void walk_add(struct scheduler *scheduler, hoop_task *task)
{
    if (task->future.done || task->cancel_walk == scheduler->cancel_walk)
        return;
    task->cancel_walk = scheduler->cancel_walk;
    task->next = NULL;
    if (scheduler->cancel_last != NULL)
        scheduler->cancel_last->next = task;
    scheduler->cancel_last = task;
}

/* FIRST was added first; NULL if nobody was. No program code runs in here, so all of them
 * stay. */
static void walk_run(struct scheduler *scheduler, hoop_task *first)
{
    for (hoop_task *task = first; task != NULL; task = task->next) {
        task->cancelling++;
        if (task_is_waiting(task))
            task->wait->kind->cancel(task->wait);
    }
    scheduler->cancel_last = NULL;
}

bool hoop_task_cancel(hoop_task *task)
{
    if (task->future.done)
        return false;
    struct scheduler *scheduler = task->scheduler;
    bool is_part_of_walk = scheduler->cancel_last != NULL;
    if (!is_part_of_walk)
        walk_begin(scheduler);
    walk_add(scheduler, task);
    if (!is_part_of_walk)
        walk_run(scheduler, task);
    return true;
}

void tasks_cancel_all(struct scheduler *scheduler, const hoop_task *except)
{
    walk_begin(scheduler);
    hoop_task *first = NULL;
    hoop_task *task = task_after(scheduler, &scheduler->tasks);
    for (; task != NULL; task = task_after(scheduler, &task->future.link)) {
        if (task == except)
            continue;
        walk_add(scheduler, task);
        if (first == NULL)
            first = task;
    }
    walk_run(scheduler, first);
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
