/* SPDX-License-Identifier: MIT
 *
 * hoop_gather: the results of many at once, and what becomes of the others when one fails.
 * Cancelling is in gather_cancel.c.
 */
#include "job.h"

/* ---- results ---- */

static int64_t square_after_a_while(void *arg)
{
    int64_t n = (intptr_t)arg;
    int rc = hoop_sleep((double)((n * 7) % 10)); /* they end in another order */
    return rc < 0 ? rc : n * n;
}

enum { MANY = 1000 };

static int64_t gather_squares(void *arg)
{
    size_t count = (size_t)(intptr_t)arg;
    hoop_task *tasks[MANY] = {NULL};
    int64_t results[MANY + 1];
    for (size_t i = 0; i < count; i++)
        tasks[i] = hoop_create_task(square_after_a_while, (void *)(intptr_t)i);
    results[count] = 77;
    assert_int_equal(hoop_gather(tasks, count, results, 0), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(results[i], i * i);
    assert_int_equal(results[count], 77);
    return 0;
}

static void results_come_in_the_order_of_the_tasks_however_many_there_are(void **state)
{
    (void)state;
    const intptr_t counts[] = {0, 1, 2, 7, 8, 9, 10, MANY};
    for (int i = 0; i < 8; i++)
        assert_int_equal(run_virtually(gather_squares, (void *)counts[i]), 0);
}

static int64_t gather_without_results(void *arg)
{
    struct record *record = arg;
    struct job a = {2, .name = "a", .record = record}, b = {1, .name = "b", .record = record};
    hoop_task *tasks[] = {hoop_create_task(do_job, &a), hoop_create_task(do_job, &b)};
    assert_int_equal(hoop_gather(tasks, 2, NULL, 0), 0);
    assert_now(2);
    assert_int_equal(hoop_gather(NULL, 0, NULL, 0), 0);
    assert_int_equal(hoop_gather_futures(NULL, 0, NULL, HOOP_RETURN_ERRORS), 0);
    return 0;
}

static void the_results_need_not_be_wanted(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(gather_without_results, &record), 0);
    assert_record(&record, "b a");
}

static int64_t record_other(void *arg)
{
    record_add(arg, "other");
    return 0;
}

static int64_t gather_finished_ones(void *arg)
{
    hoop_task *tasks[9];
    for (intptr_t i = 0; i < 9; i++)
        tasks[i] = hoop_create_task(square_after_a_while, (void *)i);
    assert_int_equal(hoop_sleep(20), 0);
    hoop_task_detach(hoop_create_task(record_other, arg));
    int64_t results[9] = {0};
    assert_int_equal(hoop_gather(tasks, 9, results, 0), 0);
    record_add(arg, "gathered");
    assert_int_equal(results[8], 64);
    return hoop_sleep(0);
}

static void gathering_finished_tasks_returns_at_once(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(gather_finished_ones, &record), 0);
    assert_record(&record, "gathered other");
}

static int64_t gather_one_several_times(void *arg)
{
    (void)arg;
    struct job job = {.seconds = 1, .result = 5}, other = {.seconds = 2, .result = 6};
    hoop_task *task = hoop_create_task(do_job, &job);
    hoop_task *tasks[] = {task, hoop_task_ref(task), hoop_create_task(do_job, &other),
                          hoop_task_ref(task)};
    int64_t results[4];
    assert_int_equal(hoop_gather(tasks, 4, results, 0), 0);
    assert_true(results[0] == 5 && results[1] == 5 && results[2] == 6 && results[3] == 5);
    hoop_future *future = hoop_future_new(NULL);
    assert_int_equal(hoop_future_set_result(future, 8), 0);
    hoop_future *const futures[] = {future, future};
    assert_int_equal(hoop_gather_futures(futures, 2, results, 0), 0);
    assert_true(results[0] == 8 && results[1] == 8);
    hoop_future_unref(future);
    return 0;
}

static void one_may_be_there_several_times(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(gather_one_several_times, NULL), 0);
}

static void set_it(void *future)
{
    assert_int_equal(hoop_future_set_result(future, 3), 0);
}

static int64_t gather_futures(void *arg)
{
    struct job job = {.seconds = 1, .result = 4};
    (void)arg;
    hoop_future *future = hoop_future_new(NULL);
    hoop_task *task = hoop_create_task(do_job, &job);
    hoop_future *const futures[] = {hoop_task_future(task), future};
    assert_true(hoop_call_later(hoop_running_loop(), 2, set_it, future) > 0);
    int64_t results[2];
    assert_int_equal(hoop_gather_futures(futures, 2, results, 0), 0);
    assert_true(results[0] == 4 && results[1] == 3);
    assert_now(2);
    assert_int_equal(hoop_future_result(future), 3); /* they were borrowed */
    assert_int_equal(hoop_await(task), 4);
    hoop_future_unref(future);
    return 0;
}

static void futures_are_gathered_and_borrowed(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(gather_futures, NULL), 0);
}

static int64_t sum_of_two_layers(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    if (depth == 0)
        return hoop_sleep(1) < 0 ? -ECANCELED : 1;
    hoop_task *tasks[2];
    for (int i = 0; i < 2; i++)
        tasks[i] = hoop_create_task(sum_of_two_layers, (void *)(depth - 1));
    int64_t results[2];
    int64_t rc = hoop_gather(tasks, 2, results, 0);
    return rc < 0 ? rc : results[0] + results[1];
}

static void gathers_nest(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(sum_of_two_layers, (void *)8), 256);
}

/* ---- errors ---- */

static int64_t gather_with_a_failure(void *arg)
{
    struct record *record = arg;
    static struct job jobs[9];
    hoop_task *tasks[9];
    int64_t results[9];
    for (int i = 0; i < 9; i++) {
        jobs[i] = (struct job){i, .name = "x", .record = record};
        results[i] = 77;
    }
    jobs[2].result = -EIO;
    for (int i = 0; i < 9; i++)
        tasks[i] = hoop_create_task(do_job, &jobs[i]);
    assert_int_equal(hoop_gather(tasks, 9, results, 0), -EIO);
    assert_string_equal(hoop_error_message(), "x failed");
    assert_now(2);
    for (int i = 0; i < 9; i++)
        assert_int_equal(results[i], 77);
    record_add(record, "failed");
    return hoop_sleep(10);
}

static void the_first_error_is_the_result_and_the_others_run_on(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(gather_with_a_failure, &record), 0);
    assert_record(&record, "x x x failed x x x x x x");
}

static int64_t gather_two_failures(void *arg)
{
    struct job first = {1, -EIO, .name = "first"}, second = {2, -EPIPE, .name = "second"};
    second.seconds = *(double *)arg;
    hoop_task *tasks[] = {hoop_create_task(do_job, &first), hoop_create_task(do_job, &second)};
    assert_int_equal(hoop_gather(tasks, 2, NULL, 0), -EIO);
    assert_string_equal(hoop_error_message(), "first failed");
    return hoop_sleep(10);
}

static void a_later_error_that_nobody_hears_of_is_reported(void **state)
{
    (void)state;
    for (int i = 1; i <= 2; i++) { /* at the same instant, and later */
        double seconds = i;
        struct reports reports = {0};
        hoop_loop *loop = reporting_loop(&reports);
        assert_int_equal(hoop_run_until_complete(loop, gather_two_failures, &seconds), 0);
        hoop_close(loop);
        assert_int_equal(reports.count, 1);
        assert_int_equal(reports.error, -EPIPE);
        assert_string_equal(reports.error_message, "second failed");
    }
}

static int64_t gather_a_cancelled_one(void *arg)
{
    struct job a = {5, .name = "a", .record = arg}, b = {3, .name = "b", .record = arg};
    hoop_task *tasks[] = {hoop_create_task(do_job, &a), hoop_create_task(do_job, &b)};
    hoop_task_cancel(tasks[0]);
    assert_int_equal(hoop_gather(tasks, 2, NULL, 0), -ECANCELED);
    assert_int_equal(requests_left(), 0);
    assert_now(0);
    return hoop_sleep(10);
}

static void a_cancelled_task_counts_as_failed(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(gather_a_cancelled_one, &record), 0);
    assert_record(&record, "a! b");
}

static int64_t gather_with_errors(void *arg)
{
    (void)arg;
    struct job jobs[] = {{1, -EIO, .name = "a"}, {3, 4, .name = "b"}, {9, .name = "c"}};
    hoop_task *tasks[4];
    for (int i = 0; i < 3; i++)
        tasks[i] = hoop_create_task(do_job, &jobs[i]);
    assert_true(hoop_task_cancel(tasks[2]));
    tasks[3] = hoop_create_task(NULL, NULL); /* NULL: -EINVAL */
    int64_t results[4];
    assert_int_equal(hoop_gather(tasks, 4, results, HOOP_RETURN_ERRORS), 0);
    assert_now(3);
    assert_int_equal(results[0], -EIO);
    assert_int_equal(results[1], 4);
    assert_int_equal(results[2], -ECANCELED);
    assert_int_equal(results[3], -EINVAL);
    return 0;
}

static void errors_can_be_results_like_others(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(gather_with_errors, NULL), 0);
}

static int64_t gather_one_that_was_not_created(void *arg)
{
    struct job a = {1, .name = "a", .record = arg};
    hoop_error_set(-EIO, "an older error");
    hoop_task *tasks[] = {hoop_create_task(do_job, &a), hoop_create_task(NULL, NULL)};
    assert_int_equal(hoop_gather(tasks, 2, NULL, 0), -EINVAL);
    assert_string_equal(hoop_error_message(), "");
    assert_now(0);
    hoop_future *const futures[] = {hoop_future_new(NULL), hoop_future_new(NULL), NULL};
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_null(hoop_future_new(NULL));
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(hoop_gather_futures(futures, 3, NULL, 0), -ENOMEM);
    for (int i = 0; i < 2; i++) {
        assert_false(hoop_future_is_done(futures[i]));
        hoop_future_unref(futures[i]);
    }
    return hoop_sleep(2);
}

static void a_task_that_could_not_be_created_counts_as_failed(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(gather_one_that_was_not_created, &record), 0);
    assert_record(&record, "a");
}

/* ---- misuse ---- */

static int64_t misuse_gather(void *arg)
{
    (void)arg;
    struct job job = {.seconds = 1, .result = 5};
    hoop_loop *other = hoop_loop_ref(virtual_loop());
    hoop_future *foreign = hoop_future_new(other);
    hoop_task *own = hoop_create_task(do_job, &job);
    hoop_task *tasks[] = {own, hoop_current_task()};
    assert_int_equal(hoop_gather(tasks, 2, NULL, 0), -EDEADLK);
    assert_int_equal(hoop_gather(tasks, 1, NULL, 2), -EINVAL);
    assert_int_equal(hoop_gather(tasks, 1, NULL, HOOP_RETURN_ERRORS | 8), -EINVAL);
    hoop_future *futures[] = {hoop_task_future(own), foreign};
    assert_int_equal(hoop_gather_futures(futures, 2, NULL, 0), HOOP_EOTHERLOOP);
    hoop_close(other);
    assert_int_equal(hoop_gather_futures(futures, 2, NULL, 0), HOOP_ECLOSED);
    assert_int_equal(hoop_future_set_result(foreign, 3), 0);
    int64_t results[2];
    assert_int_equal(hoop_gather_futures(futures, 2, results, 0), 0); /* what is done may be had */
    assert_true(results[0] == 5 && results[1] == 3);
    hoop_future_unref(foreign);
    hoop_loop_unref(other);
    return hoop_await(own);
}

static void misuse_leaves_the_references_alone(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(misuse_gather, NULL), 5);
    struct job job = {.seconds = 0, .result = 5};
    hoop_loop *loop = virtual_loop();
    hoop_task *task = hoop_create_task_with(do_job, &job, &(hoop_task_options){.loop = loop});
    assert_int_equal(hoop_gather(&task, 1, NULL, 0), HOOP_ENOTASK);
    assert_int_equal(hoop_gather(NULL, 0, NULL, 0), HOOP_ENOTASK);
    assert_int_equal(hoop_run_until_done(loop, hoop_task_future(task)), 5);
    hoop_task_unref(task);
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(results_come_in_the_order_of_the_tasks_however_many_there_are),
        BEHAVIOUR(the_results_need_not_be_wanted),
        BEHAVIOUR(gathering_finished_tasks_returns_at_once),
        BEHAVIOUR(one_may_be_there_several_times),
        BEHAVIOUR(futures_are_gathered_and_borrowed),
        BEHAVIOUR(gathers_nest),
        BEHAVIOUR(the_first_error_is_the_result_and_the_others_run_on),
        BEHAVIOUR(a_later_error_that_nobody_hears_of_is_reported),
        BEHAVIOUR(a_cancelled_task_counts_as_failed),
        BEHAVIOUR(errors_can_be_results_like_others),
        BEHAVIOUR(a_task_that_could_not_be_created_counts_as_failed),
        BEHAVIOUR(misuse_leaves_the_references_alone),
    };
    return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
