/* SPDX-License-Identifier: MIT
 *
 * Awaiting tasks and time.
 */
#include <errno.h>
#include <hoop/error.h>

#include "task/scheduler.h"

/* ---- tasks ---- */

int64_t hoop_await(hoop_task *task)
{
    if (UNLIKELY(task == NULL))
        return hoop_last_error();
    int rc = future_check_wait(&task->future, __func__);
    if (UNLIKELY(rc < 0))
        return rc;
    int64_t result = future_wait(&task->future, &future_wait_cancelling);
    future_unref(&task->future);
    return result;
}

int64_t hoop_shield(hoop_task *task)
{
    if (task == NULL)
        return hoop_last_error();
    int rc = future_check_wait(&task->future, __func__);
    if (rc < 0)
        return rc;
    int64_t result = future_wait(&task->future, &future_wait_shielding);
    future_unref(&task->future);
    return result;
}

/* ---- time ---- */

struct sleep {
    struct wait wait;
    hoop_timer timer;
};

static const struct wait_kind sleep_wait = {"sleeps", wait_cancel, NULL};

static void sleep_ends(hoop_timer *timer)
{
    wait_wake(&CONTAINER_OF(timer, struct sleep, timer)->wait, 0);
}

/* Not inlined: it would burden hoop_sleep(0) with its frame. */
static __attribute__((noinline)) int sleep_until(hoop_loop *loop, int64_t deadline)
{
    struct sleep sleep;
    wait_init(&sleep.wait, &sleep_wait);
    hoop_timer_init(&sleep.timer, sleep_ends);
    int rc = hoop_timer_start(loop, &sleep.timer, deadline);
    if (rc < 0)
        return wait_failed(rc);
    rc = (int)wait_park(&sleep.wait);
    hoop_timer_stop(loop, &sleep.timer);
    return rc;
}

int hoop_sleep(double seconds)
{
    struct scheduler *scheduler = scheduler_running();
    hoop_task *task = task_running();
    if (UNLIKELY(task == NULL))
        return wait_without_task(__func__);
    if (LIKELY(seconds == 0)) {
        if (UNLIKELY(task->cancelling > 0))
            wait_spend();
        else
            scheduler_yield(scheduler);
        return LIKELY(task->cancelling == 0) ? 0 : wait_failed(-ECANCELED);
    }
    int64_t deadline = loop_deadline(scheduler->loop, seconds);
    if (deadline < 0)
        return wait_failed(misuse(scheduler->loop->debug, (int)deadline, __func__));
    return sleep_until(scheduler->loop, deadline);
}
