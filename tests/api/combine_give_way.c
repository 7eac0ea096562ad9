/* SPDX-License-Identifier: MIT
 *
 * An await that need not wait gives way after so many. Here the loop is closed just then: the
 * task waits for nothing, and yet nothing that the await held may leak or be heard of again.
 */
#include "job.h"

enum { COUNT = 9 }; /* more than fit a frame */

static int64_t await_what_is_done(void *arg)
{
    hoop_stop(hoop_running_loop());
    for (;;)
        assert_int_equal(hoop_await(hoop_task_ref(arg)), 3);
    return 0;
}

static int64_t gather_what_is_done(void *arg)
{
    hoop_stop(hoop_running_loop());
    hoop_task *tasks[COUNT];
    for (;;) {
        for (int i = 0; i < COUNT; i++)
            tasks[i] = hoop_task_ref(arg);
        assert_int_equal(hoop_gather(tasks, COUNT, NULL, 0), 0);
    }
    return 0;
}

/* One is done, and the others, pending, are still watched. */
struct mixture {
    hoop_future *futures[COUNT];
    size_t count;
};

static int64_t gather_what_has_failed(void *arg)
{
    struct mixture *mixture = arg;
    hoop_stop(hoop_running_loop());
    for (;;)
        assert_int_equal(hoop_gather_futures(mixture->futures, mixture->count, NULL, 0), -EIO);
    return 0;
}

static int64_t wait_for_what_has_failed(void *arg)
{
    struct mixture *mixture = arg;
    hoop_stop(hoop_running_loop());
    for (;;)
        assert_int_equal(
            hoop_wait_futures(mixture->futures, mixture->count, HOOP_FIRST_ERROR, NEVER), 1);
    return 0;
}

static int64_t wait_for_what_is_done(void *arg)
{
    hoop_stop(hoop_running_loop());
    hoop_task *tasks[COUNT];
    for (int i = 0; i < COUNT; i++)
        tasks[i] = arg;
    for (;;)
        assert_int_equal(hoop_wait(tasks, COUNT, HOOP_FIRST_COMPLETED, 5), COUNT);
    return 0;
}

static void close_while_it_gives_way(hoop_loop *loop, hoop_coroutine_fn fn, void *arg)
{
    struct reports reports = {0};
    hoop_set_exception_handler(loop, reports_add, &reports);
    hoop_task_detach(hoop_create_task_with(fn, arg, &(hoop_task_options){.loop = loop}));
    assert_int_equal(hoop_run_forever(loop), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, 1);
}

static void an_await_of_finished_tasks_goes_while_it_gives_way(void **state)
{
    (void)state;
    hoop_coroutine_fn kinds[] = {await_what_is_done, gather_what_is_done, wait_for_what_is_done};
    for (int i = 0; i < 3; i++) {
        struct job job = {.result = 3};
        hoop_loop *loop = virtual_loop();
        hoop_task *task = hoop_create_task_with(do_job, &job, &(hoop_task_options){.loop = loop});
        assert_int_equal(hoop_run_until_done(loop, hoop_task_future(task)), 3);
        close_while_it_gives_way(loop, kinds[i], task);
        hoop_task_unref(task);
    }
}

static void an_await_that_is_over_early_goes_while_it_gives_way(void **state)
{
    (void)state;
    hoop_coroutine_fn kinds[] = {gather_what_has_failed, wait_for_what_has_failed};
    for (int i = 0; i < 4; i++) {
        hoop_loop *loop = virtual_loop();
        struct mixture mixture = {.count = i < 2 ? 3 : COUNT};
        for (int j = 0; j < COUNT; j++)
            mixture.futures[j] = hoop_future_new(loop);
        assert_int_equal(hoop_future_set_error(mixture.futures[0], -EIO, NULL), 0);
        close_while_it_gives_way(loop, kinds[i % 2], &mixture);
        for (int j = 0; j < COUNT; j++) {
            (void)hoop_future_result(mixture.futures[j]);
            hoop_future_unref(mixture.futures[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_await_of_finished_tasks_goes_while_it_gives_way),
        BEHAVIOUR(an_await_that_is_over_early_goes_while_it_gives_way),
    };
    return cmocka_run_group_tests_name("combine_give_way", tests, NULL, NULL);
}
