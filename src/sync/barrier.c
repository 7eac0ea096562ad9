/* SPDX-License-Identifier: MIT
 *
 * Barriers. Who comes last wakes the others with their places, and the barrier is empty at
 * once: there is no time in which it drains.
 */
#include <hoop/barrier.h>
#include <hoop/error.h>

#include "base/alloc.h"
#include "sync/waiters.h"

struct hoop_barrier {
    hoop_link waiters;
    unsigned parties;
    unsigned waiting; /* how many waiters there are, fewer than parties */
    bool is_broken;
};

struct barrier_wait {
    struct wait wait;
    hoop_barrier *barrier; /* may be gone once the wait is woken */
};

/* The task of WAIT does not wait any more, and nobody let it through. */
static void leave(struct wait *wait)
{
    CONTAINER_OF(wait, struct barrier_wait, wait)->barrier->waiting--;
}

static void cancel(struct wait *wait)
{
    leave(wait);
    wait_cancel(wait);
}

static void abandon(struct wait *wait)
{
    if (wait->task != NULL)
        leave(wait);
}

static const struct wait_kind barrier_wait = {"waits at a barrier", cancel, NULL, abandon};

static int64_t park(hoop_barrier *barrier)
{
    struct barrier_wait self = {.barrier = barrier};
    wait_init(&self.wait, &barrier_wait);
    list_append(&barrier->waiters, &self.wait.observer.link);
    barrier->waiting++;
    return wait_park(&self.wait);
}

/* Returns the place that is left for who came last. */
static unsigned let_through(hoop_barrier *barrier)
{
    unsigned place = 0;
    for (; !list_is_empty(&barrier->waiters); place++)
        wait_wake(waiters_first(&barrier->waiters), place);
    assert(place == barrier->waiting);
    barrier->waiting = 0;
    return place;
}

static void send_away(hoop_barrier *barrier)
{
    waiters_wake_all(&barrier->waiters, HOOP_EBROKEN);
    barrier->waiting = 0;
}

hoop_barrier *hoop_barrier_new(unsigned parties)
{
    if (parties == 0)
        return failed(-EINVAL);
    hoop_barrier *barrier = alloc_zeroed(sizeof *barrier);
    if (barrier == NULL)
        return failed(-ENOMEM);
    list_init(&barrier->waiters);
    barrier->parties = parties;
    return barrier;
}

int hoop_barrier_free(hoop_barrier *barrier)
{
    if (barrier == NULL)
        return 0;
    if (barrier->waiting > 0)
        return misuse_here(-EBUSY, __func__);
    alloc_free(barrier);
    return 0;
}

int64_t hoop_barrier_wait(hoop_barrier *barrier)
{
    if (turn.task == NULL)
        return wait_without_task(__func__);
    if (barrier->is_broken)
        return wait_failed(HOOP_EBROKEN);
    if (barrier->waiting < barrier->parties - 1)
        return park(barrier);
    unsigned place = let_through(barrier);
    wait_spend();
    return place;
}

void hoop_barrier_reset(hoop_barrier *barrier)
{
    barrier->is_broken = false;
    send_away(barrier);
}

void hoop_barrier_abort(hoop_barrier *barrier)
{
    barrier->is_broken = true;
    send_away(barrier);
}

unsigned hoop_barrier_parties(const hoop_barrier *barrier)
{
    return barrier->parties;
}

unsigned hoop_barrier_waiting(const hoop_barrier *barrier)
{
    return barrier->waiting;
}

bool hoop_barrier_is_broken(const hoop_barrier *barrier)
{
    return barrier->is_broken;
}
