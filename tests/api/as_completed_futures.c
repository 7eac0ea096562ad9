/* SPDX-License-Identifier: MIT
 *
 * hoop_as_completed_new_futures: futures one after another, as they are done; and that an
 * iterator hands out only what it was made for.
 */
#include "in_a_task.h"
#include "job.h"

enum { COUNT = 3 };

static void futures_new(hoop_future **ret_futures)
{
    for (int i = 0; i < COUNT; i++)
        ret_futures[i] = hoop_future_new(NULL);
}

static void futures_unref(hoop_future **futures)
{
    for (int i = 0; i < COUNT; i++)
        hoop_future_unref(futures[i]);
}

static void set_four(void *future)
{
    assert_int_equal(hoop_future_set_result(future, 4), 0);
}

static void set_later(hoop_future *future, double seconds)
{
    assert_true(hoop_call_later(hoop_running_loop(), seconds, set_four, future) >= 0);
}

static void assert_next(hoop_as_completed *iterator, const hoop_future *expected)
{
    hoop_future *next = NULL;
    assert_int_equal(hoop_as_completed_next_future(iterator, &next), 1);
    assert_ptr_equal(next, expected);
    assert_true(hoop_future_is_done(next));
}

/* Nothing is left, however often one asks. */
static void assert_at_its_end(hoop_as_completed *iterator)
{
    hoop_future *next = NULL;
    assert_int_equal(hoop_as_completed_next_future(iterator, &next), 0);
    assert_int_equal(hoop_as_completed_next_future(iterator, &next), 0);
    assert_null(next);
}

/* ---- the order ---- */

IN_A_TASK(futures_come_in_the_order_in_which_they_are_done)
{
    hoop_future *futures[COUNT], *array[COUNT];
    futures_new(futures);
    for (int i = 0; i < COUNT; i++)
        array[i] = futures[i];
    hoop_as_completed *iterator = hoop_as_completed_new_futures(array, COUNT);
    assert_non_null(iterator);
    for (int i = 0; i < COUNT; i++)
        array[i] = NULL; /* the array is not needed any more */
    set_later(futures[0], 3);
    set_later(futures[1], 1);
    set_later(futures[2], 2);
    const int order[] = {1, 2, 0};
    for (int i = 0; i < COUNT; i++) {
        assert_next(iterator, futures[order[i]]);
        assert_now(i + 1);
    }
    assert_at_its_end(iterator);
    hoop_as_completed_free(iterator);
    futures_unref(futures);
}

IN_A_TASK(what_is_done_already_comes_first_and_at_once)
{
    hoop_future *futures[COUNT];
    futures_new(futures);
    set_four(futures[2]);
    set_four(futures[1]); /* the order of these is the array's */
    hoop_as_completed *iterator = hoop_as_completed_new_futures(futures, COUNT);
    assert_next(iterator, futures[1]);
    assert_next(iterator, futures[2]);
    set_later(futures[0], 5);
    assert_now(0);
    assert_next(iterator, futures[0]);
    assert_now(5);
    hoop_as_completed_free(iterator);
    futures_unref(futures);
}

IN_A_TASK(the_iterator_keeps_its_futures)
{
    hoop_future *futures[COUNT], *next;
    futures_new(futures);
    hoop_as_completed *iterator = hoop_as_completed_new_futures(futures, COUNT);
    for (int i = 0; i < COUNT; i++)
        set_four(futures[i]);
    futures_unref(futures);
    int64_t sum = 0;
    while (hoop_as_completed_next_future(iterator, &next) == 1)
        sum += hoop_future_result(next);
    assert_int_equal(sum, 4 * COUNT);
    hoop_as_completed_free(iterator);
}

IN_A_TASK(one_that_is_there_twice_comes_twice_and_of_none_none_comes)
{
    hoop_future *future = hoop_future_new(NULL);
    hoop_future *const twice[] = {future, future};
    hoop_as_completed *iterator = hoop_as_completed_new_futures(twice, 2);
    set_later(future, 1);
    assert_next(iterator, future);
    assert_next(iterator, future);
    assert_at_its_end(iterator);
    hoop_as_completed_free(iterator);
    hoop_future_unref(future);
    iterator = hoop_as_completed_new_futures(NULL, 0);
    assert_at_its_end(iterator);
    hoop_as_completed_free(iterator);
}

IN_A_TASK(tasks_may_be_among_the_futures)
{
    struct job job = {.seconds = 1, .result = 6};
    hoop_task *task = hoop_create_task(do_job, &job);
    hoop_future *plain = hoop_future_new(NULL), *next;
    set_later(plain, 2);
    hoop_future *const futures[] = {plain, hoop_task_future(task)};
    hoop_as_completed *iterator = hoop_as_completed_new_futures(futures, 2);
    assert_int_equal(hoop_as_completed_next_future(iterator, &next), 1);
    assert_ptr_equal(hoop_future_task(next), task);
    assert_int_equal(hoop_as_completed_next_future(iterator, &next), 1);
    assert_null(hoop_future_task(next));
    hoop_as_completed_free(iterator);
    hoop_future_unref(plain);
    assert_int_equal(hoop_await(task), 6);
}

/* ---- errors and cancellation ---- */

static int64_t hand_out_failures(void *arg)
{
    (void)arg;
    hoop_future *futures[COUNT];
    futures_new(futures);
    hoop_as_completed *iterator = hoop_as_completed_new_futures(futures, COUNT);
    assert_int_equal(hoop_future_set_error(futures[2], -EIO, "seen"), 0);
    assert_true(hoop_future_cancel(futures[0]));
    assert_int_equal(hoop_future_set_error(futures[1], -EPIPE, "unseen"), 0);
    assert_next(iterator, futures[2]);
    assert_int_equal(hoop_future_await(futures[2]), -EIO);
    assert_string_equal(hoop_error_message(), "seen");
    assert_next(iterator, futures[0]);
    assert_next(iterator, futures[1]);
    hoop_as_completed_free(iterator);
    futures_unref(futures);
    return 0;
}

static void an_error_is_handed_out_like_a_result_and_is_not_retrieved_by_that(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, hand_out_failures, NULL), 0);
    hoop_close(loop);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EPIPE);
    assert_string_equal(reports.error_message, "unseen");
}

struct taker {
    hoop_as_completed *iterator;
    hoop_future *next;
};

static int64_t take_the_next(void *arg)
{
    struct taker *taker = arg;
    return hoop_as_completed_next_future(taker->iterator, &taker->next);
}

IN_A_TASK(who_is_cancelled_gets_nothing_and_nothing_is_lost)
{
    hoop_future *futures[COUNT];
    futures_new(futures);
    struct taker taker = {.iterator = hoop_as_completed_new_futures(futures, COUNT)};
    hoop_task *task = hoop_create_task(take_the_next, &taker);
    let_others_wait();
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_null(taker.next);
    for (int i = 0; i < COUNT; i++) {
        assert_false(hoop_future_is_done(futures[i])); /* none was cancelled with it */
        set_four(futures[i]);
        assert_next(taker.iterator, futures[i]);
    }
    hoop_as_completed_free(taker.iterator);
    futures_unref(futures);
}

IN_A_TASK(who_was_given_the_next_before_being_cancelled_has_it)
{
    hoop_future *future = hoop_future_new(NULL);
    struct taker taker = {.iterator = hoop_as_completed_new_futures(&future, 1)};
    hoop_task *task = hoop_create_task(take_the_next, &taker);
    let_others_wait();
    set_four(future);
    assert_true(hoop_task_cancel(task)); /* it is ready already */
    assert_int_equal(hoop_await(task), 1);
    assert_ptr_equal(taker.next, future);
    hoop_as_completed_free(taker.iterator);
    hoop_future_unref(future);
}

IN_A_TASK(freeing_the_iterator_leaves_the_others_pending)
{
    hoop_future *futures[COUNT];
    futures_new(futures);
    hoop_as_completed *iterator = hoop_as_completed_new_futures(futures, COUNT);
    set_four(futures[1]);
    assert_next(iterator, futures[1]);
    hoop_as_completed_free(iterator);
    assert_int_equal(hoop_future_result(futures[0]), HOOP_EPENDING);
    set_four(futures[0]); /* nobody watches it any more */
    futures_unref(futures);
}

/* ---- misuse ---- */

IN_A_TASK(the_wrong_kind_of_next_is_refused_and_takes_nothing)
{
    hoop_future *future = hoop_future_new(NULL), *next_future = NULL;
    struct job job = {.result = 3};
    hoop_task *task = hoop_create_task(do_job, &job), *next_task = NULL;
    hoop_as_completed *of_futures = hoop_as_completed_new_futures(&future, 1);
    hoop_as_completed *of_tasks = hoop_as_completed_new(&task, 1);
    for (int is_done = 0; is_done <= 1; is_done++) {
        assert_int_equal(hoop_as_completed_next(of_futures, &next_task), -EINVAL);
        assert_int_equal(hoop_as_completed_next_future(of_tasks, &next_future), -EINVAL);
        assert_null(next_task);
        assert_null(next_future);
        if (!is_done)
            set_four(future);
        let_others_wait();
    }
    assert_next(of_futures, future);
    assert_int_equal(hoop_as_completed_next(of_tasks, &next_task), 1);
    assert_ptr_equal(next_task, task);
    assert_int_equal(hoop_as_completed_next(of_futures, &next_task), -EINVAL); /* at its end too */
    assert_int_equal(hoop_as_completed_next_future(of_tasks, &next_future), -EINVAL);
    hoop_as_completed_free(of_futures);
    hoop_as_completed_free(of_tasks);
    hoop_future_unref(future);
    assert_int_equal(hoop_await(task), 3);
}

IN_A_TASK(only_one_task_may_wait_for_the_next)
{
    hoop_future *future = hoop_future_new(NULL), *next;
    struct taker taker = {.iterator = hoop_as_completed_new_futures(&future, 1)};
    hoop_task *task = hoop_create_task(take_the_next, &taker);
    let_others_wait();
    assert_int_equal(hoop_as_completed_next_future(taker.iterator, &next), -EBUSY);
    set_four(future);
    assert_int_equal(hoop_await(task), 1);
    hoop_as_completed_free(taker.iterator);
    hoop_future_unref(future);
}

struct foreign {
    hoop_as_completed *iterator;
    hoop_future *pending, *done;
};

static int64_t watch_both(void *arg)
{
    struct foreign *foreign = arg;
    foreign->iterator = hoop_as_completed_new_futures((hoop_future *[]){foreign->pending}, 1);
    assert_non_null(foreign->iterator);
    return 0;
}

static int64_t use_what_is_anothers(void *arg)
{
    struct foreign *foreign = arg;
    hoop_future *next, *none = NULL;
    assert_null(hoop_as_completed_new_futures(&foreign->pending, 1));
    assert_int_equal(hoop_last_error(), HOOP_EOTHERLOOP);
    assert_null(hoop_as_completed_new_futures(&none, 1));
    assert_int_equal(hoop_last_error(), -EINVAL);
    assert_int_equal(hoop_as_completed_next_future(foreign->iterator, &next), HOOP_EOTHERLOOP);
    hoop_as_completed *iterator = hoop_as_completed_new_futures(&foreign->done, 1);
    assert_next(iterator, foreign->done); /* what is done needs no loop */
    hoop_as_completed_free(iterator);
    return 0;
}

static void futures_of_another_loop_are_refused_unless_they_are_done(void **state)
{
    (void)state;
    hoop_loop *other = virtual_loop();
    struct foreign foreign = {.pending = hoop_future_new(other), .done = hoop_future_new(other)};
    set_four(foreign.done);
    assert_null(hoop_as_completed_new_futures(&foreign.done, 1));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
    assert_int_equal(hoop_run_until_complete(other, watch_both, &foreign), 0);
    hoop_future *next;
    assert_int_equal(hoop_as_completed_next_future(foreign.iterator, &next), HOOP_ENOTASK);
    assert_int_equal(run_virtually(use_what_is_anothers, &foreign), 0);
    hoop_close(other);
    hoop_as_completed_free(foreign.iterator);
    hoop_future_unref(foreign.pending);
    hoop_future_unref(foreign.done);
}

/* ---- the end ---- */

static int64_t wait_for_ever(void *arg)
{
    struct taker *taker = arg;
    hoop_future *future = hoop_future_new(NULL);
    taker->iterator = hoop_as_completed_new_futures(&future, 1);
    hoop_future_unref(future); /* the iterator has it */
    return take_the_next(taker);
}

static void an_iterator_outlives_its_loop(void **state)
{
    (void)state;
    struct taker taker = {0};
    close_while_it_waits(wait_for_ever, &taker, NULL);
    hoop_as_completed_free(taker.iterator);
}

static int64_t iterate(void *arg)
{
    (void)arg;
    hoop_future *futures[COUNT] = {NULL}, *next;
    int64_t rc = 0;
    for (int i = 0; i < COUNT && rc == 0; i++) {
        futures[i] = hoop_future_new(NULL);
        rc = futures[i] == NULL ? hoop_last_error() : 0;
    }
    hoop_as_completed *iterator = NULL;
    if (rc == 0) {
        iterator = hoop_as_completed_new_futures(futures, COUNT);
        rc = iterator == NULL ? hoop_last_error() : 0;
    }
    for (int i = 0; i < COUNT && rc == 0; i++) {
        set_four(futures[i]);
        assert_int_equal(hoop_as_completed_next_future(iterator, &next), 1); /* needs no memory */
    }
    hoop_as_completed_free(iterator);
    futures_unref(futures);
    return rc;
}

static int run_iterate(void *arg)
{
    struct reports reports = {0};
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, reports_add, &reports);
    int64_t rc = hoop_run_until_complete(loop, iterate, arg);
    assert_int_equal(hoop_close(loop), 0);
    assert_true(rc == 0 || rc == -ENOMEM);
    return (int)rc;
}

static void without_memory_there_is_no_iterator(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, run_iterate, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(futures_come_in_the_order_in_which_they_are_done),
        BEHAVIOUR(what_is_done_already_comes_first_and_at_once),
        BEHAVIOUR(the_iterator_keeps_its_futures),
        BEHAVIOUR(one_that_is_there_twice_comes_twice_and_of_none_none_comes),
        BEHAVIOUR(tasks_may_be_among_the_futures),
        BEHAVIOUR(an_error_is_handed_out_like_a_result_and_is_not_retrieved_by_that),
        BEHAVIOUR(who_is_cancelled_gets_nothing_and_nothing_is_lost),
        BEHAVIOUR(who_was_given_the_next_before_being_cancelled_has_it),
        BEHAVIOUR(freeing_the_iterator_leaves_the_others_pending),
        BEHAVIOUR(the_wrong_kind_of_next_is_refused_and_takes_nothing),
        BEHAVIOUR(only_one_task_may_wait_for_the_next),
        BEHAVIOUR(futures_of_another_loop_are_refused_unless_they_are_done),
        BEHAVIOUR(an_iterator_outlives_its_loop),
        BEHAVIOUR(without_memory_there_is_no_iterator),
    };
    return cmocka_run_group_tests_name("as_completed_futures", tests, NULL, NULL);
}
