/* SPDX-License-Identifier: MIT
 *
 * Coroutines that another thread starts in a loop which closes before they have ended.
 */
#include "other_thread.h"

/* ---- a loop that closes ---- */

static void a_closed_loop_starts_nothing(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_loop_ref(virtual_loop());
    hoop_close(loop);
    assert_null(hoop_run_coroutine_threadsafe(loop, double_it, NULL));
    assert_int_equal(hoop_last_error(), HOOP_ECLOSED);
    hoop_loop_unref(loop);
}

static void there_is_no_starting_of_nothing(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    assert_null(hoop_run_coroutine_threadsafe(loop, NULL, NULL));
    assert_int_equal(hoop_last_error(), -EINVAL);
    assert_null(hoop_run_coroutine_threadsafe(NULL, double_it, NULL));
    assert_int_equal(hoop_last_error(), -EINVAL);
    hoop_close(loop);
}

static void what_had_not_begun_hears_of_the_close(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(loop, double_it, NULL);
    assert_true(hoop_thread_future_cancel(future));
    hoop_close(loop);
    assert_true(hoop_thread_future_is_done(future));
    assert_false(hoop_thread_future_cancel(future));
    assert_int_equal(result_of(future), HOOP_ECLOSED);
}

static void threads_that_wait_hear_of_the_close(void **state)
{
    (void)state;
    struct reports reports = {0};
    struct sleeper sleeper = {.woken_by = 1};
    struct waiter waiters[WAITERS];
    sem_t ready;
    sem_init(&ready, 0, 0);
    sem_init(&sleeper.sleeps, 0, 0);
    hoop_loop *loop = reporting_loop(&reports);
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(loop, sleep_forever, &sleeper);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
    sem_take(&sleeper.sleeps);
    start_waiters(waiters, future, &ready);
    assert_true(hoop_thread_future_cancel(future)); /* too late */
    hoop_close(loop);
    join_waiters(waiters, HOOP_ECLOSED);
    hoop_thread_future_free(future);
    assert_int_equal(sleeper.woken_by, 1); /* it was destroyed, and not woken */
    assert_string_equal(reports.message, "task was destroyed but it is pending");
    sem_destroy(&ready);
    sem_destroy(&sleeper.sleeps);
}

static void a_freed_future_is_no_concern_of_the_close(void **state)
{
    (void)state;
    struct reports reports = {0};
    struct sleeper sleeper = {0};
    sem_init(&sleeper.sleeps, 0, 0);
    hoop_loop *loop = reporting_loop(&reports);
    hoop_thread_future_free(hoop_run_coroutine_threadsafe(loop, sleep_forever, &sleeper));
    assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_thread_future_free(hoop_run_coroutine_threadsafe(loop, sleep_forever, &sleeper));
    hoop_close(loop);
    assert_int_equal(reports.count, 1);
    sem_destroy(&sleeper.sleeps);
}

struct race {
    hoop_loop *loop;
    sem_t asked;
    int64_t last; /* outcome */
    int results;
};

static void *ask_until_closed(void *arg)
{
    struct race *race = arg;
    int64_t number = 1;
    for (race->last = 0; race->last >= 0;) {
        hoop_thread_future *future = hoop_run_coroutine_threadsafe(race->loop, double_it, &number);
        race->last =
            future != NULL ? hoop_thread_future_result(future, INFINITY) : hoop_last_error();
        hoop_thread_future_free(future);
        race->results += race->last == 2;
        sem_post(&race->asked);
    }
    hoop_loop_unref(race->loop);
    return NULL;
}

static void drop_report(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)exception;
    (void)arg;
}

static void a_loop_can_close_while_others_ask(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct race race = {.loop = hoop_new_event_loop()};
        pthread_t thread;
        sem_init(&race.asked, 0, 0);
        hoop_set_exception_handler(race.loop, drop_report, NULL);
        hoop_loop_ref(race.loop);
        assert_int_equal(pthread_create(&thread, NULL, ask_until_closed, &race), 0);
        while (sem_trywait(&race.asked) != 0)
            assert_int_equal(hoop_run_once(race.loop, 1), 0);
        for (int k = 0; k < i % 3; k++) /* and a little further */
            assert_int_equal(hoop_run_once(race.loop, 0), 0);
        hoop_close(race.loop);
        pthread_join(thread, NULL);
        assert_int_equal(race.last, HOOP_ECLOSED);
        assert_true(race.results > 0);
        sem_destroy(&race.asked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_closed_loop_starts_nothing),
        BEHAVIOUR(there_is_no_starting_of_nothing),
        BEHAVIOUR(what_had_not_begun_hears_of_the_close),
        BEHAVIOUR(threads_that_wait_hear_of_the_close),
        BEHAVIOUR(a_freed_future_is_no_concern_of_the_close),
        BEHAVIOUR(a_loop_can_close_while_others_ask),
    };
    return cmocka_run_group_tests_name("threadsafe_close", tests, NULL, NULL);
}
