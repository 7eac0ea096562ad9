/* SPDX-License-Identifier: MIT
 *
 * Looking at a loop's tasks: hoop_all_tasks, hoop_print_tasks to the letter, and what
 * hoop_loop_info counts.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "reports.h"

static char printed[4096];

/* What hoop_print_tasks writes, until the next call. */
static const char *print_tasks(const hoop_loop *loop)
{
    FILE *file = fmemopen(printed, sizeof printed, "w");
    assert_non_null(file);
    hoop_print_tasks(loop, file);
    fclose(file);
    return printed;
}

static int64_t sleeper(void *arg)
{
    (void)arg;
    return hoop_sleep(10);
}

static int64_t awaiter(void *future)
{
    return hoop_future_await(future);
}

static int64_t shielder(void *task)
{
    return hoop_shield(task);
}

static int64_t give_way(void *arg)
{
    (void)arg;
    return hoop_sleep(0);
}

static int64_t look(void *arg)
{
    (void)arg;
    hoop_future *future = hoop_future_new(NULL);
    hoop_task *tasks[6];
    tasks[0] = hoop_create_task(sleeper, NULL);
    tasks[1] = hoop_create_task(awaiter, hoop_task_future(tasks[0]));
    tasks[2] = hoop_create_task(awaiter, future);
    tasks[3] = hoop_create_task(shielder, hoop_task_ref(tasks[0]));
    assert_int_equal(hoop_sleep(1), 0);
    tasks[4] =
        hoop_create_task_with(give_way, NULL, &(hoop_task_options){.eager = true, .name = "e"});
    tasks[5] = hoop_create_task(sleeper, NULL);
    assert_true(hoop_task_cancel(tasks[5]));
    assert_string_equal(print_tasks(hoop_running_loop()),
                        "7 unfinished tasks\n"
                        "  #1 'main' runs\n"
                        "  #2 'sleeper' sleeps\n"
                        "  #3 'awaiter' awaits #2 'sleeper'\n"
                        "  #4 'awaiter' awaits a future\n"
                        "  #5 'shielder' awaits, shielding, #2 'sleeper'\n"
                        "  #6 'e' is ready\n"
                        "  #7 'sleeper' has not begun, is being cancelled\n");
    assert_int_equal(hoop_future_set_result(future, 0), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    assert_int_equal(hoop_await(tasks[5]), -ECANCELED);
    hoop_future_unref(future);
    assert_string_equal(print_tasks(hoop_running_loop()), "1 unfinished tasks\n  #1 'main' runs\n");
    return 0;
}

static void print_tasks_says_what_each_task_does(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(look, NULL), 0);
}

static int64_t cancel_one_that_waits(void *arg)
{
    (void)arg;
    hoop_task *inner = hoop_create_task(sleeper, NULL);
    hoop_task *outer = hoop_create_task(awaiter, hoop_task_future(inner));
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(outer));
    assert_string_equal(print_tasks(hoop_running_loop()),
                        "3 unfinished tasks\n"
                        "  #1 'main' runs\n"
                        "  #2 'sleeper' is ready, is being cancelled\n"
                        "  #3 'awaiter' awaits #2 'sleeper', is being cancelled\n");
    assert_int_equal(hoop_await(outer), -ECANCELED);
    assert_int_equal(hoop_await(inner), -ECANCELED);
    return 0;
}

static void print_tasks_tells_who_is_being_cancelled(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(cancel_one_that_waits, NULL), 0);
}

static int64_t look_from_the_first_step(void *arg)
{
    (void)arg;
    assert_string_equal(print_tasks(hoop_running_loop()), "2 unfinished tasks\n"
                                                          "  #1 'main' starts #2 'e'\n"
                                                          "  #2 'e' runs\n");
    return 0;
}

static int64_t start_one_that_looks(void *arg)
{
    (void)arg;
    return hoop_await(hoop_create_task_with(look_from_the_first_step, NULL,
                                            &(hoop_task_options){.eager = true, .name = "e"}));
}

static void print_tasks_tells_who_starts_another_one(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(start_one_that_looks, NULL), 0);
}

static void print_tasks_of_a_loop_without_tasks(void **state)
{
    (void)state;
    hoop_loop *loop = virtual_loop();
    assert_string_equal(print_tasks(loop), "0 unfinished tasks\n");
    hoop_future_unref(hoop_future_new(loop));
    assert_string_equal(print_tasks(loop), "0 unfinished tasks\n");
    hoop_close(loop);
}

/* ---- all of them ---- */

static int64_t list_tasks(void *arg)
{
    (void)arg;
    hoop_loop *loop = hoop_running_loop();
    hoop_task *a = hoop_create_task(sleeper, NULL);
    hoop_task *b = hoop_create_task(give_way, NULL);
    hoop_task *c = hoop_create_task(sleeper, NULL);
    hoop_task *tasks[4] = {NULL, NULL, NULL, NULL};
    assert_int_equal(hoop_all_tasks(loop, tasks, 4), 4);
    assert_ptr_equal(tasks[0], hoop_current_task());
    assert_ptr_equal(tasks[1], a);
    assert_ptr_equal(tasks[2], b);
    assert_ptr_equal(tasks[3], c);
    assert_int_equal(hoop_await(b), 0);
    tasks[3] = NULL;
    assert_int_equal(hoop_all_tasks(loop, tasks, 4), 3);
    assert_ptr_equal(tasks[2], c);
    assert_null(tasks[3]);
    tasks[1] = NULL;
    assert_int_equal(hoop_all_tasks(loop, tasks, 1), 3); /* no more than there is room for */
    assert_null(tasks[1]);
    assert_int_equal(hoop_all_tasks(loop, NULL, 0), 3);
    assert_int_equal(hoop_await(a), 0);
    return hoop_await(c);
}

static void all_tasks_lists_the_unfinished_ones_oldest_first(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(list_tasks, NULL), 0);
    hoop_loop *loop = virtual_loop();
    assert_int_equal(hoop_all_tasks(loop, NULL, 0), 0);
    hoop_close(loop);
}

/* ---- numbers ---- */

static hoop_info info_of(const hoop_loop *loop)
{
    hoop_info info;
    hoop_loop_info(loop, &info);
    return info;
}

static int64_t count(void *arg)
{
    (void)arg;
    hoop_loop *loop = hoop_running_loop();
    hoop_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = hoop_create_task(sleeper, NULL);
    hoop_info info = info_of(loop);
    assert_int_equal(info.tasks, 4);
    assert_int_equal(info.stacks_in_use, 1); /* none before the first step */
    assert_int_equal(info.timers, 0);
    assert_int_equal(hoop_sleep(1), 0);
    info = info_of(loop);
    assert_int_equal(info.stacks_in_use, 4);
    assert_int_equal(info.timers, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hoop_await(tasks[i]), 0);
    info = info_of(loop);
    assert_int_equal(info.tasks, 1);
    assert_int_equal(info.stacks_in_use, 1);
    assert_int_equal(info.stacks_cached, 3);
    assert_int_equal(info.timers, 0);
    return 0;
}

static void loop_info_counts_tasks_stacks_and_timers(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(count, NULL), 0);
}

static int64_t give_way_once(void *arg)
{
    (void)arg;
    return hoop_sleep(0);
}

static void loop_info_counts_iterations_and_knows_its_means(void **state)
{
    (void)state;
    hoop_loop *loop = hoop_new_event_loop_with(&(hoop_loop_options){.poller = HOOP_POLLER_EPOLL});
    hoop_info info = info_of(loop);
    assert_string_equal(info.poller, "epoll");
    assert_string_equal(info.guard, "");
    assert_int_equal(info.tasks, 0);
    assert_true(info.iterations == 0);
    assert_int_equal(hoop_run_until_complete(loop, give_way_once, NULL), 0);
    info = info_of(loop);
    assert_string_not_equal(info.guard, "");
    assert_int_equal(info.stack_size, 65536);
    assert_true(info.iterations >= 3);
    assert_true(info.polls >= 1 && info.polls <= info.iterations);
    hoop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(print_tasks_says_what_each_task_does),
        BEHAVIOUR(print_tasks_tells_who_is_being_cancelled),
        BEHAVIOUR(print_tasks_tells_who_starts_another_one),
        BEHAVIOUR(print_tasks_of_a_loop_without_tasks),
        BEHAVIOUR(all_tasks_lists_the_unfinished_ones_oldest_first),
        BEHAVIOUR(loop_info_counts_tasks_stacks_and_timers),
        BEHAVIOUR(loop_info_counts_iterations_and_knows_its_means),
    };
    return cmocka_run_group_tests_name("inspect", tests, NULL, NULL);
}
