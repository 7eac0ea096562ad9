/* SPDX-License-Identifier: MIT
 *
 * A worker of a process pool: a thread of the executor that sends jobs to the one helper it has,
 * and waits for the answers.
 */
#ifndef EXEC_POOL_WORKER_H
#define EXEC_POOL_WORKER_H

#include "base/spinlock.h"
#include "exec/fork_server.h"

struct process_pool {
    struct fork_server server;
    struct job_setup setup; /* `functions` is ours */
    unsigned max_jobs;
    struct spinlock lock; /* over hoop_work.place, and pool_worker.channel if that is there */
};

/* Shared memory for what a program has elsewhere, kept for the next job. */
struct carrier {
    void *data; /* NULL: none */
    size_t size;
};

struct pool_worker {
    struct process_pool *pool;
    int channel;   /* to its helper; -1: it has none */
    int pid;       /* the helper's */
    unsigned jobs; /* that were sent to it */
    struct carrier input;
    struct carrier output;
};

/* NULL without memory. */
struct pool_worker *pool_worker_new(struct process_pool *pool);
void pool_worker_free(struct pool_worker *worker);

/* Runs WORK's job, of which FUNCTION is the number in the table. */
int64_t pool_worker_run(struct pool_worker *worker, hoop_work *work, uint32_t function);

/* In another thread, under the pool's lock: run is to return soon. */
void pool_worker_interrupt(const struct pool_worker *worker);

#endif
