/* SPDX-License-Identifier: MIT
 *
 * Coroutine objects: a function and its argument, to be started later, by a callback.
 */
#include <errno.h>
#include <hoop/error.h>

#include "base/alloc.h"
#include "task/scheduler.h"

struct hoop_coroutine {
    hoop_link link; /* on scheduler->coroutines until it is started */
    hoop_loop *loop;
    hoop_coroutine_fn fn;
    void *arg;
    const char *name;
    struct hoop_origin *origin; /* where it was made, in debug mode */
};

hoop_coroutine *hoop_coroutine_new_named(hoop_loop *loop, hoop_coroutine_fn fn, void *arg,
                                         const char *name)
{
    int rc = loop_check(loop, __func__);
    if (rc == 0 && fn == NULL)
        rc = misuse(loop->debug, -EINVAL, __func__);
    if (rc < 0)
        return failed(rc);
    struct scheduler *scheduler = scheduler_of(loop);
    hoop_coroutine *coroutine = scheduler != NULL ? alloc_zeroed(sizeof *coroutine) : NULL;
    if (coroutine == NULL)
        return failed(-ENOMEM);
    *coroutine = (hoop_coroutine){.loop = loop, .fn = fn, .arg = arg, .name = name};
    if (loop->debug)
        coroutine->origin = origin_capture();
    list_append(&scheduler->coroutines, &coroutine->link);
    return coroutine;
}

void hoop_coroutine_free(hoop_coroutine *coroutine)
{
    if (coroutine == NULL)
        return;
    list_remove(&coroutine->link);
    origin_free(coroutine->origin);
    alloc_free(coroutine);
}

void hoop_ensure_future(void *arg)
{
    hoop_coroutine *coroutine = arg;
    hoop_task *task = NULL;
    if (coroutine != NULL)
        task = task_create(coroutine->loop, coroutine->fn, coroutine->arg, 0, coroutine->name,
                           __func__);
    if (task == NULL) {
        hoop_exception exception = {
            .message = "ensure_future could not start a task",
            .error = hoop_last_error(),
        };
        hoop_call_exception_handler(coroutine != NULL ? coroutine->loop : running_loop, &exception);
    }
    hoop_coroutine_free(coroutine);
    hoop_task_detach(task);
}

void coroutines_drop(struct scheduler *scheduler)
{
    while (!list_is_empty(&scheduler->coroutines)) {
        hoop_coroutine *coroutine = CONTAINER_OF(scheduler->coroutines.next, hoop_coroutine, link);
        hoop_exception exception = {
            .message = "coroutine object was never started",
            .error_message = coroutine->name,
            .origin = coroutine->origin,
        };
        hoop_call_exception_handler(scheduler->loop, &exception);
        hoop_coroutine_free(coroutine);
    }
}
