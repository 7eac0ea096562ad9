/* SPDX-License-Identifier: MIT
 *
 * What the benchmark programs in C share: the contract of the command line, the clock, the
 * pseudo-random numbers and the sizes of the rows. A program is a table of rows and one
 * function a row:
 *
 *     PROGRAM --list    prints the names of its rows, one a line
 *     PROGRAM ROW       does that row once and prints {"row":"ROW","value":12.3,"unit":"ns"}
 *
 * and the servers that the load generator (load/) is pointed at:
 *
 *     PROGRAM --list                   prints serve_KIND for each kind of server as well
 *     PROGRAM serve KIND ADDRESS ...   prints "ready" when it listens, and serves until killed
 *
 * ADDRESS is a port of 127.0.0.1, or the path of a Unix socket; for TLS there follow the files
 * of the certificate and of its key.
 *
 * The Go and the Rust program repeat the numbers below: change one, change all three.
 * Needs _GNU_SOURCE.
 */
#ifndef BENCH_H
#define BENCH_H

#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BENCH_YIELD_TASKS = 1000,
    BENCH_YIELD_ROUNDS = 20000,
    BENCH_YIELD_MANY_TASKS = 100000,
    BENCH_YIELD_MANY_ROUNDS = 50,
    BENCH_SPAWNS = 5000000, /* also the tasks of spawn_batch, gather, group */
    BENCH_SPAWN_BATCH = 1000,
    BENCH_TIMERS = 1000000,
    BENCH_TIMER_ROUNDS = 4, /* measured; one more comes first and is not */
    BENCH_FIRE_TIMERS = 100000,
    BENCH_FIRE_ROUNDS = 5, /* measured; one more comes first and is not */
    BENCH_POSTS = 4000000,
    BENCH_WARM_POSTS = 500000,
    BENCH_QUEUE_ROUNDS = 5000000,
    BENCH_QUEUE_CAPACITY = 1,
    BENCH_LOCK_TASKS = 4,
    BENCH_LOCK_ROUNDS = 500000, /* of each task */
    BENCH_LOCK_PAIRS = 20000000,
    BENCH_EXECUTOR_THREADS = 4,
    BENCH_EXECUTOR_CALLS = 50000,
    BENCH_EXECUTOR_MANY_TASKS = 64,
    BENCH_EXECUTOR_MANY_CALLS = 10000, /* of each task */
    BENCH_CALLBACKS = 50000000,
    BENCH_CALLBACK_BATCH = 1000,
    BENCH_PROCESSES = 1000,
    BENCH_PARENT_MEMORY = 1073741824, /* process_large */
    BENCH_HELPER_SMALL_JOBS = 10000,
    BENCH_HELPER_SMALL_SIZE = 1024,
    BENCH_HELPER_LARGE_JOBS = 10,
    BENCH_HELPER_LARGE_SIZE = 67108864,
    BENCH_FILE_SIZE = 268435456,
    BENCH_FILE_READ = 4096, /* a page of the file */
    BENCH_FILE_TASKS = 64,
    BENCH_FILE_TASK_PAGES = 1024, /* from where a task begins to where the next one does */
    BENCH_FILE_CACHED_READS = 100000,
    BENCH_FILE_CACHED_MANY_READS = 2500, /* of each task */
    BENCH_FILE_COLD_READS = 10000,
    BENCH_FILE_COLD_MANY_READS = 200, /* of each task */
    BENCH_SERVE_BACKLOG = 1024,
    BENCH_SERVE_BUFFER = 16384, /* an echo server's, for what it receives at once */
    BENCH_SINK_BUFFER = 65536,
    BENCH_DATAGRAM_BATCH = 64, /* where several can be received at once */
    BENCH_DATAGRAM_BUFFER = 2048,
    BENCH_MEMORY_TASKS = 1000000,
    BENCH_MEMORY_LOCALS = 200,
    BENCH_SLEEP_SECONDS = 3600,
};

#define BENCH_MS INT64_C(1000000)
/* timer_insert, timer_cancel: due in one to two hours */
#define BENCH_TIMER_MIN (3600 * 1000 * BENCH_MS)
#define BENCH_TIMER_RANGE (3600 * 1000 * BENCH_MS)
/* timer_fire: due in 200 to 250 ms, and the thread stays away from its loop until all are */
#define BENCH_FIRE_MIN (200 * BENCH_MS)
#define BENCH_FIRE_RANGE (50 * BENCH_MS)
#define BENCH_FIRE_BLOCK (260 * BENCH_MS)

struct bench_row {
    const char *name;
    const char *unit;
    double (*measure)(void);
};

struct bench_server {
    const char *kind;
    void (*serve)(char **arguments); /* what follows KIND; NULL at the end */
};

_Noreturn static inline void bench_fail(const char *why)
{
    fprintf(stderr, "bench: %s\n", why);
    exit(1);
}

static inline void bench_require(int ok, const char *what)
{
    if (!ok)
        bench_fail(what);
}

static inline int64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void bench_block(int64_t ns)
{
    struct timespec left = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (nanosleep(&left, &left) != 0)
        continue;
}

static inline void *bench_calloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    bench_require(memory != NULL, "out of memory");
    return memory;
}

/* splitmix64 */
static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* COUNT delays in ns, the same ones in every run of every program. The caller frees them. */
static inline int64_t *bench_delays(size_t count, int64_t min, int64_t range)
{
    uint64_t state = 1;
    int64_t *delays = bench_calloc(count, sizeof *delays);
    for (size_t i = 0; i < count; i++)
        delays[i] = min + (int64_t)(bench_random(&state) % (uint64_t)range);
    return delays;
}

/* The numbers below COUNT in a pseudo-random order. The caller frees them. */
static inline uint32_t *bench_shuffled(size_t count)
{
    uint64_t state = 2;
    uint32_t *order = bench_calloc(count, sizeof *order);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count - 1; i > 0; i--) {
        size_t other = bench_random(&state) % (i + 1);
        uint32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    return order;
}

static inline int64_t bench_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    bench_require(file != NULL, "cannot open /proc/self/statm");
    long long resident = 0; /* the second word, in pages */
    bench_require(fscanf(file, "%*d %lld", &resident) == 1, "cannot read /proc/self/statm");
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

/* Memory that the program really has, as one that has been at work for a while. Never freed. */
static inline void bench_touch(size_t size)
{
    char *memory = malloc(size);
    bench_require(memory != NULL, "out of memory");
    memset(memory, 1, size);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

/* Keeps the calling thread on one processor. Does nothing on a machine without that one. */
static inline void bench_pin(size_t processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static inline void bench_ready(void)
{
    puts("ready");
    fflush(stdout);
}

static inline uint16_t bench_port(const char *word)
{
    int port = atoi(word);
    bench_require(port > 0 && port < 65536, "no such port");
    return (uint16_t)port;
}

static inline void bench_list(const struct bench_row *rows, const struct bench_server *servers)
{
    for (; rows->name; rows++)
        puts(rows->name);
    for (; servers->kind; servers++)
        printf("serve_%s\n", servers->kind);
}

static inline void bench_serve(char **arguments, const struct bench_server *servers)
{
    for (; servers->kind; servers++)
        if (strcmp(arguments[0], servers->kind) == 0)
            servers->serve(arguments + 1);
    bench_fail("no such server, or it has ended");
}

/* ROWS and SERVERS end with one that has no name. The program ends after its row: what the row
 * leaves behind is not torn down. */
static inline int bench_main(int argc, char **argv, const struct bench_row *rows,
                             const struct bench_server *servers)
{
    bench_require(argc >= 2,
                  "usage: PROGRAM --list | PROGRAM ROW | PROGRAM serve KIND ADDRESS ...");
    if (strcmp(argv[1], "--list") == 0) {
        bench_list(rows, servers);
        return 0;
    }
    if (strcmp(argv[1], "serve") == 0 && argc >= 4)
        bench_serve(argv + 2, servers);
    for (const struct bench_row *row = rows; row->name; row++) {
        if (strcmp(argv[1], row->name) == 0) {
            double value = row->measure();
            printf("{\"row\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"}\n", row->name, value,
                   row->unit);
            fflush(stdout);
            _exit(0);
        }
    }
    bench_fail("no such row");
}

#endif
