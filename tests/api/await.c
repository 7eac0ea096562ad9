/* SPDX-License-Identifier: MIT
 *
 * Awaiting tasks: what is done already, several awaiters, and that a task which never has
 * to wait starves nobody.
 */
#include <errno.h>

#include "reports.h"

static int64_t square(void *arg)
{
    int64_t n = (int64_t)(intptr_t)arg;
    return n * n;
}

static int64_t record_other(void *arg)
{
    record_add(arg, "other");
    return 0;
}

static int64_t await_done(void *arg)
{
    hoop_task *task = hoop_create_task(square, (void *)7);
    assert_int_equal(hoop_sleep(0), 0);
    assert_true(hoop_task_is_done(task));
    hoop_task_detach(hoop_create_task(record_other, arg));
    assert_int_equal(hoop_await(task), 49);
    record_add(arg, "awaited");
    return hoop_sleep(0);
}

static void awaiting_a_finished_task_returns_at_once(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(await_done, &record), 0);
    assert_record(&record, "awaited other");
}

static int64_t await_backwards(void *arg)
{
    (void)arg;
    hoop_task *tasks[100];
    for (intptr_t i = 0; i < 100; i++)
        tasks[i] = hoop_create_task(square, (void *)i);
    int64_t sum = 0;
    for (int i = 99; i >= 0; i--)
        sum += hoop_await(tasks[i]);
    return sum;
}

static void tasks_may_be_awaited_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(await_backwards, NULL), 328350);
}

/* ---- several awaiters ---- */

struct shared {
    hoop_task *task;
    struct record record;
};

struct awaiter {
    struct shared *shared;
    const char *name;
};

static int64_t nap(void *arg)
{
    (void)arg;
    int rc = hoop_sleep(1);
    return rc < 0 ? rc : 5;
}

static int64_t end_later(void *result)
{
    assert_int_equal(hoop_sleep(1), 0);
    return *(const int64_t *)result;
}

static int64_t await_extremes(void *arg)
{
    (void)arg;
    int64_t results[] = {INT64_MAX, INT64_MIN, -5000000000, INT32_MIN};
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        assert_true(hoop_await(hoop_create_task(end_later, &results[i])) == results[i]);
    return 0;
}

static int64_t await_shared(void *arg)
{
    struct awaiter *awaiter = arg;
    assert_int_equal(hoop_await(hoop_task_ref(awaiter->shared->task)), 5);
    record_add(&awaiter->shared->record, awaiter->name);
    return 0;
}

static int64_t have_several_awaiters(void *arg)
{
    struct shared *shared = arg;
    shared->task = hoop_create_task(nap, NULL);
    struct awaiter awaiters[] = {{shared, "a"}, {shared, "b"}, {shared, "c"}};
    hoop_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = hoop_create_task(await_shared, &awaiters[i]);
    for (int i = 2; i >= 0; i--)
        assert_int_equal(hoop_await(tasks[i]), 0);
    return hoop_await(shared->task);
}

static void awaiters_of_one_task_are_served_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    struct shared shared = {0};
    assert_int_equal(run_virtually(have_several_awaiters, &shared), 5);
    assert_record(&shared.record, "a b c");
}

/* ---- chains ---- */

static int64_t await_the_next(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    if (depth == 0)
        return nap(NULL);
    int64_t result = hoop_await(hoop_create_task(await_the_next, (void *)(depth - 1)));
    return result < 0 ? result : result + 1;
}

static void a_result_comes_back_through_a_chain_of_very_many_tasks(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(await_the_next, (void *)VERY_MANY), VERY_MANY + 5);
}

/* ---- fairness ---- */

struct spin {
    hoop_future *future;
    hoop_task *task;
    int rounds;
    int heard_at; /* how many rounds had passed when the other one got to run */
};

static int64_t listen(void *arg)
{
    struct spin *spin = arg;
    spin->heard_at = spin->rounds;
    return 0;
}

static int64_t spin_on_a_future(void *arg)
{
    struct spin *spin = arg;
    hoop_task *listener = hoop_create_task(listen, spin);
    for (spin->rounds = 0; spin->rounds < 1000; spin->rounds++)
        assert_int_equal(hoop_future_await(spin->future), 3);
    assert_int_equal(hoop_await(listener), 0);
    return spin->heard_at;
}

static int64_t spin_on_futures(void *arg)
{
    (void)arg;
    struct spin spin = {.future = hoop_future_new(NULL)};
    assert_int_equal(hoop_future_set_result(spin.future, 3), 0);
    int64_t heard_at = spin_on_a_future(&spin);
    hoop_future_unref(spin.future);
    return heard_at;
}

static int64_t spin_on_tasks(void *arg)
{
    (void)arg;
    struct spin spin = {.task = hoop_create_task(square, (void *)3)};
    assert_int_equal(hoop_sleep(0), 0);
    hoop_task *listener = hoop_create_task(listen, &spin);
    for (spin.rounds = 0; spin.rounds < 1000; spin.rounds++)
        assert_int_equal(hoop_await(hoop_task_ref(spin.task)), 9);
    assert_int_equal(hoop_await(spin.task), 9);
    assert_int_equal(hoop_await(listener), 0);
    return spin.heard_at;
}

static void awaits_that_need_not_wait_let_others_run_after_128_of_them(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(spin_on_futures, NULL), 127); /* in the 128th */
    assert_int_equal(run_virtually(spin_on_tasks, NULL), 127);
}

static int64_t spin_cancelled(void *arg)
{
    (void)arg;
    struct spin spin = {0};
    hoop_task *listener = hoop_create_task(listen, &spin);
    hoop_task_cancel(hoop_current_task());
    for (spin.rounds = 0; spin.rounds < 1000; spin.rounds++)
        assert_int_equal(hoop_sleep(spin.rounds % 2), -ECANCELED);
    assert_int_equal(hoop_task_uncancel(hoop_current_task()), 0);
    assert_int_equal(hoop_await(listener), 0);
    return spin.heard_at;
}

static void a_cancelled_task_that_ignores_it_lets_others_run(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(spin_cancelled, NULL), 127);
}

static void a_result_of_any_size_comes_back_whole(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(await_extremes, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_result_of_any_size_comes_back_whole),
        BEHAVIOUR(awaiting_a_finished_task_returns_at_once),
        BEHAVIOUR(tasks_may_be_awaited_in_any_order),
        BEHAVIOUR(awaiters_of_one_task_are_served_in_the_order_in_which_they_came),
        BEHAVIOUR(a_result_comes_back_through_a_chain_of_very_many_tasks),
        BEHAVIOUR(awaits_that_need_not_wait_let_others_run_after_128_of_them),
        BEHAVIOUR(a_cancelled_task_that_ignores_it_lets_others_run),
    };
    return cmocka_run_group_tests_name("await", tests, NULL, NULL);
}
