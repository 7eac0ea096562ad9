/* SPDX-License-Identifier: MIT
 *
 * Hooks around the wait: in pairs, and only around a wait that may block, since a binding
 * lets its interpreter's lock go in between.
 */
#include "harness.h"

#include <hoop/embed.h>
#include <pthread.h>
#include <unistd.h>

struct hooks {
    int before;
    int after;
    int inside; /* 1 between the two */
    hoop_loop *loop;
    bool ran_inside; /* program code ran between the two */
    int callbacks;
};

static void before(void *arg)
{
    struct hooks *hooks = arg;
    assert_int_equal(hooks->inside, 0);
    hooks->inside = 1;
    hooks->before++;
}

static void after(void *arg)
{
    struct hooks *hooks = arg;
    assert_int_equal(hooks->inside, 1);
    hooks->inside = 0;
    hooks->after++;
}

static void callback(void *arg)
{
    struct hooks *hooks = arg;
    hooks->ran_inside = hooks->ran_inside || hooks->inside == 1;
    hooks->callbacks++;
}

static void assert_pairs(const struct hooks *hooks, int pairs)
{
    assert_int_equal(hooks->before, pairs);
    assert_int_equal(hooks->after, pairs);
    assert_false(hooks->ran_inside);
}

static void a_poll_that_cannot_block_calls_no_hook(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop();
    struct hooks hooks = {.loop = loop};
    hoop_set_wait_hooks(loop, before, after, &hooks);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_call_soon(loop, callback, &hooks);
    assert_int_equal(hoop_run_once(loop, 60), 0); /* work is ready */
    hoop_call_later(loop, 0, callback, &hooks);
    assert_int_equal(hoop_run_once(loop, 60), 0); /* a timer is due */
    hoop_call_soon_threadsafe(loop, callback, &hooks);
    assert_int_equal(hoop_run_once(loop, 60), 0); /* a post is there */
    hoop_stop(loop);
    assert_int_equal(hoop_run_forever(loop), 0); /* it is to stop */
    assert_int_equal(hooks.callbacks, 3);
    assert_pairs(&hooks, 0);
    hoop_close(loop);
}

static void a_wait_for_a_timer_is_between_the_hooks(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop();
    struct hooks hooks = {.loop = loop};
    assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_set_wait_hooks(loop, before, after, &hooks);
    hoop_call_later(loop, 0.003, callback, &hooks);
    assert_int_equal(hoop_run_once(loop, 60), 0);
    assert_int_equal(hooks.callbacks, 1);
    assert_pairs(&hooks, 1);
    assert_int_equal(hoop_run_once(loop, 0.001), 0); /* nothing at all, with a limit */
    assert_pairs(&hooks, 2);
    hoop_set_wait_hooks(loop, NULL, NULL, NULL);
    assert_int_equal(hoop_run_once(loop, 0.001), 0);
    assert_pairs(&hooks, 2);
    hoop_close(loop);
}

static void *post_stop(void *loop)
{
    usleep(2000);
    hoop_stop_threadsafe(loop);
    return NULL;
}

static void a_wait_that_another_thread_ends_is_between_the_hooks(void **state)
{
    (void)state;
    for (int clock = HOOP_CLOCK_MONOTONIC; clock <= HOOP_CLOCK_VIRTUAL; clock++) {
        hoop_loop *loop =
            hoop_new_event_loop_with(&(hoop_loop_options){.clock = (hoop_clock)clock});
        struct hooks hooks = {.loop = loop};
        pthread_t thread;
        assert_int_equal(hoop_run_once(loop, 0), 0);
        hoop_set_wait_hooks(loop, before, after, &hooks);
        assert_int_equal(pthread_create(&thread, NULL, post_stop, loop), 0);
        assert_int_equal(hoop_run_forever(loop), 0);
        pthread_join(thread, NULL);
        assert_pairs(&hooks, 1);
        hoop_close(loop);
    }
}

static void on_the_virtual_clock_nobody_waits_for_time(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    struct hooks hooks = {.loop = loop};
    hoop_set_wait_hooks(loop, before, after, &hooks);
    hoop_call_later(loop, 3600, callback, &hooks);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_once(loop, 3600), 0);
    assert_int_equal(hooks.callbacks, 1);
    assert_pairs(&hooks, 0);
    hoop_close(loop);
}

static void a_wait_that_fails_calls_both_hooks(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop();
    struct hooks hooks = {.loop = loop};
    assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_set_wait_hooks(loop, before, after, &hooks);
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    assert_true(hoop_run_once(loop, 60) < 0);
    hoop_testing_fail_nth(0, 0);
    assert_pairs(&hooks, 1);
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_poll_that_cannot_block_calls_no_hook),
        BEHAVIOUR(a_wait_for_a_timer_is_between_the_hooks),
        BEHAVIOUR(a_wait_that_another_thread_ends_is_between_the_hooks),
        BEHAVIOUR(on_the_virtual_clock_nobody_waits_for_time),
        BEHAVIOUR(a_wait_that_fails_calls_both_hooks),
    };
    return cmocka_run_group_tests_name("wait_hooks", tests, NULL, NULL);
}
