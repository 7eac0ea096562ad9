/* SPDX-License-Identifier: MIT
 *
 * What this layer keeps for each loop: its default executor, and what other threads still do
 * for it, so that closing the loop can see to both.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>
#include <hoop/timeout.h>
#include <math.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/clock.h"
#include "exec/executor.h"
#include "task/wait.h"

/* How long a runner waits for the default executor, in seconds: asyncio's
 * constants.THREAD_JOIN_TIMEOUT. */
#define SHUTDOWN_LIMIT 300

static const char key;

static void local_shutdown(hoop_local *base)
{
    struct exec_local *local = CONTAINER_OF(base, struct exec_local, local);
    if (hoop_shutdown_default_executor(SHUTDOWN_LIMIT) != -ETIMEDOUT)
        return;
    hoop_exception exception = {
        .message = "the default executor did not end in 300 seconds",
        .error = -ETIMEDOUT,
    };
    hoop_call_exception_handler(local->loop, &exception);
}

/* Drops the uses without jobs, or ALL. */
static void uses_purge(struct exec_local *local, bool all)
{
    for (hoop_link *link = local->uses.next, *next; link != &local->uses; link = next) {
        struct executor_use *use = CONTAINER_OF(link, struct executor_use, link);
        next = link->next;
        if (use->jobs > 0 && !all)
            continue;
        list_remove(link);
        executor_unref(use->executor);
        alloc_free(use);
    }
}

struct executor_use *executor_use_of(struct exec_local *local, hoop_executor *executor)
{
    for (hoop_link *link = local->uses.next; link != &local->uses; link = link->next) {
        struct executor_use *use = CONTAINER_OF(link, struct executor_use, link);
        if (use->executor == executor)
            return use;
    }
    uses_purge(local, false);
    struct executor_use *use = alloc_zeroed(sizeof *use);
    if (use == NULL)
        return NULL;
    use->executor = executor_ref(executor);
    list_append(&local->uses, &use->link);
    return use;
}

static void local_close(hoop_local *base)
{
    struct exec_local *local = CONTAINER_OF(base, struct exec_local, local);
    remotes_abandon(&local->remotes); /* first: a job may wait for one */
    jobs_abandon(local);
    ends_abandon(local);
    uses_purge(local, true);
    hoop_executor_free(local->executor);
    alloc_free(local);
}

struct exec_local *exec_local_of(hoop_loop *loop)
{
    hoop_local *base = hoop_local_find(loop, &key);
    if (base != NULL)
        return CONTAINER_OF(base, struct exec_local, local);
    struct exec_local *local = alloc_zeroed(sizeof *local);
    if (local == NULL)
        return NULL;
    local->local = (hoop_local){.key = &key, .shutdown = local_shutdown, .close = local_close};
    local->loop = loop;
    list_init(&local->jobs);
    list_init(&local->uses);
    list_init(&local->remotes);
    list_init(&local->ends);
    hoop_local_add(loop, &local->local);
    return local;
}

int hoop_set_default_executor(hoop_loop *loop, hoop_executor *executor)
{
    if (loop == NULL)
        return HOOP_ENOLOOP;
    if (hoop_is_closed(loop))
        return misuse(hoop_get_debug(loop), HOOP_ECLOSED, __func__);
    if (executor == NULL)
        return misuse(hoop_get_debug(loop), -EINVAL, __func__);
    struct exec_local *local = exec_local_of(loop);
    if (local == NULL)
        return -ENOMEM;
    if (executor != local->executor)
        hoop_executor_free(local->executor);
    local->executor = executor;
    return 0;
}

int hoop_shutdown_default_executor(double seconds)
{
    hoop_loop *loop = hoop_running_loop();
    if (loop == NULL)
        return HOOP_ENOLOOP;
    struct exec_local *local = exec_local_of(loop);
    if (local == NULL)
        return -ENOMEM;
    local->is_shut_down = true;
    return local->executor != NULL ? hoop_executor_shutdown(local->executor, seconds) : 0;
}

/* ---- waiting for the end of an executor ---- */

/* A task's wait: comes back as a post. On the heap, as the task may not wait so long. */
struct task_end {
    struct end_wait end; /* on the executor's list until that is through */
    hoop_post post;
    hoop_link link; /* on exec_local.ends */
    hoop_executor *executor;
    hoop_loop *loop;
    struct wait *wait; /* NULL: it was given up */
};

static void task_end_free(struct task_end *end)
{
    list_remove(&end->link);
    hoop_work_ends(end->loop);
    executor_unref(end->executor);
    alloc_free(end);
}

static void task_end_back(hoop_post *post, int status)
{
    struct task_end *end = CONTAINER_OF(post, struct task_end, post);
    if (status == 0 && end->wait != NULL)
        wait_wake(end->wait, 0);
    task_end_free(end);
}

static void task_end_notify(struct end_wait *wait)
{
    struct task_end *end = CONTAINER_OF(wait, struct task_end, end);
    (void)!hoop_post_threadsafe(end->loop, &end->post); /* refused: ends_abandon frees it */
}

/* What was posted has been returned; what is left is on its executor's list, or was refused. */
void ends_abandon(struct exec_local *local)
{
    while (!list_is_empty(&local->ends)) {
        struct task_end *end = CONTAINER_OF(local->ends.next, struct task_end, link);
        executor_forget_end(end->executor, &end->end);
        task_end_free(end);
    }
}

/* In the frame of the task that waits. */
struct end_waiter {
    struct wait wait;
    struct task_end *end; /* frees itself; not to be touched once the task is woken */
};

static void end_waiter_cancel(struct wait *wait)
{
    struct task_end *end = CONTAINER_OF(wait, struct end_waiter, wait)->end;
    end->wait = NULL;
    if (executor_forget_end(end->executor, &end->end)) /* else it is on its way */
        task_end_free(end);
    wait_wake(wait, -ECANCELED);
}

static const struct wait_kind end_wait_kind = {"waits for an executor's end", end_waiter_cancel,
                                               NULL, NULL};

/* The running task waits, as long as it is not cancelled. */
static int64_t task_waits_for_end(void *arg)
{
    hoop_executor *executor = arg;
    hoop_loop *loop = hoop_running_loop();
    struct exec_local *local = exec_local_of(loop);
    struct task_end *end = local != NULL ? alloc_zeroed(sizeof *end) : NULL;
    if (end == NULL)
        return wait_failed(-ENOMEM);
    struct end_waiter waiter = {.end = end};
    wait_init(&waiter.wait, &end_wait_kind);
    *end =
        (struct task_end){.executor = executor_ref(executor), .loop = loop, .wait = &waiter.wait};
    end->end.notify = task_end_notify;
    end->post.run = task_end_back;
    list_init(&end->end.link);
    list_append(&local->ends, &end->link);
    hoop_work_begins(loop);
    if (executor_shut_down(executor, &end->end))
        return wait_park(&waiter.wait);
    task_end_free(end);
    return 0;
}

int hoop_executor_shutdown(hoop_executor *executor, double seconds)
{
    bool explains = hoop_running_loop() != NULL && hoop_get_debug(hoop_running_loop());
    if (isnan(seconds) || seconds < 0)
        return misuse(explains, -EINVAL, __func__);
    if (executor_is_mine(executor))
        return misuse(explains, -EDEADLK, __func__);
    executor_shut_down(executor, NULL); /* whatever becomes of the wait */
    if (turn.task != NULL)
        return (int)hoop_wait_for(task_waits_for_end, executor, seconds);
    return executor_wait_for_end(executor, clock_from_seconds(seconds));
}
