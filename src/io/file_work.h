/* SPDX-License-Identifier: MIT
 *
 * Work in the file threads that holds something: memory, descriptors, a file that is not finished.
 * It lies in the frame of the task that has it done, in steps, each in a thread. If the loop is
 * closed meanwhile that frame goes without a word, so what the work holds is dropped by whoever is
 * the last to have to do with it: the thread at the end of a step that is under way, or the loop.
 */
#ifndef IO_FILE_WORK_H
#define IO_FILE_WORK_H

#include <stdatomic.h>

#include "io/local.h"

struct file_work {
    /* In a thread. */
    int64_t (*step)(struct file_work *work);
    /* Lets go of all that the work holds, so that nothing is held any more: 0. In any thread. */
    int64_t (*drop)(struct file_work *work);
    int64_t (*next)(struct file_work *work); /* the one of these that is being done */
    struct io_item item;
    atomic_int state;
};

/* To be called in a task, with step and drop set: 0, or -ENOMEM. */
int file_work_begin(struct file_work *work);
/* Only once nothing is held. */
void file_work_end(struct file_work *work);

/* Runs step in a thread, by the rules of hoop_run_in_executor. */
int64_t file_work_step(struct file_work *work);
/* For work of a single step: all three. */
int64_t file_work_run(struct file_work *work);
/* Runs drop in a thread; no cancellation point. */
void file_work_drop(struct file_work *work);

#endif
