/* SPDX-License-Identifier: MIT
 *
 * A lock for what takes nanoseconds: one atomic operation to take it, a plain store to give
 * it back, half of what a mutex costs. Who finds it taken spins a little, then lets other
 * threads run, and at last sleeps between its tries, so that a holder that was descheduled
 * gets to run whatever the priorities are.
 */
#ifndef BASE_SPINLOCK_H
#define BASE_SPINLOCK_H

#include <stdatomic.h>

#include "base/check.h"

struct spinlock {
    atomic_bool taken;
};

/* Waits until the lock is ours. */
void spinlock_wait(struct spinlock *lock);

static inline void spinlock_take(struct spinlock *lock)
{
    if (UNLIKELY(atomic_exchange_explicit(&lock->taken, true, memory_order_acquire)))
        spinlock_wait(lock);
}

static inline void spinlock_give(struct spinlock *lock)
{
    atomic_store_explicit(&lock->taken, false, memory_order_release);
}

#endif
