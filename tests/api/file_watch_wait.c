/* SPDX-License-Identifier: MIT
 *
 * Tasks that wait for changes of files: one at a time, every way out of a wait, and that no event
 * is lost to those who stop waiting or to a failure.
 */
#include "watched_folder.h"

/* ---- waiting ---- */

IN_A_TASK(an_event_is_waited_for)
{
    struct folder folder = folder_new();
    struct pending pending = {.watch = watch_open()};
    int number = watch_add(pending.watch, folder.path, HOOP_FILE_CLOSED);
    for (int i = 0; i < 3; i++) {
        hoop_task *task = start_waiting(&pending);
        assert_non_null(strstr(printed_tasks(), "waits for a file to change"));
        make_file(&folder, "one");
        assert_int_equal(hoop_await(task), 0);
        assert_int_equal(pending.event.watch, number);
        assert_string_equal(pending.event.name, "one");
    }
    hoop_file_watch_close(pending.watch);
    folder_free(&folder);
}

IN_A_TASK(one_task_at_a_time_waits)
{
    struct folder folder = folder_new();
    struct pending pending = {.watch = watch_open()};
    hoop_file_event event;
    (void)watch_add(pending.watch, folder.path, HOOP_FILE_CLOSED);
    hoop_task *task = start_waiting(&pending);
    assert_int_equal(hoop_file_watch_next(pending.watch, &event), -EBUSY);
    make_file(&folder, "one");
    assert_int_equal(hoop_file_watch_next(pending.watch, &event), -EBUSY); /* it is the other's */
    assert_int_equal(hoop_await(task), 0);
    assert_string_equal(pending.event.name, "one");
    hoop_file_watch_close(pending.watch);
    folder_free(&folder);
}

IN_A_TASK(a_cancelled_wait_leaves_the_event_to_the_next_one)
{
    struct folder folder = folder_new();
    struct pending pending = {.watch = watch_open()};
    int number = watch_add(pending.watch, folder.path, HOOP_FILE_CREATED);
    hoop_task *task = start_waiting(&pending);
    make_file(&folder, "one");
    make_file(&folder, "two");
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_event(pending.watch, number, HOOP_FILE_CREATED, "one");
    hoop_task_cancel(hoop_current_task());
    assert_event(pending.watch, number, HOOP_FILE_CREATED, "two"); /* it need not wait */
    assert_int_equal(hoop_file_watch_next(pending.watch, &pending.event), -ECANCELED);
    hoop_task_uncancel(hoop_current_task());
    make_file(&folder, "three");
    assert_event(pending.watch, number, HOOP_FILE_CREATED, "three");
    hoop_file_watch_close(pending.watch);
    folder_free(&folder);
}

/* ---- the end ---- */

IN_A_TASK(who_waits_when_it_is_closed_gets_an_error)
{
    struct folder folder = folder_new();
    struct pending pending = {.watch = watch_open()};
    (void)watch_add(pending.watch, folder.path, HOOP_FILE_ALL);
    hoop_task *task = start_waiting(&pending);
    hoop_file_watch_close(pending.watch);
    assert_int_equal(hoop_await(task), -EBADF);

    pending.watch = watch_open();
    (void)watch_add(pending.watch, folder.path, HOOP_FILE_ALL);
    task = start_waiting(&pending);
    hoop_task_cancel(task); /* woken, and does not touch it */
    hoop_file_watch_close(pending.watch);
    assert_int_equal(hoop_await(task), -EBADF);
    hoop_file_watch_close(NULL);
    folder_free(&folder);
}

static int64_t open_and_wait(void *arg)
{
    (void)arg;
    hoop_file_event event;
    hoop_file_watch *watch = watch_open();
    (void)watch_add(watch, "/", HOOP_FILE_GONE);
    return hoop_file_watch_next(watch, &event);
}

static void a_loop_closes_what_is_open_and_takes_who_waits_with_it(void **state)
{
    (void)state;
    close_while_it_waits(open_and_wait, NULL, NULL);
}

static int64_t leave_open(void *arg)
{
    (void)arg;
    (void)watch_open();
    return 0;
}

static void in_debug_mode_one_that_was_left_open_is_reported(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, leave_open, NULL), 0);
    hoop_set_debug(loop, true);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.error_message, "a file watch");
}

/* ---- what is refused ---- */

IN_A_TASK(what_cannot_be_watched_is_refused)
{
    hoop_file_watch *watch = watch_open();
    assert_int_equal(hoop_file_watch_add(watch, "/nowhere/at/all", HOOP_FILE_ALL), -ENOENT);
    assert_int_equal(hoop_file_watch_add(watch, "/", 0), -EINVAL);
    assert_int_equal(hoop_file_watch_add(watch, "/", HOOP_FILE_OVERFLOW), -EINVAL);
    assert_int_equal(hoop_file_watch_add(watch, "/", HOOP_FILE_ALL | 1024), -EINVAL);
    hoop_file_watch_close(watch);
}

static void call_next(void *watch)
{
    hoop_file_event event;
    assert_int_equal(hoop_file_watch_next(watch, &event), HOOP_ENOTASK);
}

IN_A_TASK(only_a_task_can_wait)
{
    hoop_file_watch *watch = watch_open();
    hoop_call_soon(hoop_running_loop(), call_next, watch);
    let_one_iteration_pass();
    hoop_file_watch_close(watch);
}

static void without_a_loop_there_is_none(void **state)
{
    (void)state;
    hoop_file_watch *watch = NULL;
    assert_int_equal(hoop_file_watch_open(&watch), HOOP_ENOLOOP);
    assert_null(watch);
}

/* ---- failures ---- */

/* A failed call of hoop_file_watch_next can be made again, and nothing is missing. */
static int64_t watch_and_fail(void *arg)
{
    const struct folder *folder = arg;
    hoop_file_watch *watch = NULL;
    int rc = hoop_file_watch_open(&watch);
    if (rc < 0) {
        assert_null(watch);
        return rc;
    }
    int number = hoop_file_watch_add(watch, folder->path, HOOP_FILE_CREATED);
    if (number < 0) {
        hoop_file_watch_close(watch);
        return number;
    }
    (void)unlinkat(folder->fd, "one", 0); /* of a time when the loop failed */
    (void)unlinkat(folder->fd, "two", 0);
    make_file(folder, "one");
    make_file(folder, "two");
    for (int i = 0; i < 2; i++) {
        hoop_file_event event;
        int failed = hoop_file_watch_next(watch, &event);
        rc = failed < 0 ? failed : rc;
        if (failed < 0)
            event = next_event(watch);
        assert_int_equal(event.watch, number);
        assert_string_equal(event.name, i == 0 ? "one" : "two");
    }
    int removed = hoop_file_watch_remove(watch, number);
    hoop_file_watch_close(watch);
    return removed < 0 ? removed : rc;
}

static int run_and_fail(void *arg)
{
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    if (loop == NULL)
        return hoop_last_error();
    struct reports reports = {0}; /* of the task, if the loop cannot go on */
    hoop_set_exception_handler(loop, reports_add, &reports);
    int64_t rc = hoop_run_until_complete(loop, watch_and_fail, arg);
    hoop_close(loop);
    return (int)rc;
}

static void each_failure_is_an_error_and_loses_nothing(void **state)
{
    (void)state;
    struct folder folder = folder_new();
    fail_each(HOOP_FAIL_SYSCALL, run_and_fail, &folder);
    fail_each(HOOP_FAIL_ALLOCATION, run_and_fail, &folder);
    folder_free(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_event_is_waited_for),
        BEHAVIOUR(one_task_at_a_time_waits),
        BEHAVIOUR(a_cancelled_wait_leaves_the_event_to_the_next_one),
        BEHAVIOUR(who_waits_when_it_is_closed_gets_an_error),
        BEHAVIOUR(a_loop_closes_what_is_open_and_takes_who_waits_with_it),
        BEHAVIOUR(in_debug_mode_one_that_was_left_open_is_reported),
        BEHAVIOUR(what_cannot_be_watched_is_refused),
        BEHAVIOUR(only_a_task_can_wait),
        BEHAVIOUR(without_a_loop_there_is_none),
        BEHAVIOUR(each_failure_is_an_error_and_loses_nothing),
    };
    return cmocka_run_group_tests_name("file_watch_wait", tests, NULL, NULL);
}
