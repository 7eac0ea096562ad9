/* SPDX-License-Identifier: MIT
 *
 * Executors without memory, without threads, and misused.
 */
#include "gate.h"
#include "reports.h"

#include <errno.h>

/* ---- misuse ---- */

static void too_many_threads_are_refused(void **state)
{
    (void)state;
    assert_null(hoop_executor_new(&(hoop_executor_options){.max_workers = 4097}));
    assert_int_equal(hoop_last_error(), -EINVAL);
    hoop_executor *executor = hoop_executor_new(&(hoop_executor_options){.max_workers = 4096});
    assert_non_null(executor);
    hoop_executor_free(executor);
}

static void outside_of_a_task_there_is_no_awaiting(void **state)
{
    (void)state;
    hoop_executor *executor = executor_of(1);
    assert_int_equal(hoop_run_in_executor(executor, count_call, NULL), HOOP_ENOTASK);
    assert_int_equal(hoop_run_in_executor(executor, NULL, NULL), HOOP_ENOTASK);
    assert_int_equal(hoop_to_thread(count_call, NULL), HOOP_ENOTASK);
    hoop_executor_free(executor);
}

static void without_a_running_loop_there_is_no_submitting(void **state)
{
    (void)state;
    hoop_executor *executor = executor_of(1);
    assert_null(hoop_executor_submit(executor, count_call, NULL));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
    assert_null(hoop_executor_submit(NULL, count_call, NULL));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
    hoop_executor_free(executor);
}

static void await_in_a_callback(void *arg)
{
    assert_int_equal(hoop_run_in_executor(arg, count_call, NULL), HOOP_ENOTASK);
}

static void a_callback_cannot_await_a_function(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    hoop_executor *executor = executor_of(1);
    hoop_call_soon(loop, await_in_a_callback, executor);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    hoop_close(loop);
    hoop_executor_free(executor);
}

static int64_t run_nothing(void *executor)
{
    assert_int_equal(hoop_run_in_executor(executor, NULL, NULL), -EINVAL);
    assert_int_equal(hoop_to_thread(NULL, NULL), -EINVAL);
    assert_null(hoop_executor_submit(executor, NULL, NULL));
    assert_int_equal(hoop_last_error(), -EINVAL);
    assert_int_equal(hoop_executor_workers(executor), 0);
    return 0;
}

static void there_is_no_running_of_nothing(void **state)
{
    (void)state;
    hoop_executor *executor = executor_of(1);
    assert_int_equal(run_virtually(run_nothing, executor), 0);
    hoop_executor_free(executor);
}

/* ---- no memory ---- */

static hoop_loop *loop_or_null(void)
{
    hoop_loop *loop = hoop_new_event_loop();
    assert_true(loop != NULL || hoop_last_error() == -ENOMEM);
    return loop;
}

static int64_t use_default(void *arg)
{
    atomic_int *calls = arg;
    static const hoop_context_var number = {.name = "number"};
    int rc = hoop_context_set(&number, calls);
    return rc < 0 ? rc : hoop_to_thread(count_call, calls);
}

static int use_default_in_a_loop(void *arg)
{
    atomic_int calls = 0;
    (void)arg;
    hoop_loop *loop = loop_or_null();
    if (loop == NULL)
        return -ENOMEM;
    int64_t result = hoop_run_until_complete(loop, use_default, &calls);
    assert_true(result == 1 || result == -ENOMEM);
    assert_int_equal(calls, result == 1);
    hoop_close(loop);
    return result == 1 ? 0 : (int)result;
}

static void awaiting_without_memory_calls_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, use_default_in_a_loop, NULL) >= 4);
}

/* Holds the future, as the task may be destroyed before it has its result. */
struct submission {
    atomic_int calls;
    hoop_future *future;
};

static int64_t submit_and_await(void *arg)
{
    struct submission *submission = arg;
    submission->future = hoop_executor_submit(NULL, count_call, &submission->calls);
    return submission->future != NULL ? hoop_future_await(submission->future) : hoop_last_error();
}

static int submit_in_a_loop(void *arg)
{
    struct submission submission = {0};
    (void)arg;
    hoop_loop *loop = loop_or_null();
    if (loop == NULL)
        return -ENOMEM;
    int64_t result = hoop_run_until_complete(loop, submit_and_await, &submission);
    assert_true(result == 1 || result == -ENOMEM);
    assert_int_equal(submission.calls, result == 1);
    hoop_future_unref(submission.future);
    hoop_close(loop);
    return result == 1 ? 0 : (int)result;
}

static void submitting_without_memory_calls_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, submit_in_a_loop, NULL) >= 5);
}

static int set_default(void *arg)
{
    (void)arg;
    hoop_executor *executor = hoop_executor_new(NULL);
    if (executor == NULL)
        return hoop_last_error();
    hoop_loop *loop = loop_or_null();
    int rc = loop != NULL ? hoop_set_default_executor(loop, executor) : -ENOMEM;
    assert_true(rc == 0 || rc == -ENOMEM);
    if (rc < 0)
        hoop_executor_free(executor); /* still ours */
    hoop_close(loop);
    return rc;
}

static void setting_the_default_one_without_memory_leaves_it_ours(void **state)
{
    (void)state;
    assert_true(fail_each(HOOP_FAIL_ALLOCATION, set_default, NULL) >= 3);
}

struct ending {
    hoop_executor *executor;
    struct gate gate;
    int rc;
};

static int64_t open_it(void *gate)
{
    gate_open(gate);
    return 0;
}

/* Memory fails in the middle only: what is needed for the test itself is there. */
static int64_t end_without_memory(void *arg)
{
    struct ending *ending = arg;
    hoop_future *future = hoop_executor_submit(ending->executor, pass_gate, &ending->gate);
    sem_take(&ending->gate.begun);
    hoop_task *task = hoop_create_task(open_it, &ending->gate);
    unsigned failures = 0;
    for (uint64_t n = 1;; n++) {
        hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, n);
        ending->rc = hoop_executor_shutdown(ending->executor, 60);
        bool failed = hoop_testing_failed();
        hoop_testing_fail_nth(0, 0);
        if (!failed)
            break;
        failures++;
        assert_int_equal(ending->rc, -ENOMEM);
        assert_null(hoop_executor_submit(ending->executor, count_call, NULL));
        assert_int_equal(hoop_last_error(), HOOP_ESHUTDOWN);
    }
    assert_true(failures > 0);
    assert_int_equal(ending->rc, 0);
    assert_int_equal(hoop_future_await(future), 5);
    hoop_future_unref(future);
    return hoop_await(task);
}

static void waiting_for_the_end_without_memory_shuts_down_all_the_same(void **state)
{
    (void)state;
    struct ending ending = {.executor = executor_of(1)};
    gate_init(&ending.gate, 5);
    assert_int_equal(run_really(end_without_memory, &ending), 0);
    hoop_executor_free(ending.executor);
    gate_done(&ending.gate);
}

/* ---- no threads ---- */

static int64_t await_without_a_thread(void *arg)
{
    atomic_int *calls = arg;
    hoop_executor *executor = executor_of(4);
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    assert_int_equal(hoop_run_in_executor(executor, count_call, calls), -HOOP_TESTING_ERRNO);
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(*calls, 0);
    assert_int_equal(hoop_executor_workers(executor), 0);
    assert_int_equal(hoop_executor_pending(executor), 0);
    assert_int_equal(hoop_run_in_executor(executor, count_call, calls), 1); /* now there is */
    executor_end(executor);
    return hoop_sleep(1000); /* and the virtual clock is free */
}

static void with_no_thread_an_awaited_function_fails(void **state)
{
    (void)state;
    atomic_int calls = 0;
    assert_int_equal(run_virtually(await_without_a_thread, &calls), 0);
}

static int64_t submit_without_a_thread(void *arg)
{
    atomic_int *calls = arg;
    hoop_executor *executor = executor_of(4);
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    hoop_future *future = hoop_executor_submit(executor, count_call, calls);
    hoop_testing_fail_nth(0, 0);
    assert_non_null(future);
    assert_int_equal(hoop_future_await(future), -HOOP_TESTING_ERRNO);
    hoop_future_unref(future);
    assert_int_equal(*calls, 0);
    executor_end(executor);
    return hoop_sleep(1000);
}

static void with_no_thread_a_submitted_function_fails_through_its_future(void **state)
{
    (void)state;
    atomic_int calls = 0;
    assert_int_equal(run_virtually(submit_without_a_thread, &calls), 0);
}

enum { JOBS = 6 };

/* The second thread cannot be started, so the first one does it all. */
static int64_t submit_with_one_thread(void *arg)
{
    struct gate *gate = arg;
    hoop_future *futures[JOBS];
    hoop_executor *executor = executor_of(JOBS);
    futures[0] = hoop_executor_submit(executor, pass_gate, gate);
    sem_take(&gate->begun);
    hoop_testing_fail_nth(HOOP_FAIL_SYSCALL, 1);
    futures[1] = hoop_executor_submit(executor, pass_gate, gate);
    assert_true(hoop_testing_failed());
    hoop_testing_fail_nth(0, 0);
    assert_int_equal(hoop_executor_workers(executor), 1);
    assert_int_equal(hoop_executor_pending(executor), 1);
    gate_open(gate);
    sem_take(&gate->begun);
    for (int i = 2; i < JOBS; i++)
        futures[i] = hoop_executor_submit(executor, pass_gate, gate);
    for (int i = 1; i < JOBS; i++)
        gate_open(gate);
    assert_int_equal(hoop_gather_futures(futures, JOBS, NULL, 0), 0);
    for (int i = 0; i < JOBS; i++)
        hoop_future_unref(futures[i]);
    executor_end(executor);
    return 0;
}

static void fewer_threads_than_wanted_do_all_the_work(void **state)
{
    (void)state;
    struct gate gate;
    gate_init(&gate, 5);
    assert_int_equal(run_really(submit_with_one_thread, &gate), 0);
    gate_done(&gate);
}

static void drop_report(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)exception;
    (void)arg;
}

/* The loop may be refused a wait, and close while a thread works for it; so the count of calls
 * outlives this. */
static int use_executor_and_system(void *arg)
{
    struct submission *submission = arg;
    submission->future = NULL;
    hoop_loop *loop = hoop_new_event_loop();
    if (loop == NULL)
        return hoop_last_error();
    hoop_set_exception_handler(loop, drop_report, NULL);
    int64_t result = hoop_run_until_complete(loop, submit_and_await, submission);
    hoop_future_unref(submission->future);
    hoop_close(loop);
    return result > 0 ? 0 : (int)result;
}

static void failures_of_any_kind_leave_nothing_behind(void **state)
{
    (void)state;
    static struct submission submission;
    assert_true(fail_each(HOOP_FAIL_SYSCALL, use_executor_and_system, &submission) >= 4);
    for (uint64_t seed = 1; seed <= 300; seed++) {
        hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION | HOOP_FAIL_SYSCALL, seed, 12);
        (void)use_executor_and_system(&submission);
    }
    hoop_testing_fail_randomly(0, 0, 0);
    assert_true(submission.calls > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(too_many_threads_are_refused),
        BEHAVIOUR(outside_of_a_task_there_is_no_awaiting),
        BEHAVIOUR(without_a_running_loop_there_is_no_submitting),
        BEHAVIOUR(a_callback_cannot_await_a_function),
        BEHAVIOUR(there_is_no_running_of_nothing),
        BEHAVIOUR(awaiting_without_memory_calls_nothing),
        BEHAVIOUR(submitting_without_memory_calls_nothing),
        BEHAVIOUR(setting_the_default_one_without_memory_leaves_it_ours),
        BEHAVIOUR(waiting_for_the_end_without_memory_shuts_down_all_the_same),
        BEHAVIOUR(with_no_thread_an_awaited_function_fails),
        BEHAVIOUR(with_no_thread_a_submitted_function_fails_through_its_future),
        BEHAVIOUR(fewer_threads_than_wanted_do_all_the_work),
        BEHAVIOUR(failures_of_any_kind_leave_nothing_behind),
    };
    return cmocka_run_group_tests_name("executor_failures", tests, NULL, NULL);
}
