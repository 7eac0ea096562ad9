/* SPDX-License-Identifier: MIT
 *
 * The rows of hoop's benchmark program, by the file that measures them. README.md of the
 * folder above says what each one times.
 */
#ifndef BENCH_HOOP_ROWS_H
#define BENCH_HOOP_ROWS_H

#include <hoop/watchdog.h>

#include "../bench.h"

/* For the rows *_watchdog: no callback and no step of theirs takes so long. */
static inline void watchdog_start(hoop_loop *loop)
{
    bench_require(hoop_watchdog_start(loop, 0.1) == 0, "no watchdog");
}

/* tasks.c */
double row_yield(void);
double row_yield_100k(void);
double row_spawn(void);
double row_spawn_batch(void);
double row_yield_watchdog(void);
double row_memory_suspended(void);
double row_memory_unstarted(void);

/* sync.c */
double row_queue(void);
double row_lock(void);
double row_lock_uncontended(void);

/* groups.c */
double row_gather(void);
double row_group(void);

/* executor.c */
double row_executor_1(void);
double row_executor_64(void);

/* processes.c */
double row_process_small(void);
double row_process_large(void);

/* jobs.c */
double row_helper_1k(void);
double row_helper_64m(void);

/* files.c */
double row_file_cached_1(void);
double row_file_cached_64(void);
double row_file_cold_1(void);
double row_file_cold_64(void);

/* callbacks.c */
double row_call_soon(void);
double row_call_soon_watchdog(void);

/* timers.c */
double row_timer_insert(void);
double row_timer_cancel(void);
double row_timer_fire(void);

/* post.c */
double row_post(void);

#endif
