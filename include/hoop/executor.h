/* SPDX-License-Identifier: MIT
 *
 * Executors: threads for what blocks. One call that blocks the loop's thread stops every
 * other task and callback; hand it over, and await its result:
 *
 *     int64_t size = hoop_to_thread(compress, &job);
 *
 * The function runs in another thread, so what it shares with the loop's thread needs the
 * usual care. It cannot await (HOOP_ENOTASK); to reach the loop it has
 * hoop_call_soon_threadsafe and hoop_run_coroutine_threadsafe. It returns a result >= 0 or a
 * negative error code, as a coroutine does.
 *
 * While a function is under way the virtual clock stands still, so that no limit of time can
 * pass then.
 *
 * Each loop has a default executor, made when it is first used. Others are the program's.
 */
#ifndef HOOP_EXECUTOR_H
#define HOOP_EXECUTOR_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_executor hoop_executor;

/* Runs in a thread of an executor, and may block. */
typedef int64_t (*hoop_blocking_fn)(void *arg);

/* All zero is the default. */
typedef struct hoop_executor_options {
    const char *name;     /* of its threads, for people; 15 bytes are shown. Copied.
                             NULL: "hoop" */
    unsigned max_workers; /* threads at most; 0: processors + 4, but no more than 32, as in
                             asyncio */
} hoop_executor_options;

/* A pool of threads, each started when a function has to wait and there are fewer than
 * MAX_WORKERS; an idle one stays for reuse, the one that worked last first, or one that has not
 * gone to sleep yet. Functions begin in the order in which they were submitted; one that waits
 * behind another that blocks waits half a millisecond at most if there is an idle thread. OPTIONS may be NULL. NULL on failure:
 * hoop_last_error is -ENOMEM, or -EINVAL for more than 4096 workers. May be used by several
 * loops and from any thread. */
HOOP_API HOOP_MUST_CHECK hoop_executor *hoop_executor_new(const hoop_executor_options *options);

/* Suspends the running task while FN(ARG) runs in EXECUTOR (NULL: the loop's default one),
 * and returns its result. Also HOOP_ENOTASK, HOOP_ESHUTDOWN, -EINVAL for a NULL FN, -ENOMEM;
 * -EAGAIN if there is no thread and none can be started.
 * A cancellation point until FN begins: then it is not called, and the result is -ECANCELED.
 * Once it has begun the call waits for its end and returns its result, as ARG may lie in the
 * caller's frame; the cancellation is seen at the next await. (asyncio leaves the thread
 * alone with it.) */
HOOP_API HOOP_MUST_CHECK int64_t hoop_run_in_executor(hoop_executor *executor, hoop_blocking_fn fn,
                                                      void *arg);

/* The same in the default executor, with the caller's context variables. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_to_thread(hoop_blocking_fn fn, void *arg);

/* Submits FN(ARG) without waiting: a future of the running loop for its result. Does not
 * suspend. Cancelling the future keeps FN from being called if it has not begun; if it has,
 * its result is dropped, and ARG must outlive it. NULL on failure: hoop_last_error is
 * HOOP_ENOLOOP or as above. */
HOOP_API HOOP_MUST_CHECK hoop_future *hoop_executor_submit(hoop_executor *executor,
                                                           hoop_blocking_fn fn, void *arg);

/* Takes no more functions (HOOP_ESHUTDOWN), and waits until those that were submitted have
 * been run and the threads have ended, SECONDS at most (INFINITY: no limit). In a task it
 * suspends, a cancellation point; elsewhere it blocks. Returns 0, -ETIMEDOUT or -ECANCELED
 * (the threads go on and end by themselves; it may be called again), -ENOMEM (in a task; further
 * functions are refused all the same), -EINVAL for a negative or NaN time, -EDEADLK in a thread
 * of the executor itself. */
HOOP_API HOOP_MUST_CHECK int hoop_executor_shutdown(hoop_executor *executor, double seconds);

/* Drops the executor, and shuts it down without waiting: its memory goes with its last
 * thread, or with the last loop that has used it. NULL is allowed. A default executor belongs to its loop; do not free it. */
HOOP_API void hoop_executor_free(hoop_executor *executor);

/* How many threads it has, and how many functions have not begun. Callable from any thread. */
HOOP_API unsigned hoop_executor_workers(hoop_executor *executor);
HOOP_API size_t hoop_executor_pending(hoop_executor *executor);

/* Makes EXECUTOR the default one of LOOP, which takes it over: it is shut down and freed with
 * the loop. The previous one, if any, is freed. 0, HOOP_ECLOSED, HOOP_ENOLOOP, -EINVAL for a NULL,
 * -ENOMEM. */
HOOP_API int hoop_set_default_executor(hoop_loop *loop, hoop_executor *executor);

/* Shuts the running loop's default executor down, as hoop_executor_shutdown does; further
 * functions for it get HOOP_ESHUTDOWN, also if another one is set. hoop_run and hoop_runner_close do so, with a limit of 300
 * seconds, as asyncio. */
HOOP_API HOOP_MUST_CHECK int hoop_shutdown_default_executor(double seconds);

/* ---- for libraries -------------------------------------------------------- */

/* An executor that a library has for the running loop, so that nobody else's functions keep its
 * own waiting: found by KEY, an address that only the library has, and made with OPTIONS when it is
 * first asked for. It goes with the loop, which waits for its idle threads, and at most 10 ms for
 * a function that was submitted and still runs. Borrowed. NULL on failure: hoop_last_error is HOOP_ENOLOOP or that of
 * hoop_executor_new. */
HOOP_API hoop_executor *hoop_library_executor(const void *key,
                                              const hoop_executor_options *options);

#ifdef __cplusplus
}
#endif

#endif
