/* SPDX-License-Identifier: MIT
 *
 * Coroutines that other threads start. The future is shared by two: the thread that asked, and
 * the loop, which holds a reference from the start until the coroutine has ended or the loop is
 * closed. All that both touch is under its lock.
 */
#include <hoop/threadsafe.h>

#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>
#include <hoop/task.h>
#include <math.h>
#include <semaphore.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/sys.h"
#include "exec/executor.h"

struct hoop_thread_future {
    struct spinlock lock;
    unsigned references;
    bool is_done;
    bool is_freed;      /* by its owner: nobody will ask for the result */
    bool is_cancelling; /* `cancel` is posted */
    int64_t result;     /* once done */
    char *message;      /* of the error, or NULL; then never changed */
    hoop_link waiting;  /* struct thread_waiter */
    /* -- the loop's -- */
    hoop_post start;
    hoop_post cancel;
    hoop_link link;  /* on exec_local.remotes while the task runs */
    hoop_loop *loop; /* a reference */
    hoop_task *task; /* borrowed, while it runs */
    hoop_coroutine_fn fn;
    void *arg;
    const char *name;
    hoop_context *context;
};

/* A thread that waits for the result. */
struct thread_waiter {
    hoop_link link;
    sem_t done;
};

static void remote_unref(hoop_thread_future *future)
{
    spinlock_take(&future->lock);
    bool is_last = --future->references == 0;
    spinlock_give(&future->lock);
    if (!is_last)
        return;
    context_unref(future->context);
    hoop_loop_unref(future->loop);
    alloc_free(future->message);
    alloc_free(future);
}

/* Sets the outcome, takes over MESSAGE, and drops the loop's reference. Returns whether
 * somebody may still ask for it. */
static bool remote_finish(hoop_thread_future *future, int64_t result, char *message)
{
    spinlock_take(&future->lock);
    future->result = result;
    future->message = message;
    future->is_done = true;
    future->task = NULL;
    for (hoop_link *link; (link = list_pop(&future->waiting)) != NULL;)
        sem_post(&CONTAINER_OF(link, struct thread_waiter, link)->done);
    bool is_wanted = !future->is_freed;
    spinlock_give(&future->lock);
    list_remove(&future->link);
    remote_unref(future);
    return is_wanted;
}

/* ---- in the loop ---- */

static int64_t remote_main(void *arg)
{
    hoop_thread_future *future = arg;
    future->task = hoop_current_task();
    int64_t result = future->fn(future->arg);
    const char *message = result < 0 ? hoop_error_message() : "";
    bool is_wanted =
        remote_finish(future, result, message[0] != '\0' ? alloc_string(message) : NULL);
    return is_wanted ? 0 : result; /* else the task tells of its error */
}

static void remote_start(hoop_post *post, int status)
{
    hoop_thread_future *future = CONTAINER_OF(post, hoop_thread_future, start);
    struct exec_local *local = status == 0 ? exec_local_of(future->loop) : NULL;
    hoop_task_options options = {
        .name = future->name, .context = future->context, .loop = future->loop};
    hoop_task *task = local != NULL ? hoop_create_task_with(remote_main, future, &options) : NULL;
    if (task == NULL) {
        hoop_loop *loop = future->loop; /* it lives on: we are called by it */
        int rc = status < 0 ? status : -ENOMEM;
        bool is_wanted = remote_finish(future, rc, NULL);
        hoop_exception exception = {.message = "run_coroutine_threadsafe could not start a task",
                                    .error = rc};
        if (!is_wanted && status == 0)
            hoop_call_exception_handler(loop, &exception);
        return;
    }
    future->task = task;
    list_append(&local->remotes, &future->link);
    hoop_task_detach(task);
}

static void remote_cancel(hoop_post *post, int status)
{
    hoop_thread_future *future = CONTAINER_OF(post, hoop_thread_future, cancel);
    if (status == 0 && future->task != NULL)
        hoop_task_cancel(future->task);
    spinlock_take(&future->lock);
    future->is_cancelling = false;
    spinlock_give(&future->lock);
    remote_unref(future);
}

void remotes_abandon(hoop_link *remotes)
{
    while (!list_is_empty(remotes))
        (void)remote_finish(CONTAINER_OF(remotes->next, hoop_thread_future, link), HOOP_ECLOSED,
                            NULL);
}

/* ---- in other threads ---- */

hoop_thread_future *hoop_run_coroutine_threadsafe_named(hoop_loop *loop, hoop_coroutine_fn fn,
                                                        void *arg, const char *name)
{
    if (loop == NULL || fn == NULL)
        return failed(-EINVAL);
    hoop_thread_future *future = alloc_zeroed(sizeof *future);
    if (future == NULL)
        return failed(-ENOMEM);
    future->references = 2;
    future->loop = hoop_loop_ref(loop);
    future->fn = fn;
    future->arg = arg;
    future->name = name;
    future->context = hoop_context_copy();
    future->start.run = remote_start;
    future->cancel.run = remote_cancel;
    list_init(&future->waiting);
    list_init(&future->link);
    if (hoop_post_threadsafe(loop, &future->start) == 0)
        return future;
    remote_unref(future);
    remote_unref(future);
    return failed(HOOP_ECLOSED);
}

int64_t hoop_thread_future_result(hoop_thread_future *future, double seconds)
{
    if (isnan(seconds) || seconds < 0)
        return -EINVAL;
    struct thread_waiter waiter;
    sem_init(&waiter.done, 0, 0);
    list_init(&waiter.link);
    spinlock_take(&future->lock);
    bool must_wait = !future->is_done;
    bool is_loops_own = must_wait && hoop_running_loop() == future->loop;
    if (must_wait && !is_loops_own)
        list_append(&future->waiting, &waiter.link);
    spinlock_give(&future->lock);
    if (must_wait && !is_loops_own)
        (void)sys_semaphore_wait(&waiter.done,
                                 clock_add(sys_monotonic_now(), clock_from_seconds(seconds)));
    spinlock_take(&future->lock);
    list_remove(&waiter.link);
    int64_t result = future->is_done ? future->result : is_loops_own ? -EDEADLK : HOOP_EPENDING;
    spinlock_give(&future->lock);
    sem_destroy(&waiter.done);
    return result;
}

const char *hoop_thread_future_error_message(hoop_thread_future *future)
{
    spinlock_take(&future->lock);
    const char *message = future->is_done ? future->message : NULL;
    spinlock_give(&future->lock);
    return message != NULL ? message : "";
}

bool hoop_thread_future_is_done(hoop_thread_future *future)
{
    spinlock_take(&future->lock);
    bool is_done = future->is_done;
    spinlock_give(&future->lock);
    return is_done;
}

bool hoop_thread_future_cancel(hoop_thread_future *future)
{
    spinlock_take(&future->lock);
    bool is_done = future->is_done;
    bool must_post = !is_done && !future->is_cancelling;
    future->is_cancelling |= must_post;
    future->references += must_post;
    spinlock_give(&future->lock);
    if (must_post && hoop_post_threadsafe(future->loop, &future->cancel) < 0)
        remote_unref(future); /* its loop is closed: soon it is done */
    return !is_done;
}

void hoop_thread_future_free(hoop_thread_future *future)
{
    if (future == NULL)
        return;
    spinlock_take(&future->lock);
    future->is_freed = true;
    spinlock_give(&future->lock);
    remote_unref(future);
}
