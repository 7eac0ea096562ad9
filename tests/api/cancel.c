/* SPDX-License-Identifier: MIT
 *
 * Cancellation: what it interrupts, that it lasts until it is taken back, and how it
 * travels along a chain of awaiting tasks.
 */
#include <errno.h>
#include <math.h>

#include "reports.h"

/* Starts FN(ARG), lets it run until it waits, cancels it, and gives its outcome. */
static int64_t cancel_in_the_middle(hoop_coroutine_fn fn, void *arg)
{
    hoop_task *task = hoop_create_task(fn, arg);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(task));
    return hoop_await(task);
}

static int64_t sleep_long(void *arg)
{
    (void)arg;
    return hoop_sleep(1000);
}

/* ---- what it interrupts ---- */

static int64_t cancel_a_sleeper(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(sleep_long, NULL);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(task));
    assert_false(hoop_task_is_cancelled(task)); /* not before it has ended */
    hoop_task *keep = hoop_task_ref(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_true(hoop_task_is_cancelled(keep));
    assert_false(hoop_task_cancel(keep)); /* done */
    hoop_task_unref(keep);
    assert_true(hoop_time(hoop_running_loop()) == 1);
    return 0;
}

static void cancelling_a_sleeping_task_wakes_it(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_a_sleeper, NULL), 0);
}

struct pair {
    hoop_task *inner;
    struct record record;
};

static int64_t end_slowly(void *arg)
{
    struct pair *pair = arg;
    int rc = hoop_sleep(1000);
    record_add(&pair->record, "inner");
    assert_int_equal(hoop_task_uncancel(hoop_current_task()), 0);
    assert_int_equal(hoop_sleep(5), 0); /* to clean up takes its time */
    record_add(&pair->record, "cleaned");
    return rc;
}

static int64_t await_inner(void *arg)
{
    struct pair *pair = arg;
    pair->inner = hoop_create_task(end_slowly, pair);
    int64_t rc = hoop_await(pair->inner);
    record_add(&pair->record, "outer");
    return rc;
}

static int64_t cancel_an_awaiter(void *arg)
{
    int64_t rc = cancel_in_the_middle(await_inner, arg);
    assert_true(hoop_time(hoop_running_loop()) == 6);
    return rc;
}

static void cancelling_an_awaiting_task_cancels_what_it_awaits_and_waits_for_its_end(void **state)
{
    (void)state;
    struct pair pair = {0};
    assert_int_equal(run_virtually(cancel_an_awaiter, &pair), -ECANCELED);
    assert_record(&pair.record, "inner cleaned outer");
}

static int64_t await_future(void *future)
{
    return hoop_future_await(future);
}

static int64_t cancel_one_of_two_awaiters(void *arg)
{
    (void)arg;
    hoop_future *future = hoop_future_new(NULL);
    hoop_task *other = hoop_create_task(await_future, future);
    assert_int_equal(cancel_in_the_middle(await_future, future), -ECANCELED);
    assert_true(hoop_future_is_cancelled(future));
    assert_int_equal(hoop_await(other), -ECANCELED); /* it awaited the same future */
    hoop_future_unref(future);
    return 0;
}

static void cancelling_a_task_cancels_the_future_it_awaits(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_one_of_two_awaiters, NULL), 0);
}

/* ---- chains ---- */

static int64_t await_the_next(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    if (depth == 0)
        return hoop_sleep((double)INFINITY);
    return hoop_await(hoop_create_task(await_the_next, (void *)(depth - 1)));
}

static int64_t cancel_a_chain(void *arg)
{
    (void)arg;
    return cancel_in_the_middle(await_the_next, (void *)VERY_MANY);
}

static int64_t cancel_a_chain_before_it_begins(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(await_the_next, (void *)VERY_MANY);
    assert_true(hoop_task_cancel(task));
    return hoop_await(task);
}

static void a_chain_of_very_many_tasks_is_cancelled_from_its_head(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_a_chain, NULL), -ECANCELED);
    assert_int_equal(run_virtually(cancel_a_chain_before_it_begins, NULL), -ECANCELED);
}

struct ring {
    hoop_task *tasks[3];
};

static int64_t await_neighbour(void *arg)
{
    struct ring *ring = arg;
    int self = 0;
    while (ring->tasks[self] != hoop_current_task())
        self++;
    return hoop_future_await(hoop_task_future(ring->tasks[(self + 1) % 3]));
}

/* Tasks that await each other can never end; but to cancel them must, and so must to
 * close the loop. */
static void cancelling_a_ring_of_awaiting_tasks_returns(void **state)
{
    (void)state;
    struct ring ring;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    for (int i = 0; i < 3; i++)
        ring.tasks[i] =
            hoop_create_task_with(await_neighbour, &ring, &(hoop_task_options){.loop = loop});
    assert_int_equal(hoop_run_once(loop, 0), 0);
    assert_true(hoop_task_cancel(ring.tasks[0]));
    assert_true(hoop_task_cancelling(ring.tasks[0]) > 0);
    assert_true(hoop_task_cancelling(ring.tasks[2]) > 0);
    for (int i = 0; i < 3; i++)
        hoop_task_detach(ring.tasks[i]);
    hoop_close(loop);
    assert_int_equal(reports.count, 3);
}

/* ---- when it is not waiting ---- */

static int64_t record_and_sleep(void *arg)
{
    record_add(arg, "begins");
    return hoop_sleep(1);
}

static int64_t cancel_before_it_begins(void *arg)
{
    hoop_task *task = hoop_create_task(record_and_sleep, arg);
    assert_true(hoop_task_cancel(task));
    return hoop_await(task);
}

static void a_task_cancelled_before_its_first_step_still_begins(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(cancel_before_it_begins, &record), -ECANCELED);
    assert_record(&record, "begins");
}

static int64_t wake_then_sleep(void *arg)
{
    assert_int_equal(hoop_future_await(arg), 4); /* it came before the cancellation */
    assert_int_equal(hoop_sleep(1), -ECANCELED);
    return 0;
}

static int64_t cancel_a_ready_task(void *arg)
{
    (void)arg;
    hoop_future *future = hoop_future_new(NULL);
    hoop_task *task = hoop_create_task(wake_then_sleep, future);
    assert_int_equal(hoop_sleep(1), 0);
    assert_int_equal(hoop_future_set_result(future, 4), 0);
    assert_true(hoop_task_cancel(task));
    hoop_future_unref(future);
    return hoop_await(task);
}

static void a_task_that_was_woken_hears_of_it_at_its_next_await(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_a_ready_task, NULL), 0);
}

static int64_t give_way(void *arg)
{
    (void)arg;
    return hoop_sleep(0);
}

static int64_t cancel_one_that_gives_way(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task_with(give_way, NULL, &(hoop_task_options){.eager = true});
    assert_true(hoop_task_cancel(task));
    return hoop_await(task);
}

static void a_task_that_gives_way_is_cancelled_there(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_one_that_gives_way, NULL), -ECANCELED);
}

/* ---- how long it lasts ---- */

static int64_t insist(void *arg)
{
    (void)arg;
    hoop_task *self = hoop_current_task();
    assert_int_equal(hoop_task_cancelling(self), 0);
    assert_true(hoop_task_cancel(self));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hoop_sleep(0), -ECANCELED);
        assert_int_equal(hoop_sleep(10), -ECANCELED);
        assert_int_equal(hoop_await(hoop_create_task(sleep_long, NULL)), -ECANCELED);
    }
    assert_true(hoop_time(hoop_running_loop()) == 0);
    assert_int_equal(hoop_task_uncancel(self), 0);
    assert_int_equal(hoop_sleep(10), 0);
    assert_true(hoop_time(hoop_running_loop()) == 10);
    return 0;
}

static void every_await_of_a_cancelled_task_fails_until_it_is_taken_back(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(insist, NULL), 0);
}

static int64_t count_requests(void *arg)
{
    (void)arg;
    hoop_task *self = hoop_current_task();
    assert_true(hoop_task_cancel(self));
    assert_true(hoop_task_cancel(self));
    assert_int_equal(hoop_task_cancelling(self), 2);
    assert_int_equal(hoop_task_uncancel(self), 1);
    assert_int_equal(hoop_sleep(1), -ECANCELED);
    assert_int_equal(hoop_task_uncancel(self), 0);
    assert_int_equal(hoop_task_uncancel(self), 0); /* no more than there are */
    assert_int_equal(hoop_task_cancelling(self), 0);
    return hoop_sleep(1);
}

static void requests_are_counted(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(count_requests, NULL), 0);
}

static int64_t swallow(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_sleep(1000), -ECANCELED);
    return 8;
}

static int64_t cancel_one_that_swallows(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(swallow, NULL);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(task));
    hoop_task *keep = hoop_task_ref(task);
    int64_t result = hoop_await(task);
    assert_false(hoop_task_is_cancelled(keep));
    hoop_task_unref(keep);
    return result;
}

static void a_task_may_swallow_its_cancellation(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_one_that_swallows, NULL), 8);
}

struct deaf {
    bool enough;
    int ticks;
};

static int64_t ignore_all_results(void *arg)
{
    struct deaf *deaf = arg;
    while (!deaf->enough)
        (void)!hoop_sleep(1);
    return 0;
}

static void tick(void *arg)
{
    struct deaf *deaf = arg;
    deaf->enough = ++deaf->ticks == 10;
    if (!deaf->enough)
        assert_true(hoop_call_later(hoop_running_loop(), 0, tick, deaf) >= 0);
}

static int64_t cancel_one_that_is_deaf(void *arg)
{
    (void)arg;
    struct deaf deaf = {0};
    hoop_task *task = hoop_create_task(ignore_all_results, &deaf);
    assert_int_equal(hoop_sleep(3), 0);
    assert_true(hoop_task_cancel(task));
    tick(&deaf);
    return hoop_await(task);
}

static void a_loop_that_ignores_its_cancellation_does_not_stop_the_others(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_one_that_is_deaf, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(cancelling_a_sleeping_task_wakes_it),
        BEHAVIOUR(cancelling_an_awaiting_task_cancels_what_it_awaits_and_waits_for_its_end),
        BEHAVIOUR(cancelling_a_task_cancels_the_future_it_awaits),
        BEHAVIOUR(a_chain_of_very_many_tasks_is_cancelled_from_its_head),
        BEHAVIOUR(a_task_cancelled_before_its_first_step_still_begins),
        BEHAVIOUR(a_task_that_was_woken_hears_of_it_at_its_next_await),
        BEHAVIOUR(a_task_that_gives_way_is_cancelled_there),
        BEHAVIOUR(every_await_of_a_cancelled_task_fails_until_it_is_taken_back),
        BEHAVIOUR(requests_are_counted),
        BEHAVIOUR(a_task_may_swallow_its_cancellation),
        BEHAVIOUR(a_loop_that_ignores_its_cancellation_does_not_stop_the_others),
        BEHAVIOUR(cancelling_a_ring_of_awaiting_tasks_returns),
    };
    return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
