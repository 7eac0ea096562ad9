/* SPDX-License-Identifier: MIT
 *
 * Lookups that nobody waits for any more: cancelled ones, and those of a loop that was closed.
 * What the thread still does with them it does with copies of its own.
 */
#include "resolver.h"

#include "in_a_task.h"

/* A lookup whose host lies in the frame of the task. */
static int64_t look_up_hanging(void *arg)
{
    char host[] = "hangs.example";
    (void)arg;
    int64_t rc = look_up_host(host);
    memset(host, 'x', sizeof host - 1);
    return rc;
}

static int64_t cancel_a_lookup(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(look_up_hanging, NULL);
    let_one_iteration_pass();
    sem_take(&resolver.gate.begun);
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_await(task), -ECANCELED); /* the gate is shut */
    assert_int_equal(resolver.gate.ends, 0);
    gate_open(&resolver.gate);
    resolver_settle();
    return 0;
}

static void a_cancelled_lookup_returns_at_once(void **state)
{
    (void)state;
    resolver_init();
    assert_int_equal(run_virtually(cancel_a_lookup, NULL), 0);
    resolver_done();
}

static int64_t limit_a_lookup(void *arg)
{
    return hoop_wait_for(look_up_hanging, arg, 0.001);
}

static void a_lookup_can_be_given_a_limit_of_time(void **state)
{
    (void)state;
    resolver_init();
    assert_int_equal(run_really(limit_a_lookup, NULL), -ETIMEDOUT);
    gate_open(&resolver.gate);
    resolver_settle();
    resolver_done();
}

static int64_t cancel_waiting_lookup(void *arg)
{
    (void)arg;
    static char name[] = "host.example";
    hoop_task *tasks[HOOP_DNS_THREADS];
    for (int i = 0; i < HOOP_DNS_THREADS; i++)
        tasks[i] = hoop_create_task(look_up_hanging, NULL);
    hoop_task *fifth = hoop_create_task(look_up_host, name);
    let_one_iteration_pass();
    for (int i = 0; i < HOOP_DNS_THREADS; i++)
        sem_take(&resolver.gate.begun);
    assert_true(hoop_task_cancel(fifth));
    assert_int_equal(hoop_await(fifth), -ECANCELED);
    for (int i = 0; i < HOOP_DNS_THREADS; i++)
        gate_open(&resolver.gate);
    for (int i = 0; i < HOOP_DNS_THREADS; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    assert_int_equal(resolver.asked, HOOP_DNS_THREADS);
    return 0;
}

static void one_that_has_not_begun_is_never_made(void **state)
{
    (void)state;
    resolver_init();
    assert_int_equal(run_virtually(cancel_waiting_lookup, NULL), 0);
    resolver_done();
}

static int64_t look_up_while_cancelled(void *arg)
{
    (void)arg;
    static char name[] = "host.example", number[] = "192.0.2.7";
    char host[NI_MAXHOST];
    hoop_address address;
    hoop_task_cancel(hoop_current_task());
    assert_int_equal(look_up_host(name), -ECANCELED);
    assert_int_equal(hoop_address_parse(number, 80, &address), 0);
    assert_int_equal(hoop_getnameinfo(&address, host, sizeof host, NULL, 0, 0), -ECANCELED);
    assert_int_equal(resolver.asked, 0);
    assert_int_equal(look_up_host(number), 0); /* what need not wait is not cancelled */
    assert_int_equal(hoop_getnameinfo(&address, host, sizeof host, NULL, 0, NI_NUMERICHOST), 0);
    hoop_task_uncancel(hoop_current_task());
    return look_up_host(name);
}

static void who_is_being_cancelled_asks_no_thread(void **state)
{
    (void)state;
    resolver_init();
    assert_int_equal(run_virtually(look_up_while_cancelled, NULL), 0);
    resolver_done();
}

/* The result came first: it counts, and it is not lost. */
static int64_t cancel_after_the_result(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(look_up_hanging, NULL);
    let_one_iteration_pass();
    sem_take(&resolver.gate.begun);
    gate_open(&resolver.gate);
    hoop_info before, now;
    hoop_loop_info(hoop_running_loop(), &before);
    do {
        let_one_iteration_pass();
        hoop_loop_info(hoop_running_loop(), &now);
    } while (now.tasks == before.tasks);
    assert_false(hoop_task_cancel(task));
    return hoop_await(task);
}

static void a_result_that_was_there_before_the_cancellation_counts(void **state)
{
    (void)state;
    resolver_init();
    assert_int_equal(run_virtually(cancel_after_the_result, NULL), 0);
    resolver_done();
}

static int64_t name_hanging(void *arg)
{
    char host[NI_MAXHOST] = "untouched";
    hoop_address address;
    (void)arg;
    assert_int_equal(hoop_address_parse("192.0.2.8", 80, &address), 0);
    int rc = hoop_getnameinfo(&address, host, sizeof host, NULL, 0, 0);
    assert_string_equal(host, "untouched");
    return rc;
}

static int64_t cancel_name_lookup(void *arg)
{
    (void)arg;
    hoop_task *task = hoop_create_task(name_hanging, NULL);
    let_one_iteration_pass();
    sem_take(&resolver.gate.begun);
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_await(task), -ECANCELED);
    gate_open(&resolver.gate);
    resolver_settle();
    return 0;
}

static void a_cancelled_lookup_of_names_writes_nothing(void **state)
{
    (void)state;
    resolver_init();
    assert_int_equal(run_virtually(cancel_name_lookup, NULL), 0);
    resolver_done();
}

/* ---- the loop goes ---- */

static void wait_until_begun(void *arg)
{
    (void)arg;
    sem_take(&resolver.gate.begun);
}

static void a_loop_can_be_closed_while_a_lookup_hangs(void **state)
{
    (void)state;
    resolver_init();
    close_while_it_waits(look_up_hanging, NULL, wait_until_begun);
    assert_int_equal(resolver.gate.ends, 0);
    gate_open(&resolver.gate);
    resolver_settle();
    resolver_init();
    close_while_it_waits(name_hanging, NULL, wait_until_begun);
    gate_open(&resolver.gate);
    resolver_settle();
    resolver_done();
}

static void a_loop_can_be_closed_with_a_lookup_that_has_just_ended(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        resolver_init();
        gate_open(&resolver.gate); /* it ends whenever it ends */
        close_while_it_waits(look_up_hanging, NULL, i % 2 == 0 ? wait_until_begun : NULL);
        resolver_settle();
        resolver_done();
    }
}

static void drop_reports(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)exception;
    (void)arg;
}

static void lookups_that_wait_for_a_thread_go_with_the_loop(void **state)
{
    (void)state;
    static char name[] = "host.example";
    resolver_init();
    hoop_loop *loop = virtual_loop();
    hoop_set_exception_handler(loop, drop_reports, NULL);
    const hoop_task_options options = {.loop = loop};
    for (int i = 0; i < HOOP_DNS_THREADS; i++)
        hoop_task_detach(hoop_create_task_with(look_up_hanging, NULL, &options));
    for (int i = 0; i < 3; i++)
        hoop_task_detach(hoop_create_task_with(look_up_host, name, &options));
    assert_int_equal(hoop_run_once(loop, 0), 0);
    for (int i = 0; i < HOOP_DNS_THREADS; i++)
        sem_take(&resolver.gate.begun);
    assert_int_equal(hoop_close(loop), 0);
    for (int i = 0; i < HOOP_DNS_THREADS; i++)
        gate_open(&resolver.gate);
    resolver_settle();
    assert_int_equal(resolver.asked, HOOP_DNS_THREADS);
    resolver_done();
}

static int64_t leave_a_lookup(void *arg)
{
    (void)arg;
    hoop_task_detach(hoop_create_task(look_up_hanging, NULL));
    let_one_iteration_pass();
    sem_take(&resolver.gate.begun);
    return 5;
}

static void a_programs_end_does_not_wait_for_a_lookup_that_hangs(void **state)
{
    (void)state;
    resolver_init();
    assert_int_equal(hoop_run(leave_a_lookup, NULL), 5);
    assert_int_equal(resolver.gate.ends, 0);
    gate_open(&resolver.gate);
    resolver_settle();
    resolver_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_cancelled_lookup_returns_at_once),
        BEHAVIOUR(a_lookup_can_be_given_a_limit_of_time),
        BEHAVIOUR(one_that_has_not_begun_is_never_made),
        BEHAVIOUR(who_is_being_cancelled_asks_no_thread),
        BEHAVIOUR(a_result_that_was_there_before_the_cancellation_counts),
        BEHAVIOUR(a_cancelled_lookup_of_names_writes_nothing),
        BEHAVIOUR(a_loop_can_be_closed_while_a_lookup_hangs),
        BEHAVIOUR(a_loop_can_be_closed_with_a_lookup_that_has_just_ended),
        BEHAVIOUR(lookups_that_wait_for_a_thread_go_with_the_loop),
        BEHAVIOUR(a_programs_end_does_not_wait_for_a_lookup_that_hangs),
    };
    return cmocka_run_group_tests_name("dns_cancel", tests, NULL, NULL);
}
