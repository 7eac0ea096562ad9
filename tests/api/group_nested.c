/* SPDX-License-Identifier: MIT
 *
 * Task groups in task groups, and together with timeout scopes: each takes back its own
 * cancellation only, so an error or an expiry surfaces where it belongs.
 */
#include "job.h"

/* ---- a group in the body of another ---- */

struct nest {
    struct job outer, inner; /* a child each, if it has a name */
    struct job body;
    struct record record;
    int64_t inner_result, outer_result;
    unsigned between; /* requests to cancel, between the two exits */
    bool swallows;    /* the inner group's error is dealt with there */
};

static void start(hoop_task_group *group, struct job *job, struct record *record)
{
    job->record = record;
    if (job->name != NULL)
        assert_non_null(hoop_task_group_create_task(group, do_job, job));
}

static int64_t work_in_two_groups(void *arg)
{
    struct nest *nest = arg;
    nest->record = (struct record){""};
    nest->body.record = &nest->record;
    hoop_task_group outer, inner;
    assert_int_equal(hoop_task_group_enter(&outer), 0);
    start(&outer, &nest->outer, &nest->record);
    assert_int_equal(hoop_task_group_enter(&inner), 0);
    start(&inner, &nest->inner, &nest->record);
    int64_t rc = nest->body.name != NULL ? do_job(&nest->body) : 0;
    nest->inner_result = hoop_task_group_exit(&inner, rc);
    nest->between = requests_left();
    rc = nest->swallows ? 0 : nest->inner_result;
    nest->outer_result = hoop_task_group_exit(&outer, rc);
    return nest->outer_result;
}

static int64_t run_nest_and_go_on(void *arg)
{
    (void)work_in_two_groups(arg);
    assert_int_equal(requests_left(), 0);
    return hoop_sleep(1);
}

static void run_nest(struct nest *nest)
{
    assert_int_equal(run_virtually(run_nest_and_go_on, nest), 0);
}

static void an_error_in_the_outer_group_passes_through_the_inner_one_as_a_cancellation(void **state)
{
    (void)state;
    struct nest nest = {.outer = {1, -EIO, .name = "outer"}, .inner = {9, .name = "inner"}};
    run_nest(&nest); /* while it exits */
    assert_int_equal(nest.inner_result, -ECANCELED);
    assert_int_equal(nest.outer_result, -EIO);
    assert_int_equal(nest.between, 1);
    nest.body = (struct job){9, .name = "body"};
    run_nest(&nest); /* in the body */
    assert_int_equal(nest.inner_result, -ECANCELED);
    assert_int_equal(nest.outer_result, -EIO);
    assert_record(&nest.record, "outer body! inner!");
}

static void an_error_in_the_inner_group_is_the_outer_ones_if_it_is_passed_on(void **state)
{
    (void)state;
    struct nest nest = {.outer = {9, .name = "outer"}, .inner = {1, -EIO, .name = "inner"}};
    run_nest(&nest);
    assert_int_equal(nest.inner_result, -EIO);
    assert_int_equal(nest.outer_result, -EIO);
    assert_int_equal(nest.between, 0);
    assert_record(&nest.record, "inner outer!");
    nest.swallows = true;
    run_nest(&nest);
    assert_int_equal(nest.outer_result, 0);
    assert_record(&nest.record, "inner outer");
}

static void errors_in_both_groups_at_once_are_told_by_both(void **state)
{
    (void)state;
    struct nest nest = {
        .outer = {1, -EPIPE, .name = "outer"},
        .inner = {1, -EIO, .name = "inner"},
        .body = {9, .name = "body"},
    };
    for (int i = 0; i < 2; i++) {
        nest.swallows = i == 1;
        run_nest(&nest);
        assert_int_equal(nest.inner_result, -EIO);
        assert_int_equal(nest.between, 1); /* the outer group's */
        assert_int_equal(nest.outer_result, -EPIPE);
    }
}

static void an_error_while_the_inner_group_is_cancelled_by_the_outer_one_counts(void **state)
{
    (void)state;
    struct nest nest = {
        .outer = {1, -EPIPE, .name = "outer"},
        .inner = {9, .name = "inner", .if_cancelled = -EIO},
    };
    run_nest(&nest);
    assert_int_equal(nest.inner_result, -EIO);
    assert_int_equal(nest.outer_result, -EPIPE); /* it came first */
}

static int64_t cancel_the_owner_of_two(void *arg)
{
    struct nest *nest = arg;
    hoop_task *task = hoop_create_task(work_in_two_groups, nest);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(task));
    hoop_task *kept = hoop_task_ref(task);
    (void)!hoop_await(task);
    assert_int_equal(hoop_task_cancelling(kept), 1);
    hoop_task_unref(kept);
    return 0;
}

static void a_cancelled_owner_of_two_groups_ends_both(void **state)
{
    (void)state;
    struct nest nest = {
        .outer = {9, .name = "outer", .cleanup = 1},
        .inner = {9, .name = "inner", .cleanup = 2},
    };
    assert_int_equal(run_virtually(cancel_the_owner_of_two, &nest), 0);
    assert_int_equal(nest.inner_result, -ECANCELED);
    assert_int_equal(nest.outer_result, -ECANCELED);
    assert_record(&nest.record, "inner! outer!"); /* one after the other */
    nest.inner.if_cancelled = -EIO;
    assert_int_equal(run_virtually(cancel_the_owner_of_two, &nest), 0);
    assert_int_equal(nest.inner_result, -EIO);
    assert_int_equal(nest.outer_result, -EIO);
}

/* ---- a group in a timeout scope ---- */

struct limited {
    struct job child, body;
    double limit;
    int64_t group_result, result;
};

static int64_t have_a_group_in_a_scope(void *arg)
{
    struct limited *limited = arg;
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, limited->limit), 0);
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(hoop_task_group_create_task(&group, do_job, &limited->child));
    int64_t rc = limited->body.seconds > 0 ? do_job(&limited->body) : 0;
    limited->group_result = hoop_task_group_exit(&group, rc);
    limited->result = hoop_timeout_exit(&timeout, limited->group_result);
    assert_int_equal(requests_left(), 0);
    return hoop_sleep(1);
}

static void the_limit_of_a_scope_cancels_a_group_in_it(void **state)
{
    (void)state;
    struct limited limited = {.limit = 1, .child = {.seconds = 9}};
    for (int in_body = 0; in_body < 2; in_body++) {
        limited.body.seconds = in_body * 9;
        assert_int_equal(run_virtually(have_a_group_in_a_scope, &limited), 0);
        assert_int_equal(limited.group_result, -ECANCELED);
        assert_int_equal(limited.result, -ETIMEDOUT);
    }
}

static void an_error_while_a_group_is_cancelled_by_a_limit_is_the_result(void **state)
{
    (void)state;
    struct limited limited = {.limit = 1, .child = {9, .if_cancelled = -EIO}};
    for (int in_body = 0; in_body < 2; in_body++) {
        limited.body.seconds = in_body * 9;
        assert_int_equal(run_virtually(have_a_group_in_a_scope, &limited), 0);
        assert_int_equal(limited.result, -EIO);
    }
}

static void a_failure_and_a_limit_at_the_same_instant_leave_nothing_behind(void **state)
{
    (void)state;
    struct limited limited = {
        .limit = 1, .child = {.seconds = 1, .result = -EIO}, .body = {.seconds = 9}};
    assert_int_equal(run_virtually(have_a_group_in_a_scope, &limited), 0);
    assert_int_equal(limited.result, -EIO);
    limited.child = (struct job){.seconds = 1};
    limited.body.seconds = 0; /* the last child ends just when the time is up */
    assert_int_equal(run_virtually(have_a_group_in_a_scope, &limited), 0);
    assert_int_equal(limited.group_result, -ECANCELED);
    assert_int_equal(limited.result, -ETIMEDOUT);
}

/* ---- a timeout scope in a group ---- */

static int64_t limit_a_job(void *arg)
{
    struct limited *limited = arg;
    limited->result = hoop_wait_for(do_job, &limited->body, limited->limit);
    return limited->result;
}

static int64_t have_a_scope_in_a_group(void *arg)
{
    struct limited *limited = arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(hoop_task_group_create_task(&group, do_job, &limited->child));
    int64_t rc = limit_a_job(limited);
    limited->group_result = hoop_task_group_exit(&group, rc == -ETIMEDOUT ? 0 : rc);
    assert_int_equal(requests_left(), 0);
    return hoop_sleep(1);
}

static void a_limit_within_a_body_is_no_matter_of_the_group(void **state)
{
    (void)state;
    struct limited limited = {.limit = 1, .child = {.seconds = 5}, .body = {.seconds = 9}};
    assert_int_equal(run_virtually(have_a_scope_in_a_group, &limited), 0);
    assert_int_equal(limited.result, -ETIMEDOUT);
    assert_int_equal(limited.group_result, 0);
}

static void a_failure_in_the_group_passes_through_a_scope_as_a_cancellation(void **state)
{
    (void)state;
    struct limited limited = {
        .limit = 5, .child = {.seconds = 1, .result = -EIO}, .body = {.seconds = 9}};
    assert_int_equal(run_virtually(have_a_scope_in_a_group, &limited), 0);
    assert_int_equal(limited.result, -ECANCELED);
    assert_int_equal(limited.group_result, -EIO);
    limited.limit = 1; /* both at the same instant, but the scope's timer is the older one */
    assert_int_equal(run_virtually(have_a_scope_in_a_group, &limited), 0);
    assert_int_equal(limited.result, -ETIMEDOUT);
    assert_int_equal(limited.group_result, -EIO);
}

static int64_t have_children_with_limits(void *arg)
{
    (void)arg;
    struct limited limits[3] = {{.limit = 3, .body = {.seconds = 9}},
                                {.limit = 1, .body = {.seconds = 9}},
                                {.limit = 2, .body = {.seconds = 9}}};
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    for (int i = 0; i < 3; i++)
        assert_non_null(hoop_task_group_create_task(&group, limit_a_job, &limits[i]));
    assert_int_equal(hoop_task_group_exit(&group, 0), -ETIMEDOUT); /* an error like others */
    assert_now(1);
    assert_int_equal(limits[0].result, -ECANCELED);
    assert_int_equal(limits[1].result, -ETIMEDOUT);
    assert_int_equal(limits[2].result, -ECANCELED);
    return 0;
}

static void the_child_whose_time_is_up_first_fails_the_group(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(have_children_with_limits, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(an_error_in_the_outer_group_passes_through_the_inner_one_as_a_cancellation),
        BEHAVIOUR(an_error_in_the_inner_group_is_the_outer_ones_if_it_is_passed_on),
        BEHAVIOUR(errors_in_both_groups_at_once_are_told_by_both),
        BEHAVIOUR(an_error_while_the_inner_group_is_cancelled_by_the_outer_one_counts),
        BEHAVIOUR(a_cancelled_owner_of_two_groups_ends_both),
        BEHAVIOUR(the_limit_of_a_scope_cancels_a_group_in_it),
        BEHAVIOUR(an_error_while_a_group_is_cancelled_by_a_limit_is_the_result),
        BEHAVIOUR(a_failure_and_a_limit_at_the_same_instant_leave_nothing_behind),
        BEHAVIOUR(a_limit_within_a_body_is_no_matter_of_the_group),
        BEHAVIOUR(a_failure_in_the_group_passes_through_a_scope_as_a_cancellation),
        BEHAVIOUR(the_child_whose_time_is_up_first_fails_the_group),
    };
    return cmocka_run_group_tests_name("group_nested", tests, NULL, NULL);
}
