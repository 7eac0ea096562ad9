/* SPDX-License-Identifier: MIT
 *
 * Threads at the ends of a queue, when the queue or its loop goes; misuse, and failure.
 */
#include <errno.h>

#include "queue_outsider.h"

/* ---- the end of the queue ---- */

static int64_t shut_down_under_them(void *arg)
{
    hoop_queue *full = queue_of_ints(1), *empty = arg;
    put(full, 1);
    struct outsider putter = outsider_for(full, no_limit, 2);
    struct outsider getter = outsider_for(empty, no_limit, 77);
    start(&putter, put_outside);
    start(&getter, get_outside);
    let_wait(2);
    hoop_queue_shutdown(full, false);
    hoop_queue_shutdown(empty, false);
    end(&putter, HOOP_ESHUTDOWN);
    end(&getter, HOOP_ESHUTDOWN);
    assert_int_equal(getter.item, 77);
    struct outsider late = outsider_for(full, no_limit, 0);
    start(&late, get_outside); /* what is left may be got */
    end(&late, 0);
    assert_int_equal(late.item, 1);
    late = outsider_for(full, no_limit, 0);
    start(&late, get_outside);
    end(&late, HOOP_ESHUTDOWN);
    return hoop_queue_free(full);
}

static void a_shutdown_wakes_the_threads_that_wait(void **state)
{
    (void)state;
    hoop_queue *queue = queue_of_ints(0);
    run(shut_down_under_them, queue);
    assert_int_equal(hoop_queue_free(queue), 0);
}

/* ---- the end of the loop ---- */

static int64_t wait_for_an_outsider(void *arg)
{
    (void)arg;
    let_wait(1);
    return 0;
}

static void ignore(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)exception;
    ++*(unsigned *)arg;
}

static void closing_the_loop_wakes_a_thread_that_waits(void **state)
{
    (void)state;
    unsigned reports = 0;
    hoop_queue *queue = queue_of_ints(0);
    hoop_loop *loop = hoop_loop_ref(hoop_new_event_loop());
    hoop_set_exception_handler(loop, ignore, &reports);
    struct outsider getter = {.loop = loop, .queue = queue, .seconds = no_limit, .item = 77};
    start(&getter, get_outside);
    assert_int_equal(hoop_run_until_complete(loop, wait_for_an_outsider, NULL), 0);
    hoop_close(loop);
    pthread_join(getter.thread, NULL);
    assert_int_equal(getter.rc, HOOP_ECLOSED);
    assert_int_equal(getter.item, 77);
    assert_int_equal(hoop_queue_free(queue), 0);
    hoop_loop_unref(loop);
}

static void so_does_the_end_of_a_runner(void **state)
{
    (void)state;
    hoop_queue *queue = queue_of_ints(0);
    hoop_runner *runner = hoop_runner_new(NULL);
    hoop_loop *loop = hoop_loop_ref(hoop_runner_loop(runner));
    struct outsider getter = {.loop = loop, .queue = queue, .seconds = no_limit, .item = 77};
    start(&getter, get_outside);
    assert_int_equal(hoop_runner_run(runner, wait_for_an_outsider, NULL), 0);
    hoop_runner_close(runner);
    pthread_join(getter.thread, NULL);
    assert_int_equal(getter.rc, HOOP_ECLOSED);
    assert_int_equal(getter.item, 77);
    assert_int_equal(hoop_queue_free(queue), 0);
    hoop_loop_unref(loop);
}

static void one_that_was_never_served_is_told_too(void **state)
{
    (void)state;
    hoop_queue *queue = queue_of_ints(0);
    hoop_loop *loop = hoop_loop_ref(hoop_new_event_loop());
    struct outsider getter = {.loop = loop, .queue = queue, .seconds = no_limit};
    start(&getter, get_outside);
    hoop_close(loop); /* it has not run: the request is there, or comes too late */
    pthread_join(getter.thread, NULL);
    assert_int_equal(getter.rc, HOOP_ECLOSED);
    int item = 1;
    assert_int_equal(hoop_queue_put_threadsafe(loop, queue, &item, no_limit), HOOP_ECLOSED);
    assert_int_equal(hoop_queue_free(queue), 0);
    hoop_loop_unref(loop);
}

/* ---- misuse and failure ---- */

static int64_t use_own_ends(void *arg)
{
    hoop_loop *loop = hoop_running_loop();
    int item = 1;
    assert_int_equal(hoop_queue_put_threadsafe(loop, arg, &item, 0), -EDEADLK);
    assert_int_equal(hoop_queue_get_threadsafe(loop, arg, &item, no_limit), -EDEADLK);
    assert_true(hoop_queue_is_empty(arg));
    return 0;
}

static void in_the_loops_own_thread_it_would_block_for_ever(void **state)
{
    (void)state;
    hoop_queue *queue = queue_of_ints(0);
    run(use_own_ends, queue);
    assert_int_equal(hoop_queue_free(queue), 0);
}

static void bad_limits_and_no_loop_are_refused(void **state)
{
    (void)state;
    int item = 1;
    hoop_queue *queue = queue_of_ints(0);
    hoop_loop *loop = hoop_new_event_loop();
    assert_int_equal(hoop_queue_put_threadsafe(loop, queue, &item, -1), -EINVAL);
    assert_int_equal(hoop_queue_put_threadsafe(loop, queue, &item, (double)NAN), -EINVAL);
    assert_int_equal(hoop_queue_get_threadsafe(loop, queue, &item, -1), -EINVAL);
    assert_int_equal(hoop_queue_get_threadsafe(NULL, queue, &item, 1), -EINVAL);
    hoop_close(loop);
    assert_int_equal(hoop_queue_free(queue), 0);
}

static int64_t exchange_if_there_is_memory(void *arg)
{
    hoop_queue *queue = arg;
    struct outsider putter = outsider_for(queue, no_limit, 42);
    start(&putter, put_outside);
    while (!atomic_load(&putter.is_back))
        (void)!hoop_sleep(0.001);
    pthread_join(putter.thread, NULL);
    assert_int_equal(hoop_queue_size(queue), putter.rc == 0);
    return putter.rc;
}

static int exchange(void *arg)
{
    (void)arg;
    hoop_queue *queue = hoop_queue_new(sizeof(int), 0);
    hoop_loop *loop = hoop_new_event_loop();
    int64_t rc = queue == NULL || loop == NULL
                     ? hoop_last_error()
                     : hoop_run_until_complete(loop, exchange_if_there_is_memory, queue);
    hoop_close(loop);
    hoop_queue_free(queue);
    return (int)rc;
}

static void a_thread_hears_of_each_failure(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, exchange, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_shutdown_wakes_the_threads_that_wait),
        BEHAVIOUR(closing_the_loop_wakes_a_thread_that_waits),
        BEHAVIOUR(so_does_the_end_of_a_runner),
        BEHAVIOUR(one_that_was_never_served_is_told_too),
        BEHAVIOUR(in_the_loops_own_thread_it_would_block_for_ever),
        BEHAVIOUR(bad_limits_and_no_loop_are_refused),
        BEHAVIOUR(a_thread_hears_of_each_failure),
    };
    return cmocka_run_group_tests_name("queue_threadsafe_end", tests, NULL, NULL);
}
