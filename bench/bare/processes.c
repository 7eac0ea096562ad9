/* SPDX-License-Identifier: MIT
 *
 * The floor under the rows about processes: posix_spawn, and waitid, which blocks.
 */
#include <spawn.h>
#include <sys/wait.h>

#include "rows.h"

static void spawn_and_wait(void)
{
    char *const argv[] = {"/bin/true", NULL};
    pid_t pid;
    bench_require(posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) == 0, "cannot spawn");
    siginfo_t end;
    bench_require(waitid(P_PID, (id_t)pid, &end, WEXITED) == 0, "cannot wait");
    bench_require(end.si_code == CLD_EXITED && end.si_status == 0, "a process has failed");
}

double row_process_small(void)
{
    for (int i = 0; i < BENCH_PROCESSES / 10; i++)
        spawn_and_wait();
    int64_t start = bench_now();
    for (int i = 0; i < BENCH_PROCESSES; i++)
        spawn_and_wait();
    return (double)(bench_now() - start) / BENCH_PROCESSES;
}

double row_process_large(void)
{
    bench_touch(BENCH_PARENT_MEMORY);
    return row_process_small();
}
