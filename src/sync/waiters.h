/* SPDX-License-Identifier: MIT
 *
 * The queue of an object that tasks wait for: a list of their waits, first come, first
 * served. A wait is on it from when its task parks until it is woken, cancelled, or its
 * loop closed; each of these takes it off. So a wait that is on the list can be woken, and
 * who was woken does not touch the object any more: it may be gone by then.
 */
#ifndef SYNC_WAITERS_H
#define SYNC_WAITERS_H

#include <errno.h>
#include <hoop/loop.h>

#include "base/check.h"
#include "base/list.h"
#include "task/wait.h"

/* Suspends the running task at the end of the queue, and returns what it is woken with. */
static inline int64_t waiters_park(hoop_link *waiters, const struct wait_kind *kind)
{
    struct wait wait;
    wait_init(&wait, kind);
    list_append(waiters, &wait.observer.link);
    return wait_park(&wait);
}

/* The queue must not be empty. */
static inline struct wait *waiters_first(const hoop_link *waiters)
{
    struct wait *wait = CONTAINER_OF(waiters->next, struct wait, observer.link);
    assert(!list_is_empty(waiters) && wait->task != NULL);
    return wait;
}

static inline void waiters_wake_all(hoop_link *waiters, int64_t result)
{
    while (!list_is_empty(waiters))
        wait_wake(waiters_first(waiters), result);
}

/* Returns CODE for a mistake of FUNCTION's caller, and explains it if the running loop is in
 * debug mode. */
static inline int misuse_here(int code, const char *function)
{
    const hoop_loop *loop = hoop_running_loop();
    return misuse(loop != NULL && hoop_get_debug(loop), code, function);
}

#endif
