/* SPDX-License-Identifier: MIT
 *
 * The threads of the loop's own that do what blocks on a disk.
 */
#ifndef IO_FILE_THREAD_H
#define IO_FILE_THREAD_H

#include <hoop/executor.h>

/* Runs FN(ARG) in one of them, by the rules of hoop_run_in_executor: a cancellation point until
 * FN begins. To be called in a task. */
int64_t file_thread_run(hoop_blocking_fn fn, void *arg);

#endif
