/* SPDX-License-Identifier: MIT
 *
 * hoop's side of the benchmark: the table of its rows. All of it uses the public headers
 * only, as a program would.
 */
#include "rows.h"
#include "serve.h"

int main(int argc, char **argv)
{
    static const struct bench_row rows[] = {
        {"yield", "ns", row_yield},
        {"yield_watchdog", "ns", row_yield_watchdog},
        {"yield_100k", "ns", row_yield_100k},
        {"queue", "ns", row_queue},
        {"spawn", "ns", row_spawn},
        {"spawn_batch", "ns", row_spawn_batch},
        {"gather", "ns", row_gather},
        {"group", "ns", row_group},
        {"lock", "ns", row_lock},
        {"lock_uncontended", "ns", row_lock_uncontended},
        {"call_soon", "ns", row_call_soon},
        {"call_soon_watchdog", "ns", row_call_soon_watchdog},
        {"timer_insert", "ns", row_timer_insert},
        {"timer_cancel", "ns", row_timer_cancel},
        {"timer_fire", "ns", row_timer_fire},
        {"post", "ns", row_post},
        {"executor_1", "ns", row_executor_1},
        {"executor_64", "ns", row_executor_64},
        {"process_small", "ns", row_process_small},
        {"process_large", "ns", row_process_large},
        {"helper_1k", "ns", row_helper_1k},
        {"helper_64m", "ns", row_helper_64m},
        {"file_cached_1", "ns", row_file_cached_1},
        {"file_cached_64", "ns", row_file_cached_64},
        {"file_cold_1", "ns", row_file_cold_1},
        {"file_cold_64", "ns", row_file_cold_64},
        {"memory_suspended", "B", row_memory_suspended},
        {"memory_unstarted", "B", row_memory_unstarted},
        {0},
    };
    struct bench_server servers[] = {{"tcp", serve_tcp},
                                     {"tcp_protocol", serve_tcp_protocol},
                                     {"tcp_readline", serve_tcp_readline},
                                     {"unix", serve_unix},
                                     {"tls", serve_tls},
                                     {"udp", serve_udp},
                                     {"sink", serve_sink},
                                     {"tcp_uring", serve_tcp_uring},
                                     {0}};
    if (!has_uring())
        servers[7] = (struct bench_server){0};
    return bench_main(argc, argv, rows, servers);
}
