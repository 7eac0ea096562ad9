/* SPDX-License-Identifier: MIT
 *
 * Rows about files: tasks read pages, one after another each.
 */
#include <hoop.h>

#include "../files.h"
#include "rows.h"

static struct {
    int fd;
    const uint32_t *order;
    int tasks;
    int reads;      /* of each task, without those that warm up */
    int first, end; /* of each task's reads, now */
    int64_t elapsed;
} reading;

static int64_t reader(void *arg)
{
    uint64_t words[BENCH_FILE_WORDS];
    int task = *(int *)arg;
    for (int i = reading.first; i < reading.end; i++) {
        uint64_t page = bench_file_page(reading.order, task, i);
        int64_t size = hoop_file_pread(reading.fd, words, sizeof words, page * sizeof words);
        bench_require(size == sizeof words, "a read failed");
        bench_file_check(words, page);
    }
    return 0;
}

static void readers_run(int first, int end)
{
    reading.first = first;
    reading.end = end;
    hoop_task *tasks[BENCH_FILE_TASKS];
    int numbers[BENCH_FILE_TASKS];
    for (int i = 0; i < reading.tasks; i++) {
        numbers[i] = i;
        tasks[i] = hoop_create_task(reader, &numbers[i]);
    }
    for (int i = 0; i < reading.tasks; i++)
        bench_require(hoop_await(tasks[i]) == 0, "a reading task failed");
}

static int64_t run_readers(void *arg)
{
    (void)arg;
    int warm = reading.reads / 10;
    readers_run(0, warm);
    int64_t start = bench_now();
    readers_run(warm, warm + reading.reads);
    reading.elapsed = bench_now() - start;
    return 0;
}

static double measure_reads(int tasks, int reads, int is_cold)
{
    reading.fd = bench_file_new(is_cold);
    reading.order = bench_shuffled(BENCH_FILE_PAGES);
    reading.tasks = tasks;
    reading.reads = reads;
    bench_require(hoop_run(run_readers, NULL) == 0, "the run failed");
    if (is_cold)
        bench_file_check_cold(reading.fd, (size_t)tasks * (size_t)(reads / 10 + reads));
    return (double)reading.elapsed / tasks / reads;
}

double row_file_cached_1(void)
{
    return measure_reads(1, BENCH_FILE_CACHED_READS, 0);
}

double row_file_cached_64(void)
{
    return measure_reads(BENCH_FILE_TASKS, BENCH_FILE_CACHED_MANY_READS, 0);
}

double row_file_cold_1(void)
{
    return measure_reads(1, BENCH_FILE_COLD_READS, 1);
}

double row_file_cold_64(void)
{
    return measure_reads(BENCH_FILE_TASKS, BENCH_FILE_COLD_MANY_READS, 1);
}
