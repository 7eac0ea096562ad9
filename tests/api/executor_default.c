/* SPDX-License-Identifier: MIT
 *
 * The default executor of a loop: made when it is first used, replaced, shut down, and gone with
 * the loop. And the virtual clock, which stands still while threads work.
 */
#include "gate.h"
#include "reports.h"

#include <errno.h>
#include <string.h>

/* ---- whose threads ---- */

static int64_t read_name(void *arg)
{
    return pthread_getname_np(pthread_self(), arg, 16);
}

static hoop_executor *executor_named(const char *name)
{
    hoop_executor *executor =
        hoop_executor_new(&(hoop_executor_options){.name = name, .max_workers = 1});
    assert_non_null(executor);
    return executor;
}

static int64_t use_each_way(void *arg)
{
    char name[16] = "";
    hoop_loop *loop = hoop_running_loop();
    (void)arg;
    assert_int_equal(hoop_set_default_executor(loop, executor_named("ours")), 0);
    assert_int_equal(hoop_to_thread(read_name, name), 0);
    assert_string_equal(name, "ours");
    assert_int_equal(hoop_run_in_executor(NULL, read_name, strcpy(name, "")), 0);
    assert_string_equal(name, "ours");
    hoop_future *future = hoop_executor_submit(NULL, read_name, strcpy(name, ""));
    assert_int_equal(hoop_future_await(future), 0);
    assert_string_equal(name, "ours");
    hoop_future_unref(future);
    return 0;
}

static void whatever_names_no_executor_uses_the_default_one(void **state)
{
    (void)state;
    assert_int_equal(run_really(use_each_way, NULL), 0);
}

static int64_t use_without_setting(void *arg)
{
    atomic_int calls = 0;
    (void)arg;
    for (int i = 1; i <= 10; i++)
        assert_int_equal(hoop_to_thread(count_call, &calls), i);
    return 0;
}

static void a_loop_makes_one_when_it_is_needed(void **state)
{
    (void)state;
    assert_int_equal(run_really(use_without_setting, NULL), 0);
}

static int64_t replace_while_busy(void *arg)
{
    struct gate *gate = arg;
    char name[16] = "";
    atomic_int calls = 0;
    hoop_loop *loop = hoop_running_loop();
    assert_int_equal(hoop_set_default_executor(loop, executor_named("first")), 0);
    hoop_future *running = hoop_executor_submit(NULL, pass_gate, gate);
    sem_take(&gate->begun);
    hoop_future *queued = hoop_executor_submit(NULL, count_call, &calls);
    assert_int_equal(hoop_set_default_executor(loop, executor_named("second")), 0);
    assert_int_equal(hoop_to_thread(read_name, name), 0); /* the first one is still busy */
    assert_string_equal(name, "second");
    gate_open(gate);
    assert_int_equal(hoop_future_await(queued), 1);
    assert_int_equal(hoop_future_await(running), 5);
    hoop_future_unref(queued);
    hoop_future_unref(running);
    return 0;
}

static void one_that_is_replaced_finishes_what_it_has(void **state)
{
    (void)state;
    struct gate gate;
    gate_init(&gate, 5);
    assert_int_equal(run_really(replace_while_busy, &gate), 0);
    gate_done(&gate);
}

static int64_t set_twice(void *executor)
{
    atomic_int calls = 0;
    hoop_loop *loop = hoop_running_loop();
    assert_int_equal(hoop_set_default_executor(loop, executor), 0);
    assert_int_equal(hoop_set_default_executor(loop, executor), 0);
    return hoop_to_thread(count_call, &calls);
}

static void setting_the_same_one_again_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(run_really(set_twice, executor_of(1)), 1);
}

static void a_loop_that_never_runs_frees_its_default_one(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop();
    assert_int_equal(hoop_set_default_executor(loop, executor_of(1)), 0);
    assert_int_equal(hoop_set_default_executor(loop, executor_of(2)), 0);
    hoop_close(loop);
}

static void there_is_no_setting_of_nothing(void **state)
{
    (void)state;
    hoop_executor *executor = executor_of(1);
    hoop_loop *loop = hoop_loop_ref(hoop_new_event_loop());
    assert_int_equal(hoop_set_default_executor(NULL, executor), HOOP_ENOLOOP);
    assert_int_equal(hoop_set_default_executor(loop, NULL), -EINVAL);
    hoop_close(loop);
    assert_int_equal(hoop_set_default_executor(loop, executor), HOOP_ECLOSED);
    hoop_loop_unref(loop);
    hoop_executor_free(executor); /* still ours */
}

/* ---- its end ---- */

static int64_t shut_down_and_use(void *arg)
{
    atomic_int *calls = arg;
    hoop_loop *loop = hoop_running_loop();
    hoop_future *future = hoop_executor_submit(NULL, count_call, calls);
    assert_int_equal(hoop_shutdown_default_executor(INFINITY), 0);
    assert_int_equal(*calls, 1);
    assert_int_equal(hoop_future_await(future), 1);
    hoop_future_unref(future);
    assert_int_equal(hoop_to_thread(count_call, calls), HOOP_ESHUTDOWN);
    assert_int_equal(hoop_run_in_executor(NULL, count_call, calls), HOOP_ESHUTDOWN);
    assert_null(hoop_executor_submit(NULL, count_call, calls));
    assert_int_equal(hoop_last_error(), HOOP_ESHUTDOWN);
    assert_int_equal(hoop_shutdown_default_executor(INFINITY), 0);
    assert_int_equal(hoop_set_default_executor(loop, executor_of(1)), 0);
    assert_int_equal(hoop_to_thread(count_call, calls), HOOP_ESHUTDOWN);
    return 0;
}

static void once_it_was_shut_down_there_is_none_any_more(void **state)
{
    (void)state;
    atomic_int calls = 0;
    assert_int_equal(run_really(shut_down_and_use, &calls), 0);
    assert_int_equal(calls, 1);
}

static int64_t shut_down_unused(void *arg)
{
    hoop_executor *other = executor_of(1);
    assert_int_equal(hoop_shutdown_default_executor(0), 0);
    assert_int_equal(hoop_to_thread(count_call, arg), HOOP_ESHUTDOWN);
    assert_int_equal(hoop_run_in_executor(other, count_call, arg), 1);
    executor_end(other);
    return 0;
}

static void one_that_was_never_used_can_be_shut_down(void **state)
{
    (void)state;
    atomic_int calls = 0;
    assert_int_equal(run_really(shut_down_unused, &calls), 0);
}

static void without_a_running_loop_there_is_nothing_to_shut_down(void **state)
{
    (void)state;
    assert_int_equal(hoop_shutdown_default_executor(INFINITY), HOOP_ENOLOOP);
}

static int64_t leave_work_behind(void *arg)
{
    struct gate *gate = arg;
    hoop_future_unref(hoop_executor_submit(NULL, pass_gate, gate));
    hoop_future_unref(hoop_executor_submit(NULL, pass_gate, gate));
    gate_open(gate);
    gate_open(gate);
    return 3;
}

static void a_program_waits_for_what_it_has_submitted(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct gate gate;
        gate_init(&gate, 5);
        assert_int_equal(hoop_run(leave_work_behind, &gate), 3);
        assert_int_equal(gate.ends, 2);
        gate_done(&gate);
    }
}

/* ---- the virtual clock ---- */

struct sleeper {
    struct gate gate;
    struct record record;
    double woke; /* when its sleep ended */
};

static int64_t sleep_long(void *arg)
{
    struct sleeper *sleeper = arg;
    int rc = hoop_sleep(1000);
    record_add(&sleeper->record, "slept");
    sleeper->woke = hoop_time(hoop_running_loop());
    return rc;
}

static int64_t work_beside_a_sleep(void *arg)
{
    struct sleeper *sleeper = arg;
    hoop_task *task = hoop_create_task(sleep_long, sleeper);
    assert_int_equal(hoop_sleep(0), 0);
    for (int i = 0; i < 3; i++) { /* one after another: no jump in between either */
        assert_int_equal(hoop_to_thread(pass_gate, &sleeper->gate), 5);
        assert_true(hoop_time(hoop_running_loop()) == 0);
        record_add(&sleeper->record, "worked");
    }
    return hoop_await(task);
}

static void *open_when_begun(void *arg)
{
    struct sleeper *sleeper = arg;
    for (int i = 0; i < 3; i++) {
        sem_take(&sleeper->gate.begun);
        usleep(2000); /* time to jump, if it were to */
        gate_open(&sleeper->gate);
    }
    return NULL;
}

static void the_virtual_clock_stands_still_while_a_function_runs(void **state)
{
    (void)state;
    struct sleeper sleeper = {.woke = -1};
    pthread_t opener;
    gate_init(&sleeper.gate, 5);
    assert_int_equal(pthread_create(&opener, NULL, open_when_begun, &sleeper), 0);
    assert_int_equal(run_virtually(work_beside_a_sleep, &sleeper), 0);
    pthread_join(opener, NULL);
    assert_record(&sleeper.record, "worked worked worked slept");
    assert_true(sleeper.woke == 1000);
    gate_done(&sleeper.gate);
}

static int64_t cancel_and_sleep(void *arg)
{
    struct sleeper *sleeper = arg;
    hoop_executor *executor = executor_of(1);
    hoop_future *running = hoop_executor_submit(executor, pass_gate, &sleeper->gate);
    sem_take(&sleeper->gate.begun);
    hoop_future *queued = hoop_executor_submit(executor, pass_gate, &sleeper->gate);
    hoop_future_cancel(queued);
    gate_open(&sleeper->gate);
    assert_int_equal(hoop_future_await(running), 5);
    executor_end(executor);
    assert_int_equal(hoop_sleep(1000), 0); /* hangs if a job is still counted */
    assert_true(hoop_time(hoop_running_loop()) == 1000);
    hoop_future_unref(queued);
    hoop_future_unref(running);
    return 0;
}

static void the_virtual_clock_jumps_again_once_all_are_done_or_cancelled(void **state)
{
    (void)state;
    struct sleeper sleeper = {0};
    gate_init(&sleeper.gate, 5);
    assert_int_equal(run_virtually(cancel_and_sleep, &sleeper), 0);
    gate_done(&sleeper.gate);
}

static int64_t fail_and_sleep(void *arg)
{
    hoop_executor *executor = executor_of(1);
    (void)arg;
    assert_int_equal(hoop_executor_shutdown(executor, 0), 0);
    assert_int_equal(hoop_run_in_executor(executor, count_call, NULL), HOOP_ESHUTDOWN);
    hoop_executor_free(executor);
    return hoop_sleep(1000);
}

static void a_refused_function_does_not_hold_the_virtual_clock(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(fail_and_sleep, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(whatever_names_no_executor_uses_the_default_one),
        BEHAVIOUR(a_loop_makes_one_when_it_is_needed),
        BEHAVIOUR(one_that_is_replaced_finishes_what_it_has),
        BEHAVIOUR(setting_the_same_one_again_changes_nothing),
        BEHAVIOUR(a_loop_that_never_runs_frees_its_default_one),
        BEHAVIOUR(there_is_no_setting_of_nothing),
        BEHAVIOUR(once_it_was_shut_down_there_is_none_any_more),
        BEHAVIOUR(one_that_was_never_used_can_be_shut_down),
        BEHAVIOUR(without_a_running_loop_there_is_nothing_to_shut_down),
        BEHAVIOUR(a_program_waits_for_what_it_has_submitted),
        BEHAVIOUR(the_virtual_clock_stands_still_while_a_function_runs),
        BEHAVIOUR(the_virtual_clock_jumps_again_once_all_are_done_or_cancelled),
        BEHAVIOUR(a_refused_function_does_not_hold_the_virtual_clock),
    };
    return cmocka_run_group_tests_name("executor_default", tests, NULL, NULL);
}
