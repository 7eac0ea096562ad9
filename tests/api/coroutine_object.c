/* SPDX-License-Identifier: MIT
 *
 * Coroutine objects: what hoop_ensure_future starts, by a callback, sooner or later.
 */
#include <errno.h>

#include "reports.h"

static int64_t record_name(void *arg)
{
    record_add(arg, hoop_task_name(hoop_current_task()));
    int rc = hoop_sleep(1);
    record_add(arg, "end");
    return rc;
}

static int64_t sleep_two(void *arg)
{
    (void)arg;
    return hoop_sleep(2);
}

static void a_coroutine_can_be_scheduled_as_a_callback(void **state)
{
    (void)state;
    struct record record = {""};
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_coroutine *object = hoop_coroutine_new(loop, record_name, &record);
    assert_non_null(object);
    assert_true(hoop_call_soon(loop, hoop_ensure_future, object) >= 0);
    assert_int_equal(hoop_run_until_complete(loop, sleep_two, NULL), 0);
    hoop_close(loop);
    assert_record(&record, "record_name end");
    assert_int_equal(reports.count, 0);
}

static int64_t schedule_for_later(void *arg)
{
    hoop_loop *loop = hoop_running_loop();
    hoop_coroutine *object = hoop_coroutine_new(loop, record_name, arg);
    assert_true(hoop_call_later(loop, 1, hoop_ensure_future, object) >= 0);
    assert_int_equal(hoop_sleep(0.5), 0);
    record_add(arg, "half");
    assert_int_equal(hoop_sleep(2), 0);
    return 0;
}

static void it_starts_when_the_callback_runs(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(schedule_for_later, &record), 0);
    assert_record(&record, "half record_name end");
}

static int64_t start_by_hand(void *arg)
{
    hoop_ensure_future(hoop_coroutine_new(hoop_running_loop(), record_name, arg));
    record_add(arg, "started");
    return hoop_sleep(2);
}

static void a_task_may_start_it_too(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(start_by_hand, &record), 0);
    assert_record(&record, "started record_name end");
}

/* As asyncio.ensure_future(coroutine, loop=loop) does. */
static void it_starts_in_the_loop_it_was_made_for(void **state)
{
    (void)state;
    struct record record = {""};
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_ensure_future(hoop_coroutine_new(loop, record_name, &record));
    assert_int_equal(reports.count, 0);
    assert_int_equal(hoop_run_until_complete(loop, sleep_two, NULL), 0);
    assert_record(&record, "record_name end");
    hoop_close(loop);
}

static int64_t fails(void *arg)
{
    (void)arg;
    return -EIO;
}

static void nobody_awaits_it_so_its_error_is_reported(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_coroutine *object = hoop_coroutine_new_named(loop, fails, NULL, "other name");
    assert_true(hoop_call_soon(loop, hoop_ensure_future, object) >= 0);
    assert_int_equal(hoop_run_until_complete(loop, sleep_two, NULL), 0);
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EIO);
    assert_string_equal(reports.task, "other name");
    hoop_close(loop);
}

static int64_t start_nothing(void *arg)
{
    (void)arg;
    assert_null(hoop_coroutine_new(hoop_running_loop(), NULL, NULL));
    assert_int_equal(hoop_last_error(), -EINVAL);
    hoop_ensure_future(NULL);
    return 0;
}

static void starting_null_is_reported(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, start_nothing, NULL), 0);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.message, "ensure_future could not start a task");
    assert_int_equal(reports.error, -EINVAL);
    hoop_close(loop);
}

static void one_that_is_not_wanted_any_more_is_freed(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_coroutine_free(hoop_coroutine_new(loop, fails, NULL));
    hoop_coroutine_free(NULL);
    hoop_close(loop);
    assert_int_equal(reports.count, 0);
}

static void one_that_was_never_started_is_reported_when_the_loop_closes(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_coroutine *object = hoop_coroutine_new(loop, fails, NULL);
    assert_true(hoop_call_later(loop, 10, hoop_ensure_future, object) >= 0);
    assert_non_null(hoop_coroutine_new(loop, fails, NULL));
    assert_int_equal(hoop_run_until_complete(loop, sleep_two, NULL), 0);
    hoop_close(loop);
    assert_int_equal(reports.count, 2);
    assert_string_equal(reports.message, "coroutine object was never started");
    assert_string_equal(reports.error_message, "fails");
}

static void there_is_none_without_a_loop(void **state)
{
    (void)state;
    assert_null(hoop_coroutine_new(NULL, fails, NULL));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
    hoop_loop *loop = hoop_loop_ref(virtual_loop());
    hoop_close(loop);
    assert_null(hoop_coroutine_new(loop, fails, NULL));
    assert_int_equal(hoop_last_error(), HOOP_ECLOSED);
    hoop_loop_unref(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_coroutine_can_be_scheduled_as_a_callback),
        BEHAVIOUR(it_starts_when_the_callback_runs),
        BEHAVIOUR(a_task_may_start_it_too),
        BEHAVIOUR(it_starts_in_the_loop_it_was_made_for),
        BEHAVIOUR(nobody_awaits_it_so_its_error_is_reported),
        BEHAVIOUR(starting_null_is_reported),
        BEHAVIOUR(one_that_is_not_wanted_any_more_is_freed),
        BEHAVIOUR(one_that_was_never_started_is_reported_when_the_loop_closes),
        BEHAVIOUR(there_is_none_without_a_loop),
    };
    return cmocka_run_group_tests_name("coroutine_object", tests, NULL, NULL);
}
