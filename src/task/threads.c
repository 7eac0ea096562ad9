/* SPDX-License-Identifier: MIT
 *
 * A loop in each of several threads, which end together.
 *
 * Each thread runs a runner of its own. The first one, the caller's, may be the main thread: there
 * SIGINT cancels what runs, so its main task stays until the others have ended, to hear of it.
 *
 * Threads reach each other by posts only: to stop a thread is to post to its loop, which cancels
 * the main task. The lock guards who has a loop to post to, and who was first to fail.
 */
#include <hoop/threads.h>

#include <errno.h>
#include <hoop/error.h>
#include <hoop/runner.h>
#include <pthread.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "task/scheduler.h"

#define THREADS_MAX 1024

struct threads;

struct thread {
    struct threads *all;
    pthread_t id;
    unsigned index;
    hoop_loop *loop; /* under the lock: a reference, NULL before and after */
    hoop_post stop;  /* to its loop, once at most */
    hoop_task *main; /* the loop thread's: borrowed while it runs */
    bool is_stopped; /* the loop thread's: the main task is to be cancelled */
    int64_t result;
};

struct threads {
    hoop_coroutine_fn main;
    void *arg;
    unsigned count;
    pthread_mutex_t lock;
    bool is_stopping;            /* under the lock, as all that follows */
    unsigned others;             /* threads but the first one that have not ended */
    const struct thread *failed; /* the first that did; or NULL */
    struct wait *first_waits;    /* the first thread's main task, for the others; or NULL */
    hoop_post others_ended;      /* to the first thread's loop */
    struct thread threads[];
};

static _Thread_local unsigned thread_index;

unsigned hoop_thread_index(void)
{
    return thread_index;
}

/* ---- stopping each other ---- */

static void thread_stop(hoop_post *post, int status)
{
    struct thread *thread = CONTAINER_OF(post, struct thread, stop);
    thread->is_stopped = true;
    if (status == 0 && thread->main != NULL)
        hoop_task_cancel(thread->main);
}

/* Under the lock. */
static void stop_all(struct threads *all)
{
    if (all->is_stopping)
        return;
    all->is_stopping = true;
    for (unsigned i = 0; i < all->count; i++) {
        struct thread *thread = &all->threads[i];
        if (thread->loop != NULL)
            (void)!hoop_post_threadsafe(thread->loop, &thread->stop); /* closed: it has ended */
    }
}

static void stop_others(struct threads *all)
{
    pthread_mutex_lock(&all->lock);
    stop_all(all);
    pthread_mutex_unlock(&all->lock);
}

/* THREAD has failed, and with it all. Was it the first one? */
static bool thread_fails(const struct thread *thread)
{
    struct threads *all = thread->all;
    pthread_mutex_lock(&all->lock);
    if (all->failed == NULL)
        all->failed = thread;
    bool is_first = all->failed == thread;
    stop_all(all);
    pthread_mutex_unlock(&all->lock);
    return is_first;
}

/* ---- the first thread waits for the others ---- */

static void others_have_ended(hoop_post *post, int status)
{
    struct threads *all = CONTAINER_OF(post, struct threads, others_ended);
    if (status == 0 && all->first_waits != NULL)
        wait_wake(all->first_waits, 0);
}

/* A thread but the first one has ended. */
static void other_ends(struct threads *all)
{
    pthread_mutex_lock(&all->lock);
    if (--all->others == 0 && all->first_waits != NULL)
        (void)!hoop_post_threadsafe(all->threads[0].loop, &all->others_ended);
    pthread_mutex_unlock(&all->lock);
}

static const struct wait_kind others_wait = {"waits for the other threads", wait_cancel, NULL,
                                             NULL};
static const struct wait_kind others_wait_surely = {"waits for the end of the other threads",
                                                    wait_refuse_cancel, NULL, NULL};

/* 0, or -ECANCELED if KIND lets the wait be cancelled and it was. */
static int wait_for_others(struct threads *all, const struct wait_kind *kind)
{
    struct wait wait;
    wait_init(&wait, kind);
    pthread_mutex_lock(&all->lock);
    bool is_over = all->others == 0;
    all->first_waits = is_over ? NULL : &wait;
    pthread_mutex_unlock(&all->lock);
    if (is_over)
        return 0;
    int rc = (int)wait_park(&wait);
    pthread_mutex_lock(&all->lock);
    all->first_waits = NULL;
    pthread_mutex_unlock(&all->lock);
    return rc;
}

/* The first thread's part once its MAIN has ended with RESULT: the end of the others. SIGINT
 * may still come, and cancels them all. */
static int64_t first_ends(struct thread *first, int64_t result)
{
    struct threads *all = first->all;
    if (wait_for_others(all, &others_wait) == 0)
        return result;
    bool is_mine = thread_fails(first);
    (void)wait_for_others(all, &others_wait_surely);
    return is_mine && result >= 0 ? -ECANCELED : result;
}

/* ---- a thread ---- */

/* The main task of a thread's loop. */
static int64_t thread_main(void *arg)
{
    struct thread *thread = arg;
    struct threads *all = thread->all;
    thread->main = hoop_current_task();
    if (thread->is_stopped)
        hoop_task_cancel(thread->main);
    int64_t result = all->main(all->arg);
    if (result < 0)
        thread_fails(thread);
    if (thread->index == 0)
        result = first_ends(thread, result);
    thread->main = NULL;
    return result;
}

static void thread_run(struct thread *thread)
{
    struct threads *all = thread->all;
    hoop_runner *runner = hoop_runner_new(NULL);
    if (runner == NULL) {
        thread->result = hoop_last_error();
        thread_fails(thread);
        return;
    }
    hoop_loop *loop = hoop_loop_ref(hoop_runner_loop(runner));
    pthread_mutex_lock(&all->lock);
    thread->loop = loop;
    thread->is_stopped = all->is_stopping;
    pthread_mutex_unlock(&all->lock);
    thread->result = hoop_runner_run(runner, thread_main, thread);
    if (thread->result < 0)
        thread_fails(thread);
    hoop_runner_close(runner); /* may be what ends the main task, if the loop was stopped */
    pthread_mutex_lock(&all->lock);
    thread->loop = NULL;
    pthread_mutex_unlock(&all->lock);
    hoop_loop_unref(loop);
}

static void *other_thread(void *arg)
{
    struct thread *thread = arg;
    char name[16];
    snprintf(name, sizeof name, "hoop-%u", thread->index);
    sys_thread_name(name);
    thread_index = thread->index;
    thread_run(thread);
    other_ends(thread->all);
    return NULL;
}

/* ---- all of them ---- */

static struct threads *threads_new(unsigned count, hoop_coroutine_fn main, void *arg)
{
    struct threads *all = alloc_zeroed(sizeof *all + count * sizeof *all->threads);
    if (all == NULL)
        return NULL;
    all->main = main;
    all->arg = arg;
    all->count = count;
    all->others = count - 1;
    all->others_ended.run = others_have_ended;
    pthread_mutex_init(&all->lock, NULL);
    for (unsigned i = 0; i < count; i++)
        all->threads[i] = (struct thread){.all = all, .index = i, .stop.run = thread_stop};
    return all;
}

static void threads_free(struct threads *all)
{
    pthread_mutex_destroy(&all->lock);
    alloc_free(all);
}

/* Runs them all to their end. */
static int64_t threads_run(struct threads *all)
{
    unsigned started = 1;
    int rc = 0;
    while (started < all->count && rc == 0) {
        struct thread *thread = &all->threads[started];
        rc = sys_thread_start(&thread->id, other_thread, thread);
        if (rc == 0)
            started++;
    }
    if (rc == 0)
        thread_run(&all->threads[0]);
    else
        stop_others(all);
    for (unsigned i = 1; i < started; i++)
        pthread_join(all->threads[i].id, NULL);
    if (rc < 0)
        return rc;
    return all->failed != NULL ? all->failed->result : all->threads[0].result;
}

int64_t hoop_run_threads(unsigned count, hoop_coroutine_fn main, void *arg)
{
    if (running_loop != NULL)
        return misuse(running_loop->debug, HOOP_ERUNNING, __func__);
    if (count == 0)
        count = sys_processor_count() < THREADS_MAX ? sys_processor_count() : THREADS_MAX;
    if (main == NULL || count > THREADS_MAX)
        return -EINVAL;
    struct threads *all = threads_new(count, main, arg);
    if (all == NULL)
        return -ENOMEM;
    int64_t result = threads_run(all);
    threads_free(all);
    return result;
}
