/* SPDX-License-Identifier: MIT
 *
 * Callbacks from other threads: each thread's order is kept, nothing is lost whether the
 * loop is busy or asleep, and a closed loop says so.
 */
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

/* ---- producers ---- */

enum { PRODUCERS = 3, POSTS = 60000 };

struct crowd {
    hoop_loop *loop;
    struct producer *producers[PRODUCERS];
    int total; /* posts that have run */
    bool in_order;
};

struct producer {
    struct crowd *crowd;
    pthread_t thread;
    int next; /* the number of the next post to run */
    atomic_int failures;
};

struct post {
    struct producer *producer;
    int number;
};

static struct post posts[PRODUCERS][POSTS];

static void run_post(void *arg)
{
    struct post *post = arg;
    struct crowd *crowd = post->producer->crowd;
    if (post->producer->next++ != post->number)
        crowd->in_order = false;
    if (++crowd->total == PRODUCERS * POSTS)
        hoop_stop(crowd->loop);
}

static void *produce(void *arg)
{
    struct post *first = arg;
    struct producer *producer = first->producer;
    for (int i = 0; i < POSTS; i++) {
        if (hoop_call_soon_threadsafe(producer->crowd->loop, run_post, &first[i]) != 0)
            atomic_fetch_add(&producer->failures, 1);
        if (i % 20000 == 19999)
            usleep(300); /* long enough for the loop to go to sleep */
    }
    return NULL;
}

static void start_producers(struct crowd *crowd, struct producer *producers)
{
    for (int p = 0; p < PRODUCERS; p++) {
        producers[p] = (struct producer){.crowd = crowd};
        for (int i = 0; i < POSTS; i++)
            posts[p][i] = (struct post){&producers[p], i};
        assert_int_equal(pthread_create(&producers[p].thread, NULL, produce, posts[p]), 0);
    }
}

static void join_producers(struct producer *producers)
{
    for (int p = 0; p < PRODUCERS; p++) {
        pthread_join(producers[p].thread, NULL);
        assert_int_equal(producers[p].failures, 0);
        assert_int_equal(producers[p].next, POSTS);
    }
}

static void an_idle_loop_gets_every_post_in_each_threads_order(void **state)
{
    (void)state;
    struct producer producers[PRODUCERS];
    struct crowd crowd = {.loop = hoop_new_event_loop(), .in_order = true};
    start_producers(&crowd, producers);
    assert_int_equal(hoop_run_forever(crowd.loop), 0);
    join_producers(producers);
    assert_int_equal(crowd.total, PRODUCERS * POSTS);
    assert_true(crowd.in_order);
    hoop_close(crowd.loop);
}

static void keep_busy(void *arg)
{
    struct crowd *crowd = arg;
    hoop_call_soon(crowd->loop, keep_busy, crowd);
}

static void a_busy_loop_gets_every_post_in_each_threads_order(void **state)
{
    (void)state;
    struct producer producers[PRODUCERS];
    struct crowd crowd = {.loop = hoop_new_event_loop(), .in_order = true};
    hoop_call_soon(crowd.loop, keep_busy, &crowd);
    start_producers(&crowd, producers);
    assert_int_equal(hoop_run_forever(crowd.loop), 0);
    join_producers(producers);
    assert_int_equal(crowd.total, PRODUCERS * POSTS);
    assert_true(crowd.in_order);
    hoop_close(crowd.loop);
}

/* ---- waking ---- */

enum { ROUNDS = 20000 };

struct ping {
    hoop_loop *loop;
    atomic_int answered;
    int failures;
};

static void answer(void *arg)
{
    atomic_fetch_add(&((struct ping *)arg)->answered, 1);
}

/* Waits for each answer before the next post, so the loop is about to sleep, asleep or just
 * awake at every one of them: it spins, and a little longer each time, as the moment between
 * the loop's last look at its posts and its sleep is short. A lost wake-up hangs here. */
static void *ping_again_and_again(void *arg)
{
    struct ping *ping = arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (hoop_call_soon_threadsafe(ping->loop, answer, ping) != 0)
            ping->failures++;
        for (int spins = 0; ping->answered <= i; spins++)
            if (spins > 1000)
                sched_yield();
        for (volatile int spin = 0; spin < i % 200; spin++)
            ;
    }
    hoop_stop_threadsafe(ping->loop);
    return NULL;
}

static void a_loop_that_goes_to_sleep_is_woken_each_time(void **state)
{
    (void)state;
    for (int clock = HOOP_CLOCK_MONOTONIC; clock <= HOOP_CLOCK_VIRTUAL; clock++) {
        struct ping ping = {
            .loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = (hoop_clock)clock})};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, ping_again_and_again, &ping), 0);
        assert_int_equal(hoop_run_forever(ping.loop), 0);
        pthread_join(thread, NULL);
        assert_int_equal(ping.failures, 0);
        hoop_close(ping.loop);
    }
}

static void *stop_soon(void *loop)
{
    usleep(2000);
    int rc = hoop_stop_threadsafe(loop);
    return (void *)(intptr_t)rc;
}

static void another_thread_can_stop_a_sleeping_loop(void **state)
{
    (void)state;
    pthread_t thread;
    void *rc;
    hoop_loop *loop = hoop_new_event_loop();
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pthread_create(&thread, NULL, stop_soon, loop), 0);
        assert_int_equal(hoop_run_forever(loop), 0);
        pthread_join(thread, &rc);
        assert_null(rc);
    }
    hoop_close(loop);
}

/* ---- order and batches, from the loop's own thread ---- */

struct world {
    hoop_loop *loop;
    struct record record;
};

static void add_a(void *arg)
{
    record_add(&((struct world *)arg)->record, "a");
}

static void add_b(void *arg)
{
    record_add(&((struct world *)arg)->record, "b");
}

static void post_b(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "post");
    assert_int_equal(hoop_call_soon_threadsafe(world->loop, add_b, world), 0);
}

static void stop_and_note(void *arg)
{
    struct world *world = arg;
    record_add(&world->record, "stop");
    hoop_stop(world->loop);
}

static void posts_made_before_the_run_wait_for_it(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    assert_int_equal(hoop_call_soon_threadsafe(world.loop, add_a, &world), 0);
    assert_int_equal(hoop_call_soon_threadsafe(world.loop, add_b, &world), 0);
    assert_record(&world.record, "");
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "a b");
    hoop_close(world.loop);
}

static void a_post_made_by_a_post_waits_for_the_next_iteration(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_soon_threadsafe(world.loop, post_b, &world);
    hoop_call_soon_threadsafe(world.loop, add_a, &world);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "post a");
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "post a b");
    hoop_close(world.loop);
}

static void a_stop_lets_the_posts_of_its_batch_run(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_soon_threadsafe(world.loop, stop_and_note, &world);
    hoop_call_soon_threadsafe(world.loop, add_a, &world);
    assert_int_equal(hoop_run_forever(world.loop), 0);
    assert_record(&world.record, "stop a");
    hoop_close(world.loop);
}

static void schedule_both_ways(void *arg)
{
    struct world *world = arg;
    hoop_call_soon_threadsafe(world->loop, add_a, world);
    hoop_call_soon(world->loop, add_b, world);
    hoop_call_soon_threadsafe(world->loop, add_a, world);
}

/* What the loop's thread schedules runs in the order in which it did so, by whichever way. */
static void posts_and_callbacks_of_one_thread_keep_their_order(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_call_soon(world.loop, schedule_both_ways, &world);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_int_equal(hoop_run_once(world.loop, 0), 0);
    assert_record(&world.record, "a b a");
    hoop_close(world.loop);
}

/* ---- closing ---- */

static int released;

static void count_release(void *value)
{
    (void)value;
    released++;
}

static const hoop_context_var tag = {.name = "tag", .release = count_release};

static void post_with_a_tag(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_context_set(&tag, world), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(hoop_call_soon_threadsafe(world->loop, add_a, world), 0);
}

static void posts_dropped_at_close_do_not_run_and_release_their_context(void **state)
{
    (void)state;
    struct world world = {.loop = virtual_loop()};
    hoop_context *outer = hoop_context_copy();
    released = 0;
    hoop_context_run(outer, post_with_a_tag, &world);
    hoop_context_unref(outer);
    assert_int_equal(released, 0);
    hoop_close(world.loop);
    assert_int_equal(released, 1);
    assert_record(&world.record, "");
}

static void try_to_post_with_a_tag(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_context_set(&tag, world), 0);
    assert_int_equal(hoop_call_soon_threadsafe(world->loop, add_a, world), HOOP_ECLOSED);
}

static void a_closed_loop_refuses_posts(void **state)
{
    (void)state;
    struct world world = {.loop = hoop_loop_ref(virtual_loop())};
    hoop_context *outer = hoop_context_copy();
    released = 0;
    hoop_close(world.loop);
    hoop_context_run(outer, try_to_post_with_a_tag, &world);
    hoop_context_unref(outer);
    assert_int_equal(released, 1);
    assert_int_equal(hoop_stop_threadsafe(world.loop), HOOP_ECLOSED);
    hoop_loop_unref(world.loop);
}

struct race {
    hoop_loop *loop;
    atomic_int accepted;
    atomic_bool refused;
    int ran;
};

static void count_run(void *arg)
{
    ((struct race *)arg)->ran++;
}

static void *post_until_closed(void *arg)
{
    struct race *race = arg;
    while (hoop_call_soon_threadsafe(race->loop, count_run, race) == 0)
        atomic_fetch_add(&race->accepted, 1);
    race->refused = true;
    hoop_loop_unref(race->loop);
    return NULL;
}

static void a_loop_can_close_while_others_post(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct race race = {.loop = hoop_new_event_loop()};
        pthread_t thread;
        hoop_loop_ref(race.loop);
        assert_int_equal(pthread_create(&thread, NULL, post_until_closed, &race), 0);
        while (race.ran < 100)
            assert_int_equal(hoop_run_once(race.loop, 0.01), 0);
        hoop_close(race.loop);
        pthread_join(thread, NULL);
        assert_true(race.refused);
        assert_true(race.ran <= race.accepted);
    }
}

static void there_is_no_posting_of_nothing(void **state)
{
    (void)state;
    hoop_callback_fn no_callback = NULL;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_call_soon_threadsafe(loop, no_callback, NULL), -EINVAL);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_idle_loop_gets_every_post_in_each_threads_order),
        BEHAVIOUR(a_busy_loop_gets_every_post_in_each_threads_order),
        BEHAVIOUR(a_loop_that_goes_to_sleep_is_woken_each_time),
        BEHAVIOUR(another_thread_can_stop_a_sleeping_loop),
        BEHAVIOUR(posts_made_before_the_run_wait_for_it),
        BEHAVIOUR(a_post_made_by_a_post_waits_for_the_next_iteration),
        BEHAVIOUR(a_stop_lets_the_posts_of_its_batch_run),
        BEHAVIOUR(posts_and_callbacks_of_one_thread_keep_their_order),
        BEHAVIOUR(posts_dropped_at_close_do_not_run_and_release_their_context),
        BEHAVIOUR(a_closed_loop_refuses_posts),
        BEHAVIOUR(a_loop_can_close_while_others_post),
        BEHAVIOUR(there_is_no_posting_of_nothing),
    };
    return cmocka_run_group_tests_name("call_threadsafe", tests, NULL, NULL);
}
