/* SPDX-License-Identifier: MIT
 *
 * Closing a loop, or ending hoop_run, while tasks wait in gathers, groups, scopes and so on:
 * nothing leaks, no frame runs again, and what a group or a gather knew is let go.
 */
#include <string.h>

#include "job.h"
#include "stderr_capture.h"

enum { COUNT = 9 }; /* more than fit a frame */

/* What the destroyed frames leave behind, as they never free it. */
struct leftovers {
    hoop_task *tasks[COUNT];
    hoop_as_completed *iterator;
    hoop_future *futures[COUNT];
    bool has_failure; /* one of the tasks has failed already */
};

static int64_t sleep_for_ever(void *arg)
{
    (void)arg;
    return hoop_sleep(NEVER);
}

static int64_t fail_early(void *arg)
{
    (void)arg;
    return hoop_error_set(-EIO, "early");
}

static void start_all(struct leftovers *leftovers)
{
    for (int i = 0; i < COUNT; i++)
        leftovers->tasks[i] = leftovers->has_failure && i == 4
                                  ? hoop_create_task(fail_early, NULL)
                                  : hoop_create_task(sleep_for_ever, NULL);
}

static int64_t must_not_return(int64_t rc)
{
    fail_msg("a frame of a closed loop ran, with %s", hoop_error_name(rc));
    return rc;
}

/* Runs FN until it waits, closes the loop, and expects COUNT unfinished tasks. */
static struct reports close_while(hoop_coroutine_fn fn, struct leftovers *leftovers, unsigned count)
{
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task_detach(hoop_create_task_with(fn, leftovers, &(hoop_task_options){.loop = loop}));
    for (int i = 0; i < 5; i++)
        assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, count);
    return reports;
}

/* ---- gather, wait, as_completed ---- */

static int64_t gather_them(void *arg)
{
    struct leftovers *leftovers = arg;
    start_all(leftovers);
    return must_not_return(hoop_gather(leftovers->tasks, COUNT, NULL, HOOP_RETURN_ERRORS));
}

static void a_gather_goes_with_its_references(void **state)
{
    (void)state;
    struct leftovers leftovers = {0};
    close_while(gather_them, &leftovers, COUNT + 1);
}

static void an_error_among_the_gathered_is_reported(void **state)
{
    (void)state;
    struct leftovers leftovers = {.has_failure = true};
    struct reports reports = close_while(gather_them, &leftovers, COUNT + 1);
    assert_int_equal(reports.error, -EIO);
    assert_string_equal(reports.error_message, "early");
}

static int64_t gather_futures(void *arg)
{
    struct leftovers *leftovers = arg;
    for (int i = 0; i < COUNT; i++)
        leftovers->futures[i] = hoop_future_new(NULL);
    return must_not_return(hoop_gather_futures(leftovers->futures, COUNT, NULL, 0));
}

static void a_gather_of_futures_goes_and_they_stay(void **state)
{
    (void)state;
    struct leftovers leftovers = {0};
    close_while(gather_futures, &leftovers, 1);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(hoop_future_set_result(leftovers.futures[i], 1), 0);
        hoop_future_unref(leftovers.futures[i]);
    }
}

static int64_t wait_for_them(void *arg)
{
    struct leftovers *leftovers = arg;
    start_all(leftovers);
    return must_not_return(hoop_wait(leftovers->tasks, COUNT, HOOP_ALL_COMPLETED, 1000));
}

static void a_wait_goes_with_its_timer(void **state)
{
    (void)state;
    struct leftovers leftovers = {0};
    close_while(wait_for_them, &leftovers, COUNT + 1);
    for (int i = 0; i < COUNT; i++) {
        assert_true(hoop_task_is_cancelled(leftovers.tasks[i]));
        hoop_task_unref(leftovers.tasks[i]);
    }
}

static int64_t take_them(void *arg)
{
    struct leftovers *leftovers = arg;
    start_all(leftovers);
    leftovers->iterator = hoop_as_completed_new(leftovers->tasks, COUNT);
    for (int i = 0; i < COUNT; i++)
        hoop_task_unref(leftovers->tasks[i]);
    hoop_task *next;
    return must_not_return(hoop_as_completed_next(leftovers->iterator, &next));
}

static void an_iterator_can_be_freed_after_its_loop(void **state)
{
    (void)state;
    struct leftovers leftovers = {0};
    close_while(take_them, &leftovers, COUNT + 1);
    hoop_as_completed_free(leftovers.iterator);
}

static int64_t fail_into_an_iterator(void *arg)
{
    struct leftovers *leftovers = arg;
    hoop_task *task = hoop_create_task(fail_early, NULL);
    leftovers->iterator = hoop_as_completed_new(&task, 1);
    hoop_task_unref(task);
    return must_not_return(hoop_sleep(NEVER));
}

static void an_error_in_such_an_iterator_is_printed(void **state)
{
    (void)state;
    struct leftovers leftovers = {0};
    close_while(fail_into_an_iterator, &leftovers, 1);
    struct stderr_capture capture;
    stderr_capture_begin(&capture);
    hoop_as_completed_free(leftovers.iterator);
    assert_non_null(strstr(stderr_capture_end(&capture), "early"));
}

/* ---- groups and scopes ---- */

static int64_t have_children(void *arg)
{
    struct leftovers *leftovers = arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    for (int i = 0; i < COUNT; i++)
        assert_non_null(hoop_task_group_create_task(&group, sleep_for_ever, NULL));
    if (leftovers->has_failure)
        (void)!hoop_sleep(NEVER);
    return must_not_return(hoop_task_group_exit(&group, 0));
}

static void a_group_goes_in_its_body_and_in_its_exit(void **state)
{
    (void)state;
    struct leftovers leftovers = {0};
    close_while(have_children, &leftovers, COUNT + 1);
    leftovers.has_failure = true; /* here: it stays in its body */
    close_while(have_children, &leftovers, COUNT + 1);
}

static int64_t refuse_to_end(void *arg)
{
    (void)arg;
    (void)!hoop_sleep(NEVER);
    (void)hoop_task_uncancel(hoop_current_task());
    return must_not_return(hoop_sleep(NEVER));
}

static int64_t fail_while_another_does_not_end(void *arg)
{
    struct leftovers *leftovers = arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    for (int i = 0; i < 3; i++)
        leftovers->tasks[i] = hoop_task_ref(hoop_task_group_create_task(&group, fail_early, NULL));
    assert_non_null(hoop_task_group_create_task(&group, refuse_to_end, NULL));
    return must_not_return(hoop_task_group_exit(&group, 0));
}

static void a_group_goes_with_the_errors_that_it_keeps(void **state)
{
    (void)state;
    struct leftovers leftovers = {0};
    close_while(fail_while_another_does_not_end, &leftovers, 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hoop_task_result(leftovers.tasks[i]), -EIO);
        assert_string_equal(hoop_task_error_message(leftovers.tasks[i]), "early");
        hoop_task_unref(leftovers.tasks[i]);
    }
}

static int64_t sleep_in_scopes(void *arg)
{
    struct leftovers *leftovers = arg;
    hoop_timeout outer, inner;
    assert_int_equal(hoop_timeout_enter(&outer, 1000), 0);
    assert_int_equal(hoop_timeout_enter(&inner, leftovers->has_failure ? 0 : 500), 0);
    if (leftovers->has_failure)
        return refuse_to_end(NULL); /* the inner one has expired */
    return must_not_return(hoop_wait_for_task(hoop_create_task(sleep_for_ever, NULL), 1000));
}

static void scopes_go_with_their_timers(void **state)
{
    (void)state;
    struct leftovers leftovers = {0};
    close_while(sleep_in_scopes, &leftovers, 2);
    leftovers.has_failure = true;
    close_while(sleep_in_scopes, &leftovers, 1);
}

/* ---- in the middle of being cancelled ---- */

static int64_t cancel_everything(void *arg)
{
    struct leftovers *leftovers = arg;
    hoop_coroutine_fn kinds[] = {gather_them, have_children, sleep_in_scopes, wait_for_them};
    hoop_task *tasks[4];
    static struct leftovers own[4];
    for (int i = 0; i < 4; i++) {
        own[i] = (struct leftovers){0};
        tasks[i] = hoop_create_task(kinds[i], &own[i]);
    }
    for (int i = 0; i < 2; i++)
        (void)!hoop_sleep(0);
    for (int i = 0; i < 4; i++) {
        hoop_task_cancel(tasks[i]); /* and the loop is closed before they hear of it */
        hoop_task_detach(tasks[i]);
    }
    for (int i = 0; i < COUNT; i++)
        leftovers->tasks[i] = own[3].tasks[i]; /* hoop_wait borrowed them */
    hoop_stop(hoop_running_loop());
    return hoop_sleep(NEVER);
}

static void what_is_being_cancelled_goes_too(void **state)
{
    (void)state;
    struct leftovers leftovers = {0};
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task_options options = {.loop = loop};
    hoop_task_detach(hoop_create_task_with(cancel_everything, &leftovers, &options));
    assert_int_equal(hoop_run_forever(loop), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, 5 + 3 * COUNT + 1);
    for (int i = 0; i < COUNT; i++)
        hoop_task_unref(leftovers.tasks[i]);
}

/* ---- at the end of hoop_run ---- */

static int64_t leave_behind(void *arg)
{
    struct job *job = arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(hoop_task_group_create_task(&group, do_job, job));
    assert_non_null(hoop_task_group_create_task(&group, do_job, job));
    hoop_task *tasks[] = {hoop_create_task(do_job, job), hoop_create_task(do_job, job)};
    int64_t rc = hoop_gather(tasks, 2, NULL, 0);
    rc = hoop_task_group_exit(&group, rc);
    record_add(job->record, "left");
    return rc;
}

static int64_t return_early(void *arg)
{
    hoop_task_detach(hoop_create_task(leave_behind, arg));
    return hoop_sleep(0);
}

static void hoop_run_cancels_each_task_of_groups_and_gathers_once(void **state)
{
    (void)state;
    struct record record = {""};
    struct job job = {NEVER, .name = "job", .record = &record, .cleanup = 0.001};
    assert_int_equal(hoop_run(return_early, &job), 0);
    assert_record(&record, "job! job! job! job! left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_gather_goes_with_its_references),
        BEHAVIOUR(an_error_among_the_gathered_is_reported),
        BEHAVIOUR(a_gather_of_futures_goes_and_they_stay),
        BEHAVIOUR(a_wait_goes_with_its_timer),
        BEHAVIOUR(an_iterator_can_be_freed_after_its_loop),
        BEHAVIOUR(an_error_in_such_an_iterator_is_printed),
        BEHAVIOUR(a_group_goes_in_its_body_and_in_its_exit),
        BEHAVIOUR(a_group_goes_with_the_errors_that_it_keeps),
        BEHAVIOUR(scopes_go_with_their_timers),
        BEHAVIOUR(what_is_being_cancelled_goes_too),
        BEHAVIOUR(hoop_run_cancels_each_task_of_groups_and_gathers_once),
    };
    return cmocka_run_group_tests_name("combine_close", tests, NULL, NULL);
}
