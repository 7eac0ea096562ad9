/* SPDX-License-Identifier: MIT
 *
 * Rows about files: uv_fs_read, which the threads of libuv's pool do. The callback that has the
 * result asks for the next one.
 */
#include "../files.h"
#include "rows.h"

struct reader {
    uv_fs_t request;
    int task;
    int i;   /* of the read under way */
    int end; /* behind the last one */
    uint64_t words[BENCH_FILE_WORDS];
};

static int file;
static const uint32_t *order;

static void read_next(struct reader *reader);

static void on_read(uv_fs_t *request)
{
    struct reader *reader = request->data;
    bench_require(request->result == sizeof reader->words, "a read failed");
    bench_file_check(reader->words, bench_file_page(order, reader->task, reader->i));
    uv_fs_req_cleanup(request);
    if (++reader->i < reader->end)
        read_next(reader);
}

static void read_next(struct reader *reader)
{
    uv_buf_t buffer = uv_buf_init((char *)reader->words, sizeof reader->words);
    uint64_t page = bench_file_page(order, reader->task, reader->i);
    reader->request.data = reader;
    check(uv_fs_read(uv_default_loop(), &reader->request, file, &buffer, 1,
                     (int64_t)(page * sizeof reader->words), on_read));
}

static void readers_run(struct reader *readers, int count, int first, int end)
{
    for (int i = 0; i < count; i++) {
        readers[i].task = i;
        readers[i].i = first;
        readers[i].end = end;
        read_next(&readers[i]);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT); /* until nothing is under way */
}

static double measure_reads(int tasks, int reads, int is_cold)
{
    struct reader *readers = bench_calloc((size_t)tasks, sizeof *readers);
    file = bench_file_new(is_cold);
    order = bench_shuffled(BENCH_FILE_PAGES);
    int warm = reads / 10;
    readers_run(readers, tasks, 0, warm);
    int64_t start = bench_now();
    readers_run(readers, tasks, warm, warm + reads);
    int64_t elapsed = bench_now() - start;
    if (is_cold)
        bench_file_check_cold(file, (size_t)tasks * (size_t)(warm + reads));
    return (double)elapsed / tasks / reads;
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
