/* SPDX-License-Identifier: MIT
 *
 * The pool of threads. At most one worker is on its way to the queue at a time; when it takes
 * a job and leaves others behind, it sends for the next one. So a burst of short jobs wakes
 * one thread, not all, and jobs that block still get a thread each.
 *
 * A worker with nothing to do looks out for a while before it sleeps, as the loop does, since
 * to be woken costs more than a short job; one at a time does that.
 *
 * Threads are detached; who waits for their end waits for `workers` to become 0. A thread
 * counts as a worker, and holds a reference, from the decision to start it.
 */
#include "exec/executor.h"

#include <errno.h>
#include <hoop/error.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/sys.h"

#define MAX_WORKERS_LIMIT 4096
#define SPIN_MAX_NS 50000
#define SPIN_MIN_NS 5000
#define SPIN_RETRY 32

enum { WORKER_LOOKING, WORKER_ASLEEP, WORKER_CALLED };

/* On its thread's own stack. */
struct worker {
    hoop_executor *executor;
    struct worker *next_idle;
    struct worker *next; /* on executor->all */
    hoop_loop *loop;     /* whose job it runs, if that is awaited, or to which it posts */
    atomic_int state;    /* while it is idle */
    sem_t call;          /* given if it was ASLEEP when it was called */
};

/* A thread that waits: for a worker to leave a loop, or for the last worker's end. */
struct thread_wait {
    struct end_wait end; /* first */
    sem_t happened;
};

static _Thread_local hoop_executor *working_for;

static void *worker_main(void *arg);

/* ---- finding a worker; under the lock ---- */

/* Whom to call for the jobs that wait. */
struct plan {
    struct worker *call; /* wake this one */
    bool start;          /* start another thread */
};

static struct plan plan_worker(hoop_executor *executor)
{
    struct plan plan = {0};
    if (executor->searching > 0 || list_is_empty(&executor->queue))
        return plan;
    plan.call = executor->idle;
    if (plan.call != NULL)
        executor->idle = plan.call->next_idle;
    else if (executor->workers < executor->max_workers)
        plan.start = true;
    if (plan.start) {
        executor->workers++;
        executor_ref(executor);
    }
    executor->searching += plan.call != NULL || plan.start;
    return plan;
}

static void call_worker(struct worker *worker)
{
    if (atomic_exchange(&worker->state, WORKER_CALLED) == WORKER_ASLEEP)
        sem_post(&worker->call);
}

static void notify_all(hoop_link *waits)
{
    for (hoop_link *link; (link = list_pop(waits)) != NULL;) {
        struct end_wait *wait = CONTAINER_OF(link, struct end_wait, link);
        wait->notify(wait);
    }
}

/* Under the lock, which keeps their loops from being closed: there is no thread, and none can
 * be started, so all jobs fail with RC. */
static void fail_all(hoop_executor *executor, int rc)
{
    while (!list_is_empty(&executor->queue)) {
        struct job *job = CONTAINER_OF(list_pop(&executor->queue), struct job, link);
        executor->pending--;
        job->has_begun = true;
        job->result = rc;
        job->is_refused = hoop_post_threadsafe(job->loop, &job->post) < 0;
    }
}

/* Without the lock. */
static void carry_out(hoop_executor *executor, struct plan plan)
{
    if (plan.call != NULL)
        call_worker(plan.call);
    if (!plan.start)
        return;
    pthread_t thread;
    int rc = sys_thread_start(&thread, worker_main, executor);
    if (rc == 0)
        return;
    spinlock_take(&executor->lock);
    executor->searching--;
    if (--executor->workers == 0) {
        fail_all(executor, rc);
        notify_all(&executor->ending);
    }
    spinlock_give(&executor->lock);
    executor_unref(executor);
}

/* ---- the workers ---- */

/* Looks out for a call for a while. True if it came. */
static bool look_out(struct worker *worker, int64_t limit)
{
    for (int64_t start = sys_monotonic_now(); limit > 0;) {
        for (int i = 0; i < 8; i++)
            sys_relax();
        if (atomic_load_explicit(&worker->state, memory_order_acquire) == WORKER_CALLED)
            return true;
        if (sys_monotonic_now() - start >= limit)
            break;
    }
    return false;
}

/* Under the lock: how long a worker that becomes idle now may look out. */
static int64_t look_out_limit(hoop_executor *executor)
{
    if (executor->spinning > 0 || sys_processor_count() == 1)
        return 0;
    if (executor->spin_limit == 0 && ++executor->spins_skipped >= SPIN_RETRY) {
        executor->spin_limit = SPIN_MAX_NS;
        executor->spins_skipped = 0;
    }
    return executor->spin_limit;
}

/* With the lock, and again with the lock: waits to be called. */
static void idle(hoop_executor *executor, struct worker *worker)
{
    int64_t limit = look_out_limit(executor);
    executor->spinning += limit > 0;
    atomic_store_explicit(&worker->state, WORKER_LOOKING, memory_order_relaxed);
    worker->next_idle = executor->idle;
    executor->idle = worker;
    spinlock_give(&executor->lock);

    bool was_called = look_out(worker, limit);
    int looking = WORKER_LOOKING;
    if (!was_called && atomic_compare_exchange_strong(&worker->state, &looking, WORKER_ASLEEP))
        while (sem_wait(&worker->call) != 0)
            ; /* interrupted */

    spinlock_take(&executor->lock);
    executor->searching--;
    executor->spinning -= limit > 0;
    if (was_called)
        executor->spin_limit = SPIN_MAX_NS;
    else if (limit > 0)
        executor->spin_limit = limit > SPIN_MIN_NS ? limit / 2 : 0;
}

/* Without the lock. */
static void run(struct job *job)
{
    hoop_context *context = context_ref(job->context); /* its function may set variables */
    hoop_context **outer = context_enter(&context);
    job->result = job->fn(job->arg);
    context_enter(outer);
    context_unref(context);
}

/* Hands JOB back to its loop; without the lock. */
static void hand_back(struct worker *worker, struct job *job)
{
    if (!job->is_awaited) { /* its loop may have gone meanwhile */
        spinlock_take(&worker->executor->lock);
        worker->loop = job->loop;
        spinlock_give(&worker->executor->lock);
    }
    if (worker->loop != NULL && hoop_post_threadsafe(worker->loop, &job->post) == 0)
        return;
    spinlock_take(&worker->executor->lock); /* its loop is being closed, or has been */
    bool is_ours = !job->is_awaited && job->loop == NULL;
    job->is_refused = !is_ours;
    spinlock_give(&worker->executor->lock);
    if (is_ours) {
        executor_unref(worker->executor); /* the job's; the worker has one too */
        alloc_free(job);
    }
}

/* With the lock, and again with the lock. */
static void work(hoop_executor *executor, struct worker *worker, struct job *job)
{
    list_remove(&job->link);
    executor->pending--;
    job->has_begun = true;
    worker->loop = job->is_awaited ? job->loop : NULL;
    struct plan plan = plan_worker(executor);
    spinlock_give(&executor->lock);
    carry_out(executor, plan); /* if no further thread can be had, we do it all */
    run(job);
    hand_back(worker, job);
    spinlock_take(&executor->lock);
    worker->loop = NULL;
    if (UNLIKELY(!list_is_empty(&executor->leaving)))
        notify_all(&executor->leaving);
}

static void worker_join(hoop_executor *executor, struct worker *worker)
{
    worker->next = executor->all;
    executor->all = worker;
    executor->searching--;
}

static void worker_leave(hoop_executor *executor, struct worker *worker)
{
    struct worker **place = &executor->all;
    while (*place != worker)
        place = &(*place)->next;
    *place = worker->next;
    if (--executor->workers == 0)
        notify_all(&executor->ending);
}

static void *worker_main(void *arg)
{
    hoop_executor *executor = arg;
    struct worker worker = {.executor = executor};
    pthread_detach(pthread_self());
    sys_thread_name(executor->name);
    sem_init(&worker.call, 0, 0);
    working_for = executor;
    spinlock_take(&executor->lock);
    worker_join(executor, &worker);
    for (;;) {
        if (!list_is_empty(&executor->queue))
            work(executor, &worker, CONTAINER_OF(executor->queue.next, struct job, link));
        else if (!executor->is_shut_down)
            idle(executor, &worker);
        else
            break;
    }
    worker_leave(executor, &worker);
    spinlock_give(&executor->lock);
    sem_destroy(&worker.call);
    executor_unref(executor);
    return NULL;
}

bool executor_is_mine(const hoop_executor *executor)
{
    return working_for == executor;
}

/* ---- jobs ---- */

int executor_put(hoop_executor *executor, struct job *job)
{
    spinlock_take(&executor->lock);
    bool is_open = !executor->is_shut_down;
    struct plan plan = {0};
    if (is_open) {
        list_append(&executor->queue, &job->link);
        executor->pending++;
        plan = plan_worker(executor);
    }
    spinlock_give(&executor->lock);
    carry_out(executor, plan);
    return is_open ? 0 : HOOP_ESHUTDOWN;
}

bool executor_take_back(struct job *job)
{
    hoop_executor *executor = job->executor;
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
    hoop_executor *executor = job->executor;
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
        while (sem_wait(&wait.happened) != 0)
            ; /* interrupted */
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
    struct worker *idle_ones = executor->idle;
    executor->idle = NULL;
    for (struct worker *worker = idle_ones, *next; worker != NULL; worker = next) {
        next = worker->next_idle;
        executor->searching++;
        call_worker(worker);
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
    if (executor_shut_down(executor, &wait.end)) {
        struct timespec limit = {deadline / 1000000000, deadline % 1000000000};
        while ((rc = sem_clockwait(&wait.happened, CLOCK_MONOTONIC, &limit)) != 0 && errno == EINTR)
            ;
        if (rc != 0)
            rc = executor_forget_end(executor, &wait.end) ? -ETIMEDOUT : 0;
    }
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
    executor->spin_limit = SPIN_MAX_NS;
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
