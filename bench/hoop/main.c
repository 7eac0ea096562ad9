/* SPDX-License-Identifier: MIT
 *
 * hoop's side of the benchmark: the table of its rows. All of it uses the public headers
 * only, as a program would.
 */
#include "rows.h"

int main(int argc, char **argv)
{
    static const struct bench_row rows[] = {
        {"yield", "ns", row_yield},
        {"yield_100k", "ns", row_yield_100k},
        {"spawn", "ns", row_spawn},
        {"spawn_batch", "ns", row_spawn_batch},
        {"timer_insert", "ns", row_timer_insert},
        {"timer_cancel", "ns", row_timer_cancel},
        {"timer_fire", "ns", row_timer_fire},
        {"post", "ns", row_post},
        {"memory_suspended", "B", row_memory_suspended},
        {"memory_unstarted", "B", row_memory_unstarted},
        {0},
    };
    return bench_main(argc, argv, rows);
}
