/* SPDX-License-Identifier: MIT
 *
 * Coroutines that another thread starts in a loop: results, errors, order, and waiting for them.
 */
#include "other_thread.h"

#include <string.h>

/* ---- outcomes ---- */

static void the_result_comes_to_the_thread(void **state)
{
    (void)state;
    struct host host;
    host_start(&host);
    for (int64_t i = 0; i < 1000; i++)
        assert_int_equal(result_of(hoop_run_coroutine_threadsafe(host.loop, double_it, &i)), 2 * i);
    host_end(&host);
}

static void an_error_comes_with_its_message(void **state)
{
    (void)state;
    struct host host;
    char file[] = "the file";
    host_start(&host);
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(host.loop, fail_with_words, file);
    assert_int_equal(hoop_thread_future_result(future, INFINITY), -EIO);
    assert_int_equal(hoop_thread_future_result(future, 0), -EIO); /* again */
    assert_string_equal(hoop_thread_future_error_message(future), "reading the file");
    hoop_thread_future_free(future);
    future = hoop_run_coroutine_threadsafe(host.loop, fail_silently, NULL);
    assert_int_equal(hoop_thread_future_result(future, INFINITY), -EPERM);
    assert_string_equal(hoop_thread_future_error_message(future), "");
    hoop_thread_future_free(future);
    host_end(&host);
}

static const char *seen_name;

static int64_t note_name(void *arg)
{
    (void)arg;
    return strcmp(hoop_task_name(hoop_current_task()), seen_name);
}

static void the_task_bears_the_functions_name(void **state)
{
    (void)state;
    struct host host;
    host_start(&host);
    seen_name = "note_name";
    assert_int_equal(result_of(hoop_run_coroutine_threadsafe(host.loop, note_name, NULL)), 0);
    seen_name = "another";
    hoop_thread_future *future =
        hoop_run_coroutine_threadsafe_named(host.loop, note_name, NULL, "another");
    assert_int_equal(result_of(future), 0);
    host_end(&host);
}

static const hoop_context_var user = {.name = "user", .default_value = "nobody"};

static int64_t compare_user(void *expected)
{
    return strcmp(hoop_context_get(&user), expected);
}

static void ask_in_context(void *arg)
{
    struct host *host = arg;
    char caller[] = "caller", nobody[] = "nobody";
    assert_int_equal(result_of(hoop_run_coroutine_threadsafe(host->loop, compare_user, nobody)), 0);
    assert_int_equal(hoop_context_set(&user, caller), 0);
    assert_int_equal(result_of(hoop_run_coroutine_threadsafe(host->loop, compare_user, caller)), 0);
}

static void the_task_has_the_threads_context_variables(void **state)
{
    (void)state;
    struct host host;
    host_start(&host);
    hoop_context *context = hoop_context_copy();
    hoop_context_run(context, ask_in_context, &host);
    hoop_context_unref(context);
    host_end(&host);
}

/* ---- order ---- */

enum { MANY = 100 };

struct turn {
    int *next;
    int seen;
};

static int64_t take_turn(void *arg)
{
    struct turn *turn = arg;
    turn->seen = (*turn->next)++;
    return hoop_sleep(0);
}

static void coroutines_of_one_thread_begin_in_their_order(void **state)
{
    (void)state;
    struct host host;
    int next = 0;
    struct turn turns[MANY];
    hoop_thread_future *futures[MANY];
    host_start(&host);
    for (int i = 0; i < MANY; i++) {
        turns[i] = (struct turn){&next, -1};
        futures[i] = hoop_run_coroutine_threadsafe(host.loop, take_turn, &turns[i]);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(result_of(futures[i]), 0);
        assert_int_equal(turns[i].seen, i);
    }
    host_end(&host);
}

static void the_loop_need_not_run_yet(void **state)
{
    (void)state;
    int64_t number = 4;
    hoop_loop *loop = virtual_loop();
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(loop, double_it, &number);
    assert_false(hoop_thread_future_is_done(future));
    assert_int_equal(hoop_thread_future_result(future, 0), HOOP_EPENDING);
    while (!hoop_thread_future_is_done(future))
        assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(result_of(future), 8);
    hoop_close(loop);
}

/* ---- waiting ---- */

static void a_limit_of_time_can_be_tried_again(void **state)
{
    (void)state;
    int64_t number = 1;
    hoop_loop *asleep = virtual_loop(); /* does not run, so nothing ends */
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(asleep, double_it, &number);
    assert_int_equal(hoop_thread_future_result(future, 0), HOOP_EPENDING);
    assert_int_equal(hoop_thread_future_result(future, 0.001), HOOP_EPENDING);
    assert_string_equal(hoop_thread_future_error_message(future), "");
    while (!hoop_thread_future_is_done(future))
        assert_int_equal(hoop_run_once(asleep, 0), 0);
    assert_int_equal(hoop_thread_future_result(future, 0), 2);
    hoop_thread_future_free(future);
    hoop_close(asleep);
}

static void a_time_that_is_none_is_refused(void **state)
{
    (void)state;
    int64_t number = 1;
    hoop_loop *loop = virtual_loop();
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(loop, double_it, &number);
    assert_int_equal(hoop_thread_future_result(future, -1), -EINVAL);
    assert_int_equal(hoop_thread_future_result(future, NAN), -EINVAL);
    hoop_thread_future_free(future);
    hoop_close(loop);
}

static void several_threads_can_wait_for_one_result(void **state)
{
    (void)state;
    int64_t number = 21;
    sem_t ready;
    struct waiter waiters[WAITERS];
    sem_init(&ready, 0, 0);
    hoop_loop *loop = virtual_loop();
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(loop, double_it, &number);
    start_waiters(waiters, future, &ready);
    while (!hoop_thread_future_is_done(future))
        assert_int_equal(hoop_run_once(loop, 0), 0);
    join_waiters(waiters, 42);
    hoop_thread_future_free(future);
    hoop_close(loop);
    sem_destroy(&ready);
}

static int64_t wait_for_own(void *arg)
{
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(hoop_running_loop(), double_it, arg);
    assert_int_equal(hoop_thread_future_result(future, INFINITY), -EDEADLK);
    assert_int_equal(hoop_thread_future_result(future, 0), -EDEADLK);
    while (!hoop_thread_future_is_done(future))
        assert_int_equal(hoop_sleep(0), 0);
    return result_of(future); /* now there is nothing to wait for */
}

static void the_loops_own_thread_cannot_wait_for_it(void **state)
{
    (void)state;
    int64_t number = 3;
    assert_int_equal(run_virtually(wait_for_own, &number), 6);
}

static int64_t wait_for_other(void *arg)
{
    struct host *host = arg;
    int64_t number = 4;
    return result_of(hoop_run_coroutine_threadsafe(host->loop, double_it, &number));
}

static void another_loops_thread_can(void **state)
{
    (void)state;
    struct host host;
    host_start(&host);
    assert_int_equal(run_virtually(wait_for_other, &host), 8);
    host_end(&host);
}

/* ---- no memory ---- */

static int ask_once(void *arg)
{
    int64_t number = 5;
    (void)arg;
    hoop_loop *loop = hoop_new_event_loop();
    if (loop == NULL)
        return hoop_last_error();
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(loop, double_it, &number);
    int64_t result = future != NULL ? 0 : hoop_last_error();
    for (int i = 0; i < 5 && future != NULL; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
    if (future != NULL)
        result = result_of(future);
    hoop_close(loop);
    assert_true(result == 10 || result == -ENOMEM);
    return result == 10 ? 0 : (int)result;
}

static void without_memory_the_thread_hears_of_it(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, ask_once, NULL) >= 4);
}

static int fail_with_words_once(void *arg)
{
    char file[] = "x";
    (void)arg;
    hoop_loop *loop = hoop_new_event_loop();
    if (loop == NULL)
        return hoop_last_error();
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(loop, fail_with_words, file);
    int64_t result = future != NULL ? 0 : hoop_last_error();
    for (int i = 0; i < 5 && future != NULL; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
    if (future != NULL) {
        result = hoop_thread_future_result(future, INFINITY);
        const char *message = hoop_thread_future_error_message(future);
        assert_true(message[0] == '\0' || strcmp(message, "reading x") == 0);
        hoop_thread_future_free(future);
    }
    hoop_close(loop);
    assert_true(result == -EIO || result == -ENOMEM);
    return result == -EIO ? 0 : (int)result;
}

static void without_memory_for_the_message_the_error_is_kept(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, fail_with_words_once, NULL) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_result_comes_to_the_thread),
        BEHAVIOUR(an_error_comes_with_its_message),
        BEHAVIOUR(the_task_bears_the_functions_name),
        BEHAVIOUR(the_task_has_the_threads_context_variables),
        BEHAVIOUR(coroutines_of_one_thread_begin_in_their_order),
        BEHAVIOUR(the_loop_need_not_run_yet),
        BEHAVIOUR(a_limit_of_time_can_be_tried_again),
        BEHAVIOUR(a_time_that_is_none_is_refused),
        BEHAVIOUR(several_threads_can_wait_for_one_result),
        BEHAVIOUR(the_loops_own_thread_cannot_wait_for_it),
        BEHAVIOUR(another_loops_thread_can),
        BEHAVIOUR(without_memory_the_thread_hears_of_it),
        BEHAVIOUR(without_memory_for_the_message_the_error_is_kept),
    };
    return cmocka_run_group_tests_name("threadsafe", tests, NULL, NULL);
}
