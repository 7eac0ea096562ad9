/* SPDX-License-Identifier: MIT
 *
 * hoop_wait: until the first is done, the first has failed, all are, or the time is up.
 */
#include "job.h"

enum { MOST = 9 }; /* more than there is room for without an allocation */

struct crowd {
    struct job jobs[MOST];
    size_t count;
    hoop_return_when when;
    double seconds;    /* the limit */
    double head_start; /* for the tasks, before the wait */
    int64_t result;
    unsigned done; /* a bit for each task that was done then */
    double end;
};

/* Waits for the crowd and says how it was; and then for all, so that the jobs may go. */
static int64_t wait_for_the_crowd(void *arg)
{
    struct crowd *crowd = arg;
    hoop_task *tasks[MOST];
    crowd->done = 0;
    for (size_t i = 0; i < crowd->count; i++)
        tasks[i] = hoop_create_task(do_job, &crowd->jobs[i]);
    if (crowd->head_start > 0)
        assert_int_equal(hoop_sleep(crowd->head_start), 0);
    crowd->result = hoop_wait(tasks, crowd->count, crowd->when, crowd->seconds);
    crowd->end = hoop_time(hoop_running_loop());
    for (size_t i = 0; i < crowd->count; i++)
        crowd->done |= (unsigned)hoop_task_is_done(tasks[i]) << i;
    while (requests_left() > 0)
        hoop_task_uncancel(hoop_current_task());
    int64_t count = (int64_t)crowd->count;
    assert_int_equal(hoop_wait(tasks, crowd->count, HOOP_ALL_COMPLETED, NEVER), count);
    double end = hoop_time(hoop_running_loop());
    assert_int_equal(hoop_wait(tasks, crowd->count, HOOP_ALL_COMPLETED, 0), count);
    assert_now(end); /* at once, now that they are done */
    for (size_t i = 0; i < crowd->count; i++)
        assert_int_equal(hoop_await(tasks[i]), crowd->jobs[i].result); /* nobody was cancelled */
    return crowd->result;
}

static void assert_waited(struct crowd *crowd, int64_t result, unsigned done, double end)
{
    assert_int_equal(run_virtually(wait_for_the_crowd, crowd), result);
    assert_int_equal(crowd->done, done);
    assert_true(crowd->end == end);
}

/* ---- until when ---- */

static struct crowd three(hoop_return_when when, double seconds)
{
    struct crowd crowd = {.count = 3, .when = when, .seconds = seconds};
    for (int i = 0; i < 3; i++)
        crowd.jobs[i] = (struct job){.seconds = 3 - i, .result = i, .name = "job"};
    return crowd;
}

static void all_are_waited_for(void **state)
{
    (void)state;
    struct crowd crowd = three(HOOP_ALL_COMPLETED, NEVER);
    assert_waited(&crowd, 3, 7, 3);
    crowd.jobs[1].result = -EIO; /* failed or not */
    assert_waited(&crowd, 3, 7, 3);
    crowd.seconds = 10;
    assert_waited(&crowd, 3, 7, 3);
}

static void the_first_that_is_done_ends_the_wait(void **state)
{
    (void)state;
    struct crowd crowd = three(HOOP_FIRST_COMPLETED, NEVER);
    assert_waited(&crowd, 1, 4, 1);
    crowd.jobs[1].seconds = 1; /* at the same instant */
    assert_waited(&crowd, 2, 6, 1);
    crowd.jobs[1].result = -EIO;
    crowd.jobs[2].seconds = 2;
    assert_waited(&crowd, 1, 2, 1);
    crowd.jobs[1].result = -ECANCELED;
    assert_waited(&crowd, 1, 2, 1);
}

static void the_first_that_fails_ends_the_wait(void **state)
{
    (void)state;
    struct crowd crowd = three(HOOP_FIRST_ERROR, NEVER);
    crowd.jobs[1].result = -EIO;
    assert_waited(&crowd, 2, 6, 2);
    crowd.jobs[2].result = -EIO;
    assert_waited(&crowd, 1, 4, 1);
}

static void without_a_failure_all_are_waited_for(void **state)
{
    (void)state;
    struct crowd crowd = three(HOOP_FIRST_ERROR, NEVER);
    assert_waited(&crowd, 3, 7, 3);
    crowd.jobs[2].result = -ECANCELED; /* that is no failure */
    assert_waited(&crowd, 3, 7, 3);
}

static void the_limit_ends_the_wait_and_cancels_nobody(void **state)
{
    (void)state;
    struct crowd crowd = three(HOOP_ALL_COMPLETED, 1.5);
    assert_waited(&crowd, 1, 4, 1.5);
    crowd.seconds = 0.5;
    crowd.when = HOOP_FIRST_COMPLETED;
    assert_waited(&crowd, 0, 0, 0.5);
    crowd.seconds = 0;
    assert_waited(&crowd, 0, 0, 0);
    crowd.jobs[1].seconds = 0.5; /* just when the time is up: its timer is the younger one */
    crowd.seconds = 0.5;
    assert_waited(&crowd, 0, 0, 0.5);
}

static void what_is_done_already_counts(void **state)
{
    (void)state;
    struct crowd crowd = three(HOOP_FIRST_COMPLETED, NEVER);
    crowd.head_start = 2.5;
    assert_waited(&crowd, 2, 6, 2.5);
    crowd.when = HOOP_FIRST_ERROR;
    assert_waited(&crowd, 3, 7, 3);
    crowd.jobs[1].result = -EIO;
    assert_waited(&crowd, 2, 6, 2.5);
    crowd.when = HOOP_ALL_COMPLETED;
    assert_waited(&crowd, 3, 7, 3);
    crowd.head_start = 5;
    assert_waited(&crowd, 3, 7, 5);
}

static void more_than_fit_the_frame_are_waited_for_alike(void **state)
{
    (void)state;
    struct crowd crowd = {.count = MOST, .seconds = 4.5};
    for (int i = 0; i < MOST; i++)
        crowd.jobs[i].seconds = i;
    assert_waited(&crowd, 5, 0x1f, 4.5);
    crowd.when = HOOP_FIRST_COMPLETED;
    assert_waited(&crowd, 1, 1, 0);
}

/* ---- which ---- */

static int64_t wait_for_one_twice(void *arg)
{
    (void)arg;
    struct job job = {.seconds = 1, .result = 3};
    hoop_task *task = hoop_create_task(do_job, &job);
    hoop_task *const tasks[] = {task, task};
    assert_int_equal(hoop_wait(tasks, 2, HOOP_ALL_COMPLETED, NEVER), 2);
    assert_now(1);
    return hoop_await(task);
}

static void one_that_is_there_twice_counts_twice(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(wait_for_one_twice, NULL), 3);
}

static void fail_it(void *future)
{
    assert_int_equal(hoop_future_set_error(future, -EIO, NULL), 0);
}

static int64_t wait_for_futures(void *arg)
{
    (void)arg;
    struct job job = {.seconds = 1, .result = 3};
    hoop_task *task = hoop_create_task(do_job, &job);
    hoop_future *const futures[] = {hoop_task_future(task), hoop_future_new(NULL),
                                    hoop_future_new(NULL)};
    assert_true(hoop_call_later(hoop_running_loop(), 2, fail_it, futures[1]) > 0);
    assert_int_equal(hoop_wait_futures(futures, 3, HOOP_FIRST_COMPLETED, NEVER), 1);
    assert_now(1);
    assert_int_equal(hoop_wait_futures(futures, 3, HOOP_FIRST_ERROR, 10), 2);
    assert_now(2);
    assert_int_equal(hoop_wait_futures(futures, 3, HOOP_ALL_COMPLETED, 2), 2);
    assert_now(4);
    assert_int_equal(hoop_future_result(futures[1]), -EIO); /* the wait retrieves nothing */
    hoop_future_unref(futures[1]);
    hoop_future_unref(futures[2]);
    return hoop_await(task);
}

static void futures_are_waited_for(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(wait_for_futures, NULL), 3);
}

static int64_t wait_and_drop(void *arg)
{
    hoop_task *task = hoop_create_task(do_job, arg);
    assert_int_equal(hoop_wait(&task, 1, HOOP_FIRST_ERROR, NEVER), 1);
    hoop_task_detach(task);
    return 0;
}

static void an_error_is_not_retrieved_by_waiting_for_it(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    struct job job = {.result = -EIO};
    assert_int_equal(hoop_run_until_complete(loop, wait_and_drop, &job), 0);
    hoop_close(loop);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EIO);
}

/* ---- fairness ---- */

static int64_t set_flag(void *arg)
{
    *(bool *)arg = true;
    return 0;
}

/* None of these has to wait. */
static int64_t never_wait(void *arg)
{
    struct job job = {.result = 2};
    bool *flag = arg;
    hoop_task *task = hoop_create_task(do_job, &job);
    assert_int_equal(hoop_sleep(1), 0);
    for (int kind = 0; kind < 3; kind++) {
        *flag = false;
        hoop_task_detach(hoop_create_task(set_flag, flag));
        while (!*flag) {
            hoop_task *next = NULL;
            hoop_as_completed *iterator = hoop_as_completed_new(&task, 1);
            if (kind == 0)
                assert_int_equal(hoop_as_completed_next(iterator, &next), 1);
            hoop_as_completed_free(iterator);
            hoop_future *const futures[] = {hoop_task_future(task)};
            if (kind == 1)
                assert_int_equal(hoop_gather_futures(futures, 1, NULL, 0), 0);
            if (kind == 2)
                assert_int_equal(hoop_wait_futures(futures, 1, HOOP_ALL_COMPLETED, 1), 1);
        }
    }
    return hoop_await(task);
}

static void waits_that_need_not_wait_starve_nobody(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(never_wait, &(bool){false}), 2);
}

/* ---- cancelling ---- */

static int64_t cancel_the_waiter(void *arg)
{
    hoop_task *task = hoop_create_task(wait_for_the_crowd, arg);
    assert_int_equal(hoop_sleep(0.5), 0);
    assert_true(hoop_task_cancel(task));
    return hoop_await(task);
}

static void cancelling_the_waiter_cancels_nobody_else(void **state)
{
    (void)state;
    struct crowd crowd = three(HOOP_ALL_COMPLETED, NEVER);
    assert_int_equal(run_virtually(cancel_the_waiter, &crowd), -ECANCELED);
    assert_true(crowd.end == 0.5);
    crowd = (struct crowd){.count = MOST, .seconds = 100};
    for (int i = 0; i < MOST; i++)
        crowd.jobs[i].seconds = i;
    assert_int_equal(run_virtually(cancel_the_waiter, &crowd), -ECANCELED);
    assert_true(crowd.end == 0.5);
}

static int64_t wait_while_cancelled(void *arg)
{
    struct job jobs[] = {{.result = 3}, {.seconds = 1, .result = 4}};
    (void)arg;
    hoop_task *const tasks[] = {hoop_create_task(do_job, &jobs[0]),
                                hoop_create_task(do_job, &jobs[1])};
    assert_int_equal(hoop_sleep(0.5), 0);
    assert_true(hoop_task_cancel(hoop_current_task()));
    assert_int_equal(hoop_wait(tasks, 2, HOOP_FIRST_COMPLETED, NEVER), 1);
    assert_int_equal(hoop_wait(tasks, 2, HOOP_ALL_COMPLETED, NEVER), -ECANCELED);
    assert_int_equal(hoop_wait(tasks, 2, HOOP_ALL_COMPLETED, 0), -ECANCELED);
    assert_int_equal(hoop_task_uncancel(hoop_current_task()), 0);
    return hoop_await(tasks[0]) + hoop_await(tasks[1]);
}

static void a_cancelled_waiter_still_hears_of_what_is_done(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(wait_while_cancelled, NULL), 7);
}

/* ---- misuse ---- */

static int64_t misuse_wait(void *arg)
{
    struct job job = {.seconds = 1, .result = 5};
    (void)arg;
    hoop_loop *other = hoop_loop_ref(virtual_loop());
    hoop_future *foreign = hoop_future_new(other);
    hoop_task *own = hoop_create_task(do_job, &job);
    hoop_task *const tasks[] = {own, hoop_current_task(), NULL};
    const double nan = (double)NAN;
    assert_int_equal(hoop_wait(tasks, 0, HOOP_ALL_COMPLETED, 1), -EINVAL);
    assert_int_equal(hoop_wait(tasks, 2, HOOP_ALL_COMPLETED, 1), -EDEADLK);
    assert_int_equal(hoop_wait(tasks + 2, 1, HOOP_ALL_COMPLETED, 1), -EINVAL);
    assert_int_equal(hoop_wait(tasks, 1, (hoop_return_when)3, 1), -EINVAL);
    assert_int_equal(hoop_wait(tasks, 1, (hoop_return_when)-1, 1), -EINVAL);
    assert_int_equal(hoop_wait(tasks, 1, HOOP_ALL_COMPLETED, -1), -EINVAL);
    assert_int_equal(hoop_wait(tasks, 1, HOOP_ALL_COMPLETED, nan), -EINVAL);
    assert_int_equal(hoop_wait_futures(NULL, 0, HOOP_ALL_COMPLETED, 1), -EINVAL);
    assert_int_equal(hoop_wait_futures(&foreign, 1, HOOP_ALL_COMPLETED, 1), HOOP_EOTHERLOOP);
    hoop_close(other);
    assert_int_equal(hoop_wait_futures(&foreign, 1, HOOP_ALL_COMPLETED, 1), HOOP_ECLOSED);
    hoop_future_unref(foreign);
    hoop_loop_unref(other);
    assert_now(0);
    return hoop_await(own);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    hoop_future *future = hoop_future_new(loop);
    assert_int_equal(hoop_wait_futures(&future, 1, HOOP_ALL_COMPLETED, 1), HOOP_ENOTASK);
    hoop_future_unref(future);
    hoop_close(loop);
    assert_int_equal(run_virtually(misuse_wait, NULL), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(all_are_waited_for),
        BEHAVIOUR(the_first_that_is_done_ends_the_wait),
        BEHAVIOUR(the_first_that_fails_ends_the_wait),
        BEHAVIOUR(without_a_failure_all_are_waited_for),
        BEHAVIOUR(the_limit_ends_the_wait_and_cancels_nobody),
        BEHAVIOUR(what_is_done_already_counts),
        BEHAVIOUR(more_than_fit_the_frame_are_waited_for_alike),
        BEHAVIOUR(one_that_is_there_twice_counts_twice),
        BEHAVIOUR(futures_are_waited_for),
        BEHAVIOUR(an_error_is_not_retrieved_by_waiting_for_it),
        BEHAVIOUR(waits_that_need_not_wait_starve_nobody),
        BEHAVIOUR(cancelling_the_waiter_cancels_nobody_else),
        BEHAVIOUR(a_cancelled_waiter_still_hears_of_what_is_done),
        BEHAVIOUR(misuse_is_refused),
    };
    return cmocka_run_group_tests_name("wait_several", tests, NULL, NULL);
}
