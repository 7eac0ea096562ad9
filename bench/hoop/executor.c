/* SPDX-License-Identifier: MIT
 *
 * Rows about functions that block: tasks await an empty one in an executor's thread, one
 * call after another.
 */
#include <hoop.h>

#include "rows.h"

static struct {
    hoop_executor *executor;
    int tasks;
    int calls; /* of each task, now */
    int64_t elapsed;
} calling;

static int64_t return_one(void *arg)
{
    (void)arg;
    return 1;
}

static int64_t caller(void *arg)
{
    (void)arg;
    for (int i = 0; i < calling.calls; i++)
        bench_require(hoop_run_in_executor(calling.executor, return_one, NULL) == 1,
                      "a call failed");
    return 0;
}

static void callers_run(int calls)
{
    calling.calls = calls;
    hoop_task *tasks[BENCH_EXECUTOR_MANY_TASKS];
    for (int i = 0; i < calling.tasks; i++)
        tasks[i] = hoop_create_task(caller, NULL);
    for (int i = 0; i < calling.tasks; i++)
        bench_require(hoop_await(tasks[i]) == 0, "a calling task failed");
}

static int64_t run_callers(void *arg)
{
    const int *calls = arg;
    hoop_executor_options options = {.max_workers = BENCH_EXECUTOR_THREADS};
    calling.executor = hoop_executor_new(&options);
    bench_require(calling.executor != NULL, "no executor");
    callers_run(*calls / 10);
    int64_t start = bench_now();
    callers_run(*calls);
    calling.elapsed = bench_now() - start;
    return 0;
}

static double measure_calls(int tasks, int calls)
{
    calling.tasks = tasks;
    bench_require(hoop_run(run_callers, &calls) == 0, "the run failed");
    return (double)calling.elapsed / tasks / calls;
}

double row_executor_1(void)
{
    return measure_calls(1, BENCH_EXECUTOR_CALLS);
}

double row_executor_64(void)
{
    return measure_calls(BENCH_EXECUTOR_MANY_TASKS, BENCH_EXECUTOR_MANY_CALLS);
}
