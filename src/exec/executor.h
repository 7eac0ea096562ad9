/* SPDX-License-Identifier: MIT
 *
 * The inside of an executor: a pool of threads, and the jobs that wait for one.
 *
 * A job is made by the loop's thread, and lies in the frame of the task that awaits it or, if
 * it was submitted for a future, on the heap. It is QUEUED until a worker takes it, and comes
 * back to the loop as a post. Its state is under the executor's lock.
 */
#ifndef EXEC_EXECUTOR_H
#define EXEC_EXECUTOR_H

#include <hoop/embed.h>
#include <hoop/executor.h>
#include <semaphore.h>

#include "base/list.h"
#include "base/lookout.h"
#include "base/spinlock.h"

struct job {
    /* What the worker touches, side by side. */
    hoop_link link; /* on executor->queue while QUEUED */
    hoop_post post; /* how it comes back */
    hoop_work work;
    int64_t result;
    hoop_context *context;      /* the loop's reference, or NULL */
    void (*release)(void *arg); /* of one that was submitted, when it goes; or NULL */
    hoop_loop *loop;            /* NULL: nobody waits for it any more; it is the worker's */
    bool has_begun;             /* or was taken back */
    bool is_awaited;            /* lies in a task's frame */
    bool is_refused;            /* its post was: the loop is being closed, and is to free it */
    hoop_link loop_link;        /* on exec_local.jobs until it has come back */
    struct executor_use *use;
};

/* An executor in which a loop has jobs, or had: the loop's one reference for all of them. */
struct executor_use {
    hoop_link link; /* on exec_local.uses */
    hoop_executor *executor;
    size_t jobs; /* that have not come back */
};

struct worker; /* worker.h */

struct hoop_executor {
    /* What each job touches, side by side. */
    struct spinlock lock;   /* over all that follows, but for `references` */
    unsigned pending;       /* jobs that have not begun */
    hoop_link queue;        /* these, oldest first */
    struct worker *idle;    /* who waits for work, the one that worked last first */
    struct worker *spinner; /* of these, who looks out before it sleeps; or NULL */
    struct worker *napper;  /* of these, who wakes by itself now and then; or NULL */
    unsigned workers;       /* threads, those that are being started included */
    unsigned searching;     /* of these, called or started and on the way to the queue */
    unsigned working;       /* of these, in a job */
    bool is_shut_down;
    hoop_link leaving;      /* struct thread_wait: who waits for a worker to be done with a loop */
    hoop_link ending;       /* struct end_wait: who waits for the last worker */
    uint64_t begun;         /* how many jobs have begun so far */
    struct lookout lookout; /* the spinner's, for jobs */
    unsigned max_workers;
    size_t max_pending; /* 0: no limit */
    struct worker *all;
    const hoop_executor_kind *kind;
    void *kind_arg;
    atomic_uint references; /* the owner's, each worker's, each use's and each end's */
    char name[16];
};

hoop_executor *executor_ref(hoop_executor *executor);
void executor_unref(hoop_executor *executor);

/* Queues JOB, and sees to a worker; if none can be had, JOB comes back with that error. 0,
 * HOOP_ESHUTDOWN, or -ENOBUFS. */
int executor_put(hoop_executor *executor, struct job *job);

/* Takes JOB off the queue. False if it has begun. */
bool executor_take_back(struct job *job);

/* JOB has begun, and its result is not wanted any more. In the loop's thread. */
void executor_interrupt(struct job *job);

/* The loop of JOB, which lies on the heap and has begun, goes. True if the job is its worker's
 * from now on, which frees it; false if it is ours, as its worker is through with it. */
bool executor_disown(struct job *job);

/* Waits until no worker runs a job of LOOP that is awaited, or posts to it. */
void executor_leave_loop(hoop_executor *executor, const hoop_loop *loop);

/* How an end of all workers is told; called under the lock, with the waiter off the list. */
struct end_wait {
    hoop_link link;
    void (*notify)(struct end_wait *wait);
};

/* Refuses further jobs. False if no worker is left; else puts WAIT on the list, if it is not
 * NULL. */
bool executor_shut_down(hoop_executor *executor, struct end_wait *wait);
/* Takes WAIT off the list. False if it was notified before. */
bool executor_forget_end(hoop_executor *executor, struct end_wait *wait);

/* The same, and blocks the thread until no worker is left, LIMIT_NS at most: 0 or -ETIMEDOUT. */
int executor_wait_for_end(hoop_executor *executor, int64_t limit_ns);

/* Is the calling thread one of EXECUTOR's workers? */
bool executor_is_mine(const hoop_executor *executor);

/* ---- what exec keeps for a loop (local.c) ---- */

struct exec_local {
    hoop_local local;
    hoop_loop *loop;
    hoop_link jobs;          /* job.loop_link */
    hoop_link uses;          /* executor_use.link */
    hoop_link remotes;       /* coroutines of other threads that have not ended (threadsafe.c) */
    hoop_link ends;          /* tasks that wait for the end of an executor */
    hoop_executor *executor; /* the default one; NULL until it is used */
    bool is_shut_down;       /* no default executor is made any more */
};

/* LOOP's, made if there is none; NULL without memory. */
struct exec_local *exec_local_of(hoop_loop *loop);

/* LOCAL's use of EXECUTOR; NULL without memory. */
struct executor_use *executor_use_of(struct exec_local *local, hoop_executor *executor);

/* job.c: submits WORK's function or job, and if that succeeds RELEASE(WORK->arg) is called once it
 * has returned, or will not be called: in whichever thread is the last to have to do with it. */
hoop_future *job_submit(hoop_executor *executor, const hoop_work *work, void (*release)(void *arg));
/* Frees a job that was submitted, with nobody waiting for it; in any thread. */
void job_free(struct job *job);

/* job.c: the loop goes, and no job of it may come back; waits for those that have begun in a
 * task's frame. */
void jobs_abandon(struct exec_local *local);

/* local.c: the tasks that wait for an executor's end go. */
void ends_abandon(struct exec_local *local);

/* threadsafe.c: the loop goes before the coroutines behind these have ended. */
void remotes_abandon(hoop_link *remotes);

#endif
