/* SPDX-License-Identifier: MIT
 *
 * Barriers: so many tasks wait for each other. The last one that comes lets all go on, and
 * the barrier is as new.
 *
 * A task that was let through is through, even if it is cancelled, or the barrier reset or
 * aborted, before it runs. (asyncio's barrier drains first: who comes meanwhile waits outside,
 * and an abort still reaches those that were let through.)
 *
 * Threads: as for a lock (lock.h). All calls but hoop_barrier_wait may come from callbacks.
 */
#ifndef HOOP_BARRIER_H
#define HOOP_BARRIER_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_barrier hoop_barrier;

/* A barrier for PARTIES tasks. NULL on failure: hoop_last_error is -EINVAL for 0 of them,
 * -ENOMEM. */
HOOP_API HOOP_MUST_CHECK hoop_barrier *hoop_barrier_new(unsigned parties);

/* 0; or -EBUSY, and nothing happened, while tasks wait at it. NULL is allowed. */
HOOP_API int hoop_barrier_free(hoop_barrier *barrier);

/* Suspends the running task until PARTIES tasks are here; the last one does not suspend.
 * Returns the place in which it came, from 0 to PARTIES - 1, different for each of them; or
 * HOOP_EBROKEN if the barrier is broken, or was aborted or reset meanwhile; -ECANCELED,
 * HOOP_ENOTASK. A cancellation point if it has to wait: who is cancelled leaves, and is
 * missing; the barrier does not break by it. */
HOOP_API HOOP_MUST_CHECK int64_t hoop_barrier_wait(hoop_barrier *barrier);

/* Makes it as new: those that wait get HOOP_EBROKEN, and it is not broken any more. Does not
 * suspend. */
HOOP_API void hoop_barrier_reset(hoop_barrier *barrier);

/* Breaks it: those that wait get HOOP_EBROKEN, and so do all that come, until it is reset.
 * Does not suspend. */
HOOP_API void hoop_barrier_abort(hoop_barrier *barrier);

/* How many tasks it takes, and how many wait now. */
HOOP_API unsigned hoop_barrier_parties(const hoop_barrier *barrier);
HOOP_API unsigned hoop_barrier_waiting(const hoop_barrier *barrier);

HOOP_API bool hoop_barrier_is_broken(const hoop_barrier *barrier);

#ifdef __cplusplus
}
#endif

#endif
