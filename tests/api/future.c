/* SPDX-License-Identifier: MIT
 *
 * Futures: setting an outcome once, asking for it, awaiting it, letting go of it.
 */
#include <errno.h>

#include "reports.h"

/* ---- setting and asking ---- */

static hoop_loop *loop;
static hoop_future *future;

static int begin(void **state)
{
    harness_begin(state);
    loop = virtual_loop();
    future = hoop_future_new(loop);
    return future == NULL;
}

static int end(void **state)
{
    hoop_future_unref(future);
    hoop_close(loop);
    return harness_end(state);
}

#define FUTURE_BEHAVIOUR(test) cmocka_unit_test_setup_teardown(test, begin, end)

static void a_new_future_is_pending(void **state)
{
    (void)state;
    assert_false(hoop_future_is_done(future));
    assert_false(hoop_future_is_cancelled(future));
    assert_int_equal(hoop_future_result(future), HOOP_EPENDING);
    assert_string_equal(hoop_future_error_message(future), "");
    assert_ptr_equal(hoop_future_loop(future), loop);
}

static void a_result_is_set_once(void **state)
{
    (void)state;
    assert_int_equal(hoop_future_set_result(future, -1), -EINVAL);
    assert_false(hoop_future_is_done(future));
    assert_int_equal(hoop_future_set_result(future, INT64_MAX), 0);
    assert_true(hoop_future_is_done(future));
    assert_int_equal(hoop_future_set_result(future, 2), HOOP_EDONE);
    assert_int_equal(hoop_future_set_error(future, -EIO, "late"), HOOP_EDONE);
    assert_false(hoop_future_cancel(future));
    assert_true(hoop_future_result(future) == INT64_MAX);
    assert_false(hoop_future_is_cancelled(future));
}

static void an_error_is_set_once_with_its_message(void **state)
{
    (void)state;
    assert_int_equal(hoop_future_set_error(future, 1, NULL), -EINVAL);
    assert_int_equal(hoop_future_set_error(future, 0, "zero is none"), -EINVAL);
    assert_int_equal(hoop_future_set_error(future, -EIO, "reading %s: %d", "file", 7), 0);
    assert_int_equal(hoop_future_set_error(future, -EPIPE, "second"), HOOP_EDONE);
    assert_int_equal(hoop_future_set_result(future, 0), HOOP_EDONE);
    assert_int_equal(hoop_future_result(future), -EIO);
    assert_string_equal(hoop_future_error_message(future), "reading file: 7");
}

static void an_error_needs_no_message_and_may_be_one_of_hoops(void **state)
{
    (void)state;
    assert_int_equal(hoop_future_set_error(future, HOOP_ESTOPPED, NULL), 0);
    assert_int_equal(hoop_future_result(future), HOOP_ESTOPPED);
    assert_string_equal(hoop_future_error_message(future), "");
}

static void a_future_is_cancelled_once(void **state)
{
    (void)state;
    assert_true(hoop_future_cancel(future));
    assert_false(hoop_future_cancel(future));
    assert_true(hoop_future_is_done(future));
    assert_true(hoop_future_is_cancelled(future));
    assert_int_equal(hoop_future_result(future), -ECANCELED);
    assert_int_equal(hoop_future_set_result(future, 0), HOOP_EDONE);
}

static void a_reference_keeps_it(void **state)
{
    (void)state;
    assert_ptr_equal(hoop_future_ref(future), future);
    hoop_future_unref(future);
    assert_int_equal(hoop_future_set_result(future, 3), 0);
    assert_int_equal(hoop_future_result(future), 3);
    hoop_future_unref(NULL);
}

static void a_future_outlives_its_loop(void **state)
{
    (void)state;
    hoop_loop *other = virtual_loop();
    hoop_future *pending = hoop_future_new(other), *done = hoop_future_new(other);
    assert_int_equal(hoop_future_set_error(done, -EIO, "kept"), 0);
    hoop_close(other);
    assert_null(hoop_future_loop(pending));
    assert_null(hoop_future_loop(done));
    assert_int_equal(hoop_future_result(pending), HOOP_EPENDING);
    assert_int_equal(hoop_future_set_result(pending, 1), 0);
    assert_int_equal(hoop_future_result(pending), 1);
    assert_int_equal(hoop_future_result(done), -EIO);
    assert_string_equal(hoop_future_error_message(done), "kept");
    hoop_future_unref(pending);
    hoop_future_unref(done);
}

static void there_is_none_without_a_loop(void **state)
{
    (void)state;
    assert_null(hoop_future_new(NULL));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
    hoop_loop *closed = hoop_loop_ref(virtual_loop());
    hoop_close(closed);
    assert_null(hoop_future_new(closed));
    assert_int_equal(hoop_last_error(), HOOP_ECLOSED);
    hoop_loop_unref(closed);
}

/* ---- awaiting ---- */

struct shared {
    hoop_future *future;
    struct record record;
};

struct awaiter {
    struct shared *shared;
    const char *name;
};

static int64_t await_shared(void *arg)
{
    struct awaiter *awaiter = arg;
    int64_t result = hoop_future_await(awaiter->shared->future);
    record_add(&awaiter->shared->record, awaiter->name);
    return result;
}

static int64_t have_three_awaiters(void *arg)
{
    struct shared *shared = arg;
    struct awaiter awaiters[] = {{shared, "a"}, {shared, "b"}, {shared, "c"}};
    hoop_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = hoop_create_task(await_shared, &awaiters[i]);
    assert_int_equal(hoop_sleep(1), 0);
    assert_int_equal(hoop_future_set_result(shared->future, 11), 0);
    assert_record(&shared->record, ""); /* they are woken in the next iteration */
    for (int i = 2; i >= 0; i--)
        assert_int_equal(hoop_await(tasks[i]), 11);
    return hoop_future_await(shared->future);
}

static void several_tasks_may_await_it_and_wake_in_order(void **state)
{
    (void)state;
    struct shared shared = {.future = future};
    assert_int_equal(hoop_run_until_complete(loop, have_three_awaiters, &shared), 11);
    assert_record(&shared.record, "a b c");
}

static int64_t await_borrowed(void *arg)
{
    return hoop_future_await(arg);
}

static int64_t drop_what_is_awaited(void *arg)
{
    (void)arg;
    hoop_future *own = hoop_future_new(NULL);
    hoop_task *task = hoop_create_task(await_borrowed, own);
    assert_int_equal(hoop_sleep(1), 0);
    assert_int_equal(hoop_future_set_result(own, 12), 0);
    hoop_future_unref(own); /* the await holds it until it has returned */
    return hoop_await(task);
}

static void an_await_keeps_it_alive(void **state)
{
    (void)state;
    assert_int_equal(hoop_run_until_complete(loop, drop_what_is_awaited, NULL), 12);
}

static int64_t await_foreign(void *arg)
{
    assert_int_equal(hoop_future_await(arg), HOOP_EOTHERLOOP);
    assert_int_equal(hoop_future_shield(arg), HOOP_EOTHERLOOP);
    assert_int_equal(hoop_future_set_result(arg, 1), 0);
    return hoop_future_await(arg); /* what is done needs no loop */
}

static void a_pending_future_of_another_loop_is_refused(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(await_foreign, future), 1);
    assert_int_equal(hoop_run_until_done(loop, future), 1);
    hoop_loop *other = virtual_loop();
    assert_int_equal(hoop_run_until_done(other, future), HOOP_EOTHERLOOP);
    hoop_close(other);
}

static int64_t await_orphan(void *arg)
{
    assert_int_equal(hoop_future_shield(arg), HOOP_ECLOSED);
    return hoop_future_await(arg);
}

static void a_pending_future_of_a_closed_loop_is_refused(void **state)
{
    (void)state;
    hoop_loop *other = virtual_loop();
    hoop_future *orphan = hoop_future_new(other);
    hoop_close(other);
    assert_int_equal(hoop_run_until_complete(loop, await_orphan, orphan), HOOP_ECLOSED);
    hoop_future_unref(orphan);
}

/* ---- tasks are futures ---- */

static int64_t nap(void *arg)
{
    (void)arg;
    int rc = hoop_sleep(1);
    return rc < 0 ? rc : 13;
}

static int64_t use_a_task_as_a_future(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(nap, NULL);
    hoop_future *view = hoop_task_future(task);
    assert_int_equal(hoop_future_set_result(view, 1), HOOP_ENOTFUTURE);
    assert_int_equal(hoop_future_set_error(view, -EIO, NULL), HOOP_ENOTFUTURE);
    assert_int_equal(hoop_future_result(view), HOOP_EPENDING);
    assert_int_equal(hoop_future_await(view), 13); /* borrows */
    assert_int_equal(hoop_future_result(view), 13);
    assert_int_equal(hoop_future_set_result(view, 1), HOOP_ENOTFUTURE);
    return hoop_await(task);
}

static void a_task_is_a_future_that_sets_its_own_result(void **state)
{
    (void)state;
    assert_int_equal(hoop_run_until_complete(loop, use_a_task_as_a_future, NULL), 13);
}

static int64_t cancel_a_task_as_a_future(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(nap, NULL);
    assert_true(hoop_future_cancel(hoop_task_future(task)));
    assert_false(hoop_future_is_done(hoop_task_future(task))); /* it was only asked to */
    return hoop_await(task);
}

static void cancelling_a_task_as_a_future_asks_the_task(void **state)
{
    (void)state;
    assert_int_equal(hoop_run_until_complete(loop, cancel_a_task_as_a_future, NULL), -ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FUTURE_BEHAVIOUR(a_new_future_is_pending),
        FUTURE_BEHAVIOUR(a_result_is_set_once),
        FUTURE_BEHAVIOUR(an_error_is_set_once_with_its_message),
        FUTURE_BEHAVIOUR(an_error_needs_no_message_and_may_be_one_of_hoops),
        FUTURE_BEHAVIOUR(a_future_is_cancelled_once),
        FUTURE_BEHAVIOUR(a_reference_keeps_it),
        FUTURE_BEHAVIOUR(a_future_outlives_its_loop),
        FUTURE_BEHAVIOUR(there_is_none_without_a_loop),
        FUTURE_BEHAVIOUR(several_tasks_may_await_it_and_wake_in_order),
        FUTURE_BEHAVIOUR(an_await_keeps_it_alive),
        FUTURE_BEHAVIOUR(a_pending_future_of_another_loop_is_refused),
        FUTURE_BEHAVIOUR(a_pending_future_of_a_closed_loop_is_refused),
        FUTURE_BEHAVIOUR(a_task_is_a_future_that_sets_its_own_result),
        FUTURE_BEHAVIOUR(cancelling_a_task_as_a_future_asks_the_task),
    };
    return cmocka_run_group_tests_name("future", tests, NULL, NULL);
}
