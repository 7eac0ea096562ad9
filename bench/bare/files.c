/* SPDX-License-Identifier: MIT
 *
 * The floor under the rows about files: pread, in one thread or in as many as there are reads
 * at once.
 */
#include "../files.h"
#include "rows.h"

static struct {
    int fd;
    const uint32_t *order;
    int first, end; /* of each thread's reads, now */
} reading;

static void *reader(void *arg)
{
    uint64_t words[BENCH_FILE_WORDS];
    int task = *(int *)arg;
    for (int i = reading.first; i < reading.end; i++) {
        uint64_t page = bench_file_page(reading.order, task, i);
        ssize_t size = pread(reading.fd, words, sizeof words, (off_t)(page * sizeof words));
        bench_require(size == sizeof words, "a read failed");
        bench_file_check(words, page);
    }
    return NULL;
}

static void readers_run(int count, int first, int end)
{
    reading.first = first;
    reading.end = end;
    pthread_t threads[BENCH_FILE_TASKS];
    int tasks[BENCH_FILE_TASKS];
    for (int i = 0; i < count; i++) {
        tasks[i] = i;
        bench_require(pthread_create(&threads[i], NULL, reader, &tasks[i]) == 0, "no thread");
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static double measure_reads(int threads, int reads, int is_cold)
{
    reading.fd = bench_file_new(is_cold);
    reading.order = bench_shuffled(BENCH_FILE_PAGES);
    int warm = reads / 10;
    readers_run(threads, 0, warm);
    int64_t start = bench_now();
    readers_run(threads, warm, warm + reads);
    int64_t elapsed = bench_now() - start;
    if (is_cold)
        bench_file_check_cold(reading.fd, (size_t)threads * (size_t)(warm + reads));
    return (double)elapsed / threads / reads;
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
