/* SPDX-License-Identifier: MIT
 *
 * Semaphores: so many at a time. A semaphore counts what is left: to acquire takes one and
 * waits while there is none, to release gives one back.
 *
 * Fair: who came first gets it first. A release with somebody waiting hands over directly,
 * so a later task never overtakes one that waits. A task that was handed its share has it,
 * even if it is cancelled before it runs: its hoop_semaphore_acquire returns 0, and it must
 * release.
 *
 * A bounded semaphore refuses to be released more often than it was acquired.
 *
 * Threads: as for a lock (lock.h).
 */
#ifndef HOOP_SEMAPHORE_H
#define HOOP_SEMAPHORE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_semaphore hoop_semaphore;

/* A semaphore that VALUE tasks can acquire; the bounded one never counts beyond VALUE. NULL
 * on failure: hoop_last_error is -EINVAL for a negative VALUE, -ENOMEM. */
HOOP_API HOOP_MUST_CHECK hoop_semaphore *hoop_semaphore_new(int64_t value);
HOOP_API HOOP_MUST_CHECK hoop_semaphore *hoop_bounded_semaphore_new(int64_t value);

/* 0; or -EBUSY, and nothing happened, while tasks wait for it. NULL is allowed. */
HOOP_API int hoop_semaphore_free(hoop_semaphore *semaphore);

/* Suspends the running task until there is one for it, and takes it; returns at once if one
 * is left. 0, -ECANCELED (nothing is taken), HOOP_ENOTASK. A cancellation point if it has to
 * wait. */
HOOP_API HOOP_MUST_CHECK int hoop_semaphore_acquire(hoop_semaphore *semaphore);

/* Takes one if one is left. Does not suspend; callable from callbacks too. */
HOOP_API HOOP_MUST_CHECK bool hoop_semaphore_try_acquire(hoop_semaphore *semaphore);

/* Gives one back: to the first waiter, which runs in the next iteration, or to the count.
 * Does not suspend. 0, or -EOVERFLOW beyond the bound (without one, beyond INT64_MAX). */
HOOP_API int hoop_semaphore_release(hoop_semaphore *semaphore);

/* Would an acquire have to wait? */
HOOP_API bool hoop_semaphore_is_locked(const hoop_semaphore *semaphore);

#ifdef __cplusplus
}
#endif

#endif
