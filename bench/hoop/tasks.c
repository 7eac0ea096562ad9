/* SPDX-License-Identifier: MIT
 *
 * Rows about tasks: yielding at the bottom of real calls, creating and awaiting, and the
 * memory of many. A process measures one row once, so what the tasks of a row share is
 * static.
 */
#include <hoop.h>

#include "rows.h"

/* The compiler must not see through a value that went through here. */
#define OPAQUE(value) __asm__ volatile("" : "+r"(value))

/* ---- yield, yield_100k, yield_watchdog ---- */

static struct {
    int tasks;
    int rounds;
    bool has_watchdog;
    int started;
    int ended;
    int64_t start; /* when the first task was through its warm-up */
    int64_t end;   /* when the last task ended */
} yields;

static __attribute__((noinline)) uint64_t level4(uint64_t x)
{
    OPAQUE(x);
    return (uint64_t)hoop_sleep(0) + x + 1;
}

static __attribute__((noinline)) uint64_t level3(uint64_t x)
{
    OPAQUE(x);
    return level4(x + 1) + x;
}

static __attribute__((noinline)) uint64_t level2(uint64_t x)
{
    OPAQUE(x);
    return level3(x + 1) + x;
}

static __attribute__((noinline)) uint64_t level1(uint64_t x)
{
    OPAQUE(x);
    return level2(x + 1) + x;
}

static int64_t yielder(void *arg)
{
    (void)arg;
    uint64_t x = 0;
    for (int i = 0; i < yields.rounds / 10; i++)
        x = level1(x);
    if (yields.started++ == 0)
        yields.start = bench_now();
    for (int i = 0; i < yields.rounds; i++)
        x = level1(x);
    if (++yields.ended == yields.tasks)
        yields.end = bench_now();
    OPAQUE(x);
    return 0;
}

static int64_t yielders(void *arg)
{
    (void)arg;
    if (yields.has_watchdog)
        watchdog_start(hoop_running_loop());
    hoop_task **tasks = bench_calloc((size_t)yields.tasks, sizeof *tasks);
    for (int i = 0; i < yields.tasks; i++)
        tasks[i] = hoop_create_task(yielder, NULL);
    for (int i = 0; i < yields.tasks; i++)
        bench_require(hoop_await(tasks[i]) == 0, "a yielding task failed");
    return 0;
}

static double measure_yields(int tasks, int rounds)
{
    yields.tasks = tasks;
    yields.rounds = rounds;
    bench_require(hoop_run(yielders, NULL) == 0, "the run failed");
    return (double)(yields.end - yields.start) / tasks / rounds;
}

double row_yield(void)
{
    return measure_yields(BENCH_YIELD_TASKS, BENCH_YIELD_ROUNDS);
}

double row_yield_100k(void)
{
    return measure_yields(BENCH_YIELD_MANY_TASKS, BENCH_YIELD_MANY_ROUNDS);
}

double row_yield_watchdog(void)
{
    yields.has_watchdog = true;
    return measure_yields(BENCH_YIELD_TASKS, BENCH_YIELD_ROUNDS);
}

/* ---- spawn, spawn_batch ---- */

static int64_t return_at_once(void *arg)
{
    (void)arg;
    return 1;
}

static void spawn_one_by_one(int count)
{
    int64_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += hoop_await(hoop_create_task(return_at_once, NULL));
    bench_require(sum == count, "a spawned task failed");
}

static void spawn_batches(int count)
{
    hoop_task *tasks[BENCH_SPAWN_BATCH];
    int64_t sum = 0;
    for (int done = 0; done < count; done += BENCH_SPAWN_BATCH) {
        for (int i = 0; i < BENCH_SPAWN_BATCH; i++)
            tasks[i] = hoop_create_task(return_at_once, NULL);
        for (int i = 0; i < BENCH_SPAWN_BATCH; i++)
            sum += hoop_await(tasks[i]);
    }
    bench_require(sum == count, "a spawned task failed");
}

struct spawning {
    void (*spawn)(int count);
    int64_t elapsed;
};

static int64_t spawner(void *arg)
{
    struct spawning *spawning = arg;
    spawning->spawn(BENCH_SPAWNS / 10);
    int64_t start = bench_now();
    spawning->spawn(BENCH_SPAWNS);
    spawning->elapsed = bench_now() - start;
    return 0;
}

static double measure_spawns(void (*spawn)(int count))
{
    struct spawning spawning = {.spawn = spawn};
    bench_require(hoop_run(spawner, &spawning) == 0, "the run failed");
    return (double)spawning.elapsed / BENCH_SPAWNS;
}

double row_spawn(void)
{
    return measure_spawns(spawn_one_by_one);
}

double row_spawn_batch(void)
{
    return measure_spawns(spawn_batches);
}

/* ---- memory_suspended, memory_unstarted ---- */

static struct {
    int enough; /* read the memory when so many tasks sleep */
    int sleeping;
    double bytes;
} memory;

static __attribute__((noinline)) void touch(unsigned char locals[BENCH_MEMORY_LOCALS])
{
    for (int i = 0; i < BENCH_MEMORY_LOCALS; i++)
        locals[i]++;
}

static int64_t sleeper(void *arg)
{
    (void)arg;
    unsigned char locals[BENCH_MEMORY_LOCALS] = {0};
    touch(locals);
    memory.sleeping++;
    int rc = hoop_sleep(BENCH_SLEEP_SECONDS);
    touch(locals);
    return rc < 0 ? rc : locals[0];
}

/* What it leaves is not torn down. */
static int64_t sleepers(void *arg)
{
    (void)arg;
    int64_t before = bench_resident_bytes();
    for (int i = 0; i < BENCH_MEMORY_TASKS; i++) {
        hoop_task *task = hoop_create_task(sleeper, NULL);
        bench_require(task != NULL, "out of memory");
        hoop_task_detach(task);
    }
    while (memory.sleeping < memory.enough)
        bench_require(hoop_sleep(0) == 0, "a yield failed");
    memory.bytes = (double)(bench_resident_bytes() - before) / BENCH_MEMORY_TASKS;
    return 0;
}

static double measure_memory(int enough)
{
    memory.enough = enough;
    hoop_loop *loop = hoop_new_event_loop();
    bench_require(hoop_run_until_complete(loop, sleepers, NULL) == 0, "the run failed");
    return memory.bytes;
}

double row_memory_suspended(void)
{
    return measure_memory(BENCH_MEMORY_TASKS);
}

double row_memory_unstarted(void)
{
    return measure_memory(0);
}
