/* SPDX-License-Identifier: MIT
 *
 * Tasks: starting them, their results, arguments, names, numbers and references.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports.h"

static int64_t forty_two(void *arg)
{
    (void)arg;
    return 42;
}

static int64_t fails(void *arg)
{
    (void)arg;
    return -EIO;
}

static int64_t await_results(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_await(hoop_create_task(forty_two, NULL)), 42);
    assert_int_equal(hoop_await(hoop_create_task(fails, NULL)), -EIO);
    return INT64_MAX;
}

static void a_task_gives_its_result_or_error_to_who_awaits_it(void **state)
{
    (void)state;
    assert_true(run_virtually(await_results, NULL) == INT64_MAX);
    assert_int_equal(run_virtually(fails, NULL), -EIO);
}

/* ---- order ---- */

static int64_t record_b(void *arg)
{
    record_add(arg, "b");
    return 0;
}

static int64_t record_c(void *arg)
{
    record_add(arg, "c");
    return 0;
}

static int64_t create_two(void *arg)
{
    hoop_task *b = hoop_create_task(record_b, arg);
    hoop_task *c = hoop_create_task(record_c, arg);
    record_add(arg, "a");
    assert_int_equal(hoop_await(c), 0);
    record_add(arg, "d");
    return hoop_await(b);
}

static void tasks_begin_after_their_creator_suspends_in_the_order_of_creation(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(create_two, &record), 0);
    assert_record(&record, "a b c d");
}

static int64_t add_down(void *arg)
{
    int64_t n = *(int64_t *)arg;
    if (n == 0)
        return 0;
    assert_int_equal(hoop_sleep(1), 0);
    int64_t less = n - 1;
    return n + add_down(&less);
}

static void to_await_a_coroutine_is_to_call_it(void **state)
{
    (void)state;
    int64_t n = 20;
    assert_int_equal(run_virtually(add_down, &n), 210);
}

/* ---- arguments ---- */

static int64_t overwrite(void *arg)
{
    *(int *)arg = 7;
    return 0;
}

static int64_t lend(void *arg)
{
    (void)arg;
    int value = 0;
    assert_int_equal(hoop_await(hoop_create_task(overwrite, &value)), 0);
    return value;
}

static void an_argument_is_borrowed(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(lend, NULL), 7);
}

struct pair {
    int a, b;
};

static int64_t add_pair_later(void *arg)
{
    struct pair *pair = arg;
    assert_int_equal(hoop_sleep(1), 0);
    return pair->a + pair->b;
}

static __attribute__((noinline)) hoop_task *start_with_a_local(int a, int b)
{
    struct pair pair = {a, b};
    hoop_task *task = hoop_create_task_copy(add_pair_later, &pair, sizeof pair);
    memset(&pair, 0xff, sizeof pair);
    return task;
}

static int64_t copy_locals(void *arg)
{
    (void)arg;
    hoop_task *first = start_with_a_local(1, 2);
    hoop_task *second = start_with_a_local(30, 40);
    assert_int_equal(hoop_await(first), 3);
    return hoop_await(second);
}

static void a_copied_argument_survives_its_creators_frame(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(copy_locals, NULL), 70);
}

enum { LARGE = 3 << 20 };

static int64_t sum_bytes(void *arg)
{
    const unsigned char *bytes = arg;
    int64_t sum = 0;
    for (size_t i = 0; i < LARGE; i++)
        sum += bytes[i];
    return sum;
}

static int64_t copy_much(void *arg)
{
    (void)arg;
    unsigned char *bytes = malloc(LARGE);
    assert_non_null(bytes);
    memset(bytes, 3, LARGE);
    hoop_task *task = hoop_create_task_copy(sum_bytes, bytes, LARGE);
    free(bytes);
    return hoop_await(task);
}

static void a_large_argument_is_copied_whole(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(copy_much, NULL), 3 * LARGE);
}

static int64_t misalignment(void *arg)
{
    return (int64_t)((uintptr_t)arg % _Alignof(max_align_t));
}

static int64_t copy_aligned(void *arg)
{
    (void)arg;
    const max_align_t value = {0};
    return hoop_await(hoop_create_task_copy(misalignment, &value, sizeof value));
}

static void a_copied_argument_is_aligned_for_any_type(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(copy_aligned, NULL), 0);
}

/* ---- names and numbers ---- */

static int64_t check_names(void *arg)
{
    (void)arg;
    assert_string_equal(hoop_task_name(hoop_current_task()), "main");
    char name[] = "worker 1";
    hoop_task *plain = hoop_create_task(forty_two, NULL);
    hoop_task *named = hoop_create_task_with(forty_two, NULL, &(hoop_task_options){.name = name});
    hoop_task *nameless = hoop_create_task_with(forty_two, NULL, NULL);
    hoop_task *null = hoop_create_task_named(forty_two, NULL, NULL);
    name[0] = 'W'; /* the task has a copy */
    assert_string_equal(hoop_task_name(plain), "forty_two");
    assert_string_equal(hoop_task_name(named), "worker 1");
    assert_string_equal(hoop_task_name(nameless), "task");
    assert_string_equal(hoop_task_name(null), "task");
    hoop_task *const tasks[] = {plain, named, nameless, null};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(hoop_task_id(tasks[i]), i + 2); /* 1 is this one's */
        assert_int_equal(hoop_await(tasks[i]), 42);
    }
    return 0;
}

static void a_task_has_its_functions_name_or_a_copy_of_the_options_and_a_number(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(check_names, NULL), 0);
}

/* ---- the current task ---- */

static int64_t is_current(void *arg)
{
    hoop_task *self = *(hoop_task **)arg;
    assert_ptr_equal(hoop_current_task(), self);
    assert_int_equal(hoop_sleep(0), 0);
    assert_ptr_equal(hoop_current_task(), self);
    return 0;
}

static void has_no_current_task(void *arg)
{
    assert_null(hoop_current_task());
    *(bool *)arg = true;
}

static int64_t check_current(void *arg)
{
    assert_true(hoop_call_soon(hoop_running_loop(), has_no_current_task, arg) >= 0);
    hoop_task *self = hoop_current_task(), *other;
    other = hoop_create_task(is_current, &other);
    hoop_task *keep = hoop_task_ref(other);
    assert_true(self != other);
    assert_int_equal(hoop_await(other), 0);
    assert_ptr_equal(hoop_current_task(), self);
    hoop_task_unref(keep);
    return 0;
}

static void the_current_task_is_the_running_one_and_none_in_callbacks_and_outside(void **state)
{
    (void)state;
    bool has_run = false;
    assert_null(hoop_current_task());
    assert_int_equal(run_virtually(check_current, &has_run), 0);
    assert_true(has_run);
    assert_null(hoop_current_task());
}

/* ---- references ---- */

static int64_t keep_references(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(forty_two, NULL);
    assert_ptr_equal(hoop_task_ref(task), task);
    assert_false(hoop_task_is_done(task));
    assert_int_equal(hoop_task_result(task), HOOP_EPENDING);
    assert_int_equal(hoop_await(task), 42);
    assert_true(hoop_task_is_done(task)); /* a second look, by the second reference */
    assert_false(hoop_task_is_cancelled(task));
    assert_int_equal(hoop_task_result(task), 42);
    assert_int_equal(hoop_await(task), 42);
    hoop_task_unref(NULL);
    hoop_task_detach(NULL);
    return 0;
}

static void a_reference_keeps_a_finished_task_readable(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(keep_references, NULL), 0);
}

static int64_t let_go(void *arg)
{
    hoop_task_detach(hoop_create_task(record_b, arg));
    hoop_task *task = hoop_create_task(record_c, arg);
    hoop_task_detach(task);
    return hoop_sleep(1);
}

static void a_detached_task_runs_on(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(let_go, &record), 0);
    assert_record(&record, "b c");
}

/* A loop that is closed must not be asked by what outlives it. */
static void a_finished_task_outlives_its_loop(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task *task = hoop_create_task_with(forty_two, NULL, &(hoop_task_options){.loop = loop});
    assert_non_null(task);
    assert_int_equal(hoop_run_until_done(loop, hoop_task_future(task)), 42);
    assert_ptr_equal(hoop_future_loop(hoop_task_future(task)), loop);
    hoop_close(loop);
    assert_null(hoop_future_loop(hoop_task_future(task)));
    assert_int_equal(hoop_task_result(task), 42);
    assert_false(hoop_task_cancel(task));
    assert_int_equal(hoop_future_add_done_callback(hoop_task_future(task), NULL, NULL), -EINVAL);
    hoop_task_unref(task);
}

/* ---- many ---- */

static int64_t sleep_a_little(void *arg)
{
    int64_t n = (int64_t)(intptr_t)arg;
    assert_int_equal(hoop_sleep((double)(n % 97) / 97), 0);
    return n;
}

static int64_t run_many(void *arg)
{
    (void)arg;
    hoop_task **tasks = calloc(VERY_MANY, sizeof(hoop_task *));
    assert_non_null(tasks);
    for (intptr_t i = 0; i < VERY_MANY; i++)
        tasks[i] = hoop_create_task(sleep_a_little, (void *)i);
    int64_t sum = 0;
    for (size_t i = 0; i < VERY_MANY; i++)
        sum += hoop_await(tasks[i]);
    free(tasks);
    return sum;
}

static void very_many_tasks_run_side_by_side(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(run_many, NULL), (int64_t)VERY_MANY * (VERY_MANY - 1) / 2);
}

static int64_t run_one_after_another(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100000; i++)
        if (hoop_await(hoop_create_task(forty_two, NULL)) != 42)
            return -EIO;
    hoop_info info;
    hoop_loop_info(hoop_running_loop(), &info);
    assert_int_equal(info.stacks_in_use, 1);
    assert_true(info.stacks_cached <= 2);
    assert_int_equal(info.tasks, 1);
    return 0;
}

static void a_hundred_thousand_tasks_in_a_row_share_a_stack(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(run_one_after_another, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_task_gives_its_result_or_error_to_who_awaits_it),
        BEHAVIOUR(tasks_begin_after_their_creator_suspends_in_the_order_of_creation),
        BEHAVIOUR(to_await_a_coroutine_is_to_call_it),
        BEHAVIOUR(an_argument_is_borrowed),
        BEHAVIOUR(a_copied_argument_survives_its_creators_frame),
        BEHAVIOUR(a_large_argument_is_copied_whole),
        BEHAVIOUR(a_copied_argument_is_aligned_for_any_type),
        BEHAVIOUR(a_task_has_its_functions_name_or_a_copy_of_the_options_and_a_number),
        BEHAVIOUR(the_current_task_is_the_running_one_and_none_in_callbacks_and_outside),
        BEHAVIOUR(a_reference_keeps_a_finished_task_readable),
        BEHAVIOUR(a_detached_task_runs_on),
        BEHAVIOUR(a_finished_task_outlives_its_loop),
        BEHAVIOUR(very_many_tasks_run_side_by_side),
        BEHAVIOUR(a_hundred_thousand_tasks_in_a_row_share_a_stack),
    };
    return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
