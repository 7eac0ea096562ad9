/* SPDX-License-Identifier: MIT
 *
 * The wake-up: only a sleeping loop costs a write, and a long list of posts does not keep
 * its memory. That none is lost is shown in tests/api/call_threadsafe.c.
 */
#include "harness.h"

#include <pthread.h>
#include <unistd.h>

#include "loop/loop.h"

static int ran;

static void count(void *arg)
{
    (void)arg;
    ran++;
}

/* How many writes the eventfd has seen since the last look. The loop itself never reads. */
static uint64_t signals_since(const hoop_loop *loop)
{
    uint64_t signals = 0;
    return read(loop->wake.fd, &signals, sizeof signals) < 0 ? 0 : signals;
}

static void post(hoop_loop *loop)
{
    assert_int_equal(hoop_call_soon_threadsafe(loop, count, NULL), 0);
}

static void the_first_post_to_a_sleeping_loop_is_the_one_that_writes(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    for (int round = 0; round < 3; round++) {
        assert_true(loop->wake.sleeping); /* a loop that does not run counts as asleep */
        for (int i = 0; i < 100; i++)
            post(loop);
        assert_int_equal(signals_since(loop), 1);
        assert_int_equal(hoop_run_once(loop, 0), 0);
    }
    assert_int_equal(ran, 300);
    hoop_close(loop);
}

static void *post_many(void *loop)
{
    int failures = 0;
    for (int i = 0; i < 100; i++)
        failures += hoop_call_soon_threadsafe(loop, count, NULL) != 0;
    return (void *)(intptr_t)failures;
}

/* From another thread, as the loop's own does not go through the list. */
static void let_a_thread_post(void *loop)
{
    pthread_t thread;
    void *failures;
    assert_int_equal(pthread_create(&thread, NULL, post_many, loop), 0);
    pthread_join(thread, &failures);
    assert_null(failures);
}

static void a_post_to_a_loop_that_is_awake_writes_nothing(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop();
    ran = 0;
    hoop_call_soon(loop, let_a_thread_post, loop); /* awake, as it has just begun to run */
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(signals_since(loop), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(ran, 100);
    hoop_call_later(loop, 0.001, let_a_thread_post, loop); /* awake again after a wait */
    assert_int_equal(hoop_run_once(loop, 60), 0);
    assert_int_equal(signals_since(loop), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(ran, 200);
    hoop_close(loop);
}

static void a_loop_that_has_posts_does_not_go_to_sleep(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    assert_true(wake_sleep(loop));
    assert_true(loop->wake.sleeping);
    wake_resume(loop);
    assert_false(loop->wake.sleeping);
    assert_false(wake_is_pending(loop));
    post(loop);
    assert_true(wake_is_pending(loop));
    assert_false(wake_sleep(loop));
    assert_false(loop->wake.sleeping);
    wake_collect(loop);
    assert_false(wake_is_pending(loop));
    assert_true(hoop_ready_is_queued(&loop->wake.ready));
    assert_true(wake_sleep(loop));
    hoop_close(loop);
}

static void count_wait(void *arg)
{
    (*(int *)arg)++;
}

/* The moment that would lose a wake-up: a post comes after the loop's last look at the hint
 * and before it sleeps. Here the hint is taken back, which looks the same to the loop. */
static void a_post_on_the_way_to_sleep_keeps_the_loop_awake(void **state)
{
    (void)state;
    int waits = 0;
    hoop_loop *loop = hoop_new_event_loop();
    hoop_set_wait_hooks(loop, count_wait, NULL, &waits);
    ran = 0;
    post(loop);
    atomic_store(&loop->wake.pending, false);
    assert_int_equal(hoop_run_once(loop, 60), 0);
    assert_int_equal(waits, 0);
    atomic_store(&loop->wake.pending, true);
    assert_int_equal(hoop_run_once(loop, 60), 0);
    assert_int_equal(waits, 0);
    assert_int_equal(ran, 1);
    hoop_close(loop);
}

/* A second lot waits in `incoming` until the first has run: they must not overtake. */
static void a_lot_is_run_before_the_next_is_taken(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    ran = 0;
    post(loop);
    wake_collect(loop);
    post(loop);
    wake_collect(loop);
    assert_int_equal(loop->wake.running.count, 1);
    assert_int_equal(loop->wake.incoming.count, 1);
    assert_true(wake_is_pending(loop));
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(ran, 2);
    hoop_close(loop);
}

static void a_long_list_is_freed_and_a_short_one_is_kept(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    for (int i = 0; i < 100; i++)
        post(loop);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(loop->wake.running.capacity >= 100);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 20000; i++)
            post(loop);
        assert_int_equal(hoop_run_once(loop, 0), 0);
        assert_int_equal(loop->wake.running.capacity, 0);
    }
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_first_post_to_a_sleeping_loop_is_the_one_that_writes),
        BEHAVIOUR(a_post_to_a_loop_that_is_awake_writes_nothing),
        BEHAVIOUR(a_loop_that_has_posts_does_not_go_to_sleep),
        BEHAVIOUR(a_post_on_the_way_to_sleep_keeps_the_loop_awake),
        BEHAVIOUR(a_lot_is_run_before_the_next_is_taken),
        BEHAVIOUR(a_long_list_is_freed_and_a_short_one_is_kept),
    };
    return cmocka_run_group_tests_name("wake", tests, NULL, NULL);
}
