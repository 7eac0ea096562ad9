/* SPDX-License-Identifier: MIT
 *
 * The floor's rows that are not in bare.c, by the file that measures them.
 */
#ifndef BENCH_BARE_ROWS_H
#define BENCH_BARE_ROWS_H

#include "../bench.h"

/* processes.c */
double row_process_small(void);
double row_process_large(void);

/* files.c */
double row_file_cached_1(void);
double row_file_cached_64(void);
double row_file_cold_1(void);
double row_file_cold_64(void);

#endif
