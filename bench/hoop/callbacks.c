/* SPDX-License-Identifier: MIT
 *
 * The rows call_soon and call_soon_watchdog: callbacks in batches, each batch one iteration
 * of the loop. The last callback of a batch schedules the next one.
 */
#include <hoop.h>

#include "rows.h"

static struct {
    hoop_loop *loop;
    int64_t called;
    int64_t start; /* when the batches for warming up were through */
    int64_t end;
} callbacks;

static void on_call(void *arg);

static void batch_schedule(void)
{
    for (int i = 0; i < BENCH_CALLBACK_BATCH; i++)
        bench_require(hoop_call_soon(callbacks.loop, on_call, NULL) > 0, "out of memory");
}

static void on_batch_end(void)
{
    if (callbacks.called == BENCH_CALLBACKS / 10)
        callbacks.start = bench_now();
    if (callbacks.called < BENCH_CALLBACKS / 10 + BENCH_CALLBACKS) {
        batch_schedule();
    } else {
        callbacks.end = bench_now();
        hoop_stop(callbacks.loop);
    }
}

static void on_call(void *arg)
{
    (void)arg;
    if (++callbacks.called % BENCH_CALLBACK_BATCH == 0)
        on_batch_end();
}

static double measure_callbacks(bool has_watchdog)
{
    callbacks.loop = hoop_new_event_loop();
    bench_require(callbacks.loop != NULL, "no loop");
    if (has_watchdog)
        watchdog_start(callbacks.loop);
    batch_schedule();
    bench_require(hoop_run_forever(callbacks.loop) == 0, "the loop failed");
    return (double)(callbacks.end - callbacks.start) / BENCH_CALLBACKS;
}

double row_call_soon(void)
{
    return measure_callbacks(false);
}

double row_call_soon_watchdog(void)
{
    return measure_callbacks(true);
}
