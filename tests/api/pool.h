/* SPDX-License-Identifier: MIT
 *
 * For tests of process pools: functions that helpers run, and a pool of them in a program on the
 * system's clock, which must leave no process behind.
 */
#ifndef TESTS_API_POOL_H
#define TESTS_API_POOL_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "gate.h"

/* ---- what helpers do ---- */

static inline int64_t reverse(const void *input, size_t size, void *output, size_t room)
{
    if (size > room)
        return -ENOBUFS;
    for (size_t i = 0; i < size; i++)
        ((char *)output)[i] = ((const char *)input)[size - 1 - i];
    return (int64_t)size;
}

/* Writes a byte that it was given wherever there is room. */
static inline int64_t fill(const void *input, size_t size, void *output, size_t room)
{
    (void)size;
    memset(output, *(const char *)input, room);
    return (int64_t)room;
}

static inline int64_t sum(const void *input, size_t size, void *output, size_t room)
{
    (void)output, (void)room;
    int64_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += ((const unsigned char *)input)[i];
    return sum;
}

/* Returns the number that it was given. */
static inline int64_t echo(const void *input, size_t size, void *output, size_t room)
{
    (void)output, (void)room;
    int64_t number = 0;
    memcpy(&number, input, size < sizeof number ? size : sizeof number);
    return number;
}

static inline int64_t tell_pid(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size, (void)output, (void)room;
    return getpid();
}

/* Dies by the signal that it was given as an int. */
static inline int64_t die(const void *input, size_t size, void *output, size_t room)
{
    (void)size, (void)output, (void)room;
    raise(*(const int *)input);
    return 0;
}

static inline int64_t leave(const void *input, size_t size, void *output, size_t room)
{
    (void)size, (void)output, (void)room;
    _exit(*(const int *)input);
}

/* What a test shares with its helpers: see gate_new. */
struct shared_gate {
    sem_t begun; /* given by each that has begun */
    sem_t open;  /* taken by each before it ends */
    atomic_int pid;
    atomic_int ends;
};

/* Its output is the gate. */
static inline int64_t wait_at_gate(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size, (void)room;
    struct shared_gate *gate = output;
    gate->pid = getpid();
    sem_post(&gate->begun);
    sem_take(&gate->open);
    return atomic_fetch_add(&gate->ends, 1) + 1;
}

/* Never ends. */
static inline int64_t hang(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size, (void)room;
    struct shared_gate *gate = output;
    gate->pid = getpid();
    sem_post(&gate->begun);
    while (getpid() == gate->pid)
        pause();
    return 0;
}

/* ---- what tests do ---- */

static inline struct shared_gate *shared_gate_new(void)
{
    struct shared_gate *gate = hoop_shared_new(sizeof *gate);
    assert_non_null(gate);
    sem_init(&gate->begun, 1, 0);
    sem_init(&gate->open, 1, 0);
    return gate;
}

static inline void shared_gate_free(struct shared_gate *gate)
{
    sem_destroy(&gate->begun);
    sem_destroy(&gate->open);
    hoop_shared_free(gate);
}

static inline hoop_job job_at(hoop_job_fn fn, struct shared_gate *gate)
{
    return (hoop_job){.fn = fn, .output = gate, .room = sizeof *gate};
}

static inline int64_t run_int(hoop_executor *pool, hoop_job_fn fn, int number)
{
    return hoop_run_job(pool, &(hoop_job){.fn = fn, .input = &number, .input_size = sizeof number});
}

static inline int helper_pid(hoop_executor *pool)
{
    return (int)hoop_run_job(pool, &(hoop_job){.fn = tell_pid});
}

static inline hoop_executor *pool_with(hoop_process_pool_options options)
{
    static const hoop_job_fn usual[] = {reverse, fill,  sum,          echo, tell_pid,
                                        die,     leave, wait_at_gate, hang, NULL};
    if (options.functions == NULL)
        options.functions = usual;
    hoop_executor *pool = hoop_process_pool_new(&options);
    assert_non_null(pool);
    return pool;
}

static inline hoop_executor *pool_of(unsigned helpers)
{
    return pool_with((hoop_process_pool_options){.max_workers = helpers});
}

/* One that has ended and was not reaped, 0 if none has, or -1 if there are none. */
static inline int look_at_children(void)
{
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : -1;
}

/* A worker's thread frees the pool last, after whoever waits for that thread was told. */
static inline void no_child_is_left(void)
{
    for (int i = 0; i < 10000 && look_at_children() >= 0; i++)
        usleep(1000);
    assert_int_equal(look_at_children(), -1);
}

static inline void pool_end(hoop_executor *pool)
{
    executor_end(pool);
    no_child_is_left();
}

/* Runs FN(POOL) as a program; ends the pool. */
static inline void run_with(hoop_executor *pool, hoop_coroutine_fn fn)
{
    assert_int_equal(run_really(fn, pool), 0);
    pool_end(pool);
}

/* A test that is a task with a pool of so many helpers. */
#define WITH_A_POOL(helpers, behaviour) \
    static void behaviour##_body(hoop_executor *pool); \
    static int64_t behaviour##_task(void *arg) \
    { \
        behaviour##_body(arg); \
        return 0; \
    } \
    static void behaviour(void **state) \
    { \
        (void)state; \
        run_with(pool_of(helpers), behaviour##_task); \
    } \
    static void behaviour##_body(hoop_executor *pool)

#endif
