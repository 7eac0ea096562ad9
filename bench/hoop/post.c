/* SPDX-License-Identifier: MIT
 *
 * The row post: another thread posts with hoop_call_soon_threadsafe while the loop always
 * has other work, a callback that puts itself back, and so never sleeps.
 */
#include <hoop.h>
#include <stdatomic.h>

#include "rows.h"

static struct {
    hoop_loop *loop;
    double ns_per_post;
    _Alignas(64) atomic_size_t received; /* written by the loop's thread alone */
} inbox;

static void on_post(void *arg)
{
    (void)arg;
    size_t received = atomic_load_explicit(&inbox.received, memory_order_relaxed);
    atomic_store_explicit(&inbox.received, received + 1, memory_order_release);
}

static void on_other_work(void *arg)
{
    size_t received = atomic_load_explicit(&inbox.received, memory_order_relaxed);
    if (received == BENCH_WARM_POSTS + BENCH_POSTS)
        hoop_stop(inbox.loop);
    else
        bench_require(hoop_call_soon(inbox.loop, on_other_work, arg) >= 0, "out of memory");
}

static void posts_send(size_t count)
{
    for (size_t i = 0; i < count; i++)
        bench_require(hoop_call_soon_threadsafe(inbox.loop, on_post, NULL) == 0, "out of memory");
}

static void *poster(void *arg)
{
    (void)arg;
    bench_pin(1);
    posts_send(BENCH_WARM_POSTS);
    while (atomic_load_explicit(&inbox.received, memory_order_acquire) < BENCH_WARM_POSTS)
        continue;
    int64_t start = bench_now();
    posts_send(BENCH_POSTS);
    inbox.ns_per_post = (double)(bench_now() - start) / BENCH_POSTS;
    return NULL;
}

double row_post(void)
{
    inbox.loop = hoop_new_event_loop();
    bench_require(hoop_call_soon(inbox.loop, on_other_work, NULL) >= 0, "out of memory");
    bench_pin(0);
    pthread_t thread;
    bench_require(pthread_create(&thread, NULL, poster, NULL) == 0, "no thread");
    bench_require(hoop_run_forever(inbox.loop) == 0, "the loop failed");
    pthread_join(thread, NULL);
    return inbox.ns_per_post;
}
