/* SPDX-License-Identifier: MIT
 *
 * All cores: a loop in each of several threads. Listeners are shared by reuse_port (server.h),
 * and work is handed between loops with queues (queue.h, the _threadsafe ends) and
 * hoop_run_coroutine_threadsafe.
 */
#ifndef HOOP_THREADS_H
#define HOOP_THREADS_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Runs MAIN(ARG) COUNT times (0: once a processor that this process may use), each as the main
 * task of a loop of its own in a thread of its own, the first in the calling thread; as hoop_run
 * does. Returns when all have ended: 0 or the first one's result if none failed, else the error
 * that came first. An error of one (and SIGINT, which then is -EINTR) cancels the main tasks of
 * the others. The first thread's loop goes on until the others have ended. Also HOOP_ERUNNING if
 * a loop runs in this thread, -EINVAL for more than 1024, -EAGAIN or -ENOMEM if a thread cannot
 * be had; then those that had begun are cancelled and awaited. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_run_threads(unsigned count, hoop_coroutine_fn main,
                                                  void *arg);

/* Which of the COUNT threads this is, from 0 on; 0 in every other thread. */
HOOP_API unsigned hoop_thread_index(void);

#ifdef __cplusplus
}
#endif

#endif
