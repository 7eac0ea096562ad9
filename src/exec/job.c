/* SPDX-License-Identifier: MIT
 *
 * Functions in an executor, as the loop's thread sees them: awaited by a task, or submitted
 * for a future.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/future.h>
#include <hoop/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/context.h"
#include "exec/executor.h"
#include "task/wait.h"

/* EXECUTOR, or for NULL the default one of the running loop, made if need be. NULL:
 * hoop_last_error tells why. */
static hoop_executor *choose_executor(struct exec_local *local, hoop_executor *executor)
{
    if (executor != NULL)
        return executor;
    if (local->is_shut_down)
        return failed(HOOP_ESHUTDOWN);
    if (local->executor == NULL)
        local->executor = hoop_executor_new(NULL);
    return local->executor;
}

/* JOB has come back, or was taken back. */
static void job_ends(struct job *job)
{
    list_remove(&job->loop_link);
    hoop_work_ends(job->loop);
    job->use->jobs--;
}

/* Queues JOB, whose function, context and post are set, for the running loop. */
static int job_start(struct job *job, hoop_executor *executor)
{
    struct exec_local *local = exec_local_of(hoop_running_loop());
    if (local == NULL)
        return -ENOMEM;
    executor = choose_executor(local, executor);
    if (executor == NULL)
        return hoop_last_error();
    job->use = executor_use_of(local, executor);
    if (job->use == NULL)
        return -ENOMEM;
    job->use->jobs++;
    job->loop = local->loop;
    list_append(&local->jobs, &job->loop_link);
    hoop_work_begins(job->loop);
    int rc = executor_put(executor, job);
    if (rc < 0)
        job_ends(job);
    return rc;
}

/* ---- awaited ---- */

struct awaited {
    struct job job;
    struct wait wait;
};

static void awaited_back(hoop_post *post, int status)
{
    struct awaited *awaited = CONTAINER_OF(post, struct awaited, job.post);
    job_ends(&awaited->job);
    if (status == 0) /* else the loop goes, and the task with it */
        wait_wake(&awaited->wait, awaited->job.result);
}

static void awaited_cancel(struct wait *wait)
{
    struct awaited *awaited = CONTAINER_OF(wait, struct awaited, wait);
    if (!executor_take_back(&awaited->job)) {
        executor_interrupt(&awaited->job); /* it runs, and may use the task's frame */
        return;
    }
    job_ends(&awaited->job);
    wait_wake(wait, -ECANCELED);
}

static void awaited_done(struct awaited *awaited)
{
    alloc_free(awaited->job.work.message);
    context_unref(awaited->job.context);
}

static void awaited_abandon(struct wait *wait)
{
    awaited_done(CONTAINER_OF(wait, struct awaited, wait));
}

static const struct wait_kind executor_wait = {"waits for a thread", awaited_cancel, NULL,
                                               awaited_abandon};

/* Drops the reference to CONTEXT. */
static int64_t run_awaited(hoop_executor *executor, const hoop_work *work, hoop_context *context)
{
    struct awaited awaited = {
        .job = {.work = *work, .context = context, .is_awaited = true},
    };
    awaited.job.post.run = awaited_back;
    int rc = job_start(&awaited.job, executor);
    wait_init(&awaited.wait, &executor_wait);
    int64_t result = rc < 0 ? wait_failed(rc) : wait_park(&awaited.wait);
    if (UNLIKELY(awaited.job.work.message != NULL) && result < 0)
        hoop_error_set(result, "%s", awaited.job.work.message);
    awaited_done(&awaited);
    return result;
}

/* 0, or why FUNCTION cannot await what HAS_FUNCTION or not here. */
static int check(bool has_function, const char *function)
{
    if (turn.task == NULL)
        return wait_without_task(function);
    if (!has_function)
        return wait_failed(misuse(hoop_get_debug(hoop_running_loop()), -EINVAL, function));
    if (hoop_task_cancelling(turn.task) > 0) {
        wait_spend(); /* before a thread could begin with it */
        return wait_failed(-ECANCELED);
    }
    return 0;
}

int64_t hoop_run_in_executor(hoop_executor *executor, hoop_blocking_fn fn, void *arg)
{
    int rc = check(fn != NULL, __func__);
    return rc < 0 ? rc : run_awaited(executor, &(hoop_work){.fn = fn, .arg = arg}, NULL);
}

int64_t hoop_to_thread(hoop_blocking_fn fn, void *arg)
{
    int rc = check(fn != NULL, __func__);
    return rc < 0 ? rc : run_awaited(NULL, &(hoop_work){.fn = fn, .arg = arg}, context_capture());
}

int64_t hoop_run_job(hoop_executor *executor, const hoop_job *job)
{
    int rc = check(job != NULL && job->fn != NULL, __func__);
    return rc < 0 ? rc : run_awaited(executor, &(hoop_work){.job = job}, NULL);
}

/* ---- submitted ---- */

struct submitted {
    struct job job;           /* first: a worker may free it */
    hoop_job bytes;           /* of job.work.job */
    struct observer observer; /* on the future until that is done */
    hoop_future *future;      /* a reference; NULL once the loop goes */
};

void job_free(struct job *job)
{
    void (*release)(void *) = job->release;
    void *arg = job->work.arg;
    alloc_free(job->work.message);
    alloc_free(job);
    if (release != NULL)
        release(arg);
}

static void submitted_free(struct submitted *submitted)
{
    hoop_future *future = submitted->future;
    list_remove(&submitted->observer.link);
    job_free(&submitted->job);
    hoop_future_unref(future);
}

static void submitted_back(hoop_post *post, int status)
{
    struct submitted *submitted = CONTAINER_OF(post, struct submitted, job.post);
    int64_t result = submitted->job.result;
    const char *message = submitted->job.work.message;
    list_remove(&submitted->observer.link);
    job_ends(&submitted->job);
    if (status == 0) {
        if (result < 0) /* both do nothing if it was cancelled */
            hoop_future_set_error(submitted->future, result, message != NULL ? "%s" : NULL,
                                  message);
        else
            hoop_future_set_result(submitted->future, result);
    }
    submitted_free(submitted);
}

/* The future is done before the work: it was cancelled, so nobody needs that. */
static void submitted_cancelled(struct observer *observer)
{
    struct submitted *submitted = CONTAINER_OF(observer, struct submitted, observer);
    if (executor_take_back(&submitted->job))
        (void)!hoop_post_threadsafe(submitted->job.loop, &submitted->job.post);
    else
        executor_interrupt(&submitted->job);
}

static struct submitted *submitted_new(hoop_future *future, const hoop_work *work,
                                       void (*release)(void *arg))
{
    struct submitted *submitted = alloc_zeroed(sizeof *submitted);
    if (submitted == NULL)
        return NULL;
    submitted->job.work = *work;
    if (work->job != NULL) {
        submitted->bytes = *work->job;
        submitted->job.work.job = &submitted->bytes;
    }
    submitted->job.release = release;
    submitted->job.post.run = submitted_back;
    submitted->observer.notify = submitted_cancelled;
    list_init(&submitted->observer.link);
    submitted->future = hoop_future_ref(future);
    return submitted;
}

hoop_future *job_submit(hoop_executor *executor, const hoop_work *work, void (*release)(void *arg))
{
    hoop_loop *loop = hoop_running_loop();
    hoop_future *future = loop != NULL ? hoop_future_new(loop) : failed(HOOP_ENOLOOP);
    if (future == NULL)
        return NULL;
    struct submitted *submitted = submitted_new(future, work, release);
    int rc = submitted != NULL ? job_start(&submitted->job, executor) : -ENOMEM;
    if (rc == 0) {
        wait_observe(future, &submitted->observer);
        return future;
    }
    if (submitted != NULL) {
        submitted->job.release = NULL; /* its ARG is the caller's */
        submitted_free(submitted);
    }
    hoop_future_unref(future);
    return failed(rc);
}

hoop_future *hoop_executor_submit(hoop_executor *executor, hoop_blocking_fn fn, void *arg)
{
    const hoop_loop *loop = hoop_running_loop();
    if (loop != NULL && fn == NULL)
        return failed(misuse(hoop_get_debug(loop), -EINVAL, __func__));
    return job_submit(executor, &(hoop_work){.fn = fn, .arg = arg}, NULL);
}

hoop_future *hoop_submit_job(hoop_executor *executor, const hoop_job *job)
{
    const hoop_loop *loop = hoop_running_loop();
    if (loop != NULL && (job == NULL || job->fn == NULL))
        return failed(misuse(hoop_get_debug(loop), -EINVAL, __func__));
    return job_submit(executor, &(hoop_work){.job = job}, NULL);
}

/* ---- the loop goes ---- */

static void job_drop(struct job *job)
{
    bool is_awaited = job->is_awaited;
    job_ends(job);
    if (!is_awaited)
        submitted_free(CONTAINER_OF(job, struct submitted, job));
}

/* JOB has begun. */
static void job_abandon(struct job *job, hoop_loop *loop)
{
    hoop_executor *executor = job->use->executor; /* stays: the use does */
    list_remove(&job->loop_link);
    executor_interrupt(job);
    if (!job->is_awaited) {
        struct submitted *submitted = CONTAINER_OF(job, struct submitted, job);
        hoop_future *future = submitted->future;
        list_remove(&submitted->observer.link);
        submitted->future = NULL;
        if (!executor_disown(job))
            submitted_free(submitted);
        hoop_future_unref(future);
    }
    executor_leave_loop(executor, loop);
}

void jobs_abandon(struct exec_local *local)
{
    for (hoop_link *link = local->jobs.next, *next; link != &local->jobs; link = next) {
        struct job *job = CONTAINER_OF(link, struct job, loop_link);
        next = link->next;
        if (executor_take_back(job))
            job_drop(job);
    }
    while (!list_is_empty(&local->jobs))
        job_abandon(CONTAINER_OF(local->jobs.next, struct job, loop_link), local->loop);
}
