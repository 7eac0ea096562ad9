/* SPDX-License-Identifier: MIT
 *
 * "Fail the Nth" over tasks, futures and what belongs to them: whichever allocation or
 * syscall fails, the caller gets a code, nothing leaks and nothing hangs.
 */
#include <errno.h>

#include "child.h"
#include "reports.h"

enum { ALL = HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL };

/* A failure as hoop hands it on: of memory, or of the syscall that was made to fail. */
static int assert_failure(int64_t code)
{
    if (code != -ENOMEM && code != -HOOP_TESTING_ERRNO)
        fail_msg("%lld (%s) is no failure of memory or the system", (long long)code,
                 hoop_error_name(code));
    return (int)code;
}

/* Runs FN(ARG) on a loop of its own: its result, or the failure that kept it from one. */
static int64_t run_with_failures(hoop_coroutine_fn fn, void *arg, struct reports *reports)
{
    hoop_loop_options options = {.clock = HOOP_CLOCK_VIRTUAL};
    hoop_loop *loop = hoop_new_event_loop_with(&options);
    if (loop == NULL)
        return assert_failure(hoop_last_error());
    hoop_set_exception_handler(loop, reports_add, reports);
    int64_t result = hoop_run_until_complete(loop, fn, arg);
    assert_int_equal(hoop_close(loop), 0);
    return result;
}

/* What a body of fail_each does where nothing may be reported. */
static int run_quietly(hoop_coroutine_fn fn, void *arg)
{
    struct reports reports = {0};
    int64_t result = run_with_failures(fn, arg, &reports);
    /* The system may fail the run while a task has not finished yet: it is reported. */
    if (reports.count > 0)
        assert_string_equal(reports.message, "task was destroyed but it is pending");
    return result < 0 ? assert_failure(result) : 0;
}

/* ---- creating and awaiting ---- */

static int64_t sleep_and_give_five(void *arg)
{
    (void)arg;
    int rc = hoop_sleep(1);
    return rc < 0 ? rc : 5;
}

enum { WAYS = 6 };

static void create_in_all_ways(hoop_task **tasks)
{
    char argument[5000] = "copied";
    const hoop_task_options options[WAYS - 2] = {
        {.name = "named"},
        {.eager = true},
        {.arg_size = sizeof argument},
        {.stack_size = 1 << 20, .name = "all", .arg_size = 100, .eager = true},
    };
    tasks[0] = hoop_create_task(sleep_and_give_five, NULL);
    tasks[1] = hoop_create_task_copy(sleep_and_give_five, argument, sizeof argument);
    for (int i = 2; i < WAYS; i++)
        tasks[i] = hoop_create_task_with(sleep_and_give_five, argument, &options[i - 2]);
}

/* The tasks are held outside of this frame, as the system may fail the run for good. */
static int64_t create_and_await(void *arg)
{
    hoop_task **tasks = arg;
    int64_t first_error = 0;
    create_in_all_ways(tasks);
    for (int i = 0; i < WAYS; i++) {
        int64_t result = tasks[i] != NULL ? hoop_await(hoop_task_ref(tasks[i])) : -ENOMEM;
        assert_true(result == 5 || result < 0);
        if (result < 0 && first_error == 0)
            first_error = result;
    }
    return first_error;
}

static int creation(void *arg)
{
    (void)arg;
    hoop_task *tasks[WAYS] = {NULL};
    int rc = run_quietly(create_and_await, tasks);
    for (int i = 0; i < WAYS; i++)
        hoop_task_unref(tasks[i]);
    return rc;
}

static void creating_and_awaiting_tasks(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, creation, NULL);
    fail_each(HOOP_FAIL_SYSCALL, creation, NULL);
    fail_each(ALL, creation, NULL);
}

/* ---- the first step ---- */

static int64_t must_not_run(void *arg)
{
    (void)arg;
    fail_msg("a task ran without a stack");
    return 0;
}

static int64_t begin_eagerly_without_a_stack(void *arg)
{
    (void)arg;
    hoop_task_options options = {.stack_size = 1 << 20, .eager = true};
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 2); /* 1: the task itself */
    hoop_task *task = hoop_create_task_with(must_not_run, NULL, &options);
    assert_true(hoop_testing_failed());
    hoop_testing_fail_nth(0, 0);
    assert_true(hoop_task_is_done(task));
    return hoop_await(task);
}

enum { LARGE = 1 << 30 };

/* No single failure, which the loop would survive by trying again, but for good. */
static int64_t begin_beyond_the_limit(void *arg)
{
    (void)arg;
    hoop_task_options options = {.stack_size = LARGE};
    hoop_task *first = hoop_create_task_with(must_not_run, NULL, &options);
    hoop_task *second = hoop_create_task_with(must_not_run, NULL, &options);
    hoop_task *small = hoop_create_task(sleep_and_give_five, NULL);
    assert_int_equal(hoop_await(small), 5); /* the others do not stand in its way */
    assert_int_equal(hoop_await(second), -ENOMEM);
    return hoop_await(first);
}

static void a_task_without_a_stack_ends_with_enomem_and_its_awaiter_hears_it(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(begin_eagerly_without_a_stack, NULL), -ENOMEM);
    if (UNDER_SANITIZER || UNDER_VALGRIND || UNDER_EMULATOR) {
        print_message("the rest is skipped: no limit of the address space here\n");
        return;
    }
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    struct rlimit narrow = {.rlim_cur = LARGE, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &narrow), 0);
    int64_t rc = run_virtually(begin_beyond_the_limit, NULL);
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    assert_int_equal(rc, -ENOMEM);
}

/* ---- futures and callbacks ---- */

static void count_call(hoop_future *future, void *arg)
{
    assert_true(hoop_future_is_done(future));
    (*(int *)arg)++;
}

static int64_t use_futures(void *arg)
{
    (void)arg;
    int calls = 0, added = 0;
    hoop_future *future = hoop_future_new(NULL);
    if (future == NULL)
        return hoop_last_error();
    for (int i = 0; i < 3; i++)
        added += hoop_future_add_done_callback(future, count_call, &calls) == 0;
    assert_int_equal(hoop_future_set_error(future, -EPIPE, "a message: %d", 1), 0);
    assert_int_equal(hoop_future_await(future), -EPIPE);
    int rc = hoop_sleep(1);
    assert_true(rc == -ENOMEM || calls == added);
    hoop_future_remove_done_callback(future, count_call, &calls);
    hoop_future_unref(future);
    while (calls < added) /* they stand on this frame */
        if (hoop_sleep(0) < 0)
            break;
    return rc < 0 ? rc : added < 3 ? -ENOMEM : 0;
}

static int futures(void *arg)
{
    return run_quietly(use_futures, arg);
}

static void futures_and_their_callbacks(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, futures, NULL);
}

/* ---- messages ---- */

static int64_t fail_with_details(void *arg)
{
    (void)arg;
    return hoop_error_set(-EPIPE, "the %s broke", "pipe");
}

static int64_t hear_of_it(void *arg)
{
    (void)arg;
    int64_t rc = hoop_await(hoop_create_task(fail_with_details, NULL));
    if (rc == -ENOMEM)
        return rc;
    assert_int_equal(rc, -EPIPE); /* the code is never lost, the message may be */
    if (hoop_error_message()[0] == '\0')
        return -ENOMEM;
    assert_string_equal(hoop_error_message(), "the pipe broke");
    return 0;
}

static int messages(void *arg)
{
    return run_quietly(hear_of_it, arg);
}

static void error_messages(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, messages, NULL);
}

/* ---- coroutine objects ---- */

static int64_t set_true(void *arg)
{
    *(bool *)arg = true;
    return 0;
}

static int64_t start_by_a_callback(void *arg)
{
    (void)arg;
    static bool has_run;
    has_run = false;
    hoop_coroutine *object = hoop_coroutine_new(hoop_running_loop(), set_true, &has_run);
    if (object == NULL)
        return hoop_last_error();
    hoop_handle handle = hoop_call_soon(hoop_running_loop(), hoop_ensure_future, object);
    if (handle < 0) {
        hoop_coroutine_free(object);
        return handle;
    }
    int rc = hoop_sleep(1);
    return rc < 0 ? rc : has_run ? 0 : -ENOMEM;
}

static int coroutine_objects(void *arg)
{
    struct reports reports = {0};
    int64_t result = run_with_failures(start_by_a_callback, arg, &reports);
    /* Nobody awaits it: that it could not start, or had no stack, is reported; or that it
     * had not finished when a failure ended the run. */
    if (reports.error != 0)
        assert_int_equal(reports.error, -ENOMEM);
    return result < 0 ? assert_failure(result) : 0;
}

static void coroutine_objects_started_by_callbacks(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, coroutine_objects, NULL);
}

/* ---- names ---- */

static int64_t rename_twice(void *arg)
{
    (void)arg;
    static const char *const names[] = {"first", "second"};
    hoop_task *self = hoop_current_task();
    int64_t first_error = 0;
    for (int i = 0; i < 2; i++) {
        char before[16];
        snprintf(before, sizeof before, "%s", hoop_task_name(self));
        int rc = hoop_task_set_name(self, names[i]);
        assert_string_equal(hoop_task_name(self), rc == 0 ? names[i] : before);
        if (rc < 0)
            first_error = rc;
    }
    return first_error;
}

static int names(void *arg)
{
    return run_quietly(rename_twice, arg);
}

static void without_memory_for_a_new_name_the_old_one_stays(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, names, NULL);
}

/* ---- a whole program ---- */

static int64_t leave_two(void *arg)
{
    hoop_set_exception_handler(hoop_running_loop(), reports_add, arg);
    hoop_task_detach(hoop_create_task(sleep_and_give_five, NULL));
    hoop_task *task = hoop_create_task(sleep_and_give_five, NULL);
    int rc = hoop_sleep(0);
    hoop_task_detach(task);
    return rc;
}

static int whole_program(void *arg)
{
    (void)arg;
    struct reports reports = {0};
    int64_t result = hoop_run(leave_two, &reports);
    if (reports.count > 0 && reports.error != 0)
        assert_failure(reports.error);
    return result < 0 ? assert_failure(result) : 0;
}

static void a_whole_program(void **state)
{
    (void)state;
    fail_each(HOOP_FAIL_ALLOCATION, whole_program, NULL);
    fail_each(HOOP_FAIL_SYSCALL, whole_program, NULL);
    fail_each(ALL, whole_program, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(creating_and_awaiting_tasks),
        BEHAVIOUR(a_task_without_a_stack_ends_with_enomem_and_its_awaiter_hears_it),
        BEHAVIOUR(futures_and_their_callbacks),
        BEHAVIOUR(error_messages),
        BEHAVIOUR(coroutine_objects_started_by_callbacks),
        BEHAVIOUR(without_memory_for_a_new_name_the_old_one_stays),
        BEHAVIOUR(a_whole_program),
    };
    return cmocka_run_group_tests_name("task_failures", tests, NULL, NULL);
}
