/* SPDX-License-Identifier: MIT
 *
 * Timeouts: a limit for whatever the running task does in a scope.
 *
 *     hoop_timeout timeout;
 *     int64_t rc = hoop_timeout_enter(&timeout, 3);
 *     if (rc < 0)
 *         return rc;
 *     rc = fetch(&request);                        any awaits, other scopes too
 *     rc = hoop_timeout_exit(&timeout, rc);        -ETIMEDOUT if it took too long
 *
 * When the time has passed the task is cancelled; hoop_timeout_exit takes that request back
 * and turns the -ECANCELED which it caused into -ETIMEDOUT. So a scope needs no cooperation
 * but that errors are passed up. Scopes nest: each takes back its own request only, so the
 * outer one's expiry passes through the inner one as -ECANCELED.
 *
 * A scope lies in the frame that enters it, and must be exited by the same task on every
 * path, the innermost first. Times are in seconds of the loop's clock.
 */
#ifndef HOOP_TIMEOUT_H
#define HOOP_TIMEOUT_H

#include "embed.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All fields are the library's own. */
typedef struct hoop_timeout {
    hoop_timer timer;
    hoop_task *task;     /* who entered it; NULL outside of the scope */
    unsigned cancelling; /* its requests to be cancelled when it entered */
    bool expired;
} hoop_timeout;

/* Begins a scope that ends SECONDS from now, or at the time WHEN of the loop's clock. A
 * limit that has passed already (SECONDS <= 0) expires at once: the body's first await that
 * would have to wait is cancelled. INFINITY: no limit, until it is rescheduled. Does not
 * suspend. 0, HOOP_ENOTASK, -ENOMEM, -EINVAL for a NaN; then no scope was entered. */
HOOP_API HOOP_MUST_CHECK int hoop_timeout_enter(hoop_timeout *timeout, double seconds);
HOOP_API HOOP_MUST_CHECK int hoop_timeout_enter_at(hoop_timeout *timeout, double when);

/* Ends the scope. RC is how its body fared: the result is -ETIMEDOUT if that is -ECANCELED
 * because the scope expired, else RC itself; so a body that finished all the same keeps its
 * result. Does not suspend. HOOP_ENOTASK for a scope that another task entered, or none. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_timeout_exit(hoop_timeout *timeout, int64_t rc);

/* Moves the limit to the time WHEN (INFINITY: none). 0, -ENOMEM (the old limit holds),
 * -EINVAL for a NaN, -ETIMEDOUT if it has expired already, HOOP_ENOTASK outside of the scope.
 * May be called by any task of the loop. */
HOOP_API int hoop_timeout_reschedule(hoop_timeout *timeout, double when);

/* The time at which it expires, INFINITY for none. */
HOOP_API double hoop_timeout_when(const hoop_timeout *timeout);

/* Did the time pass within the scope? Valid after its end too. */
HOOP_API bool hoop_timeout_expired(const hoop_timeout *timeout);

/* Calls FN(ARG) in a scope of SECONDS, in the running task, and returns its result or
 * -ETIMEDOUT. With 0 it is called too, unlike in asyncio, up to its first wait. A cancellation
 * point if FN is. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_wait_for(hoop_coroutine_fn fn, void *arg, double seconds);

/* hoop_await with a limit of SECONDS: when it has passed, TASK is cancelled, its end is
 * awaited, and the result is -ETIMEDOUT unless it finished all the same. Consumes the
 * reference like hoop_await, also if the call itself has no memory (-ENOMEM: the task runs on,
 * detached); misuse leaves it alone (-EINVAL for a NaN, and what hoop_await says). */
HOOP_API HOOP_MUST_CHECK int64_t hoop_wait_for_task(hoop_task *task, double seconds);

#ifdef __cplusplus
}
#endif

#endif
