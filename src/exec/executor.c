/* SPDX-License-Identifier: MIT
 *
 * An executor: its life, its queue of jobs, and who waits for its workers (worker.c).
 */
#include <errno.h>
#include <hoop/error.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/sys.h"
#include "exec/worker.h"

#define MAX_WORKERS_LIMIT 4096

/* A thread that waits: for a worker to leave a loop, or for the last worker's end. */
struct thread_wait {
    struct end_wait end; /* first */
    sem_t happened;
};

/* ---- jobs ---- */

int executor_put(hoop_executor *executor, struct job *job)
{
    spinlock_take(&executor->lock);
    bool is_open = !executor->is_shut_down;
    struct plan plan = {0};
    if (is_open) {
        list_append(&executor->queue, &job->link);
        executor->pending++;
        plan = plan_worker(executor, true);
    }
    spinlock_give(&executor->lock);
    plan_carry_out(executor, plan);
    return is_open ? 0 : HOOP_ESHUTDOWN;
}

bool executor_take_back(struct job *job)
{
    hoop_executor *executor = job->use->executor;
    spinlock_take(&executor->lock);
    bool is_queued = !job->has_begun;
    if (is_queued) {
        list_remove(&job->link);
        executor->pending--;
        job->has_begun = true;
        job->result = -ECANCELED;
    }
    spinlock_give(&executor->lock);
    return is_queued;
}

bool executor_disown(struct job *job)
{
    hoop_executor *executor = job->use->executor;
    spinlock_take(&executor->lock);
    bool is_workers = !job->is_refused;
    job->loop = NULL;
    spinlock_give(&executor->lock);
    return is_workers;
}

/* ---- waiting for workers ---- */

static void wake_thread(struct end_wait *wait)
{
    sem_post(&((struct thread_wait *)wait)->happened);
}

static void thread_wait_init(struct thread_wait *wait)
{
    *wait = (struct thread_wait){.end.notify = wake_thread};
    list_init(&wait->end.link);
    sem_init(&wait->happened, 0, 0);
}

static bool is_busy_with(const hoop_executor *executor, const hoop_loop *loop)
{
    for (const struct worker *worker = executor->all; worker != NULL; worker = worker->next)
        if (worker->loop == loop)
            return true;
    return false;
}

void executor_leave_loop(hoop_executor *executor, const hoop_loop *loop)
{
    struct thread_wait wait;
    thread_wait_init(&wait);
    spinlock_take(&executor->lock);
    while (is_busy_with(executor, loop)) {
        list_append(&executor->leaving, &wait.end.link);
        spinlock_give(&executor->lock);
        sys_semaphore_wait(&wait.happened, CLOCK_NEVER);
        spinlock_take(&executor->lock);
    }
    spinlock_give(&executor->lock);
    sem_destroy(&wait.happened);
}

bool executor_shut_down(hoop_executor *executor, struct end_wait *wait)
{
    spinlock_take(&executor->lock);
    executor->is_shut_down = true;
    bool has_workers = executor->workers > 0;
    if (has_workers && wait != NULL)
        list_append(&executor->ending, &wait->link);
    while (executor->idle != NULL) {
        struct worker *worker = executor->idle;
        if (worker_call(executor, worker))
            sem_post(&worker->call);
    }
    spinlock_give(&executor->lock);
    return has_workers;
}

bool executor_forget_end(hoop_executor *executor, struct end_wait *wait)
{
    spinlock_take(&executor->lock);
    bool is_waiting = list_is_linked(&wait->link);
    list_remove(&wait->link);
    spinlock_give(&executor->lock);
    return is_waiting;
}

int executor_wait_for_end(hoop_executor *executor, int64_t limit_ns)
{
    int64_t deadline = clock_add(sys_monotonic_now(), limit_ns);
    struct thread_wait wait;
    thread_wait_init(&wait);
    int rc = 0;
    if (executor_shut_down(executor, &wait.end) && !sys_semaphore_wait(&wait.happened, deadline))
        rc = executor_forget_end(executor, &wait.end) ? -ETIMEDOUT : 0;
    sem_destroy(&wait.happened);
    return rc;
}

/* ---- its life ---- */

hoop_executor *executor_ref(hoop_executor *executor)
{
    atomic_fetch_add_explicit(&executor->references, 1, memory_order_relaxed);
    return executor;
}

void executor_unref(hoop_executor *executor)
{
    if (atomic_fetch_sub_explicit(&executor->references, 1, memory_order_acq_rel) == 1)
        alloc_free(executor);
}

static unsigned default_workers(void)
{
    unsigned count = sys_processor_count() + 4;
    return count < 32 ? count : 32;
}

hoop_executor *hoop_executor_new(const hoop_executor_options *options)
{
    static const hoop_executor_options defaults;
    if (options == NULL)
        options = &defaults;
    if (options->max_workers > MAX_WORKERS_LIMIT)
        return failed(-EINVAL);
    hoop_executor *executor = alloc_zeroed(sizeof *executor);
    if (executor == NULL)
        return failed(-ENOMEM);
    atomic_init(&executor->references, 1);
    list_init(&executor->queue);
    list_init(&executor->leaving);
    list_init(&executor->ending);
    executor->max_workers = options->max_workers > 0 ? options->max_workers : default_workers();
    executor->lookout.limit = LOOKOUT_MAX_NS;
    snprintf(executor->name, sizeof executor->name, "%s",
             options->name != NULL ? options->name : "hoop");
    return executor;
}

void hoop_executor_free(hoop_executor *executor)
{
    if (executor == NULL)
        return;
    executor_shut_down(executor, NULL);
    executor_unref(executor);
}

unsigned hoop_executor_workers(hoop_executor *executor)
{
    spinlock_take(&executor->lock);
    unsigned workers = executor->workers;
    spinlock_give(&executor->lock);
    return workers;
}

size_t hoop_executor_pending(hoop_executor *executor)
{
    spinlock_take(&executor->lock);
    size_t pending = executor->pending;
    spinlock_give(&executor->lock);
    return pending;
}
