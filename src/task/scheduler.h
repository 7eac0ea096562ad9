/* SPDX-License-Identifier: MIT
 *
 * What the task layer keeps for a loop, and the inside of a task.
 *
 * A task is ready (its node is on the loop's queue), running (turn.task), or
 * waiting (task_is_waiting, its node is on no queue). It gets a stack at its first
 * step and gives it back at its end.
 */
#ifndef TASK_SCHEDULER_H
#define TASK_SCHEDULER_H

#include <hoop/group.h>
#include <stddef.h>

#include "base/context.h"
#include "coro/coro.h"
#include "loop/loop.h"
#include "task/future.h"
#include "task/wait.h"

struct hoop_task {
    /* What each step touches, side by side. */
    hoop_ready ready;      /* on the loop's queue iff the task is ready to run */
    struct coro coro;      /* valid while it has a stack and does not run */
    struct stack *stack;   /* NULL before the first step and after the last one */
    struct coro *starter;  /* who started it eagerly, and goes on when it first suspends */
    struct wait *wait;     /* its wait, on its own stack, until that returns */
    hoop_context *context; /* its bindings: a reference, or NULL */
    struct scheduler *scheduler;
    uint32_t cancelling; /* requests to cancel that were not taken back */

    uint32_t cancel_walk; /* the last walk of hoop_task_cancel that came by */
    uint32_t stack_size;  /* wished, in bytes; 0: the loop's */
    bool owns_name;
    bool has_copy;          /* the argument lies behind the struct: not for the free list */
    hoop_future future;     /* a task is a future: its outcome, and who awaits it */
    hoop_task_group *group; /* whose child it is; NULL if none's */
    hoop_link group_link;   /* on the group's children, or on its failed ones */
    hoop_coroutine_fn fn;
    void *arg;        /* the caller's, or a copy behind this struct */
    const char *name; /* never NULL */
    uint64_t id;
    struct hoop_task *next;            /* on the free list; or to be cancelled next, in a walk */
    _Alignas(max_align_t) char copy[]; /* of the argument, if has_copy */
};

/* What a task wants to have called on the thread's own stack; in its frame. */
struct root_call {
    void (*fn)(void *arg);
    void *arg;
    struct coro *caller;
};

struct scheduler {
    struct loop_extension extension; /* first */
    hoop_loop *loop;
    hoop_task *current;       /* turn.task of the loop's thread, for a debugger */
    unsigned budget;          /* awaits without suspension that a task may make in a step */
    hoop_task *stackless;     /* whose first step is next, but there was no memory for its stack */
    struct coro root;         /* the loop's own flow, suspended while a task runs */
    struct root_call *call;   /* to be done by the root, which is then switched to; or NULL */
    struct stack *dead_stack; /* of a task that has just left; freed by who runs next */
    struct coro dead_coro;
    struct stack_pool stacks;
    hoop_link tasks;         /* hoop_future.link of each, oldest first; finished ones too, as long
                             as somebody holds them */
    hoop_link futures;       /* hoop_future.link of each that is no task */
    hoop_link callbacks;     /* done callbacks that have not run (future.c) */
    hoop_link coroutines;    /* coroutine objects that were not started (coroutine.c) */
    size_t task_count;       /* of those that have not finished */
    uint32_t cancel_walk;    /* numbers the walks of hoop_task_cancel */
    bool cancel_walking;     /* one is under way */
    hoop_task *cancel_first; /* whom it visits, linked through `next`, in that order */
    hoop_task *cancel_last;
    uint64_t last_id;
    hoop_task *free_tasks;
    size_t free_count;
};

/* A scheduler for LOOP, which has none; NULL without memory. */
struct scheduler *scheduler_new(hoop_loop *loop);

/* Is the task suspended until somebody wakes it? */
static inline bool task_is_waiting(const hoop_task *task)
{
    return task->wait != NULL && task->wait->task != NULL;
}

/* LOOP's scheduler, NULL if it has none. */
static inline struct scheduler *scheduler_if_any(const hoop_loop *loop)
{
    return (struct scheduler *)(void *)loop->extension;
}

/* LOOP's scheduler, made if it has none; NULL without memory. */
static inline struct scheduler *scheduler_of(hoop_loop *loop)
{
    struct scheduler *scheduler = scheduler_if_any(loop);
    return LIKELY(scheduler != NULL) ? scheduler : scheduler_new(loop);
}

/* The scheduler of the loop that runs in this thread; NULL without one. */
static inline struct scheduler *scheduler_running(void)
{
    hoop_loop *loop = running_loop;
    return loop != NULL ? scheduler_if_any(loop) : NULL;
}

/* The running task, or NULL. */
static inline hoop_task *task_running(void)
{
    return turn.task;
}

/* How many awaits without suspension a task may make in a step; in a simulation that varies. */
unsigned scheduler_new_budget(const struct scheduler *scheduler);

/* Suspends the running task, and goes on with whatever is next. Somebody must have put
 * its node on the ready queue, or must do so later. */
void scheduler_suspend(struct scheduler *scheduler);

/* Puts the running task at the end of the ready queue and suspends it. */
void scheduler_yield(struct scheduler *scheduler);

/* hoop_ready.run of every task: its next step, in the loop's own flow. */
void task_run(hoop_ready *ready);

/* May a task be started eagerly here? Only where the loop runs, and not in what a task's
 * end calls (an exception handler): nobody could be resumed there. */
static inline bool scheduler_can_start_eagerly(const struct scheduler *scheduler)
{
    return running_loop == scheduler->loop && scheduler->dead_stack == NULL;
}

/* Runs TASK's first step now; returns when it suspends or ends. */
void task_run_eagerly(hoop_task *task);

/* task.c */
/* A task of LOOP for FN(ARG), or for a copy of the COPY_SIZE bytes at ARG; ready, with one
 * reference for the caller. NAME is borrowed. NULL: hoop_last_error tells why, as for FUNCTION. */
hoop_task *task_create(hoop_loop *loop, hoop_coroutine_fn fn, void *arg, size_t copy_size,
                       const char *name, const char *function);
/* Memory for a task goes back: to the free list, or the heap. */
void task_free(hoop_task *task);
/* A task for FN(ARG) with OPTIONS, not started and on no queue; references as above. */
hoop_task *task_create_with(hoop_coroutine_fn fn, void *arg, const hoop_task_options *options,
                            const char *function);
/* Makes it ready, or takes its first step at once. */
void task_start(hoop_task *task, bool eager);
/* The coroutine has returned RESULT, or cannot begin. TASK may be gone afterwards. */
void task_finish(hoop_task *task, int64_t result);
/* The loop goes, and TASK with it, without another step. All tasks go through each of these
 * before the next one begins, as they may wait for each other, or for what lies on another's
 * stack: tell the exception handler of an unfinished one; end its wait; free its stack; make
 * it a future of nobody, cancelled if it had not finished. */
void task_report_pending(hoop_task *task);
void task_stop_waiting(hoop_task *task);
void task_halt(hoop_task *task);
void task_abandon(hoop_task *task);

/* The next unfinished task behind LINK on the list of tasks; NULL at its end. */
hoop_task *task_after(const struct scheduler *scheduler, const hoop_link *link);

/* cancel.c */
/* Between these two, hoop_task_cancel only collects tasks; the end cancels them, each once.
 * False if that is so already: leave the end to whoever began. */
bool cancel_begin(struct scheduler *scheduler);
void cancel_end(struct scheduler *scheduler);
/* Asks all tasks to stop, but for EXCEPT; each once, whoever awaits it. */
void tasks_cancel_all(struct scheduler *scheduler, const hoop_task *except);

/* group.c */
/* TASK, a child of a group, has finished. */
void group_child_done(hoop_task *task);

/* coroutine.c */
void coroutines_drop(struct scheduler *scheduler);

/* run.c */
/* hoop_error_message outside of tasks. */
const char *run_message(void);

/* overflow.c */
/* Lets a stack overflow in this thread be reported, if it is not already. */
void overflow_watch(void);

#endif
