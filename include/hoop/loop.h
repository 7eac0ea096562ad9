/* SPDX-License-Identifier: MIT
 *
 * The event loop: it runs callbacks, fires timers and watches file descriptors,
 * one after another, in one thread.
 *
 * asyncio's rules hold. Callbacks run in the order in which they were scheduled;
 * one that is scheduled by a running callback waits for the next iteration;
 * timers with equal deadlines fire in the order they were set; hoop_stop lets
 * the current iteration finish.
 *
 * Threads: one loop a thread. Every function here must be called from the thread
 * that runs the loop (or, while it does not run, from any one thread at a time),
 * but for those whose name ends in _threadsafe, hoop_loop_ref and
 * hoop_loop_unref. In debug mode this is checked by what schedules, cancels, watches, starts,
 * sets or stops: it returns HOOP_ETHREAD or, if it has no way to, only complains.
 *
 * Time is in seconds, as a double, of the loop's own clock (hoop_time). No
 * function here suspends the calling task.
 */
#ifndef HOOP_LOOP_H
#define HOOP_LOOP_H

#include <stdio.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- life of a loop ------------------------------------------------------- */

typedef enum hoop_clock {
    HOOP_CLOCK_MONOTONIC = 0, /* the system's monotonic clock */
    HOOP_CLOCK_VIRTUAL = 1,   /* starts at 0 and jumps to the next deadline whenever nothing
                                 else is to do: tests of timing take no time and are exact */
} hoop_clock;

/* How the loop asks the kernel which descriptors are ready. It makes no difference to what a
 * program sees. */
typedef enum hoop_poller {
    HOOP_POLLER_DEFAULT = 0, /* as the environment variable HOOP_POLLER says, "epoll" or "uring";
                                epoll without it, or where there is no io_uring */
    HOOP_POLLER_EPOLL = 1,
    HOOP_POLLER_URING = 2, /* Linux 5.13 and newer, where it is not forbidden */
} hoop_poller;

/* Bytes of a task's stack, guard page included. */
#define HOOP_STACK_SIZE_DEFAULT ((size_t)65536)
#define HOOP_STACK_SIZE_MIN ((size_t)16384)
#define HOOP_STACK_SIZE_MAX ((size_t)1 << 30)

/* All zero is the default. */
typedef struct hoop_loop_options {
    hoop_clock clock;
    bool debug;              /* check for misuse and explain it on stderr, remember where tasks and
                            futures were made, report slow callbacks; also switched on by a
                            non-empty environment variable HOOP_DEBUG */
    bool no_overflow_report; /* leave SIGSEGV alone: a task's stack overflow is then not named */
    uint64_t seed;           /* not 0: a simulation, for tests: ready tasks run in an order that is
                            random but the same for each run with this seed (testing.h) */
    double watchdog;         /* not 0: hoop_watchdog_start with so many seconds (watchdog.h) */
    size_t stack_size;       /* of each task's stack unless its options say otherwise, rounded up to
                            pages; 0: HOOP_STACK_SIZE_DEFAULT */
    size_t stack_cache;      /* how many free stacks stay resident for reuse; 0: 4096 */
    hoop_poller poller;      /* HOOP_POLLER_URING fails with -ENOSYS or -EPERM without io_uring */
} hoop_loop_options;

/* A new loop, or NULL (hoop_last_error: -ENOMEM, -EMFILE, -EINVAL ...). It is not
 * tied to a thread until it runs. OPTIONS may be NULL. End it with hoop_close. */
HOOP_API hoop_loop *hoop_new_event_loop(void);
HOOP_API hoop_loop *hoop_new_event_loop_with(const hoop_loop_options *options);

/* Closes the loop and drops the reference that hoop_new_event_loop gave. Callbacks
 * that have not run are dropped, as in asyncio; each task that has not finished is
 * reported to the exception handler and destroyed without running again. Functions that
 * threads of an executor run for such tasks are waited for. Watched descriptors are not
 * closed: they are the caller's; in debug mode they are reported. LOOP may be NULL.
 * Returns 0, or HOOP_ERUNNING (and nothing happened) while the loop runs, HOOP_ECLOSED
 * if it is closed and only a reference of hoop_loop_ref is left. */
HOOP_API int hoop_close(hoop_loop *loop);

/* A loop's memory lives until it is closed and the last reference is gone, so who
 * keeps a pointer beyond the loop's end (another thread that posts to it) takes a
 * reference and then gets HOOP_ECLOSED. Both may be called from any thread. */
HOOP_API hoop_loop *hoop_loop_ref(hoop_loop *loop);
HOOP_API void hoop_loop_unref(hoop_loop *loop);

HOOP_API bool hoop_is_running(const hoop_loop *loop);
HOOP_API bool hoop_is_closed(const hoop_loop *loop);

/* The loop that runs in this thread, NULL if none does. */
HOOP_API hoop_loop *hoop_running_loop(void);

/* ---- running -------------------------------------------------------------- */

/* Runs until hoop_stop. Returns 0, HOOP_ERUNNING, HOOP_ECLOSED, or the negative
 * errno with which the system refused to wait for events. */
HOOP_API int hoop_run_forever(hoop_loop *loop);

/* Runs FN(ARG) as a task until it has finished, and returns its result. Besides
 * the task's own errors: HOOP_ESTOPPED if hoop_stop came first (the task lives on,
 * and continues when the loop runs again), HOOP_ERUNNING, HOOP_ECLOSED, -ENOMEM. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_run_until_complete(hoop_loop *loop, hoop_coroutine_fn fn,
                                                         void *arg);

/* The same for a future or task that exists already (hoop_task_future); borrows it.
 * HOOP_EOTHERLOOP if it belongs to another loop. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_run_until_done(hoop_loop *loop, hoop_future *future);

/* A whole program: makes a loop, runs FN(ARG) to its end, cancels the tasks that are left and
 * waits for them, shuts the default executor down, closes the loop. Returns FN's result; -EINTR
 * if SIGINT has cancelled it (runner.h); or why it could not run: a code of
 * hoop_run_until_complete or hoop_new_event_loop, HOOP_ERUNNING if a loop runs in this thread. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_run(hoop_coroutine_fn fn, void *arg);

/* Makes hoop_run_forever return once the current iteration has ended; if the loop
 * does not run, once the first iteration of its next run has ended. */
HOOP_API void hoop_stop(hoop_loop *loop);
/* The same from any thread: 0, HOOP_ECLOSED or -ENOMEM. Not for signal handlers. */
HOOP_API int hoop_stop_threadsafe(hoop_loop *loop);

/* One iteration: waits for something to do, TIMEOUT seconds at most (0: do not
 * wait, INFINITY: no limit), and does what is there. For driving the loop from
 * another one. Returns 0, HOOP_ERUNNING, HOOP_ECLOSED, -EINVAL for a negative or
 * NaN timeout, or the errno of the wait. */
HOOP_API int hoop_run_once(hoop_loop *loop, double timeout);

/* For embedding: a descriptor that polls readable when hoop_run_once(loop, 0) has events to
 * handle, owned by the loop (HOOP_ECLOSED once that is closed); and the longest time that the
 * outer loop may wait on it before it calls hoop_run_once all the same: 0 if something is ready
 * now, INFINITY if only events count. */
HOOP_API int hoop_loop_fd(const hoop_loop *loop);
HOOP_API double hoop_loop_timeout(const hoop_loop *loop);

/* ---- callbacks ------------------------------------------------------------ */

/* Schedules FN(ARG) for the next iteration, in the current context. Returns a
 * handle, or HOOP_ECLOSED, -ENOMEM, HOOP_ETHREAD (debug mode), -EINVAL if FN is
 * NULL. A coroutine as FN does not compile. */
HOOP_API hoop_handle hoop_call_soon(hoop_loop *loop, hoop_callback_fn fn, void *arg);
#define hoop_call_soon(loop, fn, arg) hoop_call_soon(loop, HOOP_CALLBACK_(fn), arg)

/* The same from any thread; wakes the loop. Posts of one thread run in the order in which
 * it made them. Returns 0, HOOP_ECLOSED, -ENOMEM, or -EINVAL for a NULL.
 * Unlike asyncio's it gives no handle: by the time another thread could cancel,
 * the callback may be running. Takes a lock: not for signal handlers. */
HOOP_API int hoop_call_soon_threadsafe(hoop_loop *loop, hoop_callback_fn fn, void *arg);
#define hoop_call_soon_threadsafe(loop, fn, arg) \
    hoop_call_soon_threadsafe(loop, HOOP_CALLBACK_(fn), arg)

/* Schedules FN(ARG) for DELAY seconds from now, or for the time WHEN of the loop's
 * clock (WHEN may be past: the next iteration). Precision is that of the system's
 * timers, nanoseconds in the interface. INFINITY never fires. -EINVAL for a NaN,
 * and for a negative DELAY. */
HOOP_API hoop_handle hoop_call_later(hoop_loop *loop, double delay, hoop_callback_fn fn, void *arg);
#define hoop_call_later(loop, delay, fn, arg) hoop_call_later(loop, delay, HOOP_CALLBACK_(fn), arg)
HOOP_API hoop_handle hoop_call_at(hoop_loop *loop, double when, hoop_callback_fn fn, void *arg);
#define hoop_call_at(loop, when, fn, arg) hoop_call_at(loop, when, HOOP_CALLBACK_(fn), arg)

/* The loop's clock in seconds; its zero is arbitrary. */
HOOP_API double hoop_time(const hoop_loop *loop);

/* Cancels a callback that has not begun. Returns 1, or 0 if the handle names
 * nothing (it ran, was cancelled, is an error code), or HOOP_ETHREAD (debug mode). ARG is the
 * caller's again. */
HOOP_API int hoop_handle_cancel(hoop_loop *loop, hoop_handle handle);
HOOP_API bool hoop_handle_is_pending(const hoop_loop *loop, hoop_handle handle);
/* When a pending timer is due; -ENOENT if the handle names no pending timer. */
HOOP_API int hoop_handle_when(const hoop_loop *loop, hoop_handle handle, double *ret_when);

/* ---- other people's file descriptors -------------------------------------- */

/* Calls FN(ARG) in each iteration in which FD is readable (at end of file and on
 * errors too), or writable. The watch is level-triggered: what the callback leaves
 * unread calls it again. A second call replaces the first. FD must stay open until
 * it is removed. Returns 0, or -EPERM for a descriptor that cannot be waited for (a
 * regular file), -EBADF, -ENOMEM, HOOP_ECLOSED, HOOP_ETHREAD, -EINVAL. */
HOOP_API int hoop_add_reader(hoop_loop *loop, int fd, hoop_callback_fn fn, void *arg);
#define hoop_add_reader(loop, fd, fn, arg) hoop_add_reader(loop, fd, HOOP_CALLBACK_(fn), arg)
HOOP_API int hoop_add_writer(hoop_loop *loop, int fd, hoop_callback_fn fn, void *arg);
#define hoop_add_writer(loop, fd, fn, arg) hoop_add_writer(loop, fd, HOOP_CALLBACK_(fn), arg)

/* Ends the watch, also when its callback is already due. Returns 1, or 0 if there
 * was none. */
HOOP_API int hoop_remove_reader(hoop_loop *loop, int fd);
HOOP_API int hoop_remove_writer(hoop_loop *loop, int fd);

/* ---- what went wrong ------------------------------------------------------ */

/* Where something was made: the call chain that led there, kept in debug mode. */
typedef struct hoop_origin hoop_origin;

/* A problem that no caller is there to be told of. Pointers are valid during the
 * call only. */
typedef struct hoop_exception {
    const char *message;       /* what happened: "task error was never retrieved" */
    int64_t error;             /* the error code, 0 if there is none */
    const char *error_message; /* what hoop_error_set attached, NULL if nothing */
    hoop_task *task;           /* the task it is about, or NULL */
    hoop_future *future;       /* the future it is about, or NULL */
    const hoop_origin
        *origin; /* in debug mode, where the thing was made that it is about, or NULL */
} hoop_exception;

typedef void (*hoop_exception_fn)(hoop_loop *loop, const hoop_exception *exception, void *arg);

/* Replaces the handler; NULL sets the default one back, which prints to stderr. */
HOOP_API void hoop_set_exception_handler(hoop_loop *loop, hoop_exception_fn fn, void *arg);
/* The handler in force, and its argument in RET_ARG (may be NULL), for one that wants to hand on
 * what is not its own; NULL for the default one, with the argument that was set with it. */
HOOP_API hoop_exception_fn hoop_get_exception_handler(const hoop_loop *loop, void **ret_arg);
/* Hands EXCEPTION to the loop's handler, or to the default one. LOOP may be NULL
 * for the default one only, which may also be called from inside of a handler. */
HOOP_API void hoop_call_exception_handler(hoop_loop *loop, const hoop_exception *exception);
HOOP_API void hoop_default_exception_handler(hoop_loop *loop, const hoop_exception *exception);

/* Prints an origin, a line for each call; NULL prints nothing. */
HOOP_API void hoop_print_origin(const hoop_origin *origin, FILE *out);

/* ---- looking inside ------------------------------------------------------- */

typedef struct hoop_info {
    const char *poller;   /* "epoll" or "io_uring" */
    const char *guard;    /* what stops a stack overflow: "madvise", "mprotect" (kernels
                               before 6.13, for 16,000 stacks), "none"; "" before the first task */
    const char *files;    /* who reads what is not in the page cache: "io_uring" or "threads"; ""
                               before the first such read */
    size_t stack_size;    /* bytes, guard page included */
    size_t stacks_in_use; /* tasks that have begun and not finished */
    size_t stacks_cached; /* free ones kept for reuse */
    size_t tasks;         /* tasks that have not finished */
    size_t timers;        /* armed timers */
    uint64_t iterations;  /* since the loop was made */
    uint64_t polls;       /* how many of these asked the kernel */
    uint64_t steps;       /* callbacks and steps of tasks that were run */
} hoop_info;

HOOP_API void hoop_loop_info(const hoop_loop *loop, hoop_info *ret_info);

/* Debug mode can be switched at any time. */
HOOP_API void hoop_set_debug(hoop_loop *loop, bool debug);
HOOP_API bool hoop_get_debug(const hoop_loop *loop);

/* In debug mode a callback or a step of a task that takes SECONDS or more is reported on
 * stderr, with its name and how long it took; 0.1 by default, INFINITY for never. -EINVAL for
 * a negative or NaN time. */
HOOP_API int hoop_set_slow_callback_duration(hoop_loop *loop, double seconds);
HOOP_API double hoop_get_slow_callback_duration(const hoop_loop *loop);

#ifdef __cplusplus
}
#endif

#endif
