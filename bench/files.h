/* SPDX-License-Identifier: MIT
 *
 * The file that the rows file_* read, for the programs in C. It has no name any more, so nothing
 * is left behind. Each of its pages holds its own number, first and last, and is read whole.
 * Go, Rust and Python repeat this.
 */
#ifndef BENCH_FILES_H
#define BENCH_FILES_H

#include <fcntl.h>
#include <sys/mman.h>

#include "bench.h"

enum {
    BENCH_FILE_PAGES = BENCH_FILE_SIZE / BENCH_FILE_READ,
    BENCH_FILE_WORDS = BENCH_FILE_READ / sizeof(uint64_t),
};

static inline void bench_file_fill(int fd)
{
    uint64_t words[BENCH_FILE_WORDS] = {0};
    for (uint64_t page = 0; page < BENCH_FILE_PAGES; page++) {
        words[0] = words[BENCH_FILE_WORDS - 1] = page;
        bench_require(write(fd, words, sizeof words) == sizeof words, "cannot write the file");
    }
    bench_require(fsync(fd) == 0, "cannot write the file to the disk");
}

/* How many of its pages are in memory. */
static inline size_t bench_file_resident(int fd)
{
    size_t pages = BENCH_FILE_PAGES, resident = 0;
    bench_require(sysconf(_SC_PAGESIZE) == BENCH_FILE_READ, "the system's pages are not 4 KiB");
    void *mapped = mmap(NULL, BENCH_FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
    bench_require(mapped != MAP_FAILED, "cannot map the file");
    unsigned char *states = bench_calloc(pages, 1);
    bench_require(mincore(mapped, BENCH_FILE_SIZE, states) == 0, "mincore has failed");
    for (size_t i = 0; i < pages; i++)
        resident += states[i] & 1;
    free(states);
    munmap(mapped, BENCH_FILE_SIZE);
    return resident;
}

/* Drops it from memory, and has the system read no more of it than it is asked for. */
static inline void bench_file_drop(int fd)
{
    bench_require(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 &&
                      posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0,
                  "cannot drop the file from memory");
    bench_require(bench_file_resident(fd) == 0,
                  "the file stays in memory: set TMPDIR to a folder on a disk");
}

/* Either all of it in memory, or nothing. The caller closes the descriptor. */
static inline int bench_file_new(int is_cold)
{
    char path[4096];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/hoop-bench-XXXXXX", folder ? folder : "/var/tmp");
    int fd = mkstemp(path);
    bench_require(fd >= 0, "cannot make the file");
    unlink(path);
    bench_file_fill(fd);
    if (is_cold)
        bench_file_drop(fd);
    else
        bench_require(bench_file_resident(fd) == BENCH_FILE_PAGES, "the file is not in memory");
    return fd;
}

/* Which page read number I of task TASK reads; ORDER is bench_shuffled(BENCH_FILE_PAGES). In the
 * rows file_cold_* no page comes twice. */
static inline uint64_t bench_file_page(const uint32_t *order, int task, int i)
{
    return order[(task * BENCH_FILE_TASK_PAGES + i) % BENCH_FILE_PAGES];
}

static inline void bench_file_check(const uint64_t *words, uint64_t page)
{
    bench_require(words[0] == page && words[BENCH_FILE_WORDS - 1] == page, "not what was written");
}

/* After READS reads of a file that was not in memory: none found its page because of another. */
static inline void bench_file_check_cold(int fd, size_t reads)
{
    bench_require(bench_file_resident(fd) <= reads, "pages were read that nobody asked for");
}

#endif
