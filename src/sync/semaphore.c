/* SPDX-License-Identifier: MIT
 *
 * Semaphores. While somebody waits nothing is left: a release goes to a waiter, not to the
 * count.
 */
#include <hoop/semaphore.h>

#include "base/alloc.h"
#include "sync/waiters.h"

struct hoop_semaphore {
    hoop_link waiters;
    int64_t value; /* how many are left */
    int64_t bound; /* and can be at most */
};

static const struct wait_kind semaphore_wait = {"waits for a semaphore", wait_cancel, NULL, NULL};

static hoop_semaphore *semaphore_new(int64_t value, int64_t bound)
{
    if (value < 0)
        return failed(-EINVAL);
    hoop_semaphore *semaphore = alloc_zeroed(sizeof *semaphore);
    if (semaphore == NULL)
        return failed(-ENOMEM);
    list_init(&semaphore->waiters);
    semaphore->value = value;
    semaphore->bound = bound;
    return semaphore;
}

hoop_semaphore *hoop_semaphore_new(int64_t value)
{
    return semaphore_new(value, INT64_MAX);
}

hoop_semaphore *hoop_bounded_semaphore_new(int64_t value)
{
    return semaphore_new(value, value);
}

int hoop_semaphore_free(hoop_semaphore *semaphore)
{
    if (semaphore == NULL)
        return 0;
    if (!list_is_empty(&semaphore->waiters))
        return misuse_here(-EBUSY, __func__);
    alloc_free(semaphore);
    return 0;
}

int hoop_semaphore_acquire(hoop_semaphore *semaphore)
{
    if (UNLIKELY(turn.task == NULL))
        return wait_without_task(__func__);
    if (semaphore->value == 0)
        return (int)waiters_park(&semaphore->waiters, &semaphore_wait);
    semaphore->value--;
    wait_spend();
    return 0;
}

bool hoop_semaphore_try_acquire(hoop_semaphore *semaphore)
{
    if (semaphore->value == 0)
        return false;
    semaphore->value--;
    return true;
}

int hoop_semaphore_release(hoop_semaphore *semaphore)
{
    assert(semaphore->value == 0 || list_is_empty(&semaphore->waiters));
    if (semaphore->value >= semaphore->bound)
        return misuse_here(-EOVERFLOW, __func__);
    if (list_is_empty(&semaphore->waiters))
        semaphore->value++;
    else
        wait_wake(waiters_first(&semaphore->waiters), 0);
    return 0;
}

bool hoop_semaphore_is_locked(const hoop_semaphore *semaphore)
{
    return semaphore->value == 0;
}
