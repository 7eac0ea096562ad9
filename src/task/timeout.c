/* SPDX-License-Identifier: MIT
 *
 * Timeout scopes: a timer that cancels the task in whose frame it lies. The timer is armed
 * iff the scope is entered, has a limit and has not expired.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/timeout.h>

#include "base/clock.h"
#include "task/scheduler.h"

static void expire(hoop_timer *timer)
{
    hoop_timeout *timeout = CONTAINER_OF(timer, hoop_timeout, timer);
    timeout->expired = true;
    hoop_task_cancel(timeout->task);
}

/* Expires at DEADLINE, which may be now. */
static int limit(hoop_timeout *timeout, int64_t deadline)
{
    hoop_loop *loop = timeout->task->scheduler->loop;
    hoop_timer_stop(loop, &timeout->timer);
    timeout->timer.deadline = deadline;
    if (deadline == CLOCK_NEVER)
        return 0;
    if (deadline > hoop_time_ns(loop))
        return hoop_timer_start(loop, &timeout->timer, deadline);
    expire(&timeout->timer);
    return 0;
}

static int enter(hoop_timeout *timeout, hoop_task *task, int64_t deadline)
{
    *timeout = (hoop_timeout){.task = task, .cancelling = task->cancelling};
    hoop_timer_init(&timeout->timer, expire);
    int rc = limit(timeout, deadline);
    if (rc < 0)
        timeout->task = NULL;
    return rc;
}

int hoop_timeout_enter(hoop_timeout *timeout, double seconds)
{
    hoop_task *task = task_running();
    timeout->task = NULL;
    if (task == NULL)
        return wait_without_task(__func__);
    int64_t deadline = loop_deadline(task->scheduler->loop, seconds < 0 ? 0 : seconds);
    if (deadline < 0)
        return misuse(task->scheduler->loop->debug, (int)deadline, __func__);
    return enter(timeout, task, deadline);
}

int hoop_timeout_enter_at(hoop_timeout *timeout, double when)
{
    hoop_task *task = task_running();
    timeout->task = NULL;
    if (task == NULL)
        return wait_without_task(__func__);
    if (isnan(when))
        return misuse(task->scheduler->loop->debug, -EINVAL, __func__);
    return enter(timeout, task, clock_from_seconds(when));
}

int64_t hoop_timeout_exit(hoop_timeout *timeout, int64_t rc)
{
    hoop_task *task = task_running();
    if (task == NULL || timeout->task != task)
        return wait_without_task(__func__);
    hoop_timer_stop(task->scheduler->loop, &timeout->timer);
    timeout->task = NULL;
    if (!timeout->expired)
        return rc;
    bool was_last = hoop_task_uncancel(task) <= timeout->cancelling;
    return rc == -ECANCELED && was_last ? wait_failed(-ETIMEDOUT) : rc;
}

int hoop_timeout_reschedule(hoop_timeout *timeout, double when)
{
    if (timeout->task == NULL)
        return wait_without_task(__func__);
    if (isnan(when))
        return misuse(timeout->task->scheduler->loop->debug, -EINVAL, __func__);
    if (timeout->expired)
        return -ETIMEDOUT;
    int64_t previous = timeout->timer.deadline;
    int rc = limit(timeout, clock_from_seconds(when));
    if (rc < 0)
        timeout->timer.deadline = previous; /* none, else the heap would have had room */
    return rc;
}

double hoop_timeout_when(const hoop_timeout *timeout)
{
    return clock_to_seconds(timeout->timer.deadline);
}

bool hoop_timeout_expired(const hoop_timeout *timeout)
{
    return timeout->expired;
}

int64_t hoop_wait_for(hoop_coroutine_fn fn, void *arg, double seconds)
{
    hoop_timeout timeout;
    int rc = hoop_timeout_enter(&timeout, seconds);
    return rc < 0 ? rc : hoop_timeout_exit(&timeout, fn(arg));
}

int64_t hoop_wait_for_task(hoop_task *task, double seconds)
{
    if (task == NULL)
        return hoop_last_error();
    hoop_timeout timeout;
    int rc = hoop_timeout_enter(&timeout, seconds);
    if (rc == -ENOMEM)
        hoop_task_detach(task);
    return rc < 0 ? rc : hoop_timeout_exit(&timeout, hoop_await(task));
}
