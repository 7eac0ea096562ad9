/* SPDX-License-Identifier: MIT
 *
 * Conditions: wait, under a lock, for what another task does under the same lock.
 *
 *     int rc = hoop_condition_acquire(condition);
 *     if (rc < 0)
 *         return rc;
 *     rc = hoop_condition_wait_for(condition, is_ready, state);
 *     ...                                       the lock is ours, whatever rc is
 *     hoop_condition_release(condition);
 *
 * A wait lets go of the lock, and has it again when it returns: with -ECANCELED too. So a
 * task that is cancelled in a wait may still have to wait for the lock, and does. One that
 * was notified before it was cancelled has been notified: its wait returns 0, and the
 * cancellation is seen at the next await. No notification is lost.
 *
 * Fair: waits are notified in the order in which they came, and line up for the lock with
 * those that acquire it, from the moment of the notification.
 *
 * Threads: as for a lock (lock.h).
 */
#ifndef HOOP_CONDITION_H
#define HOOP_CONDITION_H

#include "lock.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_condition hoop_condition;

/* A condition under LOCK, which must outlive it (hoop_lock_free says -EBUSY until then) and
 * may be shared by several; NULL: under a lock of its own. NULL on failure: hoop_last_error
 * is -ENOMEM. */
HOOP_API HOOP_MUST_CHECK hoop_condition *hoop_condition_new(hoop_lock *lock);

/* Frees it, and the lock if that is its own. 0; or -EBUSY, and nothing happened, while tasks
 * wait for it, or for a lock of its own. NULL is allowed. */
HOOP_API int hoop_condition_free(hoop_condition *condition);

/* Its lock, borrowed. */
HOOP_API hoop_lock *hoop_condition_lock(const hoop_condition *condition);

/* hoop_lock_acquire and hoop_lock_release of its lock. */
HOOP_API HOOP_MUST_CHECK int hoop_condition_acquire(hoop_condition *condition);
HOOP_API int hoop_condition_release(hoop_condition *condition);

/* Releases the lock, suspends the running task until it is notified and has the lock again.
 * Like any condition's wait it tells only that something happened: check, and wait again.
 * 0 or -ECANCELED, with the lock; -EPERM if it is not locked, HOOP_ENOTASK. A cancellation
 * point until it is notified. */
HOOP_API HOOP_MUST_CHECK int hoop_condition_wait(hoop_condition *condition);

/* Waits until PREDICATE(ARG) holds: it is called with the lock, first at once and then after
 * each notification, and must not suspend. 0 or -ECANCELED, with the lock; -EPERM if it would
 * have to wait and the lock is not locked, -EINVAL for a NULL, HOOP_ENOTASK. */
typedef bool (*hoop_condition_fn)(void *arg);
HOOP_API HOOP_MUST_CHECK int hoop_condition_wait_for(hoop_condition *condition,
                                                     hoop_condition_fn predicate, void *arg);

/* Notify the first COUNT of those that wait, or all. The lock must be locked, and those that
 * are notified go on when it is released to them. Do not suspend. 0, or -EPERM if the lock is
 * not locked. */
HOOP_API int hoop_condition_notify(hoop_condition *condition, size_t count);
HOOP_API int hoop_condition_notify_all(hoop_condition *condition);

#ifdef __cplusplus
}
#endif

#endif
