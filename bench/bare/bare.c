/* SPDX-License-Identifier: MIT
 *
 * The floor under the timer rows: a 4-ary heap in plain C, without a loop, a clock, a
 * tie-break or an allocation. An entry of the heap is {deadline, timer}; the timer is one
 * cache line and keeps its place in the heap, so that it can be taken out from the middle.
 * Invariant: heap[t->index].timer == t for every live timer.
 *
 * The other rows, and the servers that are the floor under those of the network, are in the
 * other files.
 */
#include "rows.h"
#include "serve.h"

struct timer {
    uint32_t index;
    void (*callback)(struct timer *);
    char rest[48]; /* what a real timer holds: its state, its argument, its owner */
};
_Static_assert(sizeof(struct timer) == 64, "a timer is one cache line");

struct entry {
    int64_t deadline;
    struct timer *timer;
};

static struct entry *heap;
static uint32_t heap_len;
static uint64_t fired;

static inline void heap_put(uint32_t index, struct entry entry)
{
    heap[index] = entry;
    entry.timer->index = index;
}

static void heap_sift_up(uint32_t index, struct entry entry)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / 4;
        if (heap[parent].deadline <= entry.deadline)
            break;
        heap_put(index, heap[parent]);
        index = parent;
    }
    heap_put(index, entry);
}

static void heap_sift_down(uint32_t index, struct entry entry)
{
    for (;;) {
        uint32_t first = index * 4 + 1;
        if (first >= heap_len)
            break;
        uint32_t end = first + 4 < heap_len ? first + 4 : heap_len;
        uint32_t least = first;
        for (uint32_t child = first + 1; child < end; child++)
            if (heap[child].deadline < heap[least].deadline)
                least = child;
        if (entry.deadline <= heap[least].deadline)
            break;
        heap_put(index, heap[least]);
        index = least;
    }
    heap_put(index, entry);
}

static __attribute__((noinline)) void timer_start(struct timer *timer, int64_t deadline)
{
    heap_sift_up(heap_len++, (struct entry){.deadline = deadline, .timer = timer});
}

static __attribute__((noinline)) void timer_stop(struct timer *timer)
{
    uint32_t index = timer->index;
    struct entry last = heap[--heap_len];
    if (index == heap_len)
        return;
    if (index > 0 && last.deadline < heap[(index - 1) / 4].deadline)
        heap_sift_up(index, last);
    else
        heap_sift_down(index, last);
}

static void on_fire(struct timer *timer)
{
    (void)timer;
    fired++;
}

static struct timer *timers_new(size_t count)
{
    struct timer *timers = aligned_alloc(64, count * sizeof *timers);
    bench_require(timers != NULL, "out of memory");
    for (size_t i = 0; i < count; i++)
        timers[i] = (struct timer){.callback = on_fire};
    heap = bench_calloc(count, sizeof *heap);
    return timers;
}

static void timers_start(struct timer *timers, const int64_t *delays, size_t count)
{
    int64_t now = bench_now();
    for (size_t i = 0; i < count; i++)
        timer_start(&timers[i], now + delays[i]);
}

/* Arms and cancels all timers a few times; the sums leave out the first round. */
static void churn(int64_t *ret_insert, int64_t *ret_cancel)
{
    struct timer *timers = timers_new(BENCH_TIMERS);
    int64_t *delays = bench_delays(BENCH_TIMERS, BENCH_TIMER_MIN, BENCH_TIMER_RANGE);
    uint32_t *order = bench_shuffled(BENCH_TIMERS);
    *ret_insert = *ret_cancel = 0;
    for (int round = 0; round <= BENCH_TIMER_ROUNDS; round++) {
        int64_t start = bench_now();
        timers_start(timers, delays, BENCH_TIMERS);
        int64_t armed = bench_now();
        for (size_t i = 0; i < BENCH_TIMERS; i++)
            timer_stop(&timers[order[i]]);
        int64_t end = bench_now();
        bench_require(heap_len == 0, "a timer is left");
        if (round > 0) {
            *ret_insert += armed - start;
            *ret_cancel += end - armed;
        }
    }
}

static double row_timer_insert(void)
{
    int64_t insert, cancel;
    churn(&insert, &cancel);
    return (double)insert / BENCH_TIMER_ROUNDS / BENCH_TIMERS;
}

static double row_timer_cancel(void)
{
    int64_t insert, cancel;
    churn(&insert, &cancel);
    return (double)cancel / BENCH_TIMER_ROUNDS / BENCH_TIMERS;
}

static double row_timer_fire(void)
{
    struct timer *timers = timers_new(BENCH_FIRE_TIMERS);
    int64_t *delays = bench_delays(BENCH_FIRE_TIMERS, BENCH_FIRE_MIN, BENCH_FIRE_RANGE);
    int64_t sum = 0;
    for (int round = 0; round <= BENCH_FIRE_ROUNDS; round++) {
        fired = 0;
        timers_start(timers, delays, BENCH_FIRE_TIMERS);
        bench_block(BENCH_FIRE_BLOCK);
        int64_t start = bench_now();
        while (heap_len > 0 && heap[0].deadline <= start) {
            struct timer *due = heap[0].timer;
            timer_stop(due);
            due->callback(due);
        }
        if (round > 0)
            sum += bench_now() - start;
        bench_require(fired == BENCH_FIRE_TIMERS, "not every timer was due");
    }
    return (double)sum / BENCH_FIRE_ROUNDS / BENCH_FIRE_TIMERS;
}

int main(int argc, char **argv)
{
    static const struct bench_row rows[] = {
        {"timer_insert", "ns", row_timer_insert},
        {"timer_cancel", "ns", row_timer_cancel},
        {"timer_fire", "ns", row_timer_fire},
        {"process_small", "ns", row_process_small},
        {"process_large", "ns", row_process_large},
        {"file_cached_1", "ns", row_file_cached_1},
        {"file_cached_64", "ns", row_file_cached_64},
        {"file_cold_1", "ns", row_file_cold_1},
        {"file_cold_64", "ns", row_file_cold_64},
        {0},
    };
    static const struct bench_server servers[] = {
        {"tcp", serve_tcp}, {"unix", serve_unix}, {"tls", serve_tls},
        {"udp", serve_udp}, {"sink", serve_sink}, {0},
    };
    return bench_main(argc, argv, rows, servers);
}
