/* SPDX-License-Identifier: MIT
 *
 * Tasks: making, ending and asking them. Running them is scheduler.c.
 */
#include <errno.h>
#include <hoop/error.h>
#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "task/scheduler.h"

/* Finished tasks that are kept for reuse. */
#define FREE_TASKS_MAX 1024

/* ---- making ---- */

/* Memory for a task with COPY_SIZE bytes behind it, with all that is the same for each task
 * of this scheduler. */
static __attribute__((noinline)) hoop_task *task_alloc(struct scheduler *scheduler,
                                                       size_t copy_size)
{
    hoop_task *task = copy_size > SIZE_MAX / 2 ? NULL : alloc_zeroed(sizeof *task + copy_size);
    if (task == NULL)
        return NULL;
    list_init(&task->future.observers);
    list_init(&task->group_link);
    task->future.loop = scheduler->loop;
    task->future.is_task = true;
    hoop_ready_init(&task->ready, task_run);
    task->scheduler = scheduler;
    task->has_copy = copy_size > 0;
    return task;
}

/* One from the free list, or a new one. A task on the free list is as its last life left it,
 * so task_new sets all that a life can change and does not put back itself. */
static inline hoop_task *task_take(struct scheduler *scheduler, size_t copy_size)
{
    hoop_task *task = scheduler->free_tasks;
    if (UNLIKELY(task == NULL || copy_size > 0))
        return task_alloc(scheduler, copy_size);
    scheduler->free_tasks = task->next;
    scheduler->free_count--;
    return task;
}

void task_free(hoop_task *task)
{
    struct scheduler *scheduler = task->scheduler;
    if (UNLIKELY(task->owns_name)) {
        alloc_free((char *)(uintptr_t)task->name);
        task->owns_name = false;
    }
    if (UNLIKELY(task->future.loop == NULL || task->has_copy ||
                 scheduler->free_count >= FREE_TASKS_MAX)) {
        alloc_free(task);
        return;
    }
    assert(task->stack == NULL && task->wait == NULL && task->starter == NULL);
    assert(task->group == NULL && !list_is_linked(&task->group_link));
    assert(task->future.origin == NULL);
    assert(task->context == NULL && task->future.message == NULL);
    assert(!list_is_linked(&task->ready.link) && list_is_empty(&task->future.observers));
    task->next = scheduler->free_tasks;
    scheduler->free_tasks = task;
    scheduler->free_count++;
}

/* A task that is on the loop's list but on no queue, with one reference for the loop and
 * one for the caller. */
static hoop_task *task_new(struct scheduler *scheduler, hoop_coroutine_fn fn, void *arg,
                           size_t copy_size, const char *name)
{
    hoop_task *task = task_take(scheduler, copy_size);
    if (UNLIKELY(task == NULL))
        return NULL;
    list_append(&scheduler->tasks, &task->future.link);
    task->future.result = 0;
    task->future.references = 2;
    task->future.done = false;
    task->future.retrieved = false;
    task->fn = fn;
    task->arg = arg;
    task->context = context_capture();
    task->name = name;
    task->id = ++scheduler->last_id;
    task->cancelling = 0;
    task->cancel_walk = 0;
    task->stack_size = 0;
    if (UNLIKELY(scheduler->loop->debug))
        task->future.origin = origin_capture();
    scheduler->task_count++;
    if (copy_size > 0)
        task->arg = memcpy(task->copy, arg, copy_size);
    return task;
}

/* The scheduler for a new task that runs FN, or NULL: hoop_last_error tells why. */
static struct scheduler *scheduler_for(hoop_loop *loop, hoop_coroutine_fn fn, const char *function)
{
    int rc = loop_check(loop, function);
    if (UNLIKELY(rc < 0))
        return failed(rc);
    if (UNLIKELY(fn == NULL))
        return failed(misuse(loop->debug, -EINVAL, function));
    struct scheduler *scheduler = scheduler_of(loop);
    return LIKELY(scheduler != NULL) ? scheduler : failed(-ENOMEM);
}

hoop_task *task_create(hoop_loop *loop, hoop_coroutine_fn fn, void *arg, size_t copy_size,
                       const char *name, const char *function)
{
    struct scheduler *scheduler = scheduler_for(loop, fn, function);
    if (UNLIKELY(scheduler == NULL))
        return NULL;
    hoop_task *task = task_new(scheduler, fn, arg, copy_size, name != NULL ? name : "task");
    if (UNLIKELY(task == NULL))
        return failed(-ENOMEM);
    loop_push(scheduler->loop, &task->ready);
    return task;
}

hoop_task *hoop_create_task_named(hoop_coroutine_fn fn, void *arg, const char *name)
{
    return task_create(running_loop, fn, arg, 0, name, __func__);
}

hoop_task *hoop_create_task_copy_named(hoop_coroutine_fn fn, const void *args, size_t size,
                                       const char *name)
{
    return task_create(running_loop, fn, (void *)(uintptr_t)args, size, name, __func__);
}

hoop_task *task_create_with(hoop_coroutine_fn fn, void *arg, const hoop_task_options *options,
                            const char *function)
{
    struct scheduler *scheduler =
        scheduler_for(options->loop != NULL ? options->loop : running_loop, fn, function);
    if (scheduler == NULL)
        return NULL;
    if (options->stack_size != 0 &&
        (options->stack_size < HOOP_STACK_SIZE_MIN || options->stack_size > HOOP_STACK_SIZE_MAX))
        return failed(misuse(scheduler->loop->debug, -EINVAL, function));
    char *name = options->name != NULL ? alloc_string(options->name) : NULL;
    hoop_task *task =
        options->name != NULL && name == NULL
            ? NULL
            : task_new(scheduler, fn, arg, options->arg_size, name != NULL ? name : "task");
    if (task == NULL) {
        alloc_free(name);
        return failed(-ENOMEM);
    }
    task->owns_name = name != NULL;
    task->stack_size = (uint32_t)options->stack_size;
    if (options->context != NULL) {
        context_unref(task->context);
        task->context = context_ref(options->context);
    }
    return task;
}

void task_start(hoop_task *task, bool eager)
{
    struct scheduler *scheduler = task->scheduler;
    if (eager && scheduler_can_start_eagerly(scheduler))
        task_run_eagerly(task);
    else
        loop_push(scheduler->loop, &task->ready);
}

hoop_task *hoop_create_task_with(hoop_coroutine_fn fn, void *arg, const hoop_task_options *options)
{
    static const hoop_task_options defaults;
    if (options == NULL)
        options = &defaults;
    hoop_task *task = task_create_with(fn, arg, options, __func__);
    if (task != NULL)
        task_start(task, options->eager);
    return task;
}

/* ---- ending ---- */

/* To drop the context may run a program's code. */
static inline void drop_context(hoop_task *task)
{
    hoop_context *context = task->context;
    task->context = NULL;
    if (UNLIKELY(context != NULL))
        context_unref(context);
}

void task_finish(hoop_task *task, int64_t result)
{
    task->scheduler->task_count--;
    drop_context(task);
    future_resolve(&task->future, result);
    if (UNLIKELY(task->group != NULL))
        group_child_done(task);
    future_unref(&task->future);
}

void task_report_pending(hoop_task *task)
{
    if (task->future.done)
        return;
    hoop_exception exception = {
        .message = "task was destroyed but it is pending",
        .task = task,
        .future = &task->future,
        .origin = task->future.origin,
    };
    hoop_call_exception_handler(task->scheduler->loop, &exception);
}

void task_stop_waiting(hoop_task *task)
{
    struct wait *wait = task->wait;
    task->wait = NULL;
    hoop_ready_remove(&task->ready);
    list_remove(&task->group_link);
    if (wait == NULL)
        return;
    list_remove(&wait->observer.link);
    if (wait->kind->abandon != NULL)
        wait->kind->abandon(wait);
}

void task_halt(hoop_task *task)
{
    if (task->stack == NULL)
        return;
    coro_done(&task->coro);
    stack_give(&task->scheduler->stacks, task->stack);
    task->stack = NULL;
}

void task_abandon(hoop_task *task)
{
    bool was_pending = !task->future.done;
    drop_context(task);
    if (was_pending) {
        task->future.result = -ECANCELED;
        task->future.done = true;
    }
    future_orphan(&task->future);
    if (was_pending || task->group != NULL)
        future_unref(&task->future); /* the loop's reference, or as failed child the group's */
}

hoop_task *task_after(const struct scheduler *scheduler, const hoop_link *link)
{
    for (link = link->next; link != &scheduler->tasks; link = link->next) {
        hoop_task *task = CONTAINER_OF(link, hoop_task, future.link);
        if (!task->future.done)
            return task;
    }
    return NULL;
}

/* ---- asking ---- */

hoop_task *hoop_current_task(void)
{
    return task_running();
}

hoop_task *hoop_task_ref(hoop_task *task)
{
    hoop_future_ref(&task->future);
    return task;
}

void hoop_task_unref(hoop_task *task)
{
    if (task != NULL)
        hoop_future_unref(&task->future);
}

void hoop_task_detach(hoop_task *task)
{
    hoop_task_unref(task);
}

bool hoop_task_is_done(const hoop_task *task)
{
    return task->future.done;
}

bool hoop_task_is_cancelled(const hoop_task *task)
{
    return hoop_future_is_cancelled(&task->future);
}

int64_t hoop_task_result(hoop_task *task)
{
    return hoop_future_result(&task->future);
}

const char *hoop_task_error_message(const hoop_task *task)
{
    return hoop_future_error_message(&task->future);
}

hoop_future *hoop_task_future(hoop_task *task)
{
    return &task->future;
}

const char *hoop_task_name(const hoop_task *task)
{
    return task->name;
}

int hoop_task_set_name(hoop_task *task, const char *name)
{
    int rc = task->future.loop != NULL ? loop_check_thread(task->future.loop, __func__) : 0;
    if (rc < 0)
        return rc;
    char *copy = alloc_string(name != NULL ? name : "task");
    if (copy == NULL)
        return -ENOMEM;
    const char *old = task->owns_name ? task->name : NULL;
    task->name = copy; /* first: the watchdog may look at it at any time */
    task->owns_name = true;
    alloc_free((char *)(uintptr_t)old);
    return 0;
}

hoop_context *hoop_task_context(const hoop_task *task)
{
    return context_or_empty(context_ref(task->context));
}

hoop_future *hoop_task_awaits(const hoop_task *task)
{
    bool has_target = task_is_waiting(task) && task->wait->kind->target != NULL;
    return has_target ? task->wait->kind->target(task->wait) : NULL;
}

uint64_t hoop_task_id(const hoop_task *task)
{
    return task->id;
}

/* ---- errors with a message ---- */

int64_t hoop_error_set(int64_t code, const char *format, ...)
{
    hoop_task *task = task_running();
    if (task == NULL)
        return code;
    va_list arguments;
    va_start(arguments, format);
    char *message = alloc_format(format, arguments);
    va_end(arguments);
    future_set_message(&task->future, code, message);
    return code;
}

const char *hoop_error_message(void)
{
    hoop_task *task = task_running();
    if (task == NULL)
        return run_message();
    return task->future.message != NULL ? task->future.message : "";
}
