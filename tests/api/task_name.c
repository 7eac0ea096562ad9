/* SPDX-License-Identifier: MIT
 *
 * hoop_task_set_name. With which name a task begins is in task.c, and what happens without memory
 * in task_failures.c.
 */
#include <errno.h>

#include "reports.h"

static int64_t forty_two(void *arg)
{
    (void)arg;
    return 42;
}

static int64_t rename_tasks(void *arg)
{
    (void)arg;
    hoop_task *self = hoop_current_task();
    char name[] = "worker 1";
    hoop_task *literal = hoop_create_task(forty_two, NULL);
    hoop_task *copied = hoop_create_task_with(forty_two, NULL, &(hoop_task_options){.name = name});
    hoop_task *const tasks[] = {self, literal, copied};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hoop_task_set_name(tasks[i], name), 0);
        name[7]++; /* the task has a copy */
    }
    assert_string_equal(hoop_task_name(self), "worker 1");
    assert_string_equal(hoop_task_name(literal), "worker 2");
    assert_string_equal(hoop_task_name(copied), "worker 3");
    assert_int_equal(hoop_task_set_name(self, hoop_task_name(self)), 0); /* its own will do */
    assert_string_equal(hoop_task_name(self), "worker 1");
    assert_int_equal(hoop_task_set_name(self, ""), 0);
    assert_string_equal(hoop_task_name(self), "");
    assert_int_equal(hoop_task_id(literal), 2); /* the number stays */
    assert_int_equal(hoop_future_await(hoop_task_future(literal)), 42);
    assert_int_equal(hoop_task_set_name(literal, "done"), 0);
    assert_string_equal(hoop_task_name(literal), "done");
    hoop_task_unref(literal);
    return hoop_await(copied);
}

static void a_task_can_be_renamed_at_any_time(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(rename_tasks, NULL), 42);
}

static int64_t follow_one_that_was_renamed(void *arg)
{
    (void)arg;
    hoop_task *first = hoop_create_task(forty_two, NULL);
    assert_int_equal(hoop_task_set_name(first, "renamed"), 0);
    assert_int_equal(hoop_await(first), 42); /* its memory is used again */
    hoop_task *second = hoop_create_task(forty_two, NULL);
    assert_string_equal(hoop_task_name(second), "forty_two");
    return hoop_await(second);
}

static void a_new_name_goes_with_its_task(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(follow_one_that_was_renamed, NULL), 42);
}

static int64_t fail_under_another_name(void *arg)
{
    (void)arg;
    assert_int_equal(hoop_task_set_name(hoop_current_task(), "unlucky"), 0);
    return -EIO;
}

static int64_t let_one_fail(void *arg)
{
    (void)arg;
    hoop_task_detach(hoop_create_task(fail_under_another_name, NULL));
    return hoop_sleep(1);
}

static void reports_use_the_new_name(void **state)
{
    (void)state;
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, let_one_fail, NULL), 0);
    hoop_close(loop);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.task, "unlucky");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_task_can_be_renamed_at_any_time),
        BEHAVIOUR(a_new_name_goes_with_its_task),
        BEHAVIOUR(reports_use_the_new_name),
    };
    return cmocka_run_group_tests_name("task_name", tests, NULL, NULL);
}
