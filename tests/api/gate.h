/* SPDX-License-Identifier: MIT
 *
 * Functions for an executor that tests have in their hand: one says when it has begun, and
 * ends when it is let go. So each interleaving is made with semaphores, not with time.
 *
 * What runs in a thread must not assert, as cmocka jumps; it counts, and the test looks.
 */
#ifndef TESTS_API_GATE_H
#define TESTS_API_GATE_H

#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "harness.h"

static inline void sem_take(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        ; /* interrupted */
}

struct gate {
    sem_t begun; /* given by each function that has begun */
    sem_t open;  /* taken by each before it ends */
    atomic_int calls;
    atomic_int ends;
    int64_t result;
    atomic_int thread; /* of the last call */
};

static inline void gate_init(struct gate *gate, int64_t result)
{
    *gate = (struct gate){.result = result};
    sem_init(&gate->begun, 0, 0);
    sem_init(&gate->open, 0, 0);
}

static inline void gate_done(struct gate *gate)
{
    sem_destroy(&gate->begun);
    sem_destroy(&gate->open);
}

/* A hoop_blocking_fn; ARG is a struct gate. */
static inline int64_t pass_gate(void *arg)
{
    struct gate *gate = arg;
    int64_t result = gate->result;
    gate->thread = gettid();
    atomic_fetch_add(&gate->calls, 1);
    sem_post(&gate->begun);
    sem_take(&gate->open);
    atomic_fetch_add(&gate->ends, 1);
    return result;
}

static inline void gate_open(void *gate)
{
    sem_post(&((struct gate *)gate)->open);
}

/* A hoop_blocking_fn: counts its calls in an atomic_int, and returns how many there were. */
static inline int64_t count_call(void *arg)
{
    return atomic_fetch_add((atomic_int *)arg, 1) + 1;
}

static inline hoop_executor *executor_of(unsigned max_workers)
{
    hoop_executor *executor =
        hoop_executor_new(&(hoop_executor_options){.max_workers = max_workers});
    assert_non_null(executor);
    return executor;
}

/* Until its last thread has left it. */
static inline void executor_end(hoop_executor *executor)
{
    assert_int_equal(hoop_executor_shutdown(executor, INFINITY), 0);
    hoop_executor_free(executor);
}

/* Runs a coroutine on the system's clock, with nothing to report and nothing left. */
static inline int64_t run_really(hoop_coroutine_fn fn, void *arg)
{
    hoop_loop *loop = hoop_new_event_loop();
    assert_non_null(loop);
    int64_t result = hoop_run_until_complete(loop, fn, arg);
    hoop_info info;
    hoop_loop_info(loop, &info);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(info.tasks, 0);
    assert_int_equal(info.timers, 0);
    return result;
}

#endif
