/* SPDX-License-Identifier: MIT
 *
 * The threads of an executor. To wake a thread costs more than a short job, so it is done as rarely
 * as can be without letting a job wait behind one that blocks (docs/decisions/0012-executor.md):
 *
 * - At most one worker is on its way to the queue at a time. When it takes a job and leaves
 *   others behind, it sends for the next one.
 * - The first worker that becomes idle is the spinner: it looks out for a while before it
 *   sleeps, as the loop does, and is called without a system call.
 * - The second one is the napper: while jobs come it wakes by itself every so often, and helps
 *   if it finds one waiting. So nobody needs to be woken for what those at work will get to.
 *
 * A thread counts as a worker, and holds a reference, from the decision to start it. Threads are
 * detached.
 */
#include "exec/worker.h"

#include <errno.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/sys.h"

#define NAP_NS 500000

enum { WORKER_AWAKE, WORKER_ASLEEP, WORKER_CALLED };

static _Thread_local hoop_executor *working_for;

static void *worker_main(void *arg);

/* ---- finding a worker ---- */

/* From here on all functions need the lock, but for those that say so. */

static void idle_remove(hoop_executor *executor, const struct worker *worker)
{
    struct worker **place = &executor->idle;
    while (*place != worker)
        place = &(*place)->next_idle;
    *place = worker->next_idle;
}

bool worker_call(hoop_executor *executor, struct worker *worker)
{
    idle_remove(executor, worker);
    executor->searching++;
    return atomic_exchange(&worker->state, WORKER_CALLED) == WORKER_ASLEEP;
}

struct plan plan_worker(hoop_executor *executor, bool may_start)
{
    struct plan plan = {0};
    if (executor->searching > 0 || list_is_empty(&executor->queue))
        return plan;
    struct worker *worker = executor->spinner != NULL ? executor->spinner : executor->idle;
    bool is_watched = executor->napper != NULL && executor->working > 0;
    if (worker != NULL && (worker == executor->spinner || !is_watched)) {
        if (worker_call(executor, worker))
            plan.wake = worker;
    } else if (worker == NULL && may_start && executor->workers < executor->max_workers) {
        plan.start = true;
        executor->workers++;
        executor->searching++;
        executor_ref(executor);
    }
    return plan;
}

void waits_notify(hoop_link *waits)
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

void plan_carry_out(hoop_executor *executor, struct plan plan)
{
    pthread_t thread;
    int rc = plan.start ? sys_thread_start(&thread, worker_main, executor) : 0;
    if (rc < 0) {
        spinlock_take(&executor->lock);
        executor->searching--;
        executor->workers--;
        plan = plan_worker(executor, false); /* jobs came meanwhile, and have called nobody */
        if (executor->workers == 0) {
            fail_all(executor, rc);
            waits_notify(&executor->ending);
        }
        spinlock_give(&executor->lock);
    }
    if (plan.wake != NULL)
        sem_post(&plan.wake->call);
    if (rc < 0)
        executor_unref(executor);
}

/* ---- the workers ---- */

static bool was_called(const struct worker *worker)
{
    return atomic_load_explicit(&worker->state, memory_order_acquire) == WORKER_CALLED;
}

/* Looks out for a call, without the lock. */
static void look_out(const struct worker *worker, int64_t limit)
{
    int64_t start = sys_monotonic_now();
    do {
        for (int i = 0; i < LOOKOUT_LOOKS && !was_called(worker); i++)
            sys_relax();
    } while (!was_called(worker) && sys_monotonic_now() - start < limit);
}

static void spin(hoop_executor *executor, struct worker *worker)
{
    int64_t limit = executor->spinner == NULL ? lookout_begin(&executor->lookout) : 0;
    if (limit == 0)
        return;
    executor->spinner = worker;
    spinlock_give(&executor->lock);
    look_out(worker, limit);
    spinlock_take(&executor->lock);
    executor->spinner = NULL;
    lookout_end(&executor->lookout, was_called(worker));
}

/* Gives the lock back while it waits; whether it was woken. */
static bool sleep_until(hoop_executor *executor, struct worker *worker, int64_t deadline)
{
    spinlock_give(&executor->lock);
    bool was_woken = sys_semaphore_wait(&worker->call, deadline);
    spinlock_take(&executor->lock);
    if (was_woken || !was_called(worker))
        return was_woken;
    spinlock_give(&executor->lock); /* called at the last moment: the semaphore is to be given */
    sys_semaphore_wait(&worker->call, CLOCK_NEVER);
    spinlock_take(&executor->lock);
    return true;
}

/* Naps as long as there are jobs now and then, and nobody else does. True if there is work. */
static bool nap(hoop_executor *executor, struct worker *worker)
{
    while (executor->napper == NULL) {
        uint64_t seen = executor->begun;
        executor->napper = worker;
        bool was_woken = sleep_until(executor, worker, sys_monotonic_now() + NAP_NS);
        executor->napper = NULL;
        if (was_woken)
            return true;
        if (!list_is_empty(&executor->queue) && executor->searching == 0) {
            worker_call(executor, worker); /* by itself */
            return true;
        }
        if (executor->begun == seen)
            return false;
    }
    return false;
}

/* Waits to be called. */
static void idle(hoop_executor *executor, struct worker *worker)
{
    atomic_store_explicit(&worker->state, WORKER_AWAKE, memory_order_relaxed);
    worker->next_idle = executor->idle;
    executor->idle = worker;
    spin(executor, worker);
    if (!was_called(worker)) {
        atomic_store_explicit(&worker->state, WORKER_ASLEEP, memory_order_relaxed);
        if (!nap(executor, worker))
            sleep_until(executor, worker, CLOCK_NEVER);
    }
    executor->searching--;
}

/* Without the lock. */
static void run(hoop_executor *executor, struct worker *worker, struct job *job)
{
    hoop_context *context = context_ref(job->context); /* its function may set variables */
    hoop_context **outer = context_enter(&context);
    int64_t result = executor->kind->run(executor->kind_arg, &worker->kept, &job->work);
    context_enter(outer);
    context_unref(context);
    const hoop_job *bytes = job->work.job;
    bool is_too_much = bytes != NULL && bytes->room > 0 && result > (int64_t)bytes->room;
    job->result = is_too_much ? -EOVERFLOW : result;
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
    if (is_ours)
        job_free(job);
}

/* Gives the lock back while it works. */
static void work(hoop_executor *executor, struct worker *worker, struct job *job)
{
    list_remove(&job->link);
    executor->pending--;
    executor->begun++;
    executor->working++;
    job->has_begun = true;
    worker->loop = job->is_awaited ? job->loop : NULL;
    struct plan plan = plan_worker(executor, true);
    spinlock_give(&executor->lock);
    plan_carry_out(executor, plan); /* if no further thread can be had, we do it all */
    run(executor, worker, job);
    hand_back(worker, job);
    spinlock_take(&executor->lock);
    executor->working--;
    worker->loop = NULL;
    if (UNLIKELY(!list_is_empty(&executor->leaving)))
        waits_notify(&executor->leaving);
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
        waits_notify(&executor->ending);
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
    spinlock_give(&executor->lock);
    if (worker.kept != NULL && executor->kind->end != NULL)
        executor->kind->end(executor->kind_arg, worker.kept);
    spinlock_take(&executor->lock);
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
