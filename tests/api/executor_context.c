/* SPDX-License-Identifier: MIT
 *
 * Context variables and threads: hoop_to_thread takes the caller's along, as asyncio does, the
 * others do not; and what a function sets stays with it.
 */
#include "gate.h"

static const hoop_context_var user = {.name = "user", .default_value = "nobody"};

static atomic_int released;

static void count_release(void *value)
{
    (void)value;
    atomic_fetch_add(&released, 1);
}

static const hoop_context_var owned = {.name = "owned", .release = count_release};

static int64_t read_user(void *arg)
{
    *(const char **)arg = hoop_context_get(&user);
    return 0;
}

static int64_t set_user(void *arg)
{
    return hoop_context_set(&user, arg);
}

static int64_t ask_each_way(void *executor)
{
    const char *seen = "";
    assert_int_equal(hoop_context_set(&user, "caller"), 0);
    assert_int_equal(hoop_to_thread(read_user, &seen), 0);
    assert_string_equal(seen, "caller");
    assert_int_equal(hoop_run_in_executor(executor, read_user, &seen), 0);
    assert_string_equal(seen, "nobody");
    seen = "";
    hoop_future *future = hoop_executor_submit(executor, read_user, &seen);
    assert_int_equal(hoop_future_await(future), 0);
    assert_string_equal(seen, "nobody");
    hoop_future_unref(future);
    return 0;
}

static void only_to_thread_takes_the_callers_variables_along(void **state)
{
    (void)state;
    hoop_executor *executor = executor_of(1);
    assert_int_equal(run_really(ask_each_way, executor), 0);
    executor_end(executor);
}

static char other_user[] = "function";

static int64_t set_and_ask(void *executor)
{
    const char *seen = "";
    assert_int_equal(hoop_set_default_executor(hoop_running_loop(), executor), 0);
    assert_int_equal(hoop_context_set(&user, "caller"), 0);
    assert_int_equal(hoop_to_thread(set_user, other_user), 0);
    assert_string_equal(hoop_context_get(&user), "caller");
    assert_int_equal(hoop_to_thread(read_user, &seen), 0);
    assert_string_equal(seen, "caller");
    assert_int_equal(hoop_run_in_executor(NULL, set_user, other_user), 0);
    assert_string_equal(hoop_context_get(&user), "caller");
    assert_int_equal(hoop_run_in_executor(NULL, read_user, &seen), 0);
    assert_string_equal(seen, "nobody"); /* though it is the same thread */
    return 0;
}

static void what_a_function_sets_is_gone_with_it(void **state)
{
    (void)state;
    assert_int_equal(run_really(set_and_ask, executor_of(1)), 0);
}

static int64_t set_owned(void *arg)
{
    return hoop_context_set(&owned, arg);
}

static int64_t set_owned_both_ways(void *arg)
{
    assert_int_equal(hoop_context_set(&owned, arg), 0);
    assert_int_equal(hoop_to_thread(set_owned, arg), 0);
    assert_int_equal(released, 1); /* before the result was handed back */
    assert_int_equal(hoop_run_in_executor(NULL, set_owned, arg), 0);
    assert_int_equal(released, 2);
    return 0;
}

static void values_that_a_function_sets_are_released_before_it_gives_its_result(void **state)
{
    (void)state;
    released = 0;
    assert_int_equal(run_really(set_owned_both_ways, &released), 0);
    assert_int_equal(released, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(only_to_thread_takes_the_callers_variables_along),
        BEHAVIOUR(what_a_function_sets_is_gone_with_it),
        BEHAVIOUR(values_that_a_function_sets_are_released_before_it_gives_its_result),
    };
    return cmocka_run_group_tests_name("executor_context", tests, NULL, NULL);
}
