/* SPDX-License-Identifier: MIT
 *
 * From other threads into a loop: start a coroutine there and wait for its result here.
 * Every function in this header may be called from any thread but, where it blocks, from that
 * of the loop itself (-EDEADLK).
 *
 * For a plain callback see hoop_call_soon_threadsafe (loop.h), for a queue between threads
 * and tasks see queue.h.
 */
#ifndef HOOP_THREADSAFE_H
#define HOOP_THREADSAFE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A result that another thread waits for; asyncio's concurrent.futures.Future. Belongs to
 * who started it. */
typedef struct hoop_thread_future hoop_thread_future;

/* Runs FN(ARG) as a task of LOOP. ARG is borrowed until the task has ended. NULL on failure:
 * hoop_last_error is HOOP_ECLOSED, -EINVAL, -ENOMEM. The loop need not run yet. */
#define hoop_run_coroutine_threadsafe(loop, fn, arg) \
    hoop_run_coroutine_threadsafe_named(loop, fn, arg, #fn)
HOOP_API HOOP_MUST_CHECK hoop_thread_future *hoop_run_coroutine_threadsafe_named(
    hoop_loop *loop, hoop_coroutine_fn fn, void *arg, const char *name);

/* Blocks the calling thread until the task has ended, SECONDS at most (INFINITY: no limit), and
 * returns its result or error. HOOP_EPENDING if the time has passed; HOOP_ECLOSED if the loop
 * was closed before the task had ended; -EDEADLK in the loop's own thread while the task is
 * unfinished; -EINVAL for a negative or NaN time. May be called again, and by several threads. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_thread_future_result(hoop_thread_future *future,
                                                           double seconds);
/* The message of the error, "" if there is none; belongs to the future. */
HOOP_API const char *hoop_thread_future_error_message(hoop_thread_future *future);

HOOP_API bool hoop_thread_future_is_done(hoop_thread_future *future);

/* Asks the task to stop (hoop_task_cancel); it ends in its own time. False if it is done. */
HOOP_API bool hoop_thread_future_cancel(hoop_thread_future *future);

/* Lets go of it; the task goes on. An error with which it ends later is reported to the
 * loop's exception handler. NULL is allowed. */
HOOP_API void hoop_thread_future_free(hoop_thread_future *future);

#ifdef __cplusplus
}
#endif

#endif
