/* SPDX-License-Identifier: MIT
 *
 * Looking at a loop and its tasks from outside.
 */
#include <inttypes.h>

#include "task/scheduler.h"

void hoop_loop_info(const hoop_loop *loop, hoop_info *ret_info)
{
    const struct scheduler *scheduler = scheduler_if_any(loop);
    *ret_info = (hoop_info){
        .poller = loop->poller.ops->name,
        .guard = "",
        .files = loop->files != NULL ? loop->files : "",
        .stack_size = loop->options.stack_size,
        .timers = loop->timers.count,
        .iterations = loop->iterations,
        .polls = loop->polls,
        .steps = atomic_load_explicit(&loop->steps, memory_order_relaxed),
    };
    if (scheduler == NULL)
        return;
    ret_info->guard = stack_guard_name(&scheduler->stacks);
    ret_info->stack_size = scheduler->stacks.stack_size;
    ret_info->stacks_in_use = scheduler->stacks.in_use;
    ret_info->stacks_cached = scheduler->stacks.warm_count;
    ret_info->tasks = scheduler->task_count;
}

size_t hoop_all_tasks(const hoop_loop *loop, hoop_task **ret_tasks, size_t capacity)
{
    const struct scheduler *scheduler = scheduler_if_any(loop);
    if (scheduler == NULL)
        return 0;
    size_t count = 0;
    hoop_task *task = task_after(scheduler, &scheduler->tasks);
    for (; task != NULL && count < capacity; task = task_after(scheduler, &task->future.link))
        ret_tasks[count++] = task;
    return scheduler->task_count;
}

/* ---- printing ---- */

static void print_target(const struct wait *wait, FILE *out)
{
    hoop_future *target = wait->kind->target != NULL ? wait->kind->target(wait) : NULL;
    if (target == NULL)
        return;
    if (!target->is_task) {
        fprintf(out, " a future");
        return;
    }
    const hoop_task *task = CONTAINER_OF(target, hoop_task, future);
    fprintf(out, " #%" PRIu64 " '%s'", task->id, task->name);
}

/* The task that TASK has started eagerly and that has not suspended yet, or NULL. */
static const hoop_task *started_by(const struct scheduler *scheduler, const hoop_task *task)
{
    const hoop_task *other = task_after(scheduler, &scheduler->tasks);
    while (other != NULL && other->starter != &task->coro)
        other = task_after(scheduler, &other->future.link);
    return other;
}

static void print_idle_task(const struct scheduler *scheduler, const hoop_task *task, FILE *out)
{
    const hoop_task *started =
        list_is_linked(&task->ready.link) ? NULL : started_by(scheduler, task);
    if (started != NULL)
        fprintf(out, "starts #%" PRIu64 " '%s'", started->id, started->name);
    else
        fprintf(out, task->stack == NULL ? "has not begun" : "is ready");
}

static void print_task(const struct scheduler *scheduler, const hoop_task *task, FILE *out)
{
    fprintf(out, "  #%" PRIu64 " '%s' ", task->id, task->name);
    if (task == scheduler->current) {
        fprintf(out, "runs");
    } else if (task_is_waiting(task)) {
        fprintf(out, "%s", task->wait->kind->verb);
        print_target(task->wait, out);
    } else {
        print_idle_task(scheduler, task, out);
    }
    if (task->cancelling > 0)
        fprintf(out, ", is being cancelled");
    fputc('\n', out);
}

void hoop_print_tasks(const hoop_loop *loop, FILE *out)
{
    const struct scheduler *scheduler = scheduler_if_any(loop);
    fprintf(out, "%zu unfinished tasks\n", scheduler == NULL ? 0 : scheduler->task_count);
    if (scheduler == NULL)
        return;
    const hoop_task *task = task_after(scheduler, &scheduler->tasks);
    for (; task != NULL; task = task_after(scheduler, &task->future.link))
        print_task(scheduler, task, out);
}
