/* SPDX-License-Identifier: MIT
 *
 * Rows about timers. To arm and to cancel are measured on the timers of hoop/embed.h, in
 * memory of ours as in the floor and in libuv; to fire is measured on hoop_call_later.
 */
#include <hoop.h>
#include <hoop/embed.h>

#include "rows.h"

/* One cache line, as in the floor: what a timer lies in fills the rest. */
struct timer {
    _Alignas(64) hoop_timer timer;
};

static void on_expire(hoop_timer *timer)
{
    (void)timer;
    bench_fail("a timer fired that was to be cancelled");
}

static struct timer *timers_new(size_t count)
{
    struct timer *timers = aligned_alloc(64, count * sizeof *timers);
    bench_require(timers != NULL, "out of memory");
    for (size_t i = 0; i < count; i++)
        hoop_timer_init(&timers[i].timer, on_expire);
    return timers;
}

static void timers_start(hoop_loop *loop, struct timer *timers, const int64_t *delays)
{
    int64_t now = hoop_time_ns(loop);
    for (size_t i = 0; i < BENCH_TIMERS; i++)
        bench_require(hoop_timer_start(loop, &timers[i].timer, now + delays[i]) == 0,
                      "out of memory");
}

/* Arms and cancels all timers a few times; the sums leave out the first round. */
static void churn(int64_t *ret_insert, int64_t *ret_cancel)
{
    hoop_loop *loop = hoop_new_event_loop();
    struct timer *timers = timers_new(BENCH_TIMERS);
    int64_t *delays = bench_delays(BENCH_TIMERS, BENCH_TIMER_MIN, BENCH_TIMER_RANGE);
    uint32_t *order = bench_shuffled(BENCH_TIMERS);
    *ret_insert = *ret_cancel = 0;
    for (int round = 0; round <= BENCH_TIMER_ROUNDS; round++) {
        int64_t start = bench_now();
        timers_start(loop, timers, delays);
        int64_t armed = bench_now();
        for (size_t i = 0; i < BENCH_TIMERS; i++)
            hoop_timer_stop(loop, &timers[order[i]].timer);
        int64_t end = bench_now();
        if (round > 0) {
            *ret_insert += armed - start;
            *ret_cancel += end - armed;
        }
    }
}

double row_timer_insert(void)
{
    int64_t insert, cancel;
    churn(&insert, &cancel);
    return (double)insert / BENCH_TIMER_ROUNDS / BENCH_TIMERS;
}

double row_timer_cancel(void)
{
    int64_t insert, cancel;
    churn(&insert, &cancel);
    return (double)cancel / BENCH_TIMER_ROUNDS / BENCH_TIMERS;
}

static void on_fire(void *fired)
{
    (*(size_t *)fired)++;
}

double row_timer_fire(void)
{
    hoop_loop *loop = hoop_new_event_loop();
    int64_t *delays = bench_delays(BENCH_FIRE_TIMERS, BENCH_FIRE_MIN, BENCH_FIRE_RANGE);
    int64_t sum = 0;
    for (int round = 0; round <= BENCH_FIRE_ROUNDS; round++) {
        size_t fired = 0;
        for (size_t i = 0; i < BENCH_FIRE_TIMERS; i++)
            bench_require(hoop_call_later(loop, (double)delays[i] / 1e9, on_fire, &fired) >= 0,
                          "out of memory");
        bench_block(BENCH_FIRE_BLOCK);
        int64_t start = bench_now();
        bench_require(hoop_run_once(loop, 0) == 0, "the loop failed");
        if (round > 0)
            sum += bench_now() - start;
        bench_require(fired == BENCH_FIRE_TIMERS, "not every timer was due");
    }
    return (double)sum / BENCH_FIRE_ROUNDS / BENCH_FIRE_TIMERS;
}
