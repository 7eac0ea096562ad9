/* SPDX-License-Identifier: MIT
 *
 * libuv's side of the benchmark: timers, posting from another thread, and functions that
 * block. Processes, files and servers have sources of their own. libuv has no tasks, so it has
 * no other row. Timers are handles in memory of ours, initialised before the clock starts;
 * libuv counts in milliseconds. uv_async_send carries nothing and coalesces, so a post is what
 * a program on libuv does: a queue under a mutex, then uv_async_send. A function that blocks
 * goes through uv_queue_work, and the callback that hears of its end submits the next one.
 */
#include "rows.h"
#include "serve.h"

#include <stdatomic.h>

static uint64_t fired;

static void on_fire(uv_timer_t *timer)
{
    (void)timer;
    fired++;
}

static uv_timer_t *timers_new(uv_loop_t *loop, size_t count)
{
    uv_timer_t *timers = bench_calloc(count, sizeof *timers);
    for (size_t i = 0; i < count; i++)
        uv_timer_init(loop, &timers[i]);
    return timers;
}

static void timers_start(uv_loop_t *loop, uv_timer_t *timers, const int64_t *delays, size_t count)
{
    uv_update_time(loop);
    for (size_t i = 0; i < count; i++)
        uv_timer_start(&timers[i], on_fire, (uint64_t)(delays[i] / BENCH_MS), 0);
}

/* Arms and cancels all timers a few times; the sums leave out the first round. */
static void churn(int64_t *ret_insert, int64_t *ret_cancel)
{
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t *timers = timers_new(loop, BENCH_TIMERS);
    int64_t *delays = bench_delays(BENCH_TIMERS, BENCH_TIMER_MIN, BENCH_TIMER_RANGE);
    uint32_t *order = bench_shuffled(BENCH_TIMERS);
    *ret_insert = *ret_cancel = 0;
    for (int round = 0; round <= BENCH_TIMER_ROUNDS; round++) {
        int64_t start = bench_now();
        timers_start(loop, timers, delays, BENCH_TIMERS);
        int64_t armed = bench_now();
        for (size_t i = 0; i < BENCH_TIMERS; i++)
            uv_timer_stop(&timers[order[i]]);
        int64_t end = bench_now();
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
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t *timers = timers_new(loop, BENCH_FIRE_TIMERS);
    int64_t *delays = bench_delays(BENCH_FIRE_TIMERS, BENCH_FIRE_MIN, BENCH_FIRE_RANGE);
    int64_t sum = 0;
    for (int round = 0; round <= BENCH_FIRE_ROUNDS; round++) {
        fired = 0;
        timers_start(loop, timers, delays, BENCH_FIRE_TIMERS);
        bench_block(BENCH_FIRE_BLOCK);
        int64_t start = bench_now();
        uv_run(loop, UV_RUN_NOWAIT);
        if (round > 0)
            sum += bench_now() - start;
        bench_require(fired == BENCH_FIRE_TIMERS, "not every timer was due");
    }
    return (double)sum / BENCH_FIRE_ROUNDS / BENCH_FIRE_TIMERS;
}

struct post {
    struct post *next;
    void (*callback)(struct post *);
};

static struct {
    pthread_mutex_t mutex;
    struct post *first;
    struct post **last; /* where the next post is linked */
    uv_async_t async;
    double ns_per_post;
    _Alignas(64) atomic_size_t received; /* written by the loop's thread alone */
} inbox = {.mutex = PTHREAD_MUTEX_INITIALIZER, .last = &inbox.first};

static void on_post(struct post *post)
{
    (void)post;
    size_t received = atomic_load_explicit(&inbox.received, memory_order_relaxed);
    atomic_store_explicit(&inbox.received, received + 1, memory_order_release);
}

static void on_async(uv_async_t *async)
{
    (void)async;
    pthread_mutex_lock(&inbox.mutex);
    struct post *post = inbox.first;
    inbox.first = NULL;
    inbox.last = &inbox.first;
    pthread_mutex_unlock(&inbox.mutex);
    while (post) {
        struct post *next = post->next;
        post->callback(post);
        post = next;
    }
}

static void on_idle(uv_idle_t *idle)
{
    size_t received = atomic_load_explicit(&inbox.received, memory_order_relaxed);
    if (received == BENCH_WARM_POSTS + BENCH_POSTS)
        uv_stop(idle->loop);
}

static void posts_send(struct post *posts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&inbox.mutex);
        *inbox.last = &posts[i];
        inbox.last = &posts[i].next;
        pthread_mutex_unlock(&inbox.mutex);
        uv_async_send(&inbox.async);
    }
}

static void *poster(void *arg)
{
    struct post *posts = arg;
    bench_pin(1);
    posts_send(posts, BENCH_WARM_POSTS);
    while (atomic_load_explicit(&inbox.received, memory_order_acquire) < BENCH_WARM_POSTS)
        continue;
    int64_t start = bench_now();
    posts_send(posts + BENCH_WARM_POSTS, BENCH_POSTS);
    inbox.ns_per_post = (double)(bench_now() - start) / BENCH_POSTS;
    return NULL;
}

static struct post *posts_new(size_t count)
{
    struct post *posts = bench_calloc(count, sizeof *posts);
    for (size_t i = 0; i < count; i++)
        posts[i].callback = on_post;
    return posts;
}

static double row_post(void)
{
    uv_loop_t *loop = uv_default_loop();
    struct post *posts = posts_new(BENCH_WARM_POSTS + BENCH_POSTS);
    uv_idle_t idle; /* keeps the loop from ever sleeping */
    uv_idle_init(loop, &idle);
    uv_idle_start(&idle, on_idle);
    uv_async_init(loop, &inbox.async, on_async);
    bench_pin(0);
    pthread_t thread;
    bench_require(pthread_create(&thread, NULL, poster, posts) == 0, "no thread");
    uv_run(loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    return inbox.ns_per_post;
}

struct caller {
    uv_work_t work;
    int calls_left;
    int result; /* written by the other thread */
};

static void on_work(uv_work_t *work)
{
    struct caller *caller = work->data;
    caller->result = 1;
}

static void on_worked(uv_work_t *work, int status)
{
    struct caller *caller = work->data;
    bench_require(status == 0 && caller->result == 1, "a call failed");
    caller->result = 0;
    if (--caller->calls_left > 0)
        uv_queue_work(work->loop, work, on_work, on_worked);
}

/* Each of COUNT callers makes so many calls, one after another. */
static void callers_run(struct caller *callers, int count, int calls)
{
    uv_loop_t *loop = uv_default_loop();
    for (int i = 0; i < count; i++) {
        callers[i] = (struct caller){.work.data = &callers[i], .calls_left = calls};
        uv_queue_work(loop, &callers[i].work, on_work, on_worked);
    }
    uv_run(loop, UV_RUN_DEFAULT); /* until there is no work */
}

static double measure_calls(int callers, int calls)
{
    struct caller all[BENCH_EXECUTOR_MANY_TASKS];
    char threads[16];
    snprintf(threads, sizeof threads, "%d", BENCH_EXECUTOR_THREADS);
    setenv("UV_THREADPOOL_SIZE", threads, 1);
    callers_run(all, callers, calls / 10);
    int64_t start = bench_now();
    callers_run(all, callers, calls);
    return (double)(bench_now() - start) / callers / calls;
}

static double row_executor_1(void)
{
    return measure_calls(1, BENCH_EXECUTOR_CALLS);
}

static double row_executor_64(void)
{
    return measure_calls(BENCH_EXECUTOR_MANY_TASKS, BENCH_EXECUTOR_MANY_CALLS);
}

int main(int argc, char **argv)
{
    static const struct bench_row rows[] = {
        {"timer_insert", "ns", row_timer_insert},
        {"timer_cancel", "ns", row_timer_cancel},
        {"timer_fire", "ns", row_timer_fire},
        {"post", "ns", row_post},
        {"executor_1", "ns", row_executor_1},
        {"executor_64", "ns", row_executor_64},
        {"process_small", "ns", row_process_small},
        {"process_large", "ns", row_process_large},
        {"helper_1k", "ns", row_helper_1k},
        {"helper_64m", "ns", row_helper_64m},
        {"file_cached_1", "ns", row_file_cached_1},
        {"file_cached_64", "ns", row_file_cached_64},
        {"file_cold_1", "ns", row_file_cold_1},
        {"file_cold_64", "ns", row_file_cold_64},
        {0},
    };
    static const struct bench_server servers[] = {
        {"tcp", serve_tcp}, {"unix", serve_unix}, {"udp", serve_udp}, {"sink", serve_sink}, {0},
    };
    if (argc == 3 && strcmp(argv[1], "helper") == 0)
        return helper_main(argv[2]);
    return bench_main(argc, argv, rows, servers);
}
