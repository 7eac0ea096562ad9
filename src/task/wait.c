/* SPDX-License-Identifier: MIT
 *
 * See wait.h.
 */
#include "task/wait.h"

#include <errno.h>
#include <hoop/error.h>

#include "task/scheduler.h"

void wait_notify(struct observer *observer)
{
    wait_wake(CONTAINER_OF(observer, struct wait, observer), 0);
}

/* CODE is an error of an await's own: the message of an older one is not its. */
static void forget_message(hoop_task *task, int64_t code)
{
    if (task->future.message != NULL)
        future_set_message(&task->future, code, NULL);
}

int64_t wait_park(struct wait *wait)
{
    hoop_task *task = turn.task;
    assert(task->wait == NULL && !list_is_linked(&task->ready.link));
    wait->task = task;
    task->wait = wait;
    if (UNLIKELY(task->cancelling > 0))
        wait->kind->cancel(wait);
    if (wait->task == NULL)
        wait_spend(); /* woken already */
    else
        scheduler_suspend(task->scheduler);
    assert(task->wait == wait && wait->task == NULL && !list_is_linked(&wait->observer.link));
    task->wait = NULL;
    if (UNLIKELY(wait->result < 0))
        forget_message(task, wait->result);
    return wait->result;
}

void wait_wake(struct wait *wait, int64_t result)
{
    hoop_task *task = wait->task;
    if (task == NULL)
        return;
    wait->task = NULL;
    wait->result = result;
    list_remove(&wait->observer.link);
    if (task != turn.task) /* it is while its own wait_park cancels it */
        loop_push(task->scheduler->loop, &task->ready);
}

void wait_cancel(struct wait *wait)
{
    wait_wake(wait, -ECANCELED);
}

void wait_refuse_cancel(struct wait *wait)
{
    (void)wait;
}

int wait_failed(int code)
{
    forget_message(turn.task, code);
    return code;
}

int wait_without_task(const char *function)
{
    return misuse(running_loop != NULL && running_loop->debug, HOOP_ENOTASK, function);
}

void wait_budget_spent(void)
{
    struct scheduler *scheduler = turn.task->scheduler;
    scheduler->budget = scheduler_new_budget(scheduler);
    scheduler_yield(scheduler);
}
