/* SPDX-License-Identifier: MIT
 *
 * Threads at the ends of a queue of ints whose loop runs in the test's thread. What they got is
 * looked at when they have been joined.
 */
#ifndef TESTS_API_QUEUE_OUTSIDER_H
#define TESTS_API_QUEUE_OUTSIDER_H

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "reports.h"

static const double no_limit = (double)INFINITY;

/* Runs FN(ARG) on a loop with the real clock, as threads do not wait for a virtual one. */
static inline void run(hoop_coroutine_fn fn, void *arg)
{
    struct reports reports = {0};
    hoop_loop *loop = hoop_new_event_loop();
    hoop_set_exception_handler(loop, reports_add, &reports);
    int64_t rc = hoop_run_until_complete(loop, fn, arg);
    hoop_close(loop);
    assert_string_equal(reports.message, "");
    assert_int_equal(rc, 0);
}

static inline hoop_queue *queue_of_ints(size_t maxsize)
{
    hoop_queue *queue = hoop_queue_new(sizeof(int), maxsize);
    assert_non_null(queue);
    return queue;
}

static inline void put(hoop_queue *queue, int item)
{
    assert_int_equal(hoop_queue_put_nowait(queue, &item), 0);
}

static inline int get(hoop_queue *queue)
{
    int item = -1;
    assert_int_equal(hoop_queue_get(queue, &item), 0);
    return item;
}

/* ---- a thread at an end ---- */

struct outsider {
    hoop_loop *loop;
    hoop_queue *queue;
    double seconds; /* its limit */
    int item;       /* what it puts, or has got */
    int rc;
    double took;
    pthread_t thread;
    atomic_bool is_back;
};

static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void *put_outside(void *arg)
{
    struct outsider *outsider = arg;
    double start = now();
    outsider->rc = hoop_queue_put_threadsafe(outsider->loop, outsider->queue, &outsider->item,
                                             outsider->seconds);
    outsider->took = now() - start;
    atomic_store(&outsider->is_back, true);
    return NULL;
}

static inline void *get_outside(void *arg)
{
    struct outsider *outsider = arg;
    double start = now();
    outsider->rc = hoop_queue_get_threadsafe(outsider->loop, outsider->queue, &outsider->item,
                                             outsider->seconds);
    outsider->took = now() - start;
    atomic_store(&outsider->is_back, true);
    return NULL;
}

static inline struct outsider outsider_for(hoop_queue *queue, double seconds, int item)
{
    return (struct outsider){
        .loop = hoop_running_loop(), .queue = queue, .seconds = seconds, .item = item};
}

static inline void start(struct outsider *outsider, void *(*fn)(void *))
{
    assert_int_equal(pthread_create(&outsider->thread, NULL, fn, outsider), 0);
}

/* The loop goes on until the thread is back. */
static inline void end(struct outsider *outsider, int rc)
{
    while (!atomic_load(&outsider->is_back))
        assert_int_equal(hoop_sleep(0.001), 0);
    pthread_join(outsider->thread, NULL);
    assert_int_equal(outsider->rc, rc);
}

/* Until COUNT tasks besides the running one are there: each thread that waits has one. */
static inline void let_wait(size_t count)
{
    while (hoop_all_tasks(hoop_running_loop(), NULL, 0) < count + 1)
        assert_int_equal(hoop_sleep(0.001), 0);
    assert_int_equal(hoop_sleep(0), 0);
    assert_int_equal(hoop_sleep(0), 0); /* it has begun, and waits */
}

#endif
