/* SPDX-License-Identifier: MIT
 *
 * Awaiting futures, tasks and time.
 */
#include <errno.h>
#include <hoop/error.h>

#include "base/alloc.h"
#include "task/scheduler.h"

/* ---- futures ---- */

struct future_wait {
    struct wait wait;
    hoop_future *future;
};

static hoop_future *target(const struct wait *wait)
{
    return CONTAINER_OF(wait, struct future_wait, wait)->future;
}

/* A plain future wakes us at once. A task ends in its own time, and the wait goes on. */
static void cancel_target(struct wait *wait)
{
    hoop_future_cancel(target(wait));
}

static void abandon_target(struct wait *wait)
{
    future_unref(target(wait));
}

const struct wait_kind future_wait_cancelling = {"awaits", cancel_target, target, abandon_target};
const struct wait_kind future_wait_shielding = {"awaits, shielding,", wait_cancel, target,
                                                abandon_target};

int future_check_wait(const hoop_future *future, const char *function)
{
    hoop_task *task = task_running();
    if (UNLIKELY(task == NULL))
        return wait_without_task(function);
    if (LIKELY(future != &task->future && (future->loop == running_loop || future->done)))
        return 0;
    int rc = future == &task->future ? -EDEADLK
             : future->loop == NULL  ? HOOP_ECLOSED
                                     : HOOP_EOTHERLOOP;
    return wait_failed(misuse(running_loop->debug, rc, function));
}

void future_pass_message(hoop_task *task, hoop_future *future)
{
    if (LIKELY(future->message == NULL && task->future.message == NULL))
        return;
    char *copy = future->message != NULL ? alloc_string(future->message) : NULL;
    future_set_message(&task->future, future->result, copy);
}

int future_park(hoop_future *future, const struct wait_kind *kind)
{
    if (future->done)
        return 0;
    struct future_wait wait;
    wait.future = future;
    wait_init(&wait.wait, kind);
    list_append(&future->observers, &wait.wait.observer.link);
    return (int)wait_park(&wait.wait);
}

int64_t future_wait(hoop_future *future, const struct wait_kind *kind)
{
    int rc = future_park(future, kind);
    if (rc < 0)
        return rc;
    assert(future->done);
    future->retrieved = true;
    if (future->result < 0)
        future_pass_message(task_running(), future);
    return future->result;
}

/* The same, and drops the reference. */
static int64_t settle(hoop_future *future, const struct wait_kind *kind)
{
    bool was_done = future->done;
    int64_t result = future_wait(future, kind);
    future_unref(future);
    if (was_done)
        wait_spend(); /* last: if the loop is closed meanwhile, nothing is lost */
    return result;
}

int64_t hoop_future_await(hoop_future *future)
{
    if (future == NULL)
        return hoop_last_error();
    int rc = future_check_wait(future, __func__);
    if (rc < 0)
        return rc;
    return settle(hoop_future_ref(future), &future_wait_cancelling);
}

int64_t hoop_future_shield(hoop_future *future)
{
    if (future == NULL)
        return hoop_last_error();
    int rc = future_check_wait(future, __func__);
    return rc < 0 ? rc : settle(hoop_future_ref(future), &future_wait_shielding);
}

/* ---- tasks ---- */

int64_t hoop_await(hoop_task *task)
{
    if (UNLIKELY(task == NULL))
        return hoop_last_error();
    int rc = future_check_wait(&task->future, __func__);
    if (UNLIKELY(rc < 0))
        return rc;
    return settle(&task->future, &future_wait_cancelling);
}

int64_t hoop_shield(hoop_task *task)
{
    if (task == NULL)
        return hoop_last_error();
    int rc = future_check_wait(&task->future, __func__);
    if (rc < 0)
        return rc;
    return settle(&task->future, &future_wait_shielding);
}

/* ---- time ---- */

struct sleep {
    struct wait wait;
    hoop_timer timer;
};

static const struct wait_kind sleep_wait = {"sleeps", wait_cancel, NULL, NULL};

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
    hoop_task *task = turn.task;
    if (UNLIKELY(task == NULL))
        return wait_without_task(__func__);
    struct scheduler *scheduler = task->scheduler;
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
