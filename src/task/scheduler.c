/* SPDX-License-Identifier: MIT
 *
 * Who runs next. The loop's own flow (the root) starts a task's step like any callback;
 * a task that suspends goes on to the next ready task directly, and back to the root only
 * if something else is next. The order is the queue's either way.
 */
#include "task/scheduler.h"

#include <errno.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "base/text.h"
#include "loop/slow.h"

/* How many awaits whose result is there a task may make in one step. */
#define BUDGET 128

unsigned scheduler_new_budget(const struct scheduler *scheduler)
{
    return simulation_budget(scheduler->loop, BUDGET);
}

static inline void make_current(struct scheduler *scheduler, hoop_task *task)
{
    scheduler->current = task;
    turn.task = task;
    turn.budget = scheduler->budget;
    turn.context = &task->context;
}

static void make_root_current(struct scheduler *scheduler)
{
    scheduler->current = NULL;
    turn.task = NULL;
    turn.context = NULL;
}

/* Frees what the last task that left could not free itself: the stack it stood on. */
static inline void reap(struct scheduler *scheduler)
{
    if (LIKELY(scheduler->dead_stack == NULL))
        return;
    coro_done(&scheduler->dead_coro);
    stack_give(&scheduler->stacks, scheduler->dead_stack);
    scheduler->dead_stack = NULL;
}

static inline struct coro *next_ready_coro(struct scheduler *scheduler);

/* Who waits for the first suspension of a task that was started eagerly; once. */
static inline struct coro *take_starter(hoop_task *task)
{
    struct coro *starter = task->starter;
    if (UNLIKELY(starter != NULL))
        task->starter = NULL;
    return starter;
}

/* A task from its first step to its last. */
static struct coro *task_main(void *arg)
{
    hoop_task *task = arg;
    struct scheduler *scheduler = task->scheduler;
    reap(scheduler);
    int64_t result = task->fn(task->arg);

    assert(turn.task == task && task->wait == NULL);
    struct coro *starter = take_starter(task);
    scheduler->dead_stack = task->stack;
    scheduler->dead_coro = task->coro;
    task->stack = NULL;
    make_root_current(scheduler);
    task_finish(task, result); /* the task may be gone now */
    return starter != NULL ? starter : next_ready_coro(scheduler);
}

/* Gives the task its stack. False without memory. */
static bool task_begin(hoop_task *task)
{
    struct scheduler *scheduler = task->scheduler;
    task->stack = stack_take(&scheduler->stacks, task->stack_size);
    if (task->stack == NULL)
        return false;
    coro_prepare(&task->coro, task->stack, task_main, task);
    return true;
}

/* The next ready task, made current, if a task is what is next; otherwise the root, which
 * also deals with a task for whose first step there is no memory. */
static inline struct coro *next_ready_coro(struct scheduler *scheduler)
{
    hoop_ready *ready = loop_next_ready(scheduler->loop);
    if (ready != NULL && ready->run == task_run) {
        hoop_task *next = CONTAINER_OF(ready, hoop_task, ready);
        if (next->stack != NULL || task_begin(next)) {
            list_remove(&ready->link);
            loop_count_step(scheduler->loop);
            make_current(scheduler, next);
            return &next->coro;
        }
        scheduler->stackless = next; /* not tried again: it is a failure, however it came to it */
    }
    make_root_current(scheduler);
    return &scheduler->root;
}

/* Switching happens in functions that are not inlined, for the compiler's sake, and in each
 * of them at one place only, for the processor's: a ret is predicted by the last call. */
static inline void suspend(struct scheduler *scheduler, hoop_task *task)
{
    struct coro *next = take_starter(task);
    if (LIKELY(next == NULL))
        next = next_ready_coro(scheduler);
    if (LIKELY(next != &task->coro)) /* else it yielded, and is the only one that is ready */
        coro_switch(&task->coro, next);
    assert(turn.task == task && !list_is_linked(&task->ready.link));
    reap(scheduler);
}

__attribute__((noinline)) void scheduler_suspend(struct scheduler *scheduler)
{
    suspend(scheduler, turn.task);
}

__attribute__((noinline)) void scheduler_yield(struct scheduler *scheduler)
{
    hoop_task *task = turn.task;
    loop_push(scheduler->loop, &task->ready);
    suspend(scheduler, task);
}

/* Does what a task wants to have done on the thread's stack; whom to go back to. */
static struct coro *call_for_task(struct scheduler *scheduler)
{
    struct root_call *call = scheduler->call;
    scheduler->call = NULL;
    call->fn(call->arg);
    return call->caller;
}

/* From FROM, which is the root or a task that starts another one eagerly, to a task, until
 * somebody comes back. To the root that may be who only wants something called there. */
static inline void leave(struct scheduler *scheduler, struct coro *from, struct coro *to)
{
    coro_switch(from, to);
    while (UNLIKELY(scheduler->call != NULL))
        coro_switch(from, call_for_task(scheduler));
}

static __attribute__((noinline)) void take_step(struct scheduler *scheduler, hoop_task *task)
{
    make_current(scheduler, task);
    leave(scheduler, &scheduler->root, &task->coro);
    assert(turn.task == NULL);
    reap(scheduler);
}

/* In debug mode: says so if the step took long. */
static void take_timed_step(struct scheduler *scheduler, hoop_task *task)
{
    hoop_task_ref(task); /* it may end in this step */
    int64_t start = slow_begin();
    take_step(scheduler, task);
    double seconds = slow_took(scheduler->loop, start);
    if (seconds > 0) {
        fprintf(stderr, "hoop: a step of task '%s' #%" PRIu64 " took %.3f s\n", task->name,
                task->id, seconds);
        if (task->future.origin != NULL) {
            fputs("created at:\n", stderr);
            origin_print(task->future.origin, stderr);
        }
    }
    hoop_task_unref(task);
}

void task_run(hoop_ready *ready)
{
    hoop_task *task = CONTAINER_OF(ready, hoop_task, ready);
    struct scheduler *scheduler = task->scheduler;
    bool has_failed = scheduler->stackless == task;
    scheduler->stackless = NULL;
    if (task->stack == NULL && (has_failed || !task_begin(task)))
        task_finish(task, -ENOMEM);
    else if (LIKELY(!scheduler->loop->debug))
        take_step(scheduler, task);
    else
        take_timed_step(scheduler, task);
}

__attribute__((noinline)) void task_run_eagerly(hoop_task *task)
{
    struct scheduler *scheduler = task->scheduler;
    if (!task_begin(task)) {
        task_finish(task, -ENOMEM);
        return;
    }
    hoop_task *starter = turn.task;
    hoop_context **outer = turn.context;
    unsigned budget = turn.budget;
    task->starter = starter != NULL ? &starter->coro : &scheduler->root;
    make_current(scheduler, task);
    leave(scheduler, task->starter, &task->coro);
    scheduler->current = turn.task = starter;
    turn.budget = budget;
    context_enter(outer);
    reap(scheduler);
}

void hoop_call_on_thread_stack(void (*fn)(void *arg), void *arg)
{
    hoop_task *task = turn.task;
    if (task == NULL) {
        fn(arg);
        return;
    }
    struct scheduler *scheduler = task->scheduler;
    unsigned budget = turn.budget;
    struct root_call call = {fn, arg, &task->coro};
    scheduler->call = &call;
    make_root_current(scheduler);
    turn.context = &task->context;
    coro_switch(&task->coro, &scheduler->root);
    make_current(scheduler, task);
    turn.budget = budget;
}

/* ---- the scheduler's life ---- */

static void run_begins(struct loop_extension *extension)
{
    struct scheduler *scheduler = (struct scheduler *)(void *)extension;
    coro_adopt_thread(&scheduler->root);
    if (!scheduler->loop->options.no_overflow_report)
        overflow_watch();
}

static void describe(const struct loop_extension *extension, char *buffer, size_t size)
{
    (void)extension;
    const hoop_task *task = turn.task;
    if (task == NULL)
        return;
    size_t length = text_append(buffer, size, 0, "task '");
    length = text_append(buffer, size, length, task->name);
    length = text_append(buffer, size, length, "' #");
    text_append_number(buffer, size, length, task->id);
}

static void scheduler_close(struct loop_extension *extension)
{
    struct scheduler *scheduler = (struct scheduler *)(void *)extension;
    for (hoop_link *link = scheduler->tasks.next; link != &scheduler->tasks; link = link->next)
        task_report_pending(CONTAINER_OF(link, hoop_task, future.link));
    for (hoop_link *link = scheduler->tasks.next; link != &scheduler->tasks; link = link->next)
        task_stop_waiting(CONTAINER_OF(link, hoop_task, future.link));
    for (hoop_link *link = scheduler->tasks.next; link != &scheduler->tasks; link = link->next)
        task_halt(CONTAINER_OF(link, hoop_task, future.link));
    future_callbacks_drop(scheduler);
    while (!list_is_empty(&scheduler->tasks))
        task_abandon(CONTAINER_OF(scheduler->tasks.next, hoop_task, future.link));
    while (!list_is_empty(&scheduler->futures))
        future_orphan(CONTAINER_OF(scheduler->futures.next, hoop_future, link));
    coroutines_drop(scheduler);
    while (scheduler->free_tasks != NULL) {
        hoop_task *task = scheduler->free_tasks;
        scheduler->free_tasks = task->next;
        alloc_free(task);
    }
    stack_pool_done(&scheduler->stacks);
    alloc_free(scheduler);
}

struct scheduler *scheduler_new(hoop_loop *loop)
{
    struct scheduler *scheduler = alloc_zeroed(sizeof *scheduler);
    if (scheduler == NULL)
        return NULL;
    scheduler->extension = (struct loop_extension){run_begins, scheduler_close, describe, task_run};
    scheduler->loop = loop;
    scheduler->budget = scheduler_new_budget(scheduler);
    list_init(&scheduler->tasks);
    list_init(&scheduler->futures);
    list_init(&scheduler->callbacks);
    list_init(&scheduler->coroutines);
    stack_pool_init(&scheduler->stacks, loop->options.stack_size, loop->options.stack_cache);
    loop_extend(loop, &scheduler->extension);
    return scheduler;
}
