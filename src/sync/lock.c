/* SPDX-License-Identifier: MIT
 *
 * Locks. See lock.h.
 */
#include "sync/lock.h"

#include "base/alloc.h"

static const struct wait_kind lock_wait = {"waits for a lock", wait_cancel, NULL, NULL};

hoop_lock *hoop_lock_new(void)
{
    hoop_lock *lock = alloc_zeroed(sizeof *lock);
    if (lock == NULL)
        return failed(-ENOMEM);
    list_init(&lock->waiters);
    return lock;
}

int hoop_lock_free(hoop_lock *lock)
{
    if (lock == NULL)
        return 0;
    if (!list_is_empty(&lock->waiters) || lock->conditions > 0)
        return misuse_here(-EBUSY, __func__);
    alloc_free(lock);
    return 0;
}

int hoop_lock_acquire(hoop_lock *lock)
{
    if (UNLIKELY(turn.task == NULL))
        return wait_without_task(__func__);
    if (lock->is_locked)
        return (int)waiters_park(&lock->waiters, &lock_wait);
    lock->is_locked = true;
    wait_spend();
    return 0;
}

bool hoop_lock_try_acquire(hoop_lock *lock)
{
    bool was_free = !lock->is_locked;
    lock->is_locked = true;
    return was_free;
}

int hoop_lock_release(hoop_lock *lock)
{
    if (!lock->is_locked)
        return misuse_here(-EPERM, __func__);
    lock_pass_on(lock);
    return 0;
}

bool hoop_lock_is_locked(const hoop_lock *lock)
{
    return lock->is_locked;
}
