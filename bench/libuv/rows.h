/* SPDX-License-Identifier: MIT
 *
 * libuv's rows that are not in libuv.c, by the file that measures them.
 */
#ifndef BENCH_LIBUV_ROWS_H
#define BENCH_LIBUV_ROWS_H

#include <uv.h>

#include "../bench.h"

static inline void check(int rc)
{
    if (rc < 0)
        bench_fail(uv_strerror(rc));
}

/* processes.c */
double row_process_small(void);
double row_process_large(void);

/* jobs.c */
double row_helper_1k(void);
double row_helper_64m(void);
int helper_main(const char *job); /* the program's other side, in a process of its own */

/* files.c */
double row_file_cached_1(void);
double row_file_cached_64(void);
double row_file_cold_1(void);
double row_file_cold_64(void);

#endif
