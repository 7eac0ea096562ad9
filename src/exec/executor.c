/* SPDX-License-Identifier: MIT
 *
 * An executor: its life, its queue of jobs, and who waits for its workers (worker.c).
 */
#include <errno.h>
#include <hoop/error.h>
#include <stdarg.h>
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

/* Those for which there is a worker, or soon will be, do not count. */
static bool is_full(const hoop_executor *executor)
{
    unsigned free_workers = executor->max_workers - executor->working;
    return executor->max_pending > 0 && executor->pending >= executor->max_pending + free_workers;
}

int executor_put(hoop_executor *executor, struct job *job)
{
    spinlock_take(&executor->lock);
    int rc = executor->is_shut_down ? HOOP_ESHUTDOWN : is_full(executor) ? -ENOBUFS : 0;
    struct plan plan = {0};
    if (rc == 0) {
        list_append(&executor->queue, &job->link);
        executor->pending++;
        plan = plan_worker(executor, true);
    }
    spinlock_give(&executor->lock);
    plan_carry_out(executor, plan);
    return rc;
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

void executor_interrupt(struct job *job)
{
    const hoop_executor *executor = job->use->executor;
    __atomic_store_n(&job->work.is_cancelled, true, __ATOMIC_RELAXED);
    if (executor->kind->interrupt != NULL)
        executor->kind->interrupt(executor->kind_arg, &job->work);
}

bool hoop_work_is_cancelled(const hoop_work *work)
{
    return __atomic_load_n(&work->is_cancelled, __ATOMIC_RELAXED);
}

int64_t hoop_work_fail(hoop_work *work, int64_t code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *message = alloc_format(format, arguments);
    va_end(arguments);
    alloc_free(work->message);
    work->message = message;
    return code;
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
    if (atomic_fetch_sub_explicit(&executor->references, 1, memory_order_acq_rel) != 1)
        return;
    if (executor->kind->free != NULL)
        executor->kind->free(executor->kind_arg);
    alloc_free(executor);
}

static unsigned default_workers(void)
{
    unsigned count = sys_processor_count() + 4;
    return count < 32 ? count : 32;
}

hoop_executor *hoop_executor_new_of(const hoop_executor_kind *kind, void *arg,
                                    const hoop_executor_options *options)
{
    static const hoop_executor_options defaults;
    if (options == NULL)
        options = &defaults;
    if (kind == NULL || kind->run == NULL || options->max_workers > MAX_WORKERS_LIMIT)
        return failed(-EINVAL);
    hoop_executor *executor = alloc_zeroed(sizeof *executor);
    if (executor == NULL)
        return failed(-ENOMEM);
    atomic_init(&executor->references, 1);
    list_init(&executor->queue);
    list_init(&executor->leaving);
    list_init(&executor->ending);
    executor->max_workers = options->max_workers > 0 ? options->max_workers : default_workers();
    executor->max_pending = options->max_pending;
    executor->kind = kind;
    executor->kind_arg = arg;
    executor->lookout.limit = LOOKOUT_MAX_NS;
    snprintf(executor->name, sizeof executor->name, "%s",
             options->name != NULL ? options->name : "hoop");
    return executor;
}

/* The usual kind: a worker does its work itself. */
static int64_t run_here(void *arg, void **worker, hoop_work *work)
{
    (void)arg;
    (void)worker;
    if (work->job == NULL)
        return work->fn(work->arg);
    const hoop_job *job = work->job;
    return job->fn(job->input, job->input_size, job->output, job->room);
}

static const hoop_executor_kind thread_kind = {.run = run_here};

hoop_executor *hoop_executor_new(const hoop_executor_options *options)
{
    return hoop_executor_new_of(&thread_kind, NULL, options);
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
