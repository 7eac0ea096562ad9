/* SPDX-License-Identifier: MIT
 *
 * Signals, told to the loop: a callback for each, or a receiver that a task awaits.
 *
 *     static int64_t serve_until_told(void *arg)
 *     {
 *         hoop_signals *signals;
 *         int rc = hoop_signals_open((int[]){SIGTERM, SIGINT}, 2, &signals);
 *         ...
 *         rc = hoop_signals_next(signals);      SIGTERM or SIGINT
 *         hoop_signals_close(signals);
 *
 * A signal is caught for as long as anybody listens to it; then its action is again what it
 * was before. Any thread may be hit by it, and any number of loops, in any threads, may listen:
 * each is told. What comes several times before a loop has looked is told once, as the
 * system itself does. The system calls of other threads are restarted (SA_RESTART).
 *
 * Nobody can listen to SIGKILL and SIGSTOP, nor to SIGSEGV, SIGBUS, SIGFPE and SIGILL, which tell
 * of a mistake right where it happened (-EINVAL). While somebody listens to SIGINT it does not
 * cancel a runner's coroutine (runner.h).
 */
#ifndef HOOP_SIGNAL_H
#define HOOP_SIGNAL_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Calls FN(ARG) in the loop's thread, in the current context, for each SIGNAL from now on.
 * Unlike a C signal handler it may do whatever a callback may. A second call replaces the first,
 * also for what has come and was not told yet. 0; -EINVAL for a signal that nobody can listen
 * to, or a NULL FN; -ENOMEM, -EMFILE, HOOP_ECLOSED, HOOP_ETHREAD (debug mode). A coroutine as FN
 * does not compile. */
HOOP_API int hoop_add_signal_handler(hoop_loop *loop, int signal, hoop_callback_fn fn, void *arg);
#define hoop_add_signal_handler(loop, signal, fn, arg) \
    hoop_add_signal_handler(loop, signal, HOOP_CALLBACK_(fn), arg)

/* Ends it, also when its callback is already due. Returns 1, or 0 if there was none. */
HOOP_API int hoop_remove_signal_handler(hoop_loop *loop, int signal);

/* Several signals, to be awaited one after another. Of the loop that runs when it is made;
 * one that is left open is closed with that loop. */
typedef struct hoop_signals hoop_signals;

/* From now on these COUNT signals are kept for hoop_signals_next. Does not suspend. 0,
 * HOOP_ENOLOOP, -EINVAL (for a COUNT of 0 too), -ENOMEM, -EMFILE. */
HOOP_API HOOP_MUST_CHECK int hoop_signals_open(const int *signals, size_t count,
                                               hoop_signals **ret_signals);

/* The number of a signal that has come, the lowest first if there are several; suspends until
 * there is one. A cancellation point, which loses none. Besides -ECANCELED and HOOP_ENOTASK:
 * -EBUSY if another task waits already, -EBADF if it was closed meanwhile, HOOP_ETHREAD (debug
 * mode). */
HOOP_API HOOP_MUST_CHECK int hoop_signals_next(hoop_signals *signals);

/* NULL is allowed. Signals that came and were not asked for are forgotten. */
HOOP_API void hoop_signals_close(hoop_signals *signals);

/* Waits for the next SIGNAL, to which nobody listens any more when it returns: for a main task
 * that waits for SIGTERM and ends. SIGNAL, or an error of the functions above. */
HOOP_API HOOP_MUST_CHECK int hoop_wait_signal(int signal);

#ifdef __cplusplus
}
#endif

#endif
