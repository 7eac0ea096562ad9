/* SPDX-License-Identifier: MIT
 *
 * The spinlock: one holder at a time, also when holders are descheduled.
 */
#include "harness.h"

#include <pthread.h>
#include <unistd.h>

#include "base/spinlock.h"

enum { THREADS = 4, ROUNDS = 20000 };

struct shared {
    struct spinlock lock;
    long count; /* written with a gap between reading and writing */
    atomic_bool is_waiting;
};

static void *count_up(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < ROUNDS; i++) {
        spinlock_take(&shared->lock);
        long count = shared->count;
        if (i % 1000 == 0)
            usleep(100); /* the holder sleeps: the others must go to sleep too */
        shared->count = count + 1;
        spinlock_give(&shared->lock);
    }
    return NULL;
}

static void it_has_one_holder_at_a_time(void **state)
{
    (void)state;
    struct shared shared = {0};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared.count, THREADS * ROUNDS);
}

static void *take_once(void *arg)
{
    struct shared *shared = arg;
    atomic_store(&shared->is_waiting, true);
    spinlock_take(&shared->lock);
    shared->count = 1;
    spinlock_give(&shared->lock);
    return NULL;
}

static void who_finds_it_taken_waits_however_long(void **state)
{
    (void)state;
    struct shared shared = {0};
    pthread_t thread;
    spinlock_take(&shared.lock);
    assert_int_equal(pthread_create(&thread, NULL, take_once, &shared), 0);
    while (!atomic_load(&shared.is_waiting))
        usleep(100);
    usleep(20000); /* through looking, yielding and several sleeps */
    assert_int_equal(shared.count, 0);
    spinlock_give(&shared.lock);
    pthread_join(thread, NULL);
    assert_int_equal(shared.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(it_has_one_holder_at_a_time),
        BEHAVIOUR(who_finds_it_taken_waits_however_long),
    };
    return cmocka_run_group_tests_name("spinlock", tests, NULL, NULL);
}
