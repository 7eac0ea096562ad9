/* SPDX-License-Identifier: MIT
 *
 * Errors that nobody retrieved: reported once, when the last reference goes; and the words
 * of the default handler.
 */
#include <errno.h>
#include <string.h>

#include "reports.h"
#include "stderr_capture.h"

static int64_t outcome(void *arg)
{
    return (int64_t)(intptr_t)arg;
}

static hoop_task *start(int64_t result)
{
    return hoop_create_task(outcome, (void *)(intptr_t)result);
}

/* Runs FN on a loop of its own, and gives what was reported. */
static struct reports reports_of(hoop_coroutine_fn fn)
{
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, fn, &reports), 0);
    hoop_close(loop);
    return reports;
}

static int64_t detach_before_its_end(void *arg)
{
    struct reports *reports = arg;
    hoop_task_detach(start(-EIO));
    assert_int_equal(reports->count, 0);
    assert_int_equal(hoop_sleep(1), 0);
    assert_int_equal(reports->count, 1);
    return 0;
}

static int64_t detach_after_its_end(void *arg)
{
    struct reports *reports = arg;
    hoop_task *task = start(-EIO);
    assert_int_equal(hoop_sleep(1), 0);
    assert_int_equal(reports->count, 0); /* somebody may retrieve it yet */
    hoop_task_detach(task);
    assert_int_equal(reports->count, 1);
    return 0;
}

static void the_error_of_a_detached_task_is_reported_once(void **state)
{
    (void)state;
    hoop_coroutine_fn const bodies[] = {detach_before_its_end, detach_after_its_end};
    for (int i = 0; i < 2; i++) {
        struct reports reports = reports_of(bodies[i]);
        assert_int_equal(reports.count, 1);
        assert_int_equal(reports.error, -EIO);
        assert_string_equal(reports.message, "task error was never retrieved");
        assert_string_equal(reports.error_message, "");
        assert_string_equal(reports.task, "outcome");
    }
}

static hoop_future *kept;

static void keep_the_future(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    reports_add(loop, exception, arg);
    hoop_future_unref(hoop_future_ref(exception->future)); /* for a look: it goes on living */
    kept = hoop_future_ref(exception->future);
}

static void a_handler_may_keep_the_future_that_it_hears_of(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = virtual_loop();
    hoop_set_exception_handler(loop, keep_the_future, &reports);
    assert_int_equal(hoop_run_until_complete(loop, detach_before_its_end, &reports), 0);
    assert_int_equal(hoop_future_result(kept), -EIO);
    hoop_future_unref(kept);
    assert_int_equal(reports.count, 1);
    hoop_close(loop);
}

static int64_t retrieve_by_await(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_await(start(-EIO)), -EIO);
    assert_int_equal(hoop_shield(start(-EIO)), -EIO);
    return 0;
}

static int64_t retrieve_by_result(void *arg)
{
    (void)arg;
    hoop_task *task = start(-EIO);
    assert_int_equal(hoop_task_result(task), HOOP_EPENDING); /* too early: does not count */
    assert_int_equal(hoop_sleep(1), 0);
    assert_int_equal(hoop_task_result(task), -EIO);
    hoop_task_unref(task);
    task = start(-EIO);
    assert_int_equal(hoop_future_await(hoop_task_future(task)), -EIO);
    hoop_task_unref(task);
    return 0;
}

static int64_t nothing_to_retrieve(void *arg)
{
    (void)arg;
    hoop_task_detach(start(0));
    hoop_task_detach(start(-ECANCELED));
    hoop_task *task = start(7);
    assert_int_equal(hoop_sleep(1), 0);
    hoop_task_unref(task);
    return 0;
}

static void a_retrieved_error_a_result_and_a_cancellation_are_not_reported(void **state)
{
    (void)state;
    assert_int_equal(reports_of(retrieve_by_await).count, 0);
    assert_int_equal(reports_of(retrieve_by_result).count, 0);
    assert_int_equal(reports_of(nothing_to_retrieve).count, 0);
}

static int64_t ask_too_early(void *arg)
{
    (void)arg;
    hoop_task *task = start(-EIO);
    assert_int_equal(hoop_task_result(task), HOOP_EPENDING);
    assert_string_equal(hoop_task_error_message(task), "");
    hoop_task_detach(task);
    return hoop_sleep(1);
}

static void to_ask_too_early_is_not_to_retrieve(void **state)
{
    (void)state;
    assert_int_equal(reports_of(ask_too_early).count, 1);
}

static int64_t cancel_who_awaits(void *arg)
{
    (void)arg;
    hoop_task *awaiter = hoop_current_task();
    hoop_task *task = start(-EIO);
    assert_true(hoop_task_cancel(awaiter));
    assert_int_equal(hoop_shield(task), -ECANCELED); /* it lets go of the task */
    hoop_task_uncancel(awaiter);
    return hoop_sleep(1);
}

static void an_error_that_a_cancelled_awaiter_did_not_hear_is_reported(void **state)
{
    (void)state;
    assert_int_equal(reports_of(cancel_who_awaits).count, 1);
}

/* ---- futures ---- */

static int64_t drop_futures(void *arg)
{
    struct reports *reports = arg;
    hoop_future *future = hoop_future_new(NULL);
    assert_int_equal(hoop_future_set_error(future, -EPIPE, "gone"), 0);
    assert_int_equal(reports->count, 0);
    hoop_future_unref(future);
    assert_int_equal(reports->count, 1);
    future = hoop_future_new(NULL);
    assert_true(hoop_future_cancel(future));
    hoop_future_unref(future);
    future = hoop_future_new(NULL);
    assert_int_equal(hoop_future_set_error(future, -EPIPE, NULL), 0);
    assert_int_equal(hoop_future_result(future), -EPIPE);
    hoop_future_unref(future);
    hoop_future_unref(hoop_future_new(NULL)); /* it never had an outcome */
    return 0;
}

static void a_futures_error_is_reported_with_its_last_reference(void **state)
{
    (void)state;
    struct reports reports = reports_of(drop_futures);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EPIPE);
    assert_string_equal(reports.message, "future error was never retrieved");
    assert_string_equal(reports.error_message, "gone");
    assert_string_equal(reports.task, "");
}

/* ---- the default handler ---- */

static int64_t fail_with_details(void *arg)
{
    (void)arg;
    return hoop_error_set(-EIO, "disk %d", 3);
}

static int64_t leave_errors(void *arg)
{
    (void)arg;
    hoop_task_detach(start(HOOP_ESTOPPED));
    hoop_task_detach(hoop_create_task(fail_with_details, NULL));
    assert_int_equal(hoop_sleep(1), 0);
    hoop_future *future = hoop_future_new(NULL);
    assert_int_equal(hoop_future_set_error(future, -ENOENT, NULL), 0);
    hoop_future_unref(future);
    return 0;
}

static void the_default_handler_prints_a_line_to_stderr(void **state)
{
    (void)state;
    struct stderr_capture capture;
    hoop_loop *loop = virtual_loop();
    stderr_capture_begin(&capture);
    int64_t rc = hoop_run_until_complete(loop, leave_errors, NULL);
    const char *text = stderr_capture_end(&capture);
    hoop_close(loop);
    assert_int_equal(rc, 0);
    assert_string_equal(text, "hoop: task error was never retrieved [task 'outcome' #2]: "
                              "HOOP_ESTOPPED: the event loop was stopped before the result was "
                              "there\n"
                              "hoop: task error was never retrieved [task 'fail_with_details' "
                              "#3]: EIO: Input/output error: disk 3\n"
                              "hoop: future error was never retrieved: ENOENT: No such file or "
                              "directory\n");
}

static void setting_null_brings_the_default_handler_back(void **state)
{
    (void)state;
    struct stderr_capture capture;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_set_exception_handler(loop, NULL, NULL);
    stderr_capture_begin(&capture);
    hoop_call_exception_handler(loop, &(hoop_exception){.message = "first"});
    hoop_call_exception_handler(NULL, &(hoop_exception){.message = "second", .error = -EIO});
    const char *text = stderr_capture_end(&capture);
    hoop_close(loop);
    assert_int_equal(reports.count, 0);
    assert_string_equal(text, "hoop: first\nhoop: second: EIO: Input/output error\n");
}

static void forward(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (*(int *)arg)++;
    hoop_default_exception_handler(loop, exception);
}

static void a_handler_may_call_the_default_one(void **state)
{
    (void)state;
    struct stderr_capture capture;
    int count = 0;
    hoop_loop *loop = virtual_loop();
    hoop_set_exception_handler(loop, forward, &count);
    stderr_capture_begin(&capture);
    hoop_call_exception_handler(loop, &(hoop_exception){.message = "passed on"});
    const char *text = stderr_capture_end(&capture);
    hoop_close(loop);
    assert_int_equal(count, 1);
    assert_string_equal(text, "hoop: passed on\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_handler_may_keep_the_future_that_it_hears_of),
        BEHAVIOUR(the_error_of_a_detached_task_is_reported_once),
        BEHAVIOUR(a_retrieved_error_a_result_and_a_cancellation_are_not_reported),
        BEHAVIOUR(to_ask_too_early_is_not_to_retrieve),
        BEHAVIOUR(an_error_that_a_cancelled_awaiter_did_not_hear_is_reported),
        BEHAVIOUR(a_futures_error_is_reported_with_its_last_reference),
        BEHAVIOUR(the_default_handler_prints_a_line_to_stderr),
        BEHAVIOUR(setting_null_brings_the_default_handler_back),
        BEHAVIOUR(a_handler_may_call_the_default_one),
    };
    return cmocka_run_group_tests_name("unretrieved", tests, NULL, NULL);
}
