/* SPDX-License-Identifier: MIT
 *
 * What the tests of coroutines that other threads start have in common: a loop in a thread of
 * its own, coroutines to start there, and threads that wait for them.
 */
#ifndef TESTS_API_OTHER_THREAD_H
#define TESTS_API_OTHER_THREAD_H

#include <errno.h>
#include <hoop/threadsafe.h>

#include "gate.h"
#include "reports.h"

/* A loop that runs in a thread of its own until the test is done with it. */
struct host {
    pthread_t thread;
    hoop_loop *loop;
    struct reports reports;
    sem_t runs;
};

static inline void say_it_runs(void *arg)
{
    sem_post(&((struct host *)arg)->runs);
}

static inline void *host_main(void *arg)
{
    struct host *host = arg;
    hoop_call_soon(host->loop, say_it_runs, host);
    return hoop_run_forever(host->loop) == 0 ? NULL : host;
}

static inline void host_start(struct host *host)
{
    *host = (struct host){.loop = hoop_new_event_loop()};
    hoop_set_exception_handler(host->loop, reports_add, &host->reports);
    sem_init(&host->runs, 0, 0);
    assert_int_equal(pthread_create(&host->thread, NULL, host_main, host), 0);
    sem_take(&host->runs);
}

/* The loop stays, to be closed. */
static inline void host_stop(struct host *host)
{
    void *failed;
    assert_int_equal(hoop_stop_threadsafe(host->loop), 0);
    pthread_join(host->thread, &failed);
    assert_null(failed);
}

static inline void host_end(struct host *host)
{
    host_stop(host);
    assert_int_equal(hoop_close(host->loop), 0);
    assert_int_equal(host->reports.count, 0);
    sem_destroy(&host->runs);
}

static inline int64_t result_of(hoop_thread_future *future)
{
    assert_non_null(future);
    int64_t result = hoop_thread_future_result(future, INFINITY);
    hoop_thread_future_free(future);
    return result;
}

static inline int64_t double_it(void *arg)
{
    int rc = hoop_sleep(0);
    return rc < 0 ? rc : 2 * *(int64_t *)arg;
}

static inline int64_t fail_with_words(void *arg)
{
    return hoop_error_set(-EIO, "reading %s", (const char *)arg);
}

static inline int64_t fail_silently(void *arg)
{
    (void)arg;
    return -EPERM;
}

struct sleeper {
    sem_t sleeps;
    int64_t woken_by;
};

static inline int64_t sleep_forever(void *arg)
{
    struct sleeper *sleeper = arg;
    sem_post(&sleeper->sleeps);
    sleeper->woken_by = hoop_sleep(INFINITY);
    return hoop_error_set(sleeper->woken_by, "woken");
}

enum { WAITERS = 4 };

struct waiter {
    pthread_t thread;
    hoop_thread_future *future;
    double limit;
    sem_t *ready;
    int64_t result;
};

static inline void *wait_in_thread(void *arg)
{
    struct waiter *waiter = arg;
    sem_post(waiter->ready);
    waiter->result = hoop_thread_future_result(waiter->future, waiter->limit);
    return NULL;
}

static inline void start_waiters(struct waiter *waiters, hoop_thread_future *future, sem_t *ready)
{
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){.future = future, .limit = INFINITY, .ready = ready};
        assert_int_equal(pthread_create(&waiters[i].thread, NULL, wait_in_thread, &waiters[i]), 0);
    }
    for (int i = 0; i < WAITERS; i++)
        sem_take(ready);
}

static inline void join_waiters(struct waiter *waiters, int64_t expected)
{
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].result, expected);
    }
}

#endif
