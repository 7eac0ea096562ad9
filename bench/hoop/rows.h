/* SPDX-License-Identifier: MIT
 *
 * The rows of hoop's benchmark program, by the file that measures them. README.md of the
 * folder above says what each one times.
 */
#ifndef BENCH_HOOP_ROWS_H
#define BENCH_HOOP_ROWS_H

#include "../bench.h"

/* tasks.c */
double row_yield(void);
double row_yield_100k(void);
double row_spawn(void);
double row_spawn_batch(void);
double row_memory_suspended(void);
double row_memory_unstarted(void);

/* timers.c */
double row_timer_insert(void);
double row_timer_cancel(void);
double row_timer_fire(void);

/* post.c */
double row_post(void);

#endif
