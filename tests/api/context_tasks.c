/* SPDX-License-Identifier: MIT
 *
 * Context variables and tasks: a task starts with its creator's bindings, and what it sets
 * stays with it and what it starts.
 */
#include <errno.h>

#include "reports.h"

static const hoop_context_var colour = {.name = "colour", .default_value = "none"};
static const hoop_context_var size = {.name = "size", .default_value = "any"};

static void set(const hoop_context_var *var, const char *value)
{
    assert_int_equal(hoop_context_set(var, (void *)(uintptr_t)value), 0);
}

static int64_t record_and_change(void *arg)
{
    record_add(arg, hoop_context_get(&colour));
    set(&colour, "changed");
    assert_int_equal(hoop_sleep(1), 0);
    record_add(arg, hoop_context_get(&colour));
    return 0;
}

static int64_t create_in_red(void *arg)
{
    hoop_task *before = hoop_create_task(record_and_change, arg);
    set(&colour, "red");
    hoop_task *red = hoop_create_task(record_and_change, arg);
    set(&colour, "blue"); /* after they were created: they do not see it */
    assert_int_equal(hoop_await(before), 0);
    assert_int_equal(hoop_await(red), 0);
    record_add(arg, hoop_context_get(&colour));
    return 0;
}

static void a_task_starts_with_its_creators_bindings_and_keeps_its_own(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(create_in_red, &record), 0);
    assert_record(&record, "none red changed changed blue");
    assert_string_equal(hoop_context_get(&colour), "none");
}

static void record_colour(void *arg)
{
    record_add(arg, hoop_context_get(&colour));
}

static int64_t interleave(void *arg)
{
    set(&colour, "task");
    assert_true(hoop_call_soon(hoop_running_loop(), record_colour, arg) >= 0);
    set(&colour, "later");
    assert_int_equal(hoop_sleep(0), 0);
    record_add(arg, hoop_context_get(&colour));
    return 0;
}

static void callbacks_between_its_steps_do_not_disturb_it(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(interleave, &record), 0);
    assert_record(&record, "task later");
}

/* ---- options.context ---- */

static int64_t start_in_a_copy(void *arg)
{
    set(&colour, "green");
    hoop_context *context = hoop_context_copy();
    set(&colour, "blue");
    hoop_task *task =
        hoop_create_task_with(record_and_change, arg, &(hoop_task_options){.context = context});
    hoop_context_unref(context); /* the task has its own reference */
    return hoop_await(task);
}

static void a_task_may_start_with_other_bindings(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(start_in_a_copy, &record), 0);
    assert_record(&record, "green changed");
}

static int64_t start_in_the_empty_one(void *arg)
{
    hoop_context *empty = hoop_context_copy();
    set(&colour, "blue");
    hoop_task *task =
        hoop_create_task_with(record_and_change, arg, &(hoop_task_options){.context = empty});
    hoop_context_unref(empty);
    return hoop_await(task);
}

static void the_empty_context_has_no_bindings(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(start_in_the_empty_one, &record), 0);
    assert_record(&record, "none changed");
}

/* ---- eager tasks ---- */

static int64_t start_eagerly(void *arg)
{
    set(&colour, "outer");
    hoop_task *task =
        hoop_create_task_with(record_and_change, arg, &(hoop_task_options){.eager = true});
    record_add(arg, hoop_context_get(&colour));
    return hoop_await(task);
}

static void an_eager_tasks_bindings_do_not_leak_to_its_starter(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(start_eagerly, &record), 0);
    assert_record(&record, "outer outer changed");
}

static void start_one_and_look(void *arg)
{
    set(&colour, "callback");
    hoop_task_detach(
        hoop_create_task_with(record_and_change, arg, &(hoop_task_options){.eager = true}));
    record_colour(arg);
}

static int64_t let_a_callback_start_one(void *arg)
{
    assert_true(hoop_call_soon(hoop_running_loop(), start_one_and_look, arg) >= 0);
    assert_int_equal(hoop_sleep(2), 0);
    record_add(arg, hoop_context_get(&colour));
    return 0;
}

static void an_eager_tasks_bindings_do_not_leak_to_the_callback_that_starts_it(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(let_a_callback_start_one, &record), 0);
    assert_record(&record, "callback callback changed none");
}

/* ---- hoop_context_run ---- */

static void sleep_and_set(void *arg)
{
    record_colour(arg);
    assert_int_equal(hoop_sleep(1), 0);
    set(&size, "large");
    record_colour(arg);
    record_add(arg, hoop_context_get(&size));
}

static int64_t run_in_a_copy(void *arg)
{
    set(&colour, "red");
    hoop_context *red = hoop_context_copy();
    set(&colour, "blue");
    hoop_task *other = hoop_create_task(record_and_change, arg);
    hoop_context_run(red, sleep_and_set, arg);
    hoop_context_unref(red);
    record_colour(arg);
    record_add(arg, hoop_context_get(&size));
    return hoop_await(other);
}

static void a_function_may_suspend_while_it_runs_with_other_bindings(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(run_in_a_copy, &record), 0);
    assert_record(&record, "red blue red large blue any changed");
}

/* ---- hoop_task_context ---- */

static void record_both(void *arg)
{
    record_add(arg, hoop_context_get(&colour));
    record_add(arg, hoop_context_get(&size));
}

/* The bindings of TASK, as it has them now. */
static void record_of(const hoop_task *task, struct record *record)
{
    hoop_context *context = hoop_task_context(task);
    assert_non_null(context);
    hoop_context_run(context, record_both, record);
    hoop_context_unref(context);
}

static int64_t change_twice(void *arg)
{
    (void)arg;
    set(&colour, "red");
    assert_int_equal(hoop_sleep(2), 0);
    set(&size, "large");
    return hoop_sleep(2);
}

static int64_t look_at_another_one(void *arg)
{
    set(&colour, "green");
    hoop_task *task = hoop_create_task(change_twice, NULL);
    set(&colour, "blue");
    record_of(task, arg); /* it has not begun: what it will start with */
    assert_int_equal(hoop_sleep(1), 0);
    record_of(task, arg);
    hoop_context *kept = hoop_task_context(task);
    assert_int_equal(hoop_sleep(2), 0);
    record_of(task, arg);
    hoop_context_run(kept, record_both, arg); /* what was in force then does not change */
    hoop_context_unref(kept);
    assert_int_equal(hoop_future_await(hoop_task_future(task)), 0);
    record_of(task, arg); /* done */
    hoop_task_unref(task);
    record_of(hoop_current_task(), arg);
    return 0;
}

static void the_bindings_of_a_task_are_those_in_force_in_it_now(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(look_at_another_one, &record), 0);
    assert_record(&record, "green any red any red large red any none any blue any");
}

static void sleep_with_these(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_sleep(2), 0);
}

static int64_t sleep_in_other_bindings(void *context)
{
    hoop_context_run(context, sleep_with_these, NULL);
    return hoop_sleep(2);
}

static int64_t look_into_a_run(void *arg)
{
    set(&colour, "red");
    hoop_context *red = hoop_context_copy();
    set(&colour, "blue");
    hoop_task *task = hoop_create_task(sleep_in_other_bindings, red);
    record_of(task, arg);
    assert_int_equal(hoop_sleep(1), 0);
    record_of(task, arg);
    assert_int_equal(hoop_sleep(2), 0);
    record_of(task, arg);
    hoop_context_unref(red);
    return hoop_await(task);
}

static void within_hoop_context_run_they_are_the_ones_it_runs_with(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(look_into_a_run, &record), 0);
    assert_record(&record, "blue any red any blue any");
}

static int64_t start_beside_another_one(void *arg)
{
    hoop_task *model = hoop_create_task(change_twice, NULL);
    assert_int_equal(hoop_sleep(0.5), 0);
    hoop_context *context = hoop_task_context(model);
    hoop_task *task =
        hoop_create_task_with(record_and_change, arg, &(hoop_task_options){.context = context});
    hoop_context_unref(context);
    assert_int_equal(hoop_await(task), 0);
    record_of(model, arg); /* what the other one changed does not reach it */
    return hoop_await(model);
}

static void a_task_may_start_with_the_bindings_of_another(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(start_beside_another_one, &record), 0);
    assert_record(&record, "red changed red any");
}

/* ---- release ---- */

static int released;

static void count_release(void *value)
{
    (void)value;
    released++;
}

static const hoop_context_var counted = {.name = "counted", .release = count_release};

static int64_t hold_briefly(void *arg)
{
    (void)arg;
    return hoop_sleep(1);
}

static int64_t bind_and_start(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_context_set(&counted, &released), 0);
    hoop_task *task = hoop_create_task(hold_briefly, NULL);
    assert_int_equal(hoop_context_set(&counted, NULL), 0);
    assert_int_equal(released, 0); /* the task has it yet */
    assert_int_equal(hoop_await(task), 0);
    assert_int_equal(released, 1);
    return 0;
}

static void a_value_is_released_when_the_last_task_that_has_it_ends(void **state)
{
    (void)state;
    released = 0;
    assert_int_equal(run_virtually(bind_and_start, NULL), 0);
    assert_int_equal(released, 2);
}

static int64_t keep_the_bindings_longer_than_the_task(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_context_set(&counted, &released), 0);
    hoop_task *task = hoop_create_task(hold_briefly, NULL);
    assert_int_equal(hoop_context_set(&counted, NULL), 0);
    hoop_context *context = hoop_task_context(task);
    assert_int_equal(hoop_await(task), 0);
    assert_int_equal(released, 0);
    hoop_context_unref(context);
    assert_int_equal(released, 1);
    return 0;
}

static void the_bindings_of_a_task_may_be_kept_longer_than_the_task(void **state)
{
    (void)state;
    released = 0;
    assert_int_equal(run_virtually(keep_the_bindings_longer_than_the_task, NULL), 0);
    assert_int_equal(released, 2);
}

static void a_task_of_a_closed_loop_has_no_bindings(void **state)
{
    (void)state;
    struct record record = {""};
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task_options options = {.loop = loop};
    hoop_task *task = hoop_create_task_with(change_twice, NULL, &options);
    assert_int_equal(hoop_run_once(loop, 0), 0);
    record_of(task, &record);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, 1);
    record_of(task, &record);
    assert_record(&record, "red any none any");
    hoop_task_unref(task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_task_starts_with_its_creators_bindings_and_keeps_its_own),
        BEHAVIOUR(callbacks_between_its_steps_do_not_disturb_it),
        BEHAVIOUR(a_task_may_start_with_other_bindings),
        BEHAVIOUR(the_empty_context_has_no_bindings),
        BEHAVIOUR(an_eager_tasks_bindings_do_not_leak_to_its_starter),
        BEHAVIOUR(an_eager_tasks_bindings_do_not_leak_to_the_callback_that_starts_it),
        BEHAVIOUR(a_function_may_suspend_while_it_runs_with_other_bindings),
        BEHAVIOUR(the_bindings_of_a_task_are_those_in_force_in_it_now),
        BEHAVIOUR(within_hoop_context_run_they_are_the_ones_it_runs_with),
        BEHAVIOUR(a_task_may_start_with_the_bindings_of_another),
        BEHAVIOUR(a_value_is_released_when_the_last_task_that_has_it_ends),
        BEHAVIOUR(the_bindings_of_a_task_may_be_kept_longer_than_the_task),
        BEHAVIOUR(a_task_of_a_closed_loop_has_no_bindings),
    };
    return cmocka_run_group_tests_name("context_tasks", tests, NULL, NULL);
}
