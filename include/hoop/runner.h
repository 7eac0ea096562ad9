/* SPDX-License-Identifier: MIT
 *
 * Runners: a loop for a whole program, with an orderly end. hoop_run (loop.h) is a runner
 * for one coroutine.
 *
 * While a runner runs in the main thread, the program has left SIGINT at its default, and nobody
 * listens to it (signal.h), the first SIGINT (Ctrl-C) cancels the coroutine, which may clean up,
 * and the run returns -EINTR. The second one ends the process, as if hoop were not there; so does
 * the first one if it comes when the coroutine has ended and cannot be cancelled any more.
 */
#ifndef HOOP_RUNNER_H
#define HOOP_RUNNER_H

#include "loop.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_runner hoop_runner;

/* OPTIONS are those of its loop, and may be NULL. NULL on failure: hoop_last_error is that of
 * hoop_new_event_loop, or HOOP_ERUNNING if a loop runs in this thread. */
HOOP_API HOOP_MUST_CHECK hoop_runner *hoop_runner_new(const hoop_loop_options *options);

/* Its loop, borrowed. */
HOOP_API hoop_loop *hoop_runner_loop(hoop_runner *runner);

/* Runs FN(ARG) as a task to its end, and returns its result: as hoop_run_until_complete, and
 * -EINTR if SIGINT has cancelled it and it ended with -ECANCELED. May be called several times.
 * Context variables that the thread has set are seen by it. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_runner_run(hoop_runner *runner, hoop_coroutine_fn fn,
                                                 void *arg);

/* Cancels the tasks that are left and waits for them, shuts the default executor down (waiting
 * 300 seconds at most), and closes the loop. NULL is allowed. Not while the loop runs: then
 * nothing happens. */
HOOP_API void hoop_runner_close(hoop_runner *runner);

#ifdef __cplusplus
}
#endif

#endif
