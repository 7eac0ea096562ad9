/* SPDX-License-Identifier: MIT
 *
 * Tasks: coroutines that run side by side. To await a coroutine is to call it; to
 * run it beside the caller, create a task.
 *
 *     int64_t result = fetch(&request);                          one after another
 *     hoop_task *task = hoop_create_task(fetch, &request);       side by side
 *     ...
 *     result = hoop_await(task);
 *
 * Ownership: the loop keeps a task alive while it runs. hoop_create_task gives the
 * caller one reference, and hoop_await consumes it, as pthread_join does. Who does
 * not await calls hoop_task_detach.
 *
 * Cancellation reaches a task as -ECANCELED from every await that would have to wait,
 * again and again, until the task returns or calls hoop_task_uncancel. (asyncio raises once; a C
 * program that ignored the code would never hear of it again.)
 *
 * Fairness: an await whose result is there returns at once, but after 128 of these
 * in one step the task goes to the end of the queue first.
 *
 * A task runs on a stack of 64 KiB unless the options say otherwise, and never
 * changes its thread. Do not jump out of a coroutine with longjmp, and do not keep
 * the address of a thread-local's errno across an await.
 */
#ifndef HOOP_TASK_H
#define HOOP_TASK_H

#include <stdio.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- starting ------------------------------------------------------------- */

/* All zero is the default. */
typedef struct hoop_task_options {
    const char *name;      /* copied; NULL: the coroutine function's name, or "task" */
    size_t stack_size;     /* HOOP_STACK_SIZE_MIN (loop.h) to _MAX, rounded up to pages; 0: the
                              loop's */
    size_t arg_size;       /* if not 0, that many bytes at ARG are copied, and the coroutine
                              gets the copy, which lives as long as the task */
    bool eager;            /* run at once until the first suspension, not in the next iteration;
                              only where the loop runs, and not in an exception handler
                              (there it starts as usual) */
    hoop_context *context; /* the bindings it starts with; NULL: the creator's. Borrowed */
    hoop_loop *loop;       /* NULL: the running loop */
} hoop_task_options;

/* Starts FN(ARG) as a task of the running loop; its first step comes in the next
 * iteration. ARG is borrowed. Returns one reference, or NULL (hoop_last_error:
 * HOOP_ENOLOOP, -ENOMEM, -EINVAL), which hoop_await turns into that error. */
#define hoop_create_task(fn, arg) hoop_create_task_named(fn, arg, #fn)

/* The same with a copy of the SIZE bytes at ARGS, so that a local struct is safe. */
#define hoop_create_task_copy(fn, args, size) hoop_create_task_copy_named(fn, args, size, #fn)

/* NAME is borrowed, not copied: a string literal. */
HOOP_API HOOP_MUST_CHECK hoop_task *hoop_create_task_named(hoop_coroutine_fn fn, void *arg,
                                                           const char *name);
HOOP_API HOOP_MUST_CHECK hoop_task *hoop_create_task_copy_named(hoop_coroutine_fn fn,
                                                                const void *args, size_t size,
                                                                const char *name);
/* OPTIONS may be NULL. */
HOOP_API HOOP_MUST_CHECK hoop_task *hoop_create_task_with(hoop_coroutine_fn fn, void *arg,
                                                          const hoop_task_options *options);

/* A coroutine object: FN(ARG), to be started later. hoop_ensure_future starts it as
 * a task that nobody awaits and frees the object; it has the type of a callback, so
 *     hoop_call_later(loop, 1, hoop_ensure_future, hoop_coroutine_new(loop, fn, arg));
 * Unlike asyncio's it gives no task: there is nobody to give it to. Without memory for the
 * task, or with NULL, it reports to the exception handler.
 * An object that was never started when the loop closes is reported and freed. */
#define hoop_coroutine_new(loop, fn, arg) hoop_coroutine_new_named(loop, fn, arg, #fn)
HOOP_API HOOP_MUST_CHECK hoop_coroutine *hoop_coroutine_new_named(hoop_loop *loop,
                                                                  hoop_coroutine_fn fn, void *arg,
                                                                  const char *name);
HOOP_API void hoop_ensure_future(void *coroutine);
/* For an object that will not be started after all; NULL is allowed. */
HOOP_API void hoop_coroutine_free(hoop_coroutine *coroutine);

/* ---- awaiting ------------------------------------------------------------- */

/* Suspends the running task until TASK is done, consumes the reference and returns
 * the outcome: its result, its error (hoop_error_message tells more), -ECANCELED if
 * it was cancelled. A cancellation point: cancelling the caller cancels TASK, and
 * the call still waits for TASK's end, so that it never outlives the await.
 * Misuse leaves the reference alone: HOOP_ENOTASK, HOOP_EOTHERLOOP, -EDEADLK for a
 * task that awaits itself. A NULL task gives hoop_last_error(). */
HOOP_API HOOP_MUST_CHECK int64_t hoop_await(hoop_task *task);

/* Awaits TASK without passing cancellation on: if the caller is cancelled, returns
 * -ECANCELED at once and TASK runs on, detached. Consumes the reference. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_shield(hoop_task *task);

/* Suspends the running task for SECONDS of the loop's clock; 0 lets everything else
 * that is ready run first; INFINITY waits to be cancelled. Always suspends, but
 * when the task is being cancelled. Returns 0, -ECANCELED, -ENOMEM, HOOP_ENOTASK,
 * or -EINVAL for a negative or NaN time. A cancellation point. */
HOOP_API HOOP_MUST_CHECK int hoop_sleep(double seconds);

/* ---- the task itself ------------------------------------------------------ */

/* The running task, borrowed; NULL outside of one. */
HOOP_API hoop_task *hoop_current_task(void);

HOOP_API hoop_task *hoop_task_ref(hoop_task *task);
/* Lets go of a task, as hoop_task_detach; the two names tell the reader which it is.
 * NULL is allowed. If it fails and nobody is left to retrieve the error, the
 * exception handler hears of it. */
HOOP_API void hoop_task_unref(hoop_task *task);
HOOP_API void hoop_task_detach(hoop_task *task);

/* Asks the task to stop: its current and all later awaits return -ECANCELED until
 * it calls hoop_task_uncancel. What it awaits is cancelled with it. A task that has
 * not begun still begins, unlike in asyncio, so that its argument is never lost. Each
 * call counts. False if the task is done. */
HOOP_API bool hoop_task_cancel(hoop_task *task);
/* Takes back one request, and returns how many are left: with 0, awaits work again. */
HOOP_API unsigned hoop_task_uncancel(hoop_task *task);
/* How many requests are pending. */
HOOP_API unsigned hoop_task_cancelling(const hoop_task *task);

HOOP_API bool hoop_task_is_done(const hoop_task *task);
HOOP_API bool hoop_task_is_cancelled(const hoop_task *task);
/* As hoop_future_result: the outcome, or HOOP_EPENDING. */
HOOP_API int64_t hoop_task_result(hoop_task *task);
HOOP_API const char *hoop_task_error_message(const hoop_task *task);

/* The task as a future, borrowed: for done callbacks, hoop_future_await and
 * hoop_run_until_done. */
HOOP_API hoop_future *hoop_task_future(hoop_task *task);

/* Belongs to the task, valid until it is renamed. */
HOOP_API const char *hoop_task_name(const hoop_task *task);
/* Renames it; NAME is copied, NULL stands for "task". 0, or -ENOMEM or HOOP_ETHREAD (debug mode)
 * and the name stays. */
HOOP_API int hoop_task_set_name(hoop_task *task, const char *name);

/* The bindings that are in force in the task now, a reference for hoop_context_unref; never
 * NULL. Empty once it is done. */
HOOP_API hoop_context *hoop_task_context(const hoop_task *task);

/* What the task waits for now if that is a task or future, borrowed until somebody suspends;
 * NULL if it waits for several or for something else (hoop_print_tasks tells), or not at all.
 * hoop_future_task leads on from there: who awaits whom. */
HOOP_API hoop_future *hoop_task_awaits(const hoop_task *task);
/* Numbers a loop's tasks from 1 in the order of their creation. */
HOOP_API uint64_t hoop_task_id(const hoop_task *task);

/* ---- all of them ---------------------------------------------------------- */

/* Writes the loop's unfinished tasks, oldest first, borrowed, into RET_TASKS, at
 * most CAPACITY of them, and returns how many there are. The pointers are valid
 * until the caller suspends. */
HOOP_API size_t hoop_all_tasks(const hoop_loop *loop, hoop_task **ret_tasks, size_t capacity);

/* Prints a line for each unfinished task: who it is, what it does, whom it waits
 * for. */
HOOP_API void hoop_print_tasks(const hoop_loop *loop, FILE *out);

#ifdef __cplusplus
}
#endif

#endif
