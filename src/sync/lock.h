/* SPDX-License-Identifier: MIT
 *
 * The inside of a lock, for lock.c and for conditions, whose waits line up for it.
 */
#ifndef SYNC_LOCK_H
#define SYNC_LOCK_H

#include <hoop/lock.h>

#include "sync/waiters.h"

struct hoop_lock {
    hoop_link waiters; /* those that will get it, in this order; only while it is locked */
    size_t conditions; /* how many use it */
    bool is_locked;
};

/* Gives the lock to WAIT, which is on no queue: now, by waking it with 0, or in its turn. */
static inline void lock_request(hoop_lock *lock, struct wait *wait)
{
    if (lock->is_locked) {
        list_append(&lock->waiters, &wait->observer.link);
        return;
    }
    lock->is_locked = true;
    wait_wake(wait, 0);
}

/* The lock passes to the first waiter without becoming free in between. */
static inline void lock_pass_on(hoop_lock *lock)
{
    assert(lock->is_locked);
    if (list_is_empty(&lock->waiters))
        lock->is_locked = false;
    else
        wait_wake(waiters_first(&lock->waiters), 0);
}

#endif
