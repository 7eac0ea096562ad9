/* SPDX-License-Identifier: MIT
 *
 * Futures: a result that is not there yet. Somebody sets it, tasks await it and
 * callbacks hear of it. A task is a future too (hoop_task_future).
 *
 * Ownership: counted references. hoop_future_new gives one; hoop_future_await
 * borrows (hoop_await, for tasks, consumes).
 *
 * Threads: only the thread of the future's loop may touch it; from others, go
 * through hoop_call_soon_threadsafe. When the loop has been closed the future
 * stays valid: it can be read and dropped, and set without anybody hearing of it.
 */
#ifndef HOOP_FUTURE_H
#define HOOP_FUTURE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A pending future of LOOP; NULL stands for the running loop. Returns NULL on
 * failure (hoop_last_error: HOOP_ENOLOOP, HOOP_ECLOSED, -ENOMEM). */
HOOP_API hoop_future *hoop_future_new(hoop_loop *loop);

HOOP_API hoop_future *hoop_future_ref(hoop_future *future);
/* Drops a reference; NULL is allowed. An error that nobody retrieved is reported
 * to the exception handler with the last one. */
HOOP_API void hoop_future_unref(hoop_future *future);

/* Set the outcome, once: RESULT >= 0; or a negative CODE, with a message (FORMAT
 * may be NULL). Whoever waits is woken in the next iteration. Return 0, HOOP_EDONE
 * if it was set or cancelled before, HOOP_ENOTFUTURE for a task, -EINVAL for a
 * value of the wrong sign. */
HOOP_API int hoop_future_set_result(hoop_future *future, int64_t result);
HOOP_API int hoop_future_set_error(hoop_future *future, int64_t code, const char *format, ...)
    HOOP_PRINTF(3, 4);

/* Cancels: the outcome becomes -ECANCELED (a task is asked to, see
 * hoop_task_cancel). False if it was done before. */
HOOP_API bool hoop_future_cancel(hoop_future *future);

HOOP_API bool hoop_future_is_done(const hoop_future *future);
HOOP_API bool hoop_future_is_cancelled(const hoop_future *future);

/* The outcome without waiting: the result, the error code, -ECANCELED, or
 * HOOP_EPENDING while there is none. Counts as retrieving the error. */
HOOP_API int64_t hoop_future_result(hoop_future *future);
/* The message of the error, "" if there is none. Belongs to the future. */
HOOP_API const char *hoop_future_error_message(const hoop_future *future);

/* Suspends the running task until the future is done, and returns its outcome; at
 * once if it is done. A cancellation point: cancelling the waiting task cancels
 * the future, as in asyncio. Misuse: HOOP_ENOTASK, HOOP_EOTHERLOOP, HOOP_ECLOSED,
 * -EDEADLK for a task that would wait for itself. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_future_await(hoop_future *future);

/* Awaits FUTURE, borrowed, without passing cancellation on: if the caller is cancelled, returns
 * -ECANCELED at once and the future stays as it is. Otherwise as hoop_future_await. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_future_shield(hoop_future *future);

/* Calls FN(FUTURE, ARG) by hoop_call_soon when the future is done (or is already),
 * in the current context. Callbacks and awaiting tasks are served in the order in
 * which they came. Returns 0, -ENOMEM, -EINVAL for a NULL FN, HOOP_ECLOSED. */
typedef void (*hoop_done_fn)(hoop_future *future, void *arg);
HOOP_API int hoop_future_add_done_callback(hoop_future *future, hoop_done_fn fn, void *arg);
/* Takes back every callback with this FN and ARG that is not yet scheduled, and
 * returns how many that were. */
HOOP_API int hoop_future_remove_done_callback(hoop_future *future, hoop_done_fn fn, void *arg);

/* The task that FUTURE is (hoop_task_future), borrowed; NULL for a plain future, and for NULL. */
HOOP_API hoop_task *hoop_future_task(hoop_future *future);

/* Borrowed; NULL once the loop was closed. */
HOOP_API hoop_loop *hoop_future_loop(const hoop_future *future);

#ifdef __cplusplus
}
#endif

#endif
