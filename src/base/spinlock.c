/* SPDX-License-Identifier: MIT
 *
 * See spinlock.h.
 */
#include "base/spinlock.h"

#include "base/sys.h"

/* Tries by looking only, then by letting others run, before the first sleep. */
#define LOOKS 200
#define YIELDS 20
#define SLEEP_NS 50000

void spinlock_wait(struct spinlock *lock)
{
    unsigned tries = 0;
    do {
        while (atomic_load_explicit(&lock->taken, memory_order_relaxed)) {
            tries++;
            if (tries > LOOKS + YIELDS)
                sys_sleep(SLEEP_NS);
            else if (tries > LOOKS)
                sys_yield();
        }
    } while (atomic_exchange_explicit(&lock->taken, true, memory_order_acquire));
}
