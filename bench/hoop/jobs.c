/* SPDX-License-Identifier: MIT
 *
 * Rows about helper processes: one task runs jobs in a process pool that has one helper. Large
 * input lies in memory that the helper shares.
 */
#include <errno.h>
#include <hoop.h>

#include "../jobs.h"
#include "rows.h"

static int64_t invert(const void *input, size_t size, void *output, size_t room)
{
    if (room < size)
        return -EINVAL;
    bench_invert(input, output, size);
    return (int64_t)size;
}

static int64_t sum(const void *input, size_t size, void *output, size_t room)
{
    uint64_t result = bench_sum(input, size);
    if (room < sizeof result)
        return -EINVAL;
    memcpy(output, &result, sizeof result);
    return sizeof result;
}

static struct {
    hoop_executor *pool;
    hoop_job job;
    int count;
    void (*verify)(void);
    int64_t elapsed;
} asking;

static void ask(int count)
{
    for (int i = 0; i < count; i++) {
        memset(asking.job.output, 0, asking.job.room); /* what the last one has left */
        bench_require(hoop_run_job(asking.pool, &asking.job) == (int64_t)asking.job.room,
                      "a job failed");
        asking.verify();
    }
}

static int64_t asker(void *arg)
{
    (void)arg;
    ask(asking.count / 10);
    int64_t start = bench_now();
    ask(asking.count);
    asking.elapsed = bench_now() - start;
    return 0;
}

static double measure_jobs(int count)
{
    hoop_process_pool_options options = {.max_workers = 1,
                                         .functions = (const hoop_job_fn[]){invert, sum, NULL}};
    asking.pool = hoop_process_pool_new(&options);
    bench_require(asking.pool != NULL, "no pool");
    asking.count = count;
    bench_require(hoop_run(asker, NULL) == 0, "the run failed");
    hoop_executor_free(asking.pool);
    return (double)asking.elapsed / count;
}

static void verify_inverted(void)
{
    bench_require(bench_is_inverted(asking.job.input, asking.job.output, asking.job.room),
                  "a wrong answer");
}

static void verify_sum(void)
{
    const uint64_t *result = asking.job.output;
    bench_require(*result == bench_words_sum(BENCH_HELPER_LARGE_SIZE), "a wrong sum");
}

double row_helper_1k(void)
{
    static uint64_t input[BENCH_HELPER_SMALL_SIZE / sizeof(uint64_t)];
    static char output[BENCH_HELPER_SMALL_SIZE];
    bench_words_fill(input, sizeof input);
    asking.job = (hoop_job){.fn = invert,
                            .input = input,
                            .input_size = sizeof input,
                            .output = output,
                            .room = sizeof output};
    asking.verify = verify_inverted;
    return measure_jobs(BENCH_HELPER_SMALL_JOBS);
}

double row_helper_64m(void)
{
    static uint64_t result;
    void *input = hoop_shared_new(BENCH_HELPER_LARGE_SIZE);
    bench_require(input != NULL, "no shared memory");
    bench_words_fill(input, BENCH_HELPER_LARGE_SIZE);
    asking.job = (hoop_job){.fn = sum,
                            .input = input,
                            .input_size = BENCH_HELPER_LARGE_SIZE,
                            .output = &result,
                            .room = sizeof result};
    asking.verify = verify_sum;
    return measure_jobs(BENCH_HELPER_LARGE_JOBS);
}
