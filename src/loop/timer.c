/* SPDX-License-Identifier: MIT
 *
 * Timers: a heap by deadline, emptied into the ready queue as time passes.
 */
#include <errno.h>

#include "loop/loop.h"

/* A deadline as near as this may have passed already, as the clock is not read in each
 * iteration; so the next one reads it. */
#define SOON_NS 1000000

void hoop_timer_init(hoop_timer *timer, void (*expire)(hoop_timer *timer))
{
    *timer = (hoop_timer){.expire = expire};
}

int hoop_timer_start(hoop_loop *loop, hoop_timer *timer, int64_t deadline)
{
    if (UNLIKELY(loop->closed))
        return HOOP_ECLOSED;
    int rc = loop_check_thread(loop, __func__);
    if (UNLIKELY(rc < 0))
        return rc;
    timer->deadline = deadline;
    if (deadline <= loop->now + SOON_NS)
        loop_poll_soon(loop);
    return heap_insert(&loop->timers, timer) ? 0 : -ENOMEM;
}

void hoop_timer_stop(hoop_loop *loop, hoop_timer *timer)
{
    (void)loop_check_thread(loop, __func__);
    if (timer->position != 0)
        heap_remove(&loop->timers, timer);
}

void timers_expire(hoop_loop *loop)
{
    uint64_t newest = loop->timers.sequence; /* what starts from here on waits for its turn */
    while (!heap_is_empty(&loop->timers) && heap_first_deadline(&loop->timers) <= loop->now) {
        hoop_timer *timer = heap_first(&loop->timers);
        if (timer->sequence > newest)
            break;
        heap_remove(&loop->timers, timer);
        timer->expire(timer);
    }
}
