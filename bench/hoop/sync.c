/* SPDX-License-Identifier: MIT
 *
 * Rows about queues and locks between tasks of one loop. A process measures one row once, so
 * what the tasks of a row share is static.
 */
#include <hoop.h>

#include "rows.h"

/* ---- queue ---- */

static struct {
    hoop_queue *there;
    hoop_queue *back;
} queues;

static int64_t answerer(void *arg)
{
    (void)arg;
    for (int i = 0; i < BENCH_QUEUE_ROUNDS / 10 + BENCH_QUEUE_ROUNDS; i++) {
        uint64_t item;
        bench_require(hoop_queue_get(queues.there, &item) == 0, "a get failed");
        bench_require(hoop_queue_put(queues.back, &item) == 0, "a put failed");
    }
    return 0;
}

static void ask(uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t item;
        bench_require(hoop_queue_put(queues.there, &i) == 0, "a put failed");
        bench_require(hoop_queue_get(queues.back, &item) == 0, "a get failed");
        bench_require(item == i, "an item of another round");
    }
}

static int64_t asker(void *arg)
{
    int64_t *ret_elapsed = arg;
    queues.there = hoop_queue_new(sizeof(uint64_t), BENCH_QUEUE_CAPACITY);
    queues.back = hoop_queue_new(sizeof(uint64_t), BENCH_QUEUE_CAPACITY);
    bench_require(queues.there != NULL && queues.back != NULL, "no queue");
    hoop_task *other = hoop_create_task(answerer, NULL);
    ask(BENCH_QUEUE_ROUNDS / 10);
    int64_t start = bench_now();
    ask(BENCH_QUEUE_ROUNDS);
    *ret_elapsed = bench_now() - start;
    return hoop_await(other);
}

double row_queue(void)
{
    int64_t elapsed;
    bench_require(hoop_run(asker, &elapsed) == 0, "the run failed");
    return (double)elapsed / BENCH_QUEUE_ROUNDS;
}

/* ---- lock, lock_uncontended ---- */

static struct {
    hoop_lock *lock;
    int rounds; /* of each task */
    int holders;
    int64_t elapsed;
} locks;

static int64_t locker(void *arg)
{
    (void)arg;
    for (int i = 0; i < locks.rounds; i++) {
        bench_require(hoop_lock_acquire(locks.lock) == 0, "no lock");
        locks.holders++;
        bench_require(hoop_sleep(0) == 0, "a yield failed");
        locks.holders--;
        hoop_lock_release(locks.lock);
    }
    return 0;
}

static void lockers(int rounds)
{
    locks.rounds = rounds;
    hoop_task *tasks[BENCH_LOCK_TASKS];
    for (int i = 0; i < BENCH_LOCK_TASKS; i++)
        tasks[i] = hoop_create_task(locker, NULL);
    for (int i = 0; i < BENCH_LOCK_TASKS; i++)
        bench_require(hoop_await(tasks[i]) == 0, "a locking task failed");
    bench_require(locks.holders == 0, "the lock was held twice");
}

static void lock_and_unlock(int pairs)
{
    for (int i = 0; i < pairs; i++) {
        bench_require(hoop_lock_acquire(locks.lock) == 0, "no lock");
        locks.holders++;
        hoop_lock_release(locks.lock);
    }
}

struct locking {
    void (*run)(int count);
    int count;
};

static int64_t measure_locking(void *arg)
{
    const struct locking *locking = arg;
    locks.lock = hoop_lock_new();
    bench_require(locks.lock != NULL, "no lock");
    locking->run(locking->count / 10);
    int64_t start = bench_now();
    locking->run(locking->count);
    locks.elapsed = bench_now() - start;
    return 0;
}

double row_lock(void)
{
    struct locking locking = {lockers, BENCH_LOCK_ROUNDS};
    bench_require(hoop_run(measure_locking, &locking) == 0, "the run failed");
    return (double)locks.elapsed / BENCH_LOCK_TASKS / BENCH_LOCK_ROUNDS;
}

double row_lock_uncontended(void)
{
    struct locking locking = {lock_and_unlock, BENCH_LOCK_PAIRS};
    bench_require(hoop_run(measure_locking, &locking) == 0, "the run failed");
    return (double)locks.elapsed / BENCH_LOCK_PAIRS;
}
