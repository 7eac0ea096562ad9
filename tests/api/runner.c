/* SPDX-License-Identifier: MIT
 *
 * Runners: several runs on one loop, and the orderly end. What hoop_run does is shown in
 * run.c, what SIGINT does in runner_interrupt.c.
 */
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "reports.h"
#include "stderr_capture.h"

static const hoop_loop_options on_virtual_clock = {.clock = HOOP_CLOCK_VIRTUAL};

/* A runner whose loop reports to REPORTS. */
static hoop_runner *reporting_runner(const hoop_loop_options *options, struct reports *reports)
{
    hoop_runner *runner = hoop_runner_new(options);
    assert_non_null(runner);
    hoop_set_exception_handler(hoop_runner_loop(runner), reports_add, reports);
    return runner;
}

static int64_t nap(void *seconds)
{
    int rc = hoop_sleep(*(const double *)seconds);
    return rc < 0 ? rc : 5;
}

static const double one_second = 1;

/* ---- runs ---- */

static void several_runs_share_a_loop_and_its_clock(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_runner *runner = reporting_runner(&on_virtual_clock, &reports);
    hoop_loop *loop = hoop_runner_loop(runner);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(hoop_runner_run(runner, nap, (void *)&one_second), 5);
        assert_true(hoop_time(loop) == i);
        assert_ptr_equal(hoop_runner_loop(runner), loop);
        assert_false(hoop_is_running(loop));
    }
    hoop_runner_close(runner);
    assert_int_equal(reports.count, 0);
}

static int64_t tell_loop(void *arg)
{
    *(hoop_loop **)arg = hoop_running_loop();
    return 0;
}

static void the_loop_of_a_runner_is_what_runs(void **state)
{
    (void)state;
    hoop_loop *seen = NULL;
    hoop_runner *runner = hoop_runner_new(NULL);
    assert_non_null(runner);
    assert_int_equal(hoop_runner_run(runner, tell_loop, &seen), 0);
    assert_ptr_equal(seen, hoop_runner_loop(runner));
    assert_null(hoop_running_loop());
    hoop_runner_close(runner);
}

static int64_t beat(void *arg)
{
    unsigned *beats = arg;
    while (hoop_sleep(1) == 0)
        (*beats)++;
    return -ECANCELED;
}

static int64_t start_beating(void *beats)
{
    hoop_task_detach(hoop_create_task(beat, beats));
    return 0;
}

static void a_task_that_one_run_leaves_goes_on_in_the_next(void **state)
{
    (void)state;
    struct reports reports = {0};
    unsigned beats = 0;
    double later = 3.5;
    hoop_runner *runner = reporting_runner(&on_virtual_clock, &reports);
    assert_int_equal(hoop_runner_run(runner, start_beating, &beats), 0);
    assert_int_equal(beats, 0);
    assert_int_equal(hoop_runner_run(runner, nap, &later), 5);
    assert_int_equal(beats, 3);
    hoop_runner_close(runner);
    assert_int_equal(reports.count, 0);
}

static const hoop_context_var user = {.name = "user", .default_value = "nobody"};

static int64_t record_user(void *arg)
{
    record_add(arg, hoop_context_get(&user));
    return hoop_context_set(&user, "the task's");
}

static void note_user(void *arg)
{
    struct record *record = arg;
    hoop_runner *runner = hoop_runner_new(NULL);
    assert_int_equal(hoop_runner_run(runner, record_user, record), 0);
    assert_int_equal(hoop_context_set(&user, "ann"), 0);
    assert_int_equal(hoop_runner_run(runner, record_user, record), 0);
    assert_int_equal(hoop_context_set(&user, "bob"), 0);
    assert_int_equal(hoop_runner_run(runner, record_user, record), 0);
    record_add(record, hoop_context_get(&user));
    hoop_runner_close(runner);
}

static void a_run_sees_the_threads_context_variables_and_keeps_its_own(void **state)
{
    (void)state;
    struct record record = {""};
    hoop_context *context = hoop_context_copy();
    hoop_context_run(context, note_user, &record); /* so that this thread's stays as it was */
    hoop_context_unref(context);
    assert_record(&record, "nobody ann bob bob");
}

static int64_t return_arg(void *arg)
{
    return *(const int64_t *)arg;
}

static void a_runs_result_or_error_is_the_coroutines(void **state)
{
    (void)state;
    static const int64_t outcomes[] = {0, 42, INT64_MAX, -EIO, -ECANCELED, HOOP_ESHUTDOWN};
    struct reports reports = {0};
    hoop_runner *runner = reporting_runner(NULL, &reports);
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        assert_true(hoop_runner_run(runner, return_arg, (void *)&outcomes[i]) == outcomes[i]);
    hoop_runner_close(runner);
    assert_int_equal(reports.count, 0);
}

static int64_t stop_and_sleep(void *arg)
{
    (void)arg;
    hoop_stop(hoop_running_loop());
    return hoop_sleep((double)INFINITY);
}

static void a_stopped_run_says_so_and_another_one_can_follow(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_runner *runner = reporting_runner(&on_virtual_clock, &reports);
    assert_int_equal(hoop_runner_run(runner, stop_and_sleep, NULL), HOOP_ESTOPPED);
    assert_int_equal(hoop_runner_run(runner, nap, (void *)&one_second), 5);
    hoop_runner_close(runner); /* the first one is cancelled */
    assert_int_equal(reports.count, 0);
}

/* ---- the end ---- */

struct leftover {
    struct record *record;
    const char *name;
    int64_t result; /* once cancelled */
};

static int64_t wait_and_clean_up(void *arg)
{
    const struct leftover *leftover = arg;
    int rc = hoop_sleep((double)INFINITY);
    assert_int_equal(rc, -ECANCELED);
    hoop_task_uncancel(hoop_current_task());
    assert_int_equal(hoop_sleep(leftover->name[0] == 'a' ? 2 : 1), 0); /* cleaning up takes time */
    record_add(leftover->record, leftover->name);
    return leftover->result;
}

static int64_t leave_two(void *arg)
{
    struct leftover *leftovers = arg;
    for (int i = 0; i < 2; i++)
        hoop_task_detach(hoop_create_task(wait_and_clean_up, &leftovers[i]));
    return hoop_sleep(0);
}

static void closing_cancels_what_is_left_and_awaits_it(void **state)
{
    (void)state;
    struct reports reports = {0};
    struct record record = {""};
    struct leftover leftovers[] = {{&record, "a", -ECANCELED}, {&record, "b", -ECANCELED}};
    hoop_runner *runner = reporting_runner(&on_virtual_clock, &reports);
    assert_int_equal(hoop_runner_run(runner, leave_two, leftovers), 0);
    assert_record(&record, "");
    hoop_runner_close(runner);
    assert_record(&record, "b a");
    assert_int_equal(reports.count, 0);
}

static void an_error_of_a_task_that_was_left_is_reported(void **state)
{
    (void)state;
    struct reports reports = {0};
    struct record record = {""};
    struct leftover leftovers[] = {{&record, "a", -ECANCELED}, {&record, "b", -EPIPE}};
    hoop_runner *runner = reporting_runner(&on_virtual_clock, &reports);
    assert_int_equal(hoop_runner_run(runner, leave_two, leftovers), 0);
    hoop_runner_close(runner);
    assert_record(&record, "b a");
    assert_int_equal(reports.count, 1);
    assert_int_equal(reports.error, -EPIPE);
    assert_string_equal(reports.task, "wait_and_clean_up");
}

static int64_t stop_while_cleaning_up(void *arg)
{
    (void)!hoop_sleep((double)INFINITY);
    record_add(arg, "stopped");
    hoop_stop(hoop_running_loop());
    return -ECANCELED;
}

static int64_t leave_a_stopper(void *arg)
{
    struct leftover *leftover = arg;
    hoop_task_detach(hoop_create_task(stop_while_cleaning_up, leftover->record));
    hoop_task_detach(hoop_create_task(wait_and_clean_up, leftover));
    return hoop_sleep(0);
}

static void a_stop_from_the_clean_up_does_not_keep_the_others_from_theirs(void **state)
{
    (void)state;
    struct reports reports = {0};
    struct record record = {""};
    struct leftover leftover = {&record, "awaited", -ECANCELED};
    hoop_runner *runner = reporting_runner(&on_virtual_clock, &reports);
    assert_int_equal(hoop_runner_run(runner, leave_a_stopper, &leftover), 0);
    hoop_runner_close(runner);
    assert_record(&record, "stopped awaited");
    assert_string_equal(reports.message, "");
}

static void a_runner_that_never_ran_may_be_closed_and_so_may_none(void **state)
{
    (void)state;
    hoop_runner *runner = hoop_runner_new(NULL);
    assert_non_null(runner);
    hoop_loop *loop = hoop_loop_ref(hoop_runner_loop(runner));
    hoop_runner_close(runner);
    assert_true(hoop_is_closed(loop));
    hoop_loop_unref(loop);
    hoop_runner_close(NULL);
}

static int64_t take_a_while(void *arg)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    atomic_store((atomic_bool *)arg, true);
    return 0;
}

static int64_t leave_a_job(void *arg)
{
    hoop_future *job = hoop_executor_submit(NULL, take_a_while, arg);
    assert_non_null(job);
    hoop_future_unref(job);
    return 0;
}

static void closing_waits_for_what_still_runs_in_the_default_executor(void **state)
{
    (void)state;
    struct reports reports = {0};
    atomic_bool has_ended = false;
    hoop_runner *runner = reporting_runner(NULL, &reports);
    assert_int_equal(hoop_runner_run(runner, leave_a_job, &has_ended), 0);
    assert_false(atomic_load(&has_ended));
    hoop_runner_close(runner);
    assert_true(atomic_load(&has_ended));
    assert_int_equal(reports.count, 0);
}

/* A task that is left and, when cancelled, hands its cleaning up to a thread. */
static int64_t clean_up_in_a_thread(void *arg)
{
    (void)!hoop_sleep((double)INFINITY);
    hoop_task_uncancel(hoop_current_task());
    return hoop_to_thread(take_a_while, arg);
}

static int64_t leave_one_for_a_thread(void *arg)
{
    hoop_task_detach(hoop_create_task(clean_up_in_a_thread, arg));
    return hoop_sleep(0);
}

static void the_executor_serves_until_the_tasks_have_ended(void **state)
{
    (void)state;
    struct reports reports = {0};
    atomic_bool has_ended = false;
    hoop_runner *runner = reporting_runner(NULL, &reports);
    assert_int_equal(hoop_runner_run(runner, leave_one_for_a_thread, &has_ended), 0);
    hoop_runner_close(runner);
    assert_true(atomic_load(&has_ended));
    assert_int_equal(reports.count, 0);
}

/* ---- refusals ---- */

static int64_t use_runners_inside(void *arg)
{
    assert_null(hoop_runner_new(NULL));
    assert_int_equal(hoop_last_error(), HOOP_ERUNNING);
    assert_int_equal(hoop_runner_run(arg, nap, (void *)&one_second), HOOP_ERUNNING);
    return 1;
}

static void inside_of_a_running_loop_a_runner_is_refused(void **state)
{
    (void)state;
    hoop_runner *runner = hoop_runner_new(NULL);
    hoop_runner *other = hoop_runner_new(NULL);
    assert_int_equal(hoop_runner_run(runner, use_runners_inside, runner), 1);
    assert_int_equal(hoop_runner_run(runner, use_runners_inside, other), 1);
    hoop_runner_close(runner);
    hoop_runner_close(other);
}

static int64_t close_own_runner(void *runner)
{
    hoop_runner_close(runner);
    return hoop_sleep(0) == 0 ? 3 : -EIO;
}

static void a_runner_cannot_be_closed_by_its_own_task(void **state)
{
    (void)state;
    static struct stderr_capture capture;
    hoop_runner *runner = hoop_runner_new(&(hoop_loop_options){.debug = true});
    stderr_capture_begin(&capture);
    int64_t result = hoop_runner_run(runner, close_own_runner, runner);
    const char *text = stderr_capture_end(&capture);
    assert_int_equal(result, 3);
    assert_non_null(strstr(text, "hoop: hoop_runner_close: "));
    assert_non_null(strstr(text, "close_own_runner+0x"));
    hoop_runner_close(runner);
}

static void bad_options_and_no_function_are_refused(void **state)
{
    (void)state;
    assert_null(hoop_runner_new(&(hoop_loop_options){.stack_size = 1}));
    assert_int_equal(hoop_last_error(), -EINVAL);
    hoop_runner *runner = hoop_runner_new(NULL);
    assert_int_equal(hoop_runner_run(runner, NULL, NULL), -EINVAL);
    hoop_runner_close(runner);
}

/* ---- failure ---- */

static int64_t sleep_for_ever(void *arg)
{
    (void)arg;
    return hoop_sleep((double)INFINITY);
}

static int64_t leave_one_if_there_is_memory(void *arg)
{
    hoop_task *task = hoop_create_task(sleep_for_ever, arg);
    if (task == NULL)
        return hoop_last_error();
    hoop_task_detach(task);
    return hoop_sleep(0.001);
}

static int run_and_close(void *arg)
{
    hoop_runner *runner = hoop_runner_new(NULL);
    if (runner == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(hoop_runner_loop(runner), reports_add, arg);
    int64_t rc = hoop_runner_run(runner, leave_one_if_there_is_memory, NULL);
    hoop_runner_close(runner);
    return (int)rc;
}

static void a_runner_copes_with_each_failure(void **state)
{
    (void)state;
    struct reports reports = {0};
    fail_each(HOOP_FAIL_ALLOCATION, run_and_close, &reports);
    fail_each(HOOP_FAIL_SYSCALL, run_and_close, &reports);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(several_runs_share_a_loop_and_its_clock),
        BEHAVIOUR(the_loop_of_a_runner_is_what_runs),
        BEHAVIOUR(a_task_that_one_run_leaves_goes_on_in_the_next),
        BEHAVIOUR(a_run_sees_the_threads_context_variables_and_keeps_its_own),
        BEHAVIOUR(a_runs_result_or_error_is_the_coroutines),
        BEHAVIOUR(a_stopped_run_says_so_and_another_one_can_follow),
        BEHAVIOUR(closing_cancels_what_is_left_and_awaits_it),
        BEHAVIOUR(an_error_of_a_task_that_was_left_is_reported),
        BEHAVIOUR(a_stop_from_the_clean_up_does_not_keep_the_others_from_theirs),
        BEHAVIOUR(a_runner_that_never_ran_may_be_closed_and_so_may_none),
        BEHAVIOUR(closing_waits_for_what_still_runs_in_the_default_executor),
        BEHAVIOUR(the_executor_serves_until_the_tasks_have_ended),
        BEHAVIOUR(inside_of_a_running_loop_a_runner_is_refused),
        BEHAVIOUR(a_runner_cannot_be_closed_by_its_own_task),
        BEHAVIOUR(bad_options_and_no_function_are_refused),
        BEHAVIOUR(a_runner_copes_with_each_failure),
    };
    return cmocka_run_group_tests_name("runner", tests, NULL, NULL);
}
