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
 * Each loop has a default executor, made when it is first used. Others are the program's: further
 * pools of threads, a pool of processes (process_pool.h), and whatever else a kind of its own
 * makes of it (at the end).
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
    size_t max_pending;   /* functions that wait without a worker being free for them; one more is
                             refused: -ENOBUFS. 0: no limit */
} hoop_executor_options;

/* A pool of threads, each started when a function has to wait and there are fewer than
 * MAX_WORKERS; an idle one stays for reuse, the one that worked last first, or one that has not
 * gone to sleep yet. Functions begin in the order in which they were submitted; one that waits
 * behind another that blocks waits half a millisecond at most if there is an idle thread.
 * OPTIONS may be NULL. NULL on failure: hoop_last_error is -ENOMEM, or -EINVAL for more than
 * 4096 workers. May be used by several loops and from any thread. */
HOOP_API HOOP_MUST_CHECK hoop_executor *hoop_executor_new(const hoop_executor_options *options);

/* Suspends the running task while FN(ARG) runs in EXECUTOR (NULL: the loop's default one),
 * and returns its result. Also HOOP_ENOTASK, HOOP_ESHUTDOWN, -EINVAL for a NULL FN, -ENOMEM;
 * -EAGAIN if there is no thread and none can be started; -ENOBUFS (max_pending); -EOPNOTSUPP by an
 * executor to which an ARG of this process means nothing.
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

/* ---- jobs ----------------------------------------------------------------- */

/* A function of bytes, which may so run anywhere: in a thread, in another process. It returns how
 * many bytes of OUTPUT, of ROOM at most, it has written (without any room whatever result >= 0 it
 * likes), or a negative error code. INPUT and OUTPUT are its caller's. */
typedef int64_t (*hoop_job_fn)(const void *input, size_t input_size, void *output, size_t room);

typedef struct hoop_job {
    hoop_job_fn fn;
    const void *input; /* borrowed until the job has ended, as is output; they may overlap only if
                          both are in one shared buffer (process_pool.h) */
    size_t input_size; /* bytes */
    void *output;
    size_t room; /* bytes at output */
} hoop_job;

/* Runs JOB in EXECUTOR as hoop_run_in_executor runs a function, and returns its result; JOB
 * itself may go once the call has returned. Also -EOVERFLOW if the function says that it has
 * written more than ROOM. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_run_job(hoop_executor *executor, const hoop_job *job);

/* The same without waiting, as hoop_executor_submit. *JOB is copied, its input and output are
 * not. */
HOOP_API HOOP_MUST_CHECK hoop_future *hoop_submit_job(hoop_executor *executor, const hoop_job *job);

/* ---- the end -------------------------------------------------------------- */

/* Takes no more functions (HOOP_ESHUTDOWN), and waits until those that were submitted have
 * been run and the threads have ended, SECONDS at most (INFINITY: no limit). In a task it
 * suspends, a cancellation point; elsewhere it blocks. Returns 0, -ETIMEDOUT or -ECANCELED
 * (the threads go on and end by themselves; it may be called again), -ENOMEM (in a task; further
 * functions are refused all the same), -EINVAL for a negative or NaN time, -EDEADLK in a thread
 * of the executor itself. */
HOOP_API HOOP_MUST_CHECK int hoop_executor_shutdown(hoop_executor *executor, double seconds);

/* Drops the executor, and shuts it down without waiting: its memory goes with its last thread,
 * or with the last loop that has used it. NULL is allowed. A default executor belongs to its
 * loop; do not free it. */
HOOP_API void hoop_executor_free(hoop_executor *executor);

/* How many threads it has, and how many functions have not begun. Callable from any thread. */
HOOP_API unsigned hoop_executor_workers(hoop_executor *executor);
HOOP_API size_t hoop_executor_pending(hoop_executor *executor);

/* Makes EXECUTOR the default one of LOOP, which takes it over: it is shut down and freed with
 * the loop. The previous one, if any, is freed. 0, HOOP_ECLOSED, HOOP_ENOLOOP, -EINVAL for a NULL,
 * -ENOMEM. */
HOOP_API int hoop_set_default_executor(hoop_loop *loop, hoop_executor *executor);

/* Shuts the running loop's default executor down, as hoop_executor_shutdown does; further
 * functions for it get HOOP_ESHUTDOWN, also if another one is set. hoop_run and
 * hoop_runner_close do so, with a limit of 300 seconds, as asyncio. */
HOOP_API HOOP_MUST_CHECK int hoop_shutdown_default_executor(double seconds);

/* ---- for libraries -------------------------------------------------------- */

/* An executor that a library has for the running loop, so that nobody else's functions keep its
 * own waiting: found by KEY, an address that only the library has, and made with OPTIONS when it
 * is first asked for. It goes with the loop, which waits for its idle threads, and at most 10 ms
 * for a function that was submitted and still runs. Borrowed. NULL on failure: hoop_last_error
 * is HOOP_ENOLOOP or that of hoop_executor_new. */
HOOP_API hoop_executor *hoop_library_executor(const void *key,
                                              const hoop_executor_options *options);

/* ---- executors of your own ------------------------------------------------ */

/* What a worker has to do: a function of this process, or a job. */
typedef struct hoop_work {
    hoop_blocking_fn fn; /* of hoop_run_in_executor, or NULL */
    void *arg;
    const hoop_job *job; /* of hoop_run_job, or NULL */
    void *place;         /* the kind's own: where it runs, for interrupt; NULL before run */
    bool is_cancelled;   /* hoop_work_is_cancelled */
    char *message;       /* hoop_work_fail */
} hoop_work;

/* An executor is a queue, and workers, which are threads; its kind says how a worker does its work:
 * that of the usual executor calls the function, that of a process pool sends it to the worker's
 * helper process and waits for the answer. Another one could send it to another machine: it
 * only has to block until the result is there. All else is the executor's: order,
 * limits, cancellation of what has not begun, shutdown, the way back to the loop. */
typedef struct hoop_executor_kind {
    /* In a worker's thread: does WORK, and returns its result. ARG is the executor's; *WORKER
     * is the worker's, NULL at first, and kept between calls: a connection, say. */
    int64_t (*run)(void *arg, void **worker, hoop_work *work);
    /* In the loop's thread: nobody wants the result of WORK any more, which a worker has, or is
     * about to have or to be through with; run is to return soon. Must not block. NULL: it is
     * waited for. */
    void (*interrupt)(void *arg, hoop_work *work);
    /* In the worker's thread, which ends: *WORKER, if it is not NULL. May be NULL. */
    void (*end)(void *arg, void *worker);
    /* The executor is gone: in the thread that was the last to have to do with it. May be NULL. */
    void (*free)(void *arg);
} hoop_executor_kind;

/* An executor of KIND (borrowed), with ARG for its functions. As hoop_executor_new, and -EINVAL
 * for a KIND without run; then ARG is the caller's still. */
HOOP_API HOOP_MUST_CHECK hoop_executor *hoop_executor_new_of(const hoop_executor_kind *kind,
                                                             void *arg,
                                                             const hoop_executor_options *options);

/* For run: was interrupt called for WORK, or will it be? To be asked after WORK->place was set
 * under the lock under which interrupt looks at it: so none is missed. */
HOOP_API bool hoop_work_is_cancelled(const hoop_work *work);

/* For run: returns CODE, a negative error, for which the awaiting task finds the message
 * (hoop_error_message). Without memory only the code is kept. */
HOOP_API int64_t hoop_work_fail(hoop_work *work, int64_t code, const char *format, ...)
    HOOP_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
