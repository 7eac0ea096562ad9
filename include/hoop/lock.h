/* SPDX-License-Identifier: MIT
 *
 * Locks: one task at a time. For what must not be interleaved across awaits; between two
 * awaits no other task runs anyway.
 *
 *     int rc = hoop_lock_acquire(lock);
 *     if (rc < 0)
 *         return rc;
 *     ...                                  awaits; nobody else has the lock
 *     hoop_lock_release(lock);
 *
 * Fair: who came first gets it first. A release hands the lock to the first waiter directly,
 * so it is never free while somebody waits. A task that was handed the lock has it, even if
 * it is cancelled before it runs: its hoop_lock_acquire returns 0, and it must release.
 *
 * As in asyncio a lock has no owner: any task or callback may release it, and who acquires
 * it twice waits for itself. If a loop is closed, a lock that one of its unfinished tasks
 * had stays locked.
 *
 * Threads: a lock belongs to no loop, but only one thread at a time may use it, and tasks
 * that wait for it must be of that thread's loop.
 */
#ifndef HOOP_LOCK_H
#define HOOP_LOCK_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_lock hoop_lock;

/* A lock that is free. NULL on failure: hoop_last_error is -ENOMEM. */
HOOP_API HOOP_MUST_CHECK hoop_lock *hoop_lock_new(void);

/* 0; or -EBUSY, and nothing happened, while tasks wait for it or a condition uses it. A
 * lock that is held may be freed. NULL is allowed. */
HOOP_API int hoop_lock_free(hoop_lock *lock);

/* Suspends the running task until it has the lock; returns at once if it is free. 0,
 * -ECANCELED (the lock is not ours), HOOP_ENOTASK. A cancellation point if it has to wait. */
HOOP_API HOOP_MUST_CHECK int hoop_lock_acquire(hoop_lock *lock);

/* Takes the lock if it is free. Does not suspend; callable from callbacks too. */
HOOP_API HOOP_MUST_CHECK bool hoop_lock_try_acquire(hoop_lock *lock);

/* Hands the lock to the first waiter, which runs in the next iteration, or frees it. Does
 * not suspend. 0, or -EPERM if it is not locked. */
HOOP_API int hoop_lock_release(hoop_lock *lock);

HOOP_API bool hoop_lock_is_locked(const hoop_lock *lock);

#ifdef __cplusplus
}
#endif

#endif
