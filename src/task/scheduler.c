/* SPDX-License-Identifier: MIT
 *
 * Who runs next. The loop's own flow (the root) starts a task's step like any callback;
 * a task that suspends goes on to the next ready task of the same batch directly, and
 * only otherwise back to the root. The order is the queue's either way.
 */
#include "task/scheduler.h"

#include <errno.h>

#include "base/alloc.h"

/* How many awaits whose result is there a task may make in one step. */
#define BUDGET 128

static void make_current(struct scheduler *scheduler, hoop_task *task)
{
    scheduler->current = task;
    scheduler->budget = BUDGET;
    context_slot = &task->context;
}

static void make_root_current(struct scheduler *scheduler)
{
    scheduler->current = NULL;
    context_slot = NULL;
}

/* Frees what the last task that left could not free itself: the stack it stood on. */
static void reap(struct scheduler *scheduler)
{
    if (scheduler->dead_stack == NULL)
        return;
    coro_done(&scheduler->dead_coro);
    stack_give(&scheduler->stacks, scheduler->dead_stack);
    scheduler->dead_stack = NULL;
}

static struct coro *next_coro(struct scheduler *scheduler, struct coro *starter);

/* A task from its first step to its last. */
static void task_main(void *arg)
{
    hoop_task *task = arg;
    struct scheduler *scheduler = task->scheduler;
    coro_begin(&task->coro);
    reap(scheduler);
    int64_t result = task->fn(task->arg);

    assert(scheduler->current == task && task->wait == NULL);
    struct coro *starter = task->starter;
    scheduler->dead_stack = task->stack;
    scheduler->dead_coro = task->coro;
    task->stack = NULL;
    make_root_current(scheduler);
    task_finish(task, result);
    coro_leave(next_coro(scheduler, starter));
}

/* Gives the task its stack. False without memory. */
static bool task_begin(hoop_task *task)
{
    struct scheduler *scheduler = task->scheduler;
    task->stack = stack_take(&scheduler->stacks, task->stack_pages * scheduler->stacks.page_size);
    if (task->stack == NULL)
        return false;
    coro_prepare(&task->coro, task->stack, task_main, task);
    return true;
}

/* Whom to switch to when a task stops running: who started it eagerly, the next ready
 * task, or the root. Without memory for a task's first step, the root deals with it. */
static struct coro *next_coro(struct scheduler *scheduler, struct coro *starter)
{
    if (UNLIKELY(starter != NULL))
        return starter;
    hoop_link *batch = &scheduler->loop->batch;
    hoop_ready *ready = CONTAINER_OF(batch->next, hoop_ready, link);
    if (batch->next != batch && ready->run == task_run) {
        hoop_task *next = CONTAINER_OF(ready, hoop_task, ready);
        if (next->stack != NULL || task_begin(next)) {
            list_remove(&ready->link);
            make_current(scheduler, next);
            return &next->coro;
        }
    }
    make_root_current(scheduler);
    return &scheduler->root;
}

void scheduler_suspend(struct scheduler *scheduler)
{
    hoop_task *task = scheduler->current;
    struct coro *starter = task->starter;
    task->starter = NULL;
    coro_switch(&task->coro, next_coro(scheduler, starter));
    assert(scheduler->current == task && !list_is_linked(&task->ready.link));
    reap(scheduler);
}

void scheduler_yield(struct scheduler *scheduler)
{
    list_append(&scheduler->loop->ready, &scheduler->current->ready.link);
    scheduler_suspend(scheduler);
}

void task_run(hoop_ready *ready)
{
    hoop_task *task = CONTAINER_OF(ready, hoop_task, ready);
    struct scheduler *scheduler = task->scheduler;
    if (task->stack == NULL && !task_begin(task)) {
        task_finish(task, -ENOMEM);
        return;
    }
    make_current(scheduler, task);
    coro_switch(&scheduler->root, &task->coro);
    assert(scheduler->current == NULL);
    reap(scheduler);
}

void task_run_eagerly(hoop_task *task)
{
    struct scheduler *scheduler = task->scheduler;
    if (!task_begin(task)) {
        task_finish(task, -ENOMEM);
        return;
    }
    hoop_task *starter = scheduler->current;
    hoop_context **outer = context_slot;
    unsigned budget = scheduler->budget;
    task->starter = starter != NULL ? &starter->coro : &scheduler->root;
    make_current(scheduler, task);
    coro_switch(task->starter, &task->coro);
    scheduler->current = starter;
    scheduler->budget = budget;
    context_enter(outer);
    reap(scheduler);
}

/* ---- the scheduler's life ---- */

static void run_begins(struct loop_extension *extension)
{
    struct scheduler *scheduler = (struct scheduler *)(void *)extension;
    coro_adopt_thread(&scheduler->root);
    if (!scheduler->loop->options.no_overflow_report)
        overflow_watch();
}

static void run_ends(struct loop_extension *extension)
{
    (void)extension;
}

static void scheduler_close(struct loop_extension *extension)
{
    struct scheduler *scheduler = (struct scheduler *)(void *)extension;
    while (!list_is_empty(&scheduler->tasks))
        task_abandon(CONTAINER_OF(scheduler->tasks.next, hoop_task, future.link));
    future_callbacks_drop(scheduler);
    while (!list_is_empty(&scheduler->futures))
        future_orphan(CONTAINER_OF(scheduler->futures.next, hoop_future, link));
    coroutines_drop(scheduler);
    while (scheduler->free_tasks != NULL) {
        hoop_task *task = scheduler->free_tasks;
        scheduler->free_tasks = task->next_free;
        alloc_free(task);
    }
    stack_pool_done(&scheduler->stacks);
    alloc_free(scheduler);
}

struct scheduler *scheduler_of(hoop_loop *loop)
{
    if (LIKELY(loop->extension != NULL))
        return (struct scheduler *)(void *)loop->extension;
    struct scheduler *scheduler = alloc_zeroed(sizeof *scheduler);
    if (scheduler == NULL)
        return NULL;
    scheduler->extension = (struct loop_extension){run_begins, run_ends, scheduler_close};
    scheduler->loop = loop;
    list_init(&scheduler->tasks);
    list_init(&scheduler->futures);
    list_init(&scheduler->callbacks);
    list_init(&scheduler->coroutines);
    stack_pool_init(&scheduler->stacks, loop->options.stack_size, loop->options.stack_cache);
    loop_extend(loop, &scheduler->extension);
    return scheduler;
}
