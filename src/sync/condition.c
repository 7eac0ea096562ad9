/* SPDX-License-Identifier: MIT
 *
 * Conditions. A wait parks once, and changes queues: it is on the condition's until it is
 * notified or cancelled, then on its lock's, and is woken when it has the lock. From the
 * first change on its outcome is settled, and nothing can cancel it any more.
 */
#include <hoop/condition.h>

#include "base/alloc.h"
#include "sync/lock.h"

struct hoop_condition {
    hoop_link waiters; /* not yet notified */
    hoop_lock *lock;
    bool owns_lock;
};

struct condition_wait {
    struct wait wait;
    hoop_lock *lock;
    int outcome; /* 0, or -ECANCELED */
};

/* ---- one wait ---- */

static const struct wait_kind return_wait = {"waits for a condition's lock", wait_refuse_cancel,
                                             NULL, NULL};

/* Takes WAIT off its queue, and lets it line up for the lock. */
static void settle(struct wait *wait, int outcome)
{
    struct condition_wait *self = CONTAINER_OF(wait, struct condition_wait, wait);
    self->outcome = outcome;
    list_remove(&wait->observer.link);
    wait->kind = &return_wait;
    lock_request(self->lock, wait);
}

static void cancel(struct wait *wait)
{
    settle(wait, -ECANCELED);
}

static const struct wait_kind condition_wait = {"waits for a condition", cancel, NULL, NULL};

/* The condition may be gone when this returns, or its lock, if somebody released and freed
 * it meanwhile. */
static int release_and_wait(hoop_condition *condition)
{
    struct condition_wait self = {.lock = condition->lock};
    wait_init(&self.wait, &condition_wait);
    list_append(&condition->waiters, &self.wait.observer.link);
    lock_pass_on(condition->lock);
    int64_t rc = wait_park(&self.wait);
    assert(rc == 0);
    (void)rc;
    return self.outcome < 0 ? wait_failed(self.outcome) : 0;
}

/* ---- the condition ---- */

hoop_condition *hoop_condition_new(hoop_lock *lock)
{
    hoop_condition *condition = alloc_zeroed(sizeof *condition);
    if (condition == NULL)
        return failed(-ENOMEM);
    condition->owns_lock = lock == NULL;
    condition->lock = lock != NULL ? lock : hoop_lock_new();
    if (condition->lock == NULL) {
        alloc_free(condition);
        return failed(-ENOMEM);
    }
    condition->lock->conditions++;
    list_init(&condition->waiters);
    return condition;
}

/* Others may have made conditions under the lock that this one owns. */
static bool is_in_use(const hoop_condition *condition)
{
    if (!list_is_empty(&condition->waiters))
        return true;
    const hoop_lock *lock = condition->lock;
    return condition->owns_lock && (!list_is_empty(&lock->waiters) || lock->conditions > 1);
}

int hoop_condition_free(hoop_condition *condition)
{
    if (condition == NULL)
        return 0;
    if (is_in_use(condition))
        return misuse_here(-EBUSY, __func__);
    condition->lock->conditions--;
    if (condition->owns_lock)
        hoop_lock_free(condition->lock);
    alloc_free(condition);
    return 0;
}

hoop_lock *hoop_condition_lock(const hoop_condition *condition)
{
    return condition->lock;
}

int hoop_condition_acquire(hoop_condition *condition)
{
    return hoop_lock_acquire(condition->lock);
}

int hoop_condition_release(hoop_condition *condition)
{
    return hoop_lock_release(condition->lock);
}

int hoop_condition_wait(hoop_condition *condition)
{
    if (turn.task == NULL)
        return wait_without_task(__func__);
    if (!condition->lock->is_locked)
        return wait_failed(misuse_here(-EPERM, __func__));
    return release_and_wait(condition);
}

int hoop_condition_wait_for(hoop_condition *condition, hoop_condition_fn predicate, void *arg)
{
    if (turn.task == NULL)
        return wait_without_task(__func__);
    if (predicate == NULL)
        return wait_failed(misuse_here(-EINVAL, __func__));
    while (!predicate(arg)) {
        int rc = hoop_condition_wait(condition);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int hoop_condition_notify(hoop_condition *condition, size_t count)
{
    if (!condition->lock->is_locked)
        return misuse_here(-EPERM, __func__);
    for (; count > 0 && !list_is_empty(&condition->waiters); count--)
        settle(waiters_first(&condition->waiters), 0);
    return 0;
}

int hoop_condition_notify_all(hoop_condition *condition)
{
    return hoop_condition_notify(condition, SIZE_MAX);
}
