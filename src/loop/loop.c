/* SPDX-License-Identifier: MIT
 *
 * One iteration of the loop, and running it until it is stopped.
 *
 * An iteration collects what is ready and then runs exactly that: what a callback
 * schedules waits for the next iteration, so nobody starves. Collecting runs no
 * program code; it moves nodes to the ready queue. The order is asyncio's: what was
 * ready before, then descriptors, then timers.
 */
#include "loop/loop.h"

#include <errno.h>
#include <math.h>

#include "base/clock.h"
#include "base/sys.h"

_Thread_local hoop_loop *running_loop;

/* ---- the clock ---- */

int64_t hoop_time_ns(const hoop_loop *loop)
{
    return loop->options.clock == HOOP_CLOCK_VIRTUAL ? loop->virtual_now : sys_monotonic_now();
}

double hoop_time(const hoop_loop *loop)
{
    return clock_to_seconds(hoop_time_ns(loop));
}

int64_t loop_deadline(hoop_loop *loop, double delay)
{
    if (isnan(delay) || delay < 0)
        return -EINVAL;
    if (delay == 0)
        loop_poll_soon(loop); /* it is due in the next iteration */
    return clock_add(hoop_time_ns(loop), clock_from_seconds(delay));
}

/* ---- waiting ---- */

/* How long the kernel may keep us: until the next timer, or LIMIT. */
static int64_t wait_limit(const hoop_loop *loop, int64_t limit)
{
    if (!list_is_empty(loop->ready) || loop->stopping)
        return 0;
    if (heap_is_empty(&loop->timers) || heap_first_deadline(&loop->timers) == CLOCK_NEVER)
        return limit;
    int64_t deadline = heap_first_deadline(&loop->timers);
    int64_t now = hoop_time_ns(loop);
    if (deadline <= now)
        return 0;
    return deadline - now < limit ? deadline - now : limit;
}

/* Adapts the interval to how long the work since the clock was last read took. */
static void pace_looks(hoop_loop *loop, int64_t elapsed)
{
    if (elapsed > 2 * POLL_TARGET_NS)
        loop->look_interval = 1;
    else if (elapsed > POLL_TARGET_NS)
        loop->look_interval = (loop->look_interval + 1) / 2;
    else if (loop->look_interval < LOOK_INTERVAL_MAX)
        loop->look_interval *= 2;
}

/* The clock was read: it is REAL_NOW. */
static void clock_seen(hoop_loop *loop, int64_t real_now)
{
    loop->looks_skipped = 0;
    loop->last_look = real_now;
    loop->now = loop->options.clock == HOOP_CLOCK_VIRTUAL ? loop->virtual_now : real_now;
}

/* Asks the kernel, without waiting. */
static int poll_now(hoop_loop *loop)
{
    loop->polls++;
    return loop->poller.ops->wait(&loop->poller, 0);
}

/* While another thread works for the loop it is worth to look out for its post before going to
 * sleep: to be woken takes ten times as long as a short job (docs/decisions/0012-executor.md). */
static bool may_spin(hoop_loop *loop)
{
    return loop->outside_work > 0 && lookout_begin(&loop->lookout) > 0;
}

/* Looks out for at most TIMEOUT. True if something came. */
static bool spin(hoop_loop *loop, int64_t timeout)
{
    int64_t limit = loop->lookout.limit < timeout ? loop->lookout.limit : timeout;
    int64_t start = sys_monotonic_now();
    do {
        for (int i = 0; i < LOOKOUT_LOOKS && !wake_is_pending(loop); i++)
            sys_relax();
    } while (!wake_is_pending(loop) && sys_monotonic_now() - start < limit);
    bool came = wake_is_pending(loop);
    lookout_end(&loop->lookout, came);
    return came;
}

/* Asks the kernel, and waits up to TIMEOUT unless another thread has posted. */
static int poll_waiting(hoop_loop *loop, int64_t timeout)
{
    bool spins = may_spin(loop);
    if (!spins && !wake_sleep(loop))
        return 0;
    int rc = 0;
    if (loop->before_wait != NULL)
        loop->before_wait(loop->wait_arg);
    atomic_store_explicit(&loop->waiting, true, memory_order_relaxed);
    if (!spins || (!spin(loop, timeout) && wake_sleep(loop))) {
        loop->polls++;
        rc = loop->poller.ops->wait(&loop->poller, timeout);
    }
    loop_count_step(loop); /* before it counts as running: that begins now */
    atomic_store_explicit(&loop->waiting, false, memory_order_release);
    if (loop->after_wait != NULL)
        loop->after_wait(loop->wait_arg);
    wake_resume(loop);
    return rc;
}

/* With the virtual clock nobody waits for time: if nothing else happens, the next
 * deadline is now. */
static int poll_virtually(hoop_loop *loop, int64_t timeout)
{
    int rc = poll_now(loop);
    if (rc != 0 || wake_is_pending(loop))
        return rc;
    if (timeout == CLOCK_NEVER || loop->outside_work > 0)
        return poll_waiting(loop, CLOCK_NEVER);
    loop->virtual_now = clock_add(loop->virtual_now, timeout);
    return 0;
}

static int poll_events(hoop_loop *loop, int64_t limit)
{
    bool is_busy = !list_is_empty(loop->ready);
    int64_t timeout = wait_limit(loop, limit);
    int rc;
    if (timeout == 0)
        rc = poll_now(loop);
    else if (loop->options.clock == HOOP_CLOCK_VIRTUAL)
        rc = poll_virtually(loop, timeout);
    else
        rc = poll_waiting(loop, timeout);
    loop->last_poll = sys_monotonic_now();
    if (is_busy)
        pace_looks(loop, loop->last_poll - loop->last_look);
    clock_seen(loop, loop->last_poll);
    return rc;
}

/* ---- one iteration ---- */

/* While work is ready the clock is read only now and then, and the kernel is asked only if
 * it was not asked for a while. */
static bool poll_is_due(hoop_loop *loop)
{
    if (list_is_empty(loop->ready))
        return true;
    if (LIKELY(++loop->looks_skipped < loop->look_interval))
        return false;
    int64_t real_now = sys_monotonic_now();
    if (real_now - loop->last_poll >= POLL_TARGET_NS / 2)
        return true;
    pace_looks(loop, real_now - loop->last_look);
    clock_seen(loop, real_now);
    return false;
}

/* Fills the ready queue. If the kernel fails us, the rest is collected all the same. */
static int collect(hoop_loop *loop, int64_t limit)
{
    int rc = 0;
    if (poll_is_due(loop)) {
        wake_collect(loop);
        rc = poll_events(loop, limit);
        wake_collect(loop);
    }
    if (!heap_is_empty(&loop->timers) && heap_first_deadline(&loop->timers) <= loop->now)
        timers_expire(loop);
    return rc < 0 ? rc : 0;
}

/* What is ready becomes the batch; the batch's queue, empty now, takes what comes. */
static inline void begin_batch(hoop_loop *loop)
{
    assert(list_is_empty(loop->batch));
    hoop_link *batch = loop->ready;
    loop->ready = loop->batch;
    loop->batch = batch;
    loop->iterations++;
    if (UNLIKELY(loop->choose != NULL))
        simulation_reorder(loop);
}

bool loop_begin_next_batch(hoop_loop *loop)
{
    bool may_begin =
        !loop->stopping && !loop->single && !poll_is_due(loop) &&
        (heap_is_empty(&loop->timers) || heap_first_deadline(&loop->timers) > loop->now);
    if (may_begin)
        begin_batch(loop);
    return may_begin;
}

/* A node may take further nodes off the batch, or begin another one (loop_next_ready), so
 * the queue is looked at anew each time. */
static void run_batch(hoop_loop *loop)
{
    begin_batch(loop);
    for (hoop_link *link; (link = list_pop(loop->batch)) != NULL;) {
        hoop_ready *ready = CONTAINER_OF(link, hoop_ready, link);
        loop_count_step(loop);
        ready->run(ready);
    }
}

static int iterate(hoop_loop *loop, int64_t limit)
{
    running_loop = loop; /* again, in the child of a fork */
    int rc = collect(loop, limit);
    run_batch(loop);
    return rc;
}

/* ---- running ---- */

int loop_check_run(const hoop_loop *loop, const char *function)
{
    if (loop == NULL || loop->closed)
        return misuse(loop != NULL && loop->debug, HOOP_ECLOSED, function);
    if (loop->running || running_loop != NULL)
        return misuse(loop->debug, HOOP_ERUNNING, function);
    return 0;
}

static int run_begin(hoop_loop *loop, const char *function)
{
    int rc = loop_check_run(loop, function);
    if (rc < 0)
        return rc;
    loop->running = true;
    loop->thread = pthread_self();
    atomic_store_explicit(&loop->thread_id, sys_thread_id(), memory_order_relaxed);
    running_loop = loop;
    loop_count_step(loop);
    atomic_store_explicit(&loop->waiting, false, memory_order_release);
    wake_resume(loop);
    loop->now = hoop_time_ns(loop);
    loop_poll_soon(loop); /* a stop() before the run lets one iteration through, poll and all */
    if (loop->extension != NULL)
        loop->extension->run_begins(loop->extension);
    return 0;
}

/* 0, or an error: the loop's descriptor may not tell of all that happens until it runs again. */
static int run_end(hoop_loop *loop)
{
    loop->stopping = false;
    loop->running = false;
    running_loop = NULL;
    atomic_store_explicit(&loop->waiting, true, memory_order_relaxed);
    /* From here on whoever embeds the loop sleeps on its descriptor. */
    if (!wake_sleep(loop))
        wake_collect(loop); /* now something is ready, so its timeout is 0 */
    return poller_settle(&loop->poller);
}

int hoop_run_forever(hoop_loop *loop)
{
    int rc = run_begin(loop, __func__);
    if (rc < 0)
        return rc;
    do
        rc = iterate(loop, CLOCK_NEVER);
    while (rc == 0 && !loop->stopping);
    (void)run_end(loop); /* it ran as it should */
    return rc;
}

int hoop_run_once(hoop_loop *loop, double timeout)
{
    if (isnan(timeout) || timeout < 0)
        return misuse(loop != NULL && loop->debug, -EINVAL, __func__);
    int rc = run_begin(loop, __func__);
    if (rc < 0)
        return rc;
    loop->single = true;
    rc = iterate(loop, clock_from_seconds(timeout));
    loop->single = false;
    int settled = run_end(loop);
    return rc < 0 ? rc : settled;
}

void hoop_stop(hoop_loop *loop)
{
    (void)loop_check_thread(loop, __func__);
    loop->stopping = true;
}

static void stop(void *loop)
{
    hoop_stop(loop);
}

int hoop_stop_threadsafe(hoop_loop *loop)
{
    return hoop_call_soon_threadsafe(loop, stop, loop);
}

int hoop_loop_fd(const hoop_loop *loop)
{
    return loop->closed ? HOOP_ECLOSED : loop->poller.fd;
}

double hoop_loop_timeout(const hoop_loop *loop)
{
    return clock_to_seconds(wait_limit(loop, CLOCK_NEVER));
}

/* ---- other threads' work ---- */

void hoop_work_begins(hoop_loop *loop)
{
    loop->outside_work++;
}

void hoop_work_ends(hoop_loop *loop)
{
    assert(loop->outside_work > 0);
    loop->outside_work--;
}
