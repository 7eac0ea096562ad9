/* SPDX-License-Identifier: MIT
 *
 * Running until something is done: hoop_run_until_complete, hoop_run_until_done, and
 * hoop_run with what it does to the tasks that are left.
 */
#include <errno.h>
#include <math.h>

#include "reports.h"

static int64_t nap(void *arg)
{
    (void)arg;
    int rc = hoop_sleep(1);
    return rc < 0 ? rc : 5;
}

static void stop(void *loop)
{
    hoop_stop(loop);
}

/* ---- until complete, until done ---- */

static void a_stopped_run_says_so_and_the_task_goes_on_in_the_next_one(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    hoop_task *task = hoop_create_task_with(nap, NULL, &(hoop_task_options){.loop = loop});
    assert_true(hoop_call_later(loop, 0.5, stop, loop) >= 0);
    assert_int_equal(hoop_run_until_done(loop, hoop_task_future(task)), HOOP_ESTOPPED);
    assert_false(hoop_task_is_done(task));
    assert_int_equal(hoop_run_until_done(loop, hoop_task_future(task)), 5);
    assert_int_equal(hoop_run_until_done(loop, hoop_task_future(task)), 5); /* done already */
    assert_true(hoop_time(loop) == 1);
    hoop_task_unref(task);
    hoop_close(loop);
    assert_int_equal(reports.count, 0);
}

static int64_t nap_and_record(void *arg)
{
    (void)!hoop_sleep(1);
    record_add(arg, "woke");
    return 0;
}

static void a_stop_before_the_run_ends_it_after_one_iteration(void **state)
{
    (void)state;
    struct record record = {""};
    hoop_loop *loop = virtual_loop();
    hoop_stop(loop);
    assert_int_equal(hoop_run_until_complete(loop, nap_and_record, &record), HOOP_ESTOPPED);
    assert_record(&record, "");
    assert_int_equal(hoop_run_until_complete(loop, nap, NULL), 5); /* the first lives on */
    assert_record(&record, "woke");
    hoop_close(loop);
}

static int64_t stop_and_return(void *arg)
{
    hoop_stop(arg);
    return 6;
}

static void a_task_that_stops_the_loop_and_is_done_has_its_result(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_run_until_complete(loop, stop_and_return, loop), 6);
    hoop_close(loop);
}

static void set_seven(void *future)
{
    assert_int_equal(hoop_future_set_result(future, 7), 0);
}

static void a_future_may_be_run_for_and_is_borrowed(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    hoop_future *future = hoop_future_new(loop);
    assert_true(hoop_call_later(loop, 3, set_seven, future) >= 0);
    assert_int_equal(hoop_run_until_done(loop, future), 7);
    assert_true(hoop_time(loop) == 3);
    hoop_future_unref(future);
    hoop_close(loop);
}

static int64_t run_again(void *arg)
{
    hoop_loop *loop = arg;
    hoop_future *future = hoop_future_new(loop);
    assert_int_equal(hoop_run_until_complete(loop, nap, NULL), HOOP_ERUNNING);
    assert_int_equal(hoop_run_until_done(loop, future), HOOP_ERUNNING);
    assert_int_equal(hoop_run_forever(loop), HOOP_ERUNNING);
    assert_int_equal(hoop_run_once(loop, 0), HOOP_ERUNNING);
    assert_int_equal(hoop_run(nap, NULL), HOOP_ERUNNING);
    assert_int_equal(hoop_close(loop), HOOP_ERUNNING);
    hoop_future_unref(future);
    hoop_loop *other = virtual_loop();
    assert_int_equal(hoop_run_until_complete(other, nap, NULL), HOOP_ERUNNING);
    assert_int_equal(hoop_close(other), 0);
    assert_int_equal(hoop_all_tasks(loop, NULL, 0), 1); /* none of these left a task */
    return hoop_sleep(1);
}

static void no_second_run_inside_a_run(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_run_until_complete(loop, run_again, loop), 0);
    hoop_close(loop);
}

static void a_closed_loop_or_no_function_is_refused(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_loop_ref(virtual_loop());
    assert_int_equal(hoop_run_until_complete(loop, NULL, NULL), -EINVAL);
    hoop_close(loop);
    assert_int_equal(hoop_run_until_complete(loop, nap, NULL), HOOP_ECLOSED);
    assert_int_equal(hoop_run(NULL, NULL), -EINVAL);
    hoop_loop_unref(loop);
}

/* ---- hoop_run ---- */

struct world {
    struct reports reports;
    struct record record;
    hoop_loop *loop; /* kept by a reference */
    hoop_task *kept;
};

static void keep_loop(struct world *world)
{
    world->loop = hoop_loop_ref(hoop_running_loop());
    hoop_set_exception_handler(world->loop, reports_add, &world->reports);
}

/* What hoop_run made is gone. */
static void assert_closed(struct world *world)
{
    assert_true(hoop_is_closed(world->loop));
    assert_null(hoop_running_loop());
    hoop_loop_unref(world->loop);
}

static int64_t plain(void *arg)
{
    keep_loop(arg);
    return hoop_sleep(0) < 0 ? -EIO : 21;
}

static void run_makes_a_loop_and_closes_it(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(hoop_run(plain, &world), 21);
    assert_closed(&world);
}

static int64_t wait_for_ever(void *arg)
{
    struct world *world = arg;
    int rc = hoop_sleep((double)INFINITY);
    record_add(&world->record, rc == -ECANCELED ? "cancelled" : "?");
    return rc;
}

static int64_t leave_tasks(void *arg)
{
    keep_loop(arg);
    for (int i = 0; i < 3; i++)
        hoop_task_detach(hoop_create_task(wait_for_ever, arg));
    return 1;
}

static void tasks_that_are_left_are_cancelled_and_awaited(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(hoop_run(leave_tasks, &world), 1);
    assert_closed(&world);
    assert_record(&world.record, "cancelled cancelled cancelled");
    assert_int_equal(world.reports.count, 0);
}

static int64_t finish_all_the_same(void *arg)
{
    struct world *world = arg;
    (void)!hoop_sleep((double)INFINITY);
    hoop_task_uncancel(hoop_current_task());
    assert_int_equal(hoop_sleep(0.001), 0);
    record_add(&world->record, "finished");
    return 4;
}

static int64_t leave_a_stubborn_one(void *arg)
{
    keep_loop(arg);
    hoop_task_detach(hoop_create_task(finish_all_the_same, arg));
    return hoop_sleep(0);
}

static void one_that_ignores_it_is_waited_for(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(hoop_run(leave_a_stubborn_one, &world), 0);
    assert_closed(&world);
    assert_record(&world.record, "finished");
    assert_int_equal(world.reports.count, 0);
}

static int64_t fail_when_cancelled(void *arg)
{
    (void)arg;
    (void)!hoop_sleep((double)INFINITY);
    return hoop_error_set(-EIO, "could not save");
}

static int64_t leave_one_that_fails(void *arg)
{
    struct world *world = arg;
    keep_loop(world);
    hoop_task_detach(hoop_create_task(fail_when_cancelled, world));
    return hoop_sleep(0);
}

static void an_error_of_one_that_is_left_is_reported(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(hoop_run(leave_one_that_fails, &world), 0);
    assert_closed(&world);
    assert_int_equal(world.reports.count, 1);
    assert_int_equal(world.reports.error, -EIO);
    assert_string_equal(world.reports.error_message, "could not save");
}

static int64_t await_the_older_one(void *arg)
{
    struct world *world = arg;
    assert_int_equal(hoop_await(world->kept), -EIO);
    record_add(&world->record, "retrieved");
    return 0;
}

static int64_t leave_a_pair(void *arg)
{
    struct world *world = arg;
    keep_loop(world);
    world->kept = hoop_create_task(fail_when_cancelled, world);
    hoop_task_detach(hoop_create_task(await_the_older_one, world));
    return hoop_sleep(0);
}

static void an_error_that_another_one_retrieved_is_not_reported(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(hoop_run(leave_a_pair, &world), 0);
    assert_closed(&world);
    assert_record(&world.record, "retrieved");
    assert_int_equal(world.reports.count, 0);
}

static int64_t stop_early(void *arg)
{
    keep_loop(arg);
    hoop_stop(hoop_running_loop());
    return wait_for_ever(arg);
}

static void a_main_that_stops_the_loop_is_cancelled(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(hoop_run(stop_early, &world), HOOP_ESTOPPED);
    assert_closed(&world);
    assert_record(&world.record, "cancelled");
}

static int64_t keep_one(void *arg)
{
    struct world *world = arg;
    keep_loop(world);
    world->kept = hoop_create_task(wait_for_ever, world);
    return 0;
}

static void a_kept_reference_can_be_read_after_the_run(void **state)
{
    (void)state;
    struct world world = {0};
    assert_int_equal(hoop_run(keep_one, &world), 0);
    assert_closed(&world);
    assert_true(hoop_task_is_cancelled(world.kept));
    assert_string_equal(hoop_task_name(world.kept), "wait_for_ever");
    hoop_task_unref(world.kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_stopped_run_says_so_and_the_task_goes_on_in_the_next_one),
        BEHAVIOUR(a_stop_before_the_run_ends_it_after_one_iteration),
        BEHAVIOUR(a_task_that_stops_the_loop_and_is_done_has_its_result),
        BEHAVIOUR(a_future_may_be_run_for_and_is_borrowed),
        BEHAVIOUR(no_second_run_inside_a_run),
        BEHAVIOUR(a_closed_loop_or_no_function_is_refused),
        BEHAVIOUR(run_makes_a_loop_and_closes_it),
        BEHAVIOUR(tasks_that_are_left_are_cancelled_and_awaited),
        BEHAVIOUR(one_that_ignores_it_is_waited_for),
        BEHAVIOUR(an_error_of_one_that_is_left_is_reported),
        BEHAVIOUR(an_error_that_another_one_retrieved_is_not_reported),
        BEHAVIOUR(a_main_that_stops_the_loop_is_cancelled),
        BEHAVIOUR(a_kept_reference_can_be_read_after_the_run),
    };
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
