/* SPDX-License-Identifier: MIT
 *
 * The workers of an executor, as executor.c sees them.
 */
#ifndef EXEC_WORKER_H
#define EXEC_WORKER_H

#include "exec/executor.h"

/* On its thread's own stack. */
struct worker {
    hoop_executor *executor;
    struct worker *next_idle;
    struct worker *next; /* on executor->all */
    hoop_loop *loop;     /* whose job it runs, if that is awaited, or to which it posts */
    void *kept;          /* what hoop_executor_kind.run keeps for it; NULL at first */
    atomic_int state;    /* while it is idle; written under the lock */
    sem_t call;          /* given if it slept when it was called */
};

/* What is to be done for the jobs that wait, without the lock. */
struct plan {
    struct worker *wake; /* it was called, and sleeps */
    bool start;          /* another thread */
};

/* Under the lock: sees to a worker for the jobs that wait, and if it MAY_START one to a new
 * thread. */
struct plan plan_worker(hoop_executor *executor, bool may_start);
/* Without the lock. */
void plan_carry_out(hoop_executor *executor, struct plan plan);

/* Under the lock: sends an idle worker to the queue. True if `call` has to be given, too. */
bool worker_call(hoop_executor *executor, struct worker *worker);

/* Under the lock: empties a list of struct end_wait, and tells each. */
void waits_notify(hoop_link *waits);

#endif
