/* SPDX-License-Identifier: MIT
 *
 * A watchdog: a thread that notices when the loop is stuck, while it is stuck. One callback
 * or task that blocks stops all others, and nothing in the loop's own thread can tell: it is
 * the one that is stuck. The watchdog prints who it is, and where, to stderr:
 *
 *     hoop: the loop is stuck for 0.52 s in task 'report' #7, at:
 *       compress+0x3f (app)
 *       ...
 *     hoop: task 'report' #7 went on after 2.10 s
 *
 * It is cheap enough to leave on: nothing is done a callback but to count it. (Debug mode
 * reports slow callbacks too, when they have returned: hoop_set_slow_callback_duration.)
 *
 * To see the stack of a thread that is stuck the watchdog interrupts that thread with SIGURG,
 * once for each time it is stuck, so a system call in which it waits may return EINTR. Of
 * SIGURGs from elsewhere a handler hears that the program had installed before the first
 * watchdog; one that is installed later takes the watchdog's place, and it says that the
 * thread does not answer.
 */
#ifndef HOOP_WATCHDOG_H
#define HOOP_WATCHDOG_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Watches LOOP from now on, and reports when a callback or a step of a task has taken
 * SECONDS; it is noticed within one and a half times that. To be called in the loop's thread.
 * Also switched on by hoop_loop_options.watchdog, and for all loops by the environment variable
 * HOOP_WATCHDOG (seconds). Again with another time: that counts from now on. 0, -EINVAL unless
 * SECONDS is from 0.001 to 1e9, -ENOMEM, -EAGAIN (no thread), HOOP_ECLOSED, HOOP_ENOLOOP for a
 * NULL, HOOP_ETHREAD (debug mode). */
HOOP_API int hoop_watchdog_start(hoop_loop *loop, double seconds);

/* Ends the watch, as hoop_close does. Nothing happens if there is none. */
HOOP_API void hoop_watchdog_stop(hoop_loop *loop);

/* How many times the loop was found stuck, since the watchdog was started. */
HOOP_API uint64_t hoop_watchdog_reports(const hoop_loop *loop);

#ifdef __cplusplus
}
#endif

#endif
