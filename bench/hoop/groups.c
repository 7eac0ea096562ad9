/* SPDX-License-Identifier: MIT
 *
 * Rows about many tasks at once: to gather their results, and to end them as a group.
 */
#include <hoop.h>

#include "rows.h"

static int64_t return_at_once(void *arg)
{
    (void)arg;
    return 1;
}

static void gather_batch(void)
{
    hoop_task *tasks[BENCH_SPAWN_BATCH];
    int64_t results[BENCH_SPAWN_BATCH];
    for (int i = 0; i < BENCH_SPAWN_BATCH; i++)
        tasks[i] = hoop_create_task(return_at_once, NULL);
    bench_require(hoop_gather(tasks, BENCH_SPAWN_BATCH, results, 0) == 0, "a task failed");
    int64_t sum = 0;
    for (int i = 0; i < BENCH_SPAWN_BATCH; i++)
        sum += results[i];
    bench_require(sum == BENCH_SPAWN_BATCH, "a result is missing");
}

static void group_batch(void)
{
    hoop_task_group group;
    bench_require(hoop_task_group_enter(&group) == 0, "no group");
    for (int i = 0; i < BENCH_SPAWN_BATCH; i++) {
        hoop_task *child = hoop_task_group_create_task(&group, return_at_once, NULL);
        bench_require(child != NULL, "no child");
    }
    bench_require(hoop_task_group_exit(&group, 0) == 0, "a child failed");
}

struct batches {
    void (*run)(void);
    int64_t elapsed;
};

static int64_t run_batches(void *arg)
{
    struct batches *batches = arg;
    for (int i = 0; i < BENCH_SPAWNS / BENCH_SPAWN_BATCH / 10; i++)
        batches->run();
    int64_t start = bench_now();
    for (int i = 0; i < BENCH_SPAWNS / BENCH_SPAWN_BATCH; i++)
        batches->run();
    batches->elapsed = bench_now() - start;
    return 0;
}

static double measure_batches(void (*run)(void))
{
    struct batches batches = {.run = run};
    bench_require(hoop_run(run_batches, &batches) == 0, "the run failed");
    return (double)batches.elapsed / BENCH_SPAWNS;
}

double row_gather(void)
{
    return measure_batches(gather_batch);
}

double row_group(void)
{
    return measure_batches(group_batch);
}
