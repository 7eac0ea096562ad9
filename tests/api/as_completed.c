/* SPDX-License-Identifier: MIT
 *
 * hoop_as_completed: tasks one after another, as they finish.
 */
#include "job.h"

/* ---- the order ---- */

static int64_t hand_out_three(void *arg)
{
    (void)arg;
    struct job jobs[] = {{.seconds = 3}, {.seconds = 1}, {.seconds = 2}};
    hoop_task *tasks[3], *originals[3];
    for (int i = 0; i < 3; i++)
        originals[i] = tasks[i] = hoop_create_task(do_job, &jobs[i]);
    hoop_as_completed *iterator = hoop_as_completed_new(tasks, 3);
    assert_non_null(iterator);
    for (int i = 0; i < 3; i++)
        tasks[i] = NULL; /* the array is not needed any more */
    hoop_task *next = NULL;
    const int order[] = {1, 2, 0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hoop_as_completed_next(iterator, &next), 1);
        assert_ptr_equal(next, originals[order[i]]);
        assert_true(hoop_task_is_done(next));
        assert_now(i + 1);
    }
    next = NULL;
    assert_int_equal(hoop_as_completed_next(iterator, &next), 0);
    assert_int_equal(hoop_as_completed_next(iterator, &next), 0);
    assert_null(next);
    for (int i = 0; i < 3; i++)
        hoop_task_unref(originals[i]);
    hoop_as_completed_free(iterator);
    return 0;
}

static void tasks_come_in_the_order_in_which_they_finish(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hand_out_three, NULL), 0);
}

static int64_t hand_out_finished_ones(void *arg)
{
    (void)arg;
    struct job jobs[] = {{.seconds = 2}, {.seconds = 1}, {.seconds = 5}, {.seconds = 4}};
    hoop_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = hoop_create_task(do_job, &jobs[i]);
    assert_int_equal(hoop_sleep(3), 0); /* two are done, the order is the array's */
    hoop_as_completed *iterator = hoop_as_completed_new(tasks, 4);
    assert_int_equal(hoop_sleep(5), 0); /* the others have finished meanwhile */
    const int order[] = {0, 1, 3, 2};
    hoop_task *next;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(hoop_as_completed_next(iterator, &next), 1);
        assert_ptr_equal(next, tasks[order[i]]);
    }
    assert_now(8);
    for (int i = 0; i < 4; i++)
        hoop_task_unref(tasks[i]);
    hoop_as_completed_free(iterator);
    return 0;
}

static void what_has_finished_already_comes_first_and_at_once(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hand_out_finished_ones, NULL), 0);
}

enum { MANY = 1000 };

static int64_t hand_out_many(void *arg)
{
    (void)arg;
    static struct job jobs[MANY];
    static hoop_task *tasks[MANY];
    for (int i = 0; i < MANY; i++) {
        jobs[i] = (struct job){.seconds = (i * 37) % MANY, .result = i};
        tasks[i] = hoop_create_task(do_job, &jobs[i]);
    }
    hoop_as_completed *iterator = hoop_as_completed_new(tasks, MANY);
    for (int i = 0; i < MANY; i++)
        hoop_task_unref(tasks[i]); /* the iterator has references of its own */
    hoop_task *next;
    int64_t count = 0;
    for (; hoop_as_completed_next(iterator, &next) == 1; count++) {
        assert_now((double)count);
        assert_int_equal((hoop_task_result(next) * 37) % MANY, count);
    }
    hoop_as_completed_free(iterator);
    return count;
}

static void the_iterator_keeps_its_tasks(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hand_out_many, NULL), MANY);
}

static int64_t hand_out_one_twice(void *arg)
{
    (void)arg;
    struct job job = {.seconds = 1, .result = 4};
    hoop_task *task = hoop_create_task(do_job, &job);
    hoop_task *const tasks[] = {task, task};
    hoop_as_completed *iterator = hoop_as_completed_new(tasks, 2);
    hoop_task *next;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hoop_as_completed_next(iterator, &next), 1);
        assert_ptr_equal(next, task);
    }
    assert_int_equal(hoop_as_completed_next(iterator, &next), 0);
    hoop_as_completed_free(iterator);
    return hoop_await(task);
}

static void one_that_is_there_twice_comes_twice(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hand_out_one_twice, NULL), 4);
}

static int64_t hand_out_none(void *arg)
{
    (void)arg;
    hoop_as_completed *iterator = hoop_as_completed_new(NULL, 0);
    assert_non_null(iterator);
    hoop_task *next;
    assert_int_equal(hoop_as_completed_next(iterator, &next), 0);
    hoop_as_completed_free(iterator);
    hoop_as_completed_free(NULL);
    return 0;
}

static void of_no_tasks_none_is_handed_out(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hand_out_none, NULL), 0);
}

/* ---- errors ---- */

static int64_t hand_out_failures(void *arg)
{
    (void)arg;
    struct job jobs[] = {{.seconds = 1, .result = -EIO, .name = "a"}, {.seconds = 2, .result = 3}};
    hoop_task *const tasks[] = {hoop_create_task(do_job, &jobs[0]),
                                hoop_create_task(do_job, &jobs[1])};
    hoop_as_completed *iterator = hoop_as_completed_new(tasks, 2);
    hoop_task *next;
    assert_int_equal(hoop_as_completed_next(iterator, &next), 1); /* an error is a result too */
    assert_int_equal(hoop_await(hoop_task_ref(next)), -EIO);
    assert_string_equal(hoop_error_message(), "a failed");
    assert_int_equal(hoop_as_completed_next(iterator, &next), 1);
    assert_int_equal(hoop_task_result(next), 3);
    hoop_as_completed_free(iterator);
    hoop_task_unref(tasks[0]);
    hoop_task_unref(tasks[1]);
    return 0;
}

static void a_failed_task_is_handed_out_like_others(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hand_out_failures, NULL), 0);
}

static int64_t ignore_the_failure(void *arg)
{
    hoop_task *task = hoop_create_task(do_job, arg), *next;
    hoop_as_completed *iterator = hoop_as_completed_new(&task, 1);
    hoop_task_detach(task);
    assert_int_equal(hoop_as_completed_next(iterator, &next), 1);
    hoop_as_completed_free(iterator);
    return 0;
}

static void an_error_is_not_retrieved_by_handing_it_out(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    struct job job = {.result = -EIO};
    assert_int_equal(hoop_run_until_complete(loop, ignore_the_failure, &job), 0);
    hoop_close(loop);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EIO);
}

/* ---- stopping early ---- */

static int64_t stop_after_the_first(void *arg)
{
    struct record *record = arg;
    struct job jobs[] = {{.seconds = 2, .name = "slow", .record = record},
                         {.seconds = 1, .name = "fast", .record = record}};
    hoop_task *const tasks[] = {hoop_create_task(do_job, &jobs[0]),
                                hoop_create_task(do_job, &jobs[1])};
    hoop_as_completed *iterator = hoop_as_completed_new(tasks, 2);
    hoop_task *next;
    assert_int_equal(hoop_as_completed_next(iterator, &next), 1);
    hoop_as_completed_free(iterator);
    record_add(record, "freed");
    hoop_task_unref(tasks[0]);
    hoop_task_unref(tasks[1]);
    return hoop_sleep(5);
}

static void freeing_the_iterator_lets_the_others_run_on(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(stop_after_the_first, &record), 0);
    assert_record(&record, "fast freed slow");
}

static int64_t hand_out_within_a_limit(void *arg)
{
    (void)arg;
    struct job jobs[] = {{.seconds = 1, .result = 1}, {.seconds = 5, .result = 5}};
    hoop_task *const tasks[] = {hoop_create_task(do_job, &jobs[0]),
                                hoop_create_task(do_job, &jobs[1])};
    hoop_as_completed *iterator = hoop_as_completed_new(tasks, 2);
    hoop_timeout timeout;
    hoop_task *next = NULL;
    assert_int_equal(hoop_timeout_enter(&timeout, 2), 0);
    assert_int_equal(hoop_as_completed_next(iterator, &next), 1);
    next = NULL;
    int rc = hoop_as_completed_next(iterator, &next);
    assert_int_equal(hoop_timeout_exit(&timeout, rc), -ETIMEDOUT);
    assert_null(next);
    assert_now(2);
    assert_int_equal(hoop_as_completed_next(iterator, &next), 1); /* nothing was lost */
    assert_ptr_equal(next, tasks[1]);
    assert_now(5);
    hoop_as_completed_free(iterator);
    return hoop_await(tasks[0]) + hoop_await(tasks[1]);
}

static void a_limit_ends_the_wait_for_the_next_and_nothing_is_lost(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hand_out_within_a_limit, NULL), 6);
}

struct shared {
    hoop_as_completed *iterator;
    hoop_task *task;
    int rc;
};

static int64_t take_the_next(void *arg)
{
    struct shared *shared = arg;
    hoop_task *next;
    shared->rc = hoop_as_completed_next(shared->iterator, &next);
    return shared->rc;
}

static int64_t take_what_a_cancelled_one_was_given(void *arg)
{
    (void)arg;
    struct job job = {.result = 4};
    struct shared shared = {.task = hoop_create_task(do_job, &job)};
    shared.iterator = hoop_as_completed_new(&shared.task, 1);
    hoop_task *taker = hoop_create_task(take_the_next, &shared);
    while (!hoop_task_is_done(shared.task))
        assert_int_equal(hoop_sleep(0), 0);
    assert_true(hoop_task_cancel(taker)); /* it is ready already */
    assert_int_equal(hoop_await(taker), 1);
    hoop_as_completed_free(shared.iterator);
    return hoop_await(shared.task);
}

static void who_was_given_the_next_before_being_cancelled_has_it(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(take_what_a_cancelled_one_was_given, NULL), 4);
}

/* ---- misuse ---- */

static int64_t take_it_beside_another_task(void *arg)
{
    struct shared *shared = arg;
    struct job job = {.seconds = 1, .result = 4};
    shared->task = hoop_create_task(do_job, &job);
    shared->iterator = hoop_as_completed_new(&shared->task, 1);
    hoop_task *taker = hoop_create_task(take_the_next, shared);
    assert_int_equal(hoop_sleep(0), 0);
    hoop_task *next;
    assert_int_equal(hoop_as_completed_next(shared->iterator, &next), -EBUSY);
    assert_int_equal(hoop_await(taker), 1);
    assert_int_equal(hoop_as_completed_next(shared->iterator, &next), 0);
    return hoop_await(shared->task);
}

static int64_t watch_one(void *arg)
{
    struct shared *shared = arg;
    shared->iterator = hoop_as_completed_new(&shared->task, 1);
    assert_non_null(shared->iterator);
    return 0;
}

static int64_t use_what_is_anothers(void *arg)
{
    struct shared *shared = arg;
    hoop_task *tasks[] = {shared->task, NULL}, *next;
    assert_null(hoop_as_completed_new(tasks, 1));
    assert_int_equal(hoop_last_error(), HOOP_EOTHERLOOP);
    assert_null(hoop_as_completed_new(tasks + 1, 1));
    assert_int_equal(hoop_last_error(), -EINVAL);
    assert_int_equal(hoop_as_completed_next(shared->iterator, &next), HOOP_EOTHERLOOP);
    return 0;
}

static void misuse_is_refused(void **state)
{
    (void)state;
    struct shared shared = {0};
    assert_null(hoop_as_completed_new(NULL, 0));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
    assert_int_equal(run_virtually(take_it_beside_another_task, &shared), 4);
    hoop_task *next;
    assert_int_equal(hoop_as_completed_next(shared.iterator, &next), HOOP_ENOTASK);
    hoop_as_completed_free(shared.iterator);

    struct reports reports = {0};
    hoop_loop *other = reporting_loop(&reports);
    struct job job = {.seconds = NEVER};
    shared.task = hoop_create_task_with(do_job, &job, &(hoop_task_options){.loop = other});
    assert_int_equal(hoop_run_until_complete(other, watch_one, &shared), 0);
    assert_int_equal(run_virtually(use_what_is_anothers, &shared), 0);
    hoop_close(other);
    assert_int_equal(reports.count, 1);
    hoop_as_completed_free(shared.iterator);
    hoop_task_unref(shared.task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(tasks_come_in_the_order_in_which_they_finish),
        BEHAVIOUR(what_has_finished_already_comes_first_and_at_once),
        BEHAVIOUR(the_iterator_keeps_its_tasks),
        BEHAVIOUR(one_that_is_there_twice_comes_twice),
        BEHAVIOUR(of_no_tasks_none_is_handed_out),
        BEHAVIOUR(a_failed_task_is_handed_out_like_others),
        BEHAVIOUR(an_error_is_not_retrieved_by_handing_it_out),
        BEHAVIOUR(freeing_the_iterator_lets_the_others_run_on),
        BEHAVIOUR(a_limit_ends_the_wait_for_the_next_and_nothing_is_lost),
        BEHAVIOUR(who_was_given_the_next_before_being_cancelled_has_it),
        BEHAVIOUR(misuse_is_refused),
    };
    return cmocka_run_group_tests_name("as_completed", tests, NULL, NULL);
}
