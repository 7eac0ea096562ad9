/* SPDX-License-Identifier: MIT
 *
 * Cancelling a gather: all tasks are cancelled, and their ends awaited.
 */
#include "job.h"

enum { COUNT = 9 }; /* more than there is room for without an allocation */

struct crowd {
    struct job jobs[COUNT];
    struct record record;
    size_t count;
    unsigned flags;
    bool is_cancelled_before; /* the gather begins in a task that is being cancelled */
    int64_t result;
    int64_t results[COUNT];
    double end;
};

static int64_t gather_the_crowd(void *arg)
{
    struct crowd *crowd = arg;
    hoop_task *tasks[COUNT];
    for (size_t i = 0; i < crowd->count; i++) {
        crowd->results[i] = 77;
        crowd->jobs[i].record = &crowd->record;
        tasks[i] = hoop_create_task(do_job, &crowd->jobs[i]);
    }
    if (crowd->is_cancelled_before)
        hoop_task_cancel(hoop_current_task());
    crowd->result = hoop_gather(tasks, crowd->count, crowd->results, crowd->flags);
    crowd->end = hoop_time(hoop_running_loop());
    assert_int_equal(requests_left(), 1);
    assert_int_equal(hoop_task_uncancel(hoop_current_task()), 0);
    assert_int_equal(hoop_sleep(20), 0);
    return crowd->result;
}

static int64_t cancel_the_crowd(void *arg)
{
    struct crowd *crowd = arg;
    hoop_task *task = hoop_create_task(gather_the_crowd, crowd);
    assert_int_equal(hoop_sleep(1), 0);
    if (!crowd->is_cancelled_before)
        assert_true(hoop_task_cancel(task));
    return hoop_await(task);
}

static struct crowd three_sleepers(void)
{
    return (struct crowd){
        .jobs = {{9, .name = "a"}, {9, .cleanup = 2, .name = "b"}, {9, .name = "c"}},
        .count = 3,
    };
}

static void a_cancelled_gather_cancels_all_and_waits_for_their_ends(void **state)
{
    (void)state;
    struct crowd crowd = three_sleepers();
    assert_int_equal(run_virtually(cancel_the_crowd, &crowd), -ECANCELED);
    assert_record(&crowd.record, "a! c! b!");
    assert_true(crowd.end == 3);
    assert_int_equal(crowd.results[0], 77); /* untouched */
}

static void with_errors_as_results_it_is_cancelled_all_the_same(void **state)
{
    (void)state;
    struct crowd crowd = three_sleepers();
    crowd.flags = HOOP_RETURN_ERRORS;
    crowd.jobs[0].seconds = 0.5; /* this one has its result by then */
    assert_int_equal(run_virtually(cancel_the_crowd, &crowd), -ECANCELED);
    assert_record(&crowd.record, "a c! b!");
    assert_true(crowd.end == 3);
    assert_int_equal(crowd.results[0], 77);
}

static void a_gather_of_more_than_fit_its_frame_is_cancelled_alike(void **state)
{
    (void)state;
    struct crowd crowd = {.count = COUNT};
    for (int i = 0; i < COUNT; i++)
        crowd.jobs[i] = (struct job){9, .name = i % 2 ? "a" : "b", .cleanup = i % 2};
    assert_int_equal(run_virtually(cancel_the_crowd, &crowd), -ECANCELED);
    assert_record(&crowd.record, "b! b! b! b! b! a! a! a! a!");
    assert_true(crowd.end == 2);
}

static void a_gather_in_a_cancelled_task_cancels_what_has_not_begun(void **state)
{
    (void)state;
    struct crowd crowd = three_sleepers();
    crowd.is_cancelled_before = true;
    assert_int_equal(run_virtually(cancel_the_crowd, &crowd), -ECANCELED);
    assert_record(&crowd.record, "a! c! b!");
    assert_true(crowd.end == 2);
}

static void errors_of_the_cancelled_are_dropped(void **state)
{
    (void)state;
    struct crowd crowd = three_sleepers();
    crowd.jobs[0].if_cancelled = -EIO;
    crowd.jobs[1].if_cancelled = -EPIPE;
    assert_int_equal(run_virtually(cancel_the_crowd, &crowd), -ECANCELED); /* and not reported */
    assert_true(crowd.end == 3);
}

static void if_all_succeed_all_the_same_their_results_are_not_lost(void **state)
{
    (void)state;
    struct crowd crowd = three_sleepers();
    for (int i = 0; i < 3; i++)
        crowd.jobs[i].if_cancelled = 10 + i;
    assert_int_equal(run_virtually(cancel_the_crowd, &crowd), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(crowd.results[i], 10 + i);
    crowd.jobs[2].if_cancelled = 0; /* but if one of them does not: */
    assert_int_equal(run_virtually(cancel_the_crowd, &crowd), -ECANCELED);
}

static int64_t gather_one(void *task)
{
    hoop_task *tasks[] = {task};
    int64_t result;
    assert_int_equal(hoop_gather(tasks, 1, &result, 0), 0);
    assert_int_equal(result, 5);
    return hoop_sleep(1);
}

static int64_t cancel_after_the_last_one_ended(void *arg)
{
    struct job job = {.result = 5};
    (void)arg;
    hoop_task *inner = hoop_create_task(do_job, &job);
    hoop_task *gatherer = hoop_create_task(gather_one, hoop_task_ref(inner));
    while (!hoop_task_is_done(inner))
        assert_int_equal(hoop_sleep(0), 0);
    assert_true(hoop_task_cancel(gatherer)); /* it is ready, and has not run yet */
    assert_int_equal(hoop_await(gatherer), -ECANCELED);
    return hoop_await(inner);
}

static void a_result_that_was_complete_before_the_cancellation_is_not_lost(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_after_the_last_one_ended, NULL), 5);
}

/* ---- futures, and the same twice ---- */

static int64_t gather_two_futures(void *arg)
{
    hoop_future **futures = arg;
    hoop_future *const twice[] = {futures[0], futures[1], futures[0]};
    return hoop_gather_futures(twice, 3, NULL, 0);
}

static int64_t cancel_futures(void *arg)
{
    bool *before = arg;
    hoop_future *futures[] = {hoop_future_new(NULL), hoop_future_new(NULL)};
    hoop_task *task = hoop_create_task(gather_two_futures, futures);
    if (!*before)
        assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_await(task), -ECANCELED);
    for (int i = 0; i < 2; i++) {
        assert_true(hoop_future_is_cancelled(futures[i]));
        hoop_future_unref(futures[i]);
    }
    return 0;
}

static void gathered_futures_are_cancelled_at_once(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++)
        assert_int_equal(run_virtually(cancel_futures, &(bool){before}), 0);
}

static int64_t count_requests(void *arg)
{
    (void)arg;
    int rc = hoop_sleep(9);
    assert_int_equal(requests_left(), 1);
    return rc;
}

static int64_t gather_twice_the_same(void *arg)
{
    if (*(bool *)arg)
        hoop_task_cancel(hoop_current_task());
    hoop_task *task = hoop_create_task(count_requests, NULL);
    hoop_task *tasks[] = {task, hoop_task_ref(task)};
    return hoop_gather(tasks, 2, NULL, 0);
}

static int64_t cancel_twice_the_same(void *arg)
{
    hoop_task *task = hoop_create_task(gather_twice_the_same, arg);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(task) == !*(bool *)arg);
    return hoop_await(task);
}

static void a_task_that_is_there_twice_is_cancelled_once(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++)
        assert_int_equal(run_virtually(cancel_twice_the_same, &(bool){before}), -ECANCELED);
}

/* ---- with other awaits ---- */

static int64_t shield_it(void *task)
{
    return hoop_shield(task);
}

static int64_t gather_shields(void *arg)
{
    hoop_task **inner = arg;
    hoop_task *tasks[2];
    for (int i = 0; i < 2; i++)
        tasks[i] = hoop_create_task(shield_it, hoop_task_ref(inner[i]));
    return hoop_gather(tasks, 2, NULL, 0);
}

static int64_t cancel_shields(void *arg)
{
    struct job job = {.seconds = 5, .result = 4};
    (void)arg;
    hoop_task *inner[] = {hoop_create_task(do_job, &job), hoop_create_task(do_job, &job)};
    hoop_task *task = hoop_create_task(gather_shields, inner);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_now(1);
    return hoop_await(inner[0]) + hoop_await(inner[1]);
}

static void what_the_gathered_tasks_shield_runs_on(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_shields, NULL), 8);
}

static int64_t gather_for_a_while(void *arg)
{
    (void)arg;
    struct job job = {.seconds = 9, .cleanup = 1};
    hoop_task *tasks[] = {hoop_create_task(do_job, &job), hoop_create_task(do_job, &job)};
    int64_t rc = hoop_gather(tasks, 2, NULL, 0);
    assert_now(3);
    return rc;
}

static int64_t limit_a_gather(void *arg)
{
    (void)arg;
    return hoop_wait_for(gather_for_a_while, NULL, 2);
}

static void a_limit_ends_a_gather(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(limit_a_gather, NULL), -ETIMEDOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_cancelled_gather_cancels_all_and_waits_for_their_ends),
        BEHAVIOUR(with_errors_as_results_it_is_cancelled_all_the_same),
        BEHAVIOUR(a_gather_of_more_than_fit_its_frame_is_cancelled_alike),
        BEHAVIOUR(a_gather_in_a_cancelled_task_cancels_what_has_not_begun),
        BEHAVIOUR(errors_of_the_cancelled_are_dropped),
        BEHAVIOUR(if_all_succeed_all_the_same_their_results_are_not_lost),
        BEHAVIOUR(a_result_that_was_complete_before_the_cancellation_is_not_lost),
        BEHAVIOUR(gathered_futures_are_cancelled_at_once),
        BEHAVIOUR(a_task_that_is_there_twice_is_cancelled_once),
        BEHAVIOUR(what_the_gathered_tasks_shield_runs_on),
        BEHAVIOUR(a_limit_ends_a_gather),
    };
    return cmocka_run_group_tests_name("gather_cancel", tests, NULL, NULL);
}
