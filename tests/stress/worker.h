/* SPDX-License-Identifier: MIT
 *
 * The workers of the stress test: tasks that do random things, each from a generator of
 * its own, and check at each step that what they see is what the model allows.
 */
#ifndef TESTS_STRESS_WORKER_H
#define TESTS_STRESS_WORKER_H

#include <hoop.h>

#include "random.h"

/* One task as the model knows it. */
struct worker {
    uint64_t random; /* state of its own generator */
    int id;
    int depth;
    int64_t outcome; /* what it ends with unless it is cancelled */
    bool begun, ended;
    bool was_uncancelled; /* by others, who may do so before it has noticed anything */
    bool heard;           /* somebody has retrieved its outcome */
    bool reported;
    int64_t result; /* once it has ended */
    int callbacks_expected, callbacks_run;
};

enum { FUTURES = 16, HANDLES = 256 };

/* What the driver and the workers share. */
struct crowd {
    struct worker **workers; /* by id; they live until the end */
    int count, capacity;
    int live; /* workers that have not ended */

    hoop_task *tasks[HANDLES]; /* references that the driver holds */
    struct worker *holders[HANDLES];
    int handle_count;

    hoop_future *futures[FUTURES]; /* replaced as they are set */
    int64_t future_values[FUTURES];
};

extern struct crowd crowd;

/* A worker that has not begun. */
struct worker *worker_new(uint64_t *random, int depth);

/* Starts WORKER in one of the ways there are. */
hoop_task *worker_start(struct worker *worker, uint64_t *random);

/* The running task has heard RESULT as the outcome of WORKER. */
void worker_heard(struct worker *worker, int64_t result);

#endif
