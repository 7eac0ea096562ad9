/* SPDX-License-Identifier: MIT
 *
 * The functions of the stress test of executors: each does something random in its thread, and
 * knows how often it was called, and whether it may be.
 */
#ifndef TESTS_STRESS_JOB_H
#define TESTS_STRESS_JOB_H

#include <hoop.h>
#include <stdatomic.h>

#include "random.h"

/* One function to be called. */
struct job {
    uint64_t random;
    int64_t result;
    atomic_int calls, ends;
    atomic_bool is_forbidden; /* it was cancelled or refused: it must not be called */
    bool is_awaited;
    struct job *next; /* of its life */
};

/* One more, on the list of its life. */
struct job *job_new(struct job **jobs, uint64_t *random, bool is_awaited);
/* How many there were. */
int job_count(void);

/* It was cancelled or refused, and so cannot have been called. */
void job_forbid(struct job *job);

/* A hoop_blocking_fn for a submitted job. */
int64_t job_run_submitted(void *job);

/* What an awaited one is called with. Lies in the frame of the task that awaits, so that a
 * sanitizer sees who comes too late. */
struct frame {
    struct job *job;
    hoop_loop *loop;
    int visits;
};
int64_t job_run_awaited(void *frame);

/* Sets a context variable, with a value that is counted. */
void job_set_variable(void);

/* Waits for a coroutine of LOOP, which may be closed meanwhile. */
void job_ask(hoop_loop *loop, uint64_t *random);

/* Takes a while, without the system's knowledge. */
void job_spin(int rounds);

/* When all threads have ended: checks and frees the jobs of a list; and whether each value of
 * the variable was released. */
void jobs_end(struct job *jobs);
void job_check_variables(void);

#endif
