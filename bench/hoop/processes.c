/* SPDX-License-Identifier: MIT
 *
 * Rows about processes: one task starts one and waits for its end, again and again.
 */
#include <hoop.h>

#include "rows.h"

static int64_t elapsed;

static void spawn_all(int count)
{
    static const char *const argv[] = {"/bin/true", NULL};
    for (int i = 0; i < count; i++) {
        hoop_process *process;
        bench_require(hoop_create_subprocess_exec(argv, NULL, &process) == 0, "cannot spawn");
        bench_require(hoop_process_wait(process) == 0, "a process has failed");
        hoop_process_close(process);
    }
}

static int64_t spawner(void *arg)
{
    (void)arg;
    spawn_all(BENCH_PROCESSES / 10);
    int64_t start = bench_now();
    spawn_all(BENCH_PROCESSES);
    elapsed = bench_now() - start;
    return 0;
}

double row_process_small(void)
{
    bench_require(hoop_run(spawner, NULL) == 0, "the run failed");
    return (double)elapsed / BENCH_PROCESSES;
}

double row_process_large(void)
{
    bench_touch(BENCH_PARENT_MEMORY);
    return row_process_small();
}
