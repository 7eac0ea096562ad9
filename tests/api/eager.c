/* SPDX-License-Identifier: MIT
 *
 * Eager start: a task that runs at once, inside of hoop_create_task_with, up to its first
 * suspension.
 */
#include <errno.h>

#include "reports.h"

static hoop_task *start_eagerly(hoop_coroutine_fn fn, void *arg)
{
    return hoop_create_task_with(fn, arg, &(hoop_task_options){.eager = true, .name = "eager"});
}

static int64_t suspend_in_between(void *arg)
{
    record_add(arg, "begins");
    assert_int_equal(hoop_sleep(0), 0);
    record_add(arg, "ends");
    return 1;
}

static int64_t start_from_a_task(void *arg)
{
    hoop_task *self = hoop_current_task();
    hoop_task *task = start_eagerly(suspend_in_between, arg);
    record_add(arg, "created");
    assert_ptr_equal(hoop_current_task(), self);
    assert_false(hoop_task_is_done(task));
    return hoop_await(task);
}

static void an_eager_task_runs_up_to_its_first_suspension(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(start_from_a_task, &record), 1);
    assert_record(&record, "begins created ends");
}

static int64_t never_suspends(void *arg)
{
    record_add(arg, "runs");
    assert_string_equal(hoop_task_name(hoop_current_task()), "eager");
    return 2;
}

static int64_t start_one_that_does_not_suspend(void *arg)
{
    hoop_info info;
    for (int i = 0; i < 3; i++) {
        hoop_task *task = start_eagerly(never_suspends, arg);
        assert_true(hoop_task_is_done(task));
        assert_int_equal(hoop_await(task), 2);
        hoop_loop_info(hoop_running_loop(), &info);
        assert_int_equal(info.stacks_in_use, 1); /* its own went back */
    }
    assert_int_equal(info.stacks_cached, 1);
    return 0;
}

static void an_eager_task_that_does_not_suspend_is_done_at_once(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(start_one_that_does_not_suspend, &record), 0);
    assert_record(&record, "runs runs runs");
}

/* ---- from elsewhere ---- */

static void start_from_a_callback(void *arg)
{
    hoop_task_detach(start_eagerly(suspend_in_between, arg));
    assert_null(hoop_current_task());
    record_add(arg, "callback");
}

static int64_t have_a_callback_start(void *arg)
{
    assert_true(hoop_call_soon(hoop_running_loop(), start_from_a_callback, arg) >= 0);
    assert_int_equal(hoop_sleep(1), 0);
    return 0;
}

static void a_callback_may_start_an_eager_task(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(have_a_callback_start, &record), 0);
    assert_record(&record, "begins callback ends");
}

static void outside_of_a_run_an_eager_task_starts_as_usual(void **state)
{
    (void)state;
    struct record record = {""};
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task *task = hoop_create_task_with(suspend_in_between, &record,
                                            &(hoop_task_options){.eager = true, .loop = loop});
    assert_record(&record, "");
    assert_int_equal(hoop_run_until_done(loop, hoop_task_future(task)), 1);
    assert_record(&record, "begins ends");
    hoop_task_detach(task);
    hoop_close(loop);
    assert_int_equal(reports.count, 0);
}

/* ---- nested ---- */

struct nest {
    int depth;
    struct record record;
};

static int64_t nest(void *arg)
{
    struct nest *state = arg;
    hoop_task *self = hoop_current_task();
    if (state->depth++ == 5) {
        record_add(&state->record, "deepest");
        return hoop_sleep(1);
    }
    hoop_task *inner = start_eagerly(nest, state);
    assert_ptr_equal(hoop_current_task(), self);
    record_add(&state->record, "up");
    return hoop_await(inner);
}

static void eager_tasks_may_start_eager_tasks(void **state)
{
    (void)state;
    struct nest world = {0};
    assert_int_equal(run_virtually(nest, &world), 0);
    assert_record(&world.record, "deepest up up up up up");
}

static int64_t await_the_starter(void *arg)
{
    struct record *record = arg;
    hoop_task *starter;
    assert_int_equal(hoop_all_tasks(hoop_running_loop(), &starter, 1), 2);
    int64_t result = hoop_future_await(hoop_task_future(starter));
    record_add(record, "heard");
    return result;
}

static int64_t start_one_that_awaits_this(void *arg)
{
    hoop_task_detach(start_eagerly(await_the_starter, arg));
    record_add(arg, "returns");
    return 6;
}

static void an_eager_task_may_await_its_starter(void **state)
{
    (void)state;
    struct record record = {""};
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, start_one_that_awaits_this, &record), 6);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_record(&record, "returns heard");
    hoop_close(loop);
    assert_int_equal(reports.count, 0);
}

static int64_t cancel_the_starter(void *arg)
{
    hoop_task *starter = *(hoop_task **)arg;
    assert_true(hoop_task_cancel(starter));
    return hoop_sleep(0);
}

static int64_t start_one_that_cancels_this(void *arg)
{
    (void)arg;
    hoop_task *self = hoop_current_task();
    hoop_task *task = start_eagerly(cancel_the_starter, &self);
    assert_int_equal(hoop_sleep(1), -ECANCELED);
    assert_int_equal(hoop_task_uncancel(self), 0);
    return hoop_await(task);
}

static void an_eager_task_may_cancel_its_starter(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(start_one_that_cancels_this, NULL), 0);
}

/* ---- budget ---- */

static int64_t spend(void *arg)
{
    hoop_future *future = arg;
    for (int i = 0; i < 200; i++)
        assert_int_equal(hoop_future_await(future), 0);
    return 0;
}

static int64_t start_one_that_spends(void *arg)
{
    (void)arg;
    hoop_future *future = hoop_future_new(NULL);
    assert_int_equal(hoop_future_set_result(future, 0), 0);
    hoop_task *task = start_eagerly(spend, future);
    assert_false(hoop_task_is_done(task)); /* it had to give way after 128 */
    assert_int_equal(hoop_await(task), 0);
    hoop_future_unref(future);
    return 0;
}

static void an_eager_task_gives_way_when_its_budget_is_spent(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(start_one_that_spends, NULL), 0);
}

static int64_t set_true(void *arg)
{
    *(bool *)arg = true;
    return 0;
}

static int64_t return_at_once(void *arg)
{
    (void)arg;
    return 0;
}

static int64_t start_one_after_another(void *arg)
{
    (void)arg;
    bool has_run = false;
    int rounds = 0;
    hoop_task *other = hoop_create_task(set_true, &has_run);
    for (; !has_run && rounds < 1000; rounds++)
        assert_int_equal(hoop_await(start_eagerly(return_at_once, NULL)), 0);
    assert_int_equal(hoop_await(other), 0);
    return rounds;
}

static void starting_eager_tasks_does_not_refill_the_starters_budget(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(start_one_after_another, NULL), 128);
}

/* ---- where another task is just ending ---- */

static int64_t end_with_an_error(void *arg)
{
    (void)arg;
    return -EIO;
}

static void start_from_the_handler(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    assert_int_equal(exception->error, -EIO);
    assert_null(hoop_current_task());
    hoop_task_detach(start_eagerly(suspend_in_between, arg));
    record_add(arg, "handled");
}

static int64_t let_one_fail(void *arg)
{
    (void)arg;
    hoop_task_detach(hoop_create_task(end_with_an_error, NULL));
    return hoop_sleep(1);
}

static void in_an_exception_handler_an_eager_task_starts_as_usual(void **state)
{
    (void)state;
    struct record record = {""};
    hoop_loop *loop = virtual_loop();
    hoop_set_exception_handler(loop, start_from_the_handler, &record);
    assert_int_equal(hoop_run_until_complete(loop, let_one_fail, NULL), 0);
    hoop_close(loop);
    assert_record(&record, "handled begins ends");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_eager_task_runs_up_to_its_first_suspension),
        BEHAVIOUR(an_eager_task_that_does_not_suspend_is_done_at_once),
        BEHAVIOUR(a_callback_may_start_an_eager_task),
        BEHAVIOUR(outside_of_a_run_an_eager_task_starts_as_usual),
        BEHAVIOUR(eager_tasks_may_start_eager_tasks),
        BEHAVIOUR(an_eager_task_may_await_its_starter),
        BEHAVIOUR(an_eager_task_may_cancel_its_starter),
        BEHAVIOUR(an_eager_task_gives_way_when_its_budget_is_spent),
        BEHAVIOUR(starting_eager_tasks_does_not_refill_the_starters_budget),
        BEHAVIOUR(in_an_exception_handler_an_eager_task_starts_as_usual),
    };
    return cmocka_run_group_tests_name("eager", tests, NULL, NULL);
}
