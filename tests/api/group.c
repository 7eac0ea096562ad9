/* SPDX-License-Identifier: MIT
 *
 * Task groups in which nothing goes wrong: who may start children, and that the exit waits
 * for all of them. What fails is in group_errors.c, what is cancelled in group_cancel.c.
 */
#include "job.h"

/* ---- waiting for the children ---- */

static int64_t have_two_children(void *arg)
{
    (void)arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    struct job slow = {.seconds = 2, .result = 11}, fast = {.seconds = 1, .result = 42};
    hoop_task *first = hoop_task_ref(hoop_task_group_create_task(&group, do_job, &slow));
    assert_int_equal(hoop_sleep(1.5), 0);
    hoop_task *second = hoop_task_ref(hoop_task_group_create_task(&group, do_job, &fast));
    assert_int_equal(hoop_task_group_exit(&group, 7), 7);
    assert_now(2.5);
    assert_int_equal(hoop_task_result(first), 11);
    assert_int_equal(hoop_task_result(second), 42);
    hoop_task_unref(first);
    hoop_task_unref(second);
    return 0;
}

static void the_exit_waits_for_all_children_and_gives_the_bodys_result(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(have_two_children, NULL), 0);
}

static int64_t record_it(void *arg)
{
    record_add(arg, "other");
    return 0;
}

static int64_t have_no_unfinished_child(void *arg)
{
    hoop_task_detach(hoop_create_task(record_it, arg));
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_int_equal(hoop_task_group_exit(&group, 3), 3);
    record_add(arg, "empty");
    assert_int_equal(hoop_task_group_enter(&group), 0); /* the same struct again */
    assert_non_null(hoop_task_group_create_task(&group, record_it, arg));
    assert_int_equal(hoop_sleep(1), 0);
    assert_int_equal(hoop_task_group_exit(&group, 4), 4);
    return 0;
}

static void without_unfinished_children_the_exit_returns_at_once(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(have_no_unfinished_child, &record), 0);
    assert_record(&record, "empty other other");
}

static int64_t count_children(void *arg)
{
    (void)arg;
    static const struct job job = {.seconds = 3.5};
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(hoop_task_group_size(&group), i < 4 ? i : 3);
        assert_non_null(hoop_task_group_create_task_copy(&group, do_job, &job, sizeof job));
        assert_int_equal(hoop_sleep(1), 0);
        assert_true(hoop_task_group_size(&group) <= 4);
    }
    assert_int_equal(hoop_sleep(10), 0);
    assert_int_equal(hoop_task_group_size(&group), 0);
    return hoop_task_group_exit(&group, 0);
}

static void a_group_forgets_the_children_that_have_finished(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(count_children, NULL), 0);
}

enum { MANY = VERY_MANY };

static int64_t count_up(void *arg)
{
    (*(int *)arg)++;
    return hoop_sleep(1);
}

static int64_t have_many_children(void *arg)
{
    int *count = arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    for (int i = 0; i < MANY; i++)
        assert_non_null(hoop_task_group_create_task(&group, count_up, count));
    assert_int_equal(hoop_task_group_size(&group), MANY);
    return hoop_task_group_exit(&group, 0);
}

static void very_many_children_are_waited_for(void **state)
{
    (void)state;
    int count = 0;
    assert_int_equal(run_virtually(have_many_children, &count), 0);
    assert_int_equal(count, MANY);
}

/* ---- children of children ---- */

struct family {
    hoop_task_group group;
    struct record record;
};

static int64_t be_grandchild(void *arg)
{
    struct family *family = arg;
    int rc = hoop_sleep(1);
    record_add(&family->record, "grandchild");
    return rc;
}

static int64_t have_two_more(void *arg)
{
    struct family *family = arg;
    assert_int_equal(hoop_sleep(1), 0);
    assert_non_null(hoop_task_group_create_task(&family->group, be_grandchild, family));
    assert_non_null(hoop_task_group_create_task(&family->group, be_grandchild, family));
    record_add(&family->record, "child");
    return 0;
}

static int64_t found_a_family(void *arg)
{
    struct family *family = arg;
    assert_int_equal(hoop_task_group_enter(&family->group), 0);
    assert_non_null(hoop_task_group_create_task(&family->group, have_two_more, family));
    int64_t rc = hoop_task_group_exit(&family->group, 0);
    assert_now(2);
    record_add(&family->record, "exit");
    return rc;
}

static void children_may_start_children_while_the_owner_is_exiting(void **state)
{
    (void)state;
    struct family family = {0};
    assert_int_equal(run_virtually(found_a_family, &family), 0);
    assert_record(&family.record, "child grandchild grandchild exit");
}

static int64_t adopt_a_stranger(void *arg)
{
    struct family *family = arg;
    assert_non_null(hoop_task_group_create_task(&family->group, be_grandchild, family));
    return 0;
}

static int64_t let_a_stranger_join(void *arg)
{
    struct family *family = arg;
    assert_int_equal(hoop_task_group_enter(&family->group), 0);
    assert_int_equal(hoop_await(hoop_create_task(adopt_a_stranger, family)), 0);
    return hoop_task_group_exit(&family->group, 0);
}

static void any_task_of_the_loop_may_start_a_child(void **state)
{
    (void)state;
    struct family family = {0};
    assert_int_equal(run_virtually(let_a_stranger_join, &family), 0);
    assert_record(&family.record, "grandchild");
}

static int64_t nest_groups(void *arg)
{
    struct record *record = arg;
    struct job outer_job = {.seconds = 1, .name = "outer", .record = record};
    struct job inner_job = {.seconds = 2, .name = "inner", .record = record};
    hoop_task_group outer, inner;
    assert_int_equal(hoop_task_group_enter(&outer), 0);
    assert_non_null(hoop_task_group_create_task(&outer, do_job, &outer_job));
    assert_int_equal(hoop_task_group_enter(&inner), 0);
    assert_non_null(hoop_task_group_create_task(&inner, do_job, &inner_job));
    struct job late_job = {.seconds = 3, .name = "late", .record = record};
    assert_non_null(hoop_task_group_create_task(&outer, do_job, &late_job));
    int64_t rc = hoop_task_group_exit(&inner, 0);
    assert_now(2);
    rc = hoop_task_group_exit(&outer, rc);
    assert_now(3);
    return rc;
}

static void groups_nest(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(nest_groups, &record), 0);
    assert_record(&record, "outer inner late");
}

/* ---- how children begin ---- */

static int64_t return_the_binding(void *arg)
{
    return hoop_sleep(0) < 0 ? -ECANCELED : (int64_t)(intptr_t)hoop_context_get(arg);
}

static const hoop_context_var number = {.name = "number"};

static int64_t give_options(void *arg)
{
    (void)arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_int_equal(hoop_context_set(&number, (void *)5), 0);
    hoop_context *context = hoop_context_copy();
    assert_int_equal(hoop_context_set(&number, (void *)6), 0);
    hoop_task_options options = {.name = "own", .context = context, .eager = true};
    void *var = (void *)(uintptr_t)&number;
    hoop_task *given =
        hoop_task_ref(hoop_task_group_create_task_with(&group, return_the_binding, var, &options));
    assert_string_equal(hoop_task_name(given), "own");
    hoop_task *plain = hoop_task_ref(hoop_task_group_create_task(&group, return_the_binding, var));
    assert_string_equal(hoop_task_name(plain), "return_the_binding");
    assert_non_null(hoop_task_group_create_task_with(&group, return_the_binding, var, NULL));
    assert_int_equal(hoop_task_group_exit(&group, 0), 0);
    assert_int_equal(hoop_task_result(given), 5);
    assert_int_equal(hoop_task_result(plain), 6);
    hoop_task_unref(given);
    hoop_task_unref(plain);
    hoop_context_unref(context);
    return 0;
}

static void a_child_can_have_a_name_and_a_context(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(give_options, NULL), 0);
}

static int64_t start_eagerly(void *arg)
{
    struct record *record = arg;
    hoop_task_options options = {.eager = true};
    struct job job = {.seconds = 1, .name = "sleeper", .record = record};
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(hoop_task_group_create_task_with(&group, record_it, record, &options));
    record_add(record, "body");
    assert_int_equal(hoop_task_group_size(&group), 0);
    assert_non_null(hoop_task_group_create_task_with(&group, do_job, &job, &options));
    assert_int_equal(hoop_task_group_size(&group), 1);
    return hoop_task_group_exit(&group, 0);
}

static void a_child_that_is_started_eagerly_may_have_finished_at_once(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(start_eagerly, &record), 0);
    assert_record(&record, "other body sleeper");
}

/* ---- when it is over ---- */

static int64_t join_then_exit(void *arg)
{
    struct job job = {.seconds = 1};
    (void)arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(hoop_task_group_create_task(&group, do_job, &job));
    assert_int_equal(hoop_task_group_join(&group, 5), 5);
    assert_now(1);
    assert_null(hoop_task_group_create_task(&group, do_job, &job));
    assert_int_equal(hoop_last_error(), HOOP_ESHUTDOWN);
    assert_int_equal(hoop_task_group_join(&group, 5), 5);
    assert_int_equal(hoop_task_group_exit(&group, 5), 5);
    assert_now(1);
    return 0;
}

static void a_group_may_be_joined_before_it_is_exited(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(join_then_exit, NULL), 0);
}

static int64_t start_a_child_too_late(void *arg)
{
    (void)arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_int_equal(hoop_task_group_exit(&group, 0), 0);
    struct job job = {0};
    assert_null(hoop_task_group_create_task(&group, do_job, &job));
    assert_int_equal(hoop_last_error(), HOOP_ESHUTDOWN);
    assert_null(hoop_task_group_create_task_copy(&group, do_job, &job, sizeof job));
    assert_int_equal(hoop_last_error(), HOOP_ESHUTDOWN);
    assert_null(hoop_task_group_create_task_with(&group, do_job, &job, NULL));
    assert_int_equal(hoop_last_error(), HOOP_ESHUTDOWN);
    hoop_task_group_cancel(&group); /* nothing is left to cancel */
    assert_int_equal(requests_left(), 0);
    assert_int_equal(hoop_task_group_exit(&group, 0), HOOP_ENOTASK);
    return 0;
}

static void an_exited_group_takes_no_more_children(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(start_a_child_too_late, NULL), 0);
}

/* ---- misuse ---- */

static int64_t exit_anothers_group(void *group)
{
    assert_int_equal(hoop_task_group_exit(group, -EIO), HOOP_ENOTASK);
    assert_int_equal(hoop_task_group_join(group, -EIO), HOOP_ENOTASK);
    return 0;
}

static int64_t misuse_a_group(void *arg)
{
    (void)arg;
    hoop_task_group group;
    struct job job = {.seconds = 1};
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(hoop_task_group_create_task(&group, exit_anothers_group, &group));
    assert_int_equal(hoop_await(hoop_create_task(exit_anothers_group, &group)), 0);
    assert_null(hoop_task_group_create_task(&group, NULL, NULL));
    assert_int_equal(hoop_last_error(), -EINVAL);
    hoop_task_options options = {.stack_size = 1};
    assert_null(hoop_task_group_create_task_with(&group, do_job, &job, &options));
    assert_int_equal(hoop_last_error(), -EINVAL);
    hoop_loop *other = virtual_loop();
    options = (hoop_task_options){.loop = other};
    assert_null(hoop_task_group_create_task_with(&group, do_job, &job, &options));
    assert_int_equal(hoop_last_error(), HOOP_EOTHERLOOP);
    hoop_close(other);
    options.loop = hoop_running_loop();
    assert_non_null(hoop_task_group_create_task_with(&group, do_job, &job, &options));
    assert_int_equal(hoop_task_group_exit(&group, 0), 0); /* nothing of that has harmed it */
    assert_now(1);
    return 0;
}

static void misuse_is_refused_and_harms_nothing(void **state)
{
    (void)state;
    hoop_task_group group = {0};
    assert_int_equal(hoop_task_group_enter(&group), HOOP_ENOTASK);
    assert_int_equal(run_virtually(misuse_a_group, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_exit_waits_for_all_children_and_gives_the_bodys_result),
        BEHAVIOUR(without_unfinished_children_the_exit_returns_at_once),
        BEHAVIOUR(a_group_forgets_the_children_that_have_finished),
        BEHAVIOUR(very_many_children_are_waited_for),
        BEHAVIOUR(children_may_start_children_while_the_owner_is_exiting),
        BEHAVIOUR(any_task_of_the_loop_may_start_a_child),
        BEHAVIOUR(groups_nest),
        BEHAVIOUR(a_child_can_have_a_name_and_a_context),
        BEHAVIOUR(a_child_that_is_started_eagerly_may_have_finished_at_once),
        BEHAVIOUR(a_group_may_be_joined_before_it_is_exited),
        BEHAVIOUR(an_exited_group_takes_no_more_children),
        BEHAVIOUR(misuse_is_refused_and_harms_nothing),
    };
    return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
