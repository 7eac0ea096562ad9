/* SPDX-License-Identifier: MIT
 *
 * Messages that travel with errors: set, awaited, passed on, replaced; and that a message
 * never sticks to an error it does not belong to.
 */
#include <errno.h>
#include <string.h>

#include "reports.h"

static int64_t fail_with_details(void *arg)
{
    return hoop_error_set(-EIO, "reading %s", (const char *)arg);
}

static int64_t fail_plainly(void *arg)
{
    (void)arg;
    return -EIO;
}

static int64_t succeed(void *arg)
{
    (void)arg;
    return 0;
}

static int64_t hear_the_message(void *arg)
{
    (void)arg;
    assert_string_equal(hoop_error_message(), "");
    assert_int_equal(hoop_await(hoop_create_task(fail_with_details, "a")), -EIO);
    assert_string_equal(hoop_error_message(), "reading a");
    assert_int_equal(hoop_await(hoop_create_task(fail_with_details, "b")), -EIO);
    assert_string_equal(hoop_error_message(), "reading b");
    assert_int_equal(hoop_await(hoop_create_task(fail_plainly, NULL)), -EIO);
    assert_string_equal(hoop_error_message(), "");
    return 0;
}

static void who_awaits_a_task_finds_the_message_of_its_error(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hear_the_message, NULL), 0);
}

static int64_t set_and_read(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_error_set(-EPERM, "%d of %d", 1, 2), -EPERM);
    assert_string_equal(hoop_error_message(), "1 of 2");
    return 0;
}

static void a_message_that_was_set_can_be_read_back(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(set_and_read, NULL), 0);
}

/* ---- through several tasks ---- */

static int64_t pass_on(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    if (depth == 0)
        return fail_with_details("deep");
    return hoop_await(hoop_create_task(pass_on, (void *)(depth - 1)));
}

static int64_t hear_from_afar(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_await(hoop_create_task(pass_on, (void *)100)), -EIO);
    assert_string_equal(hoop_error_message(), "reading deep");
    return 0;
}

static void a_message_travels_through_a_chain_of_tasks(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hear_from_afar, NULL), 0);
}

static int64_t add_to_it(void *arg)
{
    int64_t rc = hoop_await(hoop_create_task(fail_with_details, arg));
    return hoop_error_set(rc, "loading: %s", hoop_error_message());
}

static int64_t hear_more(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_await(hoop_create_task(add_to_it, "it")), -EIO);
    assert_string_equal(hoop_error_message(), "loading: reading it");
    return 0;
}

static void a_message_may_be_made_of_the_one_before(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hear_more, NULL), 0);
}

static int64_t hear_from_a_future(void *arg)
{
    (void)arg;
    hoop_future *future = hoop_future_new(NULL);
    assert_int_equal(hoop_future_set_error(future, -EPIPE, "broken by %s", "hand"), 0);
    assert_int_equal(hoop_future_await(future), -EPIPE);
    assert_string_equal(hoop_error_message(), "broken by hand");
    assert_string_equal(hoop_future_error_message(future), "broken by hand");
    hoop_future_unref(future);
    assert_string_equal(hoop_error_message(), "broken by hand"); /* a copy */
    return 0;
}

static void a_futures_message_reaches_who_awaits_it(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hear_from_a_future, NULL), 0);
}

static int64_t hear_through_a_shield(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_shield(hoop_create_task(fail_with_details, "shielded")), -EIO);
    assert_string_equal(hoop_error_message(), "reading shielded");
    return 0;
}

static void a_shield_lets_it_through(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(hear_through_a_shield, NULL), 0);
}

static int64_t read_from_the_task(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(fail_with_details, "kept");
    assert_string_equal(hoop_task_error_message(task), "");
    assert_int_equal(hoop_sleep(0), 0);
    assert_string_equal(hoop_task_error_message(task), "reading kept");
    assert_int_equal(hoop_task_result(task), -EIO);
    hoop_task_unref(task);
    return 0;
}

static void the_task_itself_tells_it_too(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(read_from_the_task, NULL), 0);
}

/* ---- stale ones ---- */

static int64_t recover(void *arg)
{
    (void)arg;
    (void)!hoop_await(hoop_create_task(fail_with_details, "recovered"));
    return 0;
}

static int64_t return_another_error(void *arg)
{
    (void)arg;
    (void)!hoop_await(hoop_create_task(fail_with_details, "something else"));
    return -ENOENT;
}

static int64_t look_at_outcomes(void *arg)
{
    (void)arg;
    hoop_task *good = hoop_create_task(recover, NULL);
    hoop_task *other = hoop_create_task(return_another_error, NULL);
    assert_int_equal(hoop_sleep(1), 0);
    assert_string_equal(hoop_task_error_message(good), "");
    assert_string_equal(hoop_task_error_message(other), "");
    assert_int_equal(hoop_await(good), 0);
    assert_int_equal(hoop_await(other), -ENOENT);
    assert_string_equal(hoop_error_message(), "");
    return 0;
}

static void a_result_or_another_error_does_not_inherit_it(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(look_at_outcomes, NULL), 0);
}

/* Leaves a message in the running task. */
static void have_a_message(void)
{
    assert_int_equal(hoop_await(hoop_create_task(fail_with_details, "old")), -EIO);
    assert_string_equal(hoop_error_message(), "reading old");
}

static int64_t be_cancelled_in_a_sleep(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        have_a_message();
        assert_true(hoop_task_cancel(hoop_current_task()));
        assert_int_equal(hoop_sleep(i), -ECANCELED);
        assert_string_equal(hoop_error_message(), "");
        hoop_task_uncancel(hoop_current_task());
    }
    return 0;
}

static void a_cancelled_sleep_has_no_message(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(be_cancelled_in_a_sleep, NULL), 0);
}

static int64_t misuse_with_a_message(void *arg)
{
    (void)arg;
    have_a_message();
    assert_int_equal(hoop_await(hoop_current_task()), -EDEADLK);
    assert_string_equal(hoop_error_message(), "");
    have_a_message();
    assert_int_equal(hoop_sleep(-1), -EINVAL);
    assert_string_equal(hoop_error_message(), "");
    return 0;
}

static void a_refused_await_has_no_message(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(misuse_with_a_message, NULL), 0);
}

static int64_t shield_cancelled(void *arg)
{
    (void)arg;
    have_a_message();
    assert_true(hoop_task_cancel(hoop_current_task()));
    assert_int_equal(hoop_shield(hoop_create_task(succeed, NULL)), -ECANCELED);
    assert_string_equal(hoop_error_message(), "");
    hoop_task_uncancel(hoop_current_task());
    return hoop_sleep(0);
}

static void a_cancelled_shield_has_no_message(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(shield_cancelled, NULL), 0);
}

/* ---- elsewhere ---- */

static void outside_of_a_task_only_the_code_is_kept(void **state)
{
    (void)state;
    assert_int_equal(hoop_run(fail_plainly, NULL), -EIO); /* whose message that would be */
    assert_int_equal(hoop_error_set(-EIO, "nobody hears %s", "this"), -EIO);
    assert_string_equal(hoop_error_message(), "");
}

static void a_reported_error_comes_with_its_message(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task *task =
        hoop_create_task_with(fail_with_details, "unheard", &(hoop_task_options){.loop = loop});
    hoop_task_detach(task);
    assert_int_equal(hoop_run_until_complete(loop, succeed, NULL), 0);
    hoop_close(loop);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.error_message, "reading unheard");
}

static int64_t without_memory(void *arg)
{
    (void)arg;
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_int_equal(hoop_error_set(-EIO, "no room"), -EIO);
    hoop_testing_fail_nth(0, 0);
    assert_string_equal(hoop_error_message(), "");
    hoop_task *task = hoop_create_task(fail_with_details, "lost");
    assert_int_equal(hoop_sleep(0), 0);
    hoop_testing_fail_nth(HOOP_FAIL_ALLOCATION, 1);
    assert_int_equal(hoop_await(task), -EIO); /* its message is not copied */
    assert_true(hoop_testing_failed());
    hoop_testing_fail_nth(0, 0);
    assert_string_equal(hoop_error_message(), "");
    return 0;
}

static void without_memory_only_the_code_is_kept(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(without_memory, NULL), 0);
}

static int64_t fail_for_the_program(void *arg)
{
    return fail_with_details(arg);
}

/* So that a main function can say what went wrong. */
static void after_a_run_its_message_is_there(void **state)
{
    (void)state;
    assert_int_equal(hoop_run(fail_for_the_program, "a"), -EIO);
    assert_string_equal(hoop_error_message(), "reading a");
    assert_int_equal(hoop_run(succeed, NULL), 0);
    assert_int_equal(hoop_run(fail_plainly, NULL), -EIO);
    assert_string_equal(hoop_error_message(), "");

    char longer[400];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(hoop_run(fail_for_the_program, longer), -EIO);
    assert_int_equal(strlen(hoop_error_message()), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(who_awaits_a_task_finds_the_message_of_its_error),
        BEHAVIOUR(after_a_run_its_message_is_there),
        BEHAVIOUR(a_message_that_was_set_can_be_read_back),
        BEHAVIOUR(a_message_travels_through_a_chain_of_tasks),
        BEHAVIOUR(a_message_may_be_made_of_the_one_before),
        BEHAVIOUR(a_futures_message_reaches_who_awaits_it),
        BEHAVIOUR(a_shield_lets_it_through),
        BEHAVIOUR(the_task_itself_tells_it_too),
        BEHAVIOUR(a_result_or_another_error_does_not_inherit_it),
        BEHAVIOUR(a_cancelled_sleep_has_no_message),
        BEHAVIOUR(a_refused_await_has_no_message),
        BEHAVIOUR(a_cancelled_shield_has_no_message),
        BEHAVIOUR(outside_of_a_task_only_the_code_is_kept),
        BEHAVIOUR(a_reported_error_comes_with_its_message),
        BEHAVIOUR(without_memory_only_the_code_is_kept),
    };
    return cmocka_run_group_tests_name("error_message", tests, NULL, NULL);
}
