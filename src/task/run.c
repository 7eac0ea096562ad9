/* SPDX-License-Identifier: MIT
 *
 * Running the loop until something is done.
 */
#include <errno.h>
#include <hoop/error.h>
#include <stdio.h>

#include "task/scheduler.h"

/* Of the last run in this thread that ended in an error; longer ones are cut off. */
static _Thread_local char last_message[256];

static void keep_message(const hoop_future *future)
{
    snprintf(last_message, sizeof last_message, "%s",
             future->message != NULL ? future->message : "");
}

const char *run_message(void)
{
    return last_message;
}

/* Stops the loop when a future is done: one iteration later, as its other callbacks do. */
struct run {
    struct observer observer;
    hoop_ready ready;
    hoop_loop *loop;
};

static void run_notify(struct observer *observer)
{
    struct run *run = CONTAINER_OF(observer, struct run, observer);
    hoop_ready_push(run->loop, &run->ready);
}

static void run_stop(hoop_ready *ready)
{
    hoop_stop(CONTAINER_OF(ready, struct run, ready)->loop);
}

/* Runs until FUTURE is done; 0, or why it is not. */
static int run_until(hoop_loop *loop, hoop_future *future)
{
    struct run run = {.observer.notify = run_notify, .loop = loop};
    list_init(&run.observer.link);
    hoop_ready_init(&run.ready, run_stop);
    if (future->done)
        run_notify(&run.observer);
    else
        list_append(&future->observers, &run.observer.link);
    int rc = hoop_run_forever(loop);
    list_remove(&run.observer.link);
    hoop_ready_remove(&run.ready);
    return rc < 0 ? rc : future->done ? 0 : HOOP_ESTOPPED;
}

int64_t hoop_run_until_done(hoop_loop *loop, hoop_future *future)
{
    int rc = loop_check(loop, __func__);
    if (rc < 0)
        return rc;
    if (future->loop != loop)
        return misuse(loop->debug, HOOP_EOTHERLOOP, __func__);
    hoop_future_ref(future);
    rc = run_until(loop, future);
    int64_t result = rc < 0 ? rc : hoop_future_result(future);
    if (rc == 0 && result < 0)
        keep_message(future);
    hoop_future_unref(future);
    return result;
}

int64_t hoop_run_until_complete(hoop_loop *loop, hoop_coroutine_fn fn, void *arg)
{
    int rc = loop_check_run(loop, __func__); /* first: what could not run is not created */
    if (rc < 0)
        return rc;
    hoop_task *task = task_create(loop, fn, arg, 0, "main", __func__);
    if (task == NULL)
        return hoop_last_error();
    int64_t result = hoop_run_until_done(loop, &task->future);
    hoop_task_detach(task);
    return result;
}
