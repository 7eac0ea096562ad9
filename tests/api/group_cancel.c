/* SPDX-License-Identifier: MIT
 *
 * Cancelling task groups: their owner from outside, or the group itself.
 */
#include "job.h"

struct team {
    hoop_task_group group;
    struct job children[3]; /* those with a name are started */
    struct job body;        /* done by the owner, if it has a name; else its result is .result */
    struct record record;
    double end;
    int64_t body_result, result;
    unsigned requests; /* that were left after the exit */
};

static int64_t work_as_a_team(void *arg)
{
    struct team *team = arg;
    team->record = (struct record){""};
    team->body.record = &team->record;
    assert_int_equal(hoop_task_group_enter(&team->group), 0);
    for (int i = 0; i < 3; i++) {
        team->children[i].record = &team->record;
        if (team->children[i].name != NULL)
            assert_non_null(hoop_task_group_create_task(&team->group, do_job, &team->children[i]));
    }
    team->body_result = team->body.name != NULL ? do_job(&team->body) : team->body.result;
    team->result = hoop_task_group_exit(&team->group, team->body_result);
    team->end = hoop_time(hoop_running_loop());
    team->requests = requests_left();
    return team->result;
}

/* ---- the owner is cancelled from outside ---- */

static int64_t cancel_the_owner(void *arg)
{
    hoop_task *task = hoop_create_task(work_as_a_team, arg);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(task));
    return hoop_await(task);
}

static struct team three_sleepers(void)
{
    return (struct team){
        .children = {{9, .name = "a"}, {9, .name = "b", .cleanup = 2}, {9, .name = "c"}}};
}

static void a_cancelled_owner_cancels_its_children_and_waits_for_their_ends(void **state)
{
    (void)state;
    struct team team = three_sleepers();
    assert_int_equal(run_virtually(cancel_the_owner, &team), -ECANCELED); /* while it exits */
    assert_record(&team.record, "a! c! b!");
    assert_true(team.end == 3);
    assert_int_equal(team.requests, 1);
    team.body = (struct job){9, .name = "body"};
    assert_int_equal(run_virtually(cancel_the_owner, &team), -ECANCELED); /* in the body */
    assert_record(&team.record, "body! a! c! b!");
    assert_true(team.end == 3);
    assert_int_equal(team.requests, 1);
}

static void a_cancelled_owner_without_children_hears_it_in_the_body(void **state)
{
    (void)state;
    struct team team = {.body = {9, .name = "body"}};
    assert_int_equal(run_virtually(cancel_the_owner, &team), -ECANCELED);
    assert_record(&team.record, "body!");
    team.body.if_cancelled = -EPROTO; /* not a good idea, but possible */
    assert_int_equal(run_virtually(cancel_the_owner, &team), -EPROTO);
    assert_int_equal(team.requests, 1);
}

static void errors_of_children_that_are_cancelled_with_their_owner_are_the_result(void **state)
{
    (void)state;
    struct team team = three_sleepers();
    team.children[1].if_cancelled = -EIO;
    assert_int_equal(run_virtually(cancel_the_owner, &team), -EIO);
    assert_int_equal(team.requests, 1);
    team.body = (struct job){9, .name = "body"};
    assert_int_equal(run_virtually(cancel_the_owner, &team), -EIO);
    assert_int_equal(team.requests, 1);
}

static void a_failure_and_a_cancellation_at_the_same_instant_are_the_failure(void **state)
{
    (void)state;
    struct team team = {.children = {{1, -EIO, .name = "a"}, {9, .name = "b"}}};
    for (int in_body = 0; in_body < 2; in_body++) {
        if (in_body)
            team.body = (struct job){9, .name = "body"};
        assert_int_equal(run_virtually(cancel_the_owner, &team), -EIO);
        assert_int_equal(team.requests, 1); /* which the owner's next await will tell */
    }
}

static int64_t clean_up_in_the_body(void *arg)
{
    struct team *team = arg;
    assert_int_equal(hoop_task_group_enter(&team->group), 0);
    assert_non_null(hoop_task_group_create_task(&team->group, do_job, &team->children[0]));
    assert_int_equal(hoop_sleep(9), -ECANCELED);
    assert_int_equal(hoop_task_uncancel(hoop_current_task()), 0);
    assert_int_equal(hoop_sleep(9), -ECANCELED); /* by the group this time */
    assert_now(2);
    assert_int_equal(hoop_task_group_exit(&team->group, -ECANCELED), -EIO);
    assert_int_equal(requests_left(), 0);
    return -EIO;
}

static int64_t cancel_one_that_cleans_up(void *arg)
{
    hoop_task *task = hoop_create_task(clean_up_in_the_body, arg);
    assert_int_equal(hoop_sleep(1), 0);
    assert_true(hoop_task_cancel(task));
    return hoop_await(task);
}

static void a_body_that_cleans_up_can_be_cancelled_by_a_failing_child(void **state)
{
    (void)state;
    struct team team = {.children = {{2, -EIO, .name = "a"}}};
    assert_int_equal(run_virtually(cancel_one_that_cleans_up, &team), -EIO);
}

/* ---- the group is cancelled ---- */

static int64_t cancel_the_group(void *arg)
{
    struct team *team = arg;
    hoop_task *task = hoop_create_task(work_as_a_team, team);
    assert_int_equal(hoop_sleep(1), 0);
    hoop_task_group_cancel(&team->group);
    hoop_task_group_cancel(&team->group); /* once is enough */
    assert_null(hoop_task_group_create_task(&team->group, do_job, &team->body));
    assert_int_equal(hoop_last_error(), HOOP_ESHUTDOWN);
    int64_t rc = hoop_await(task);
    assert_int_equal(team->requests, 0);
    return rc;
}

static void a_group_cancelled_in_the_body_is_no_failure(void **state)
{
    (void)state;
    struct team team = three_sleepers();
    team.body = (struct job){9, .name = "body"};
    assert_int_equal(run_virtually(cancel_the_group, &team), 0);
    assert_int_equal(team.body_result, -ECANCELED);
    assert_record(&team.record, "body! a! c! b!");
    assert_true(team.end == 3);
    team = (struct team){.body = {9, .name = "body"}}; /* without children */
    assert_int_equal(run_virtually(cancel_the_group, &team), 0);
}

static void a_body_that_finishes_though_its_group_was_cancelled_keeps_its_result(void **state)
{
    (void)state;
    struct team team = three_sleepers();
    team.body = (struct job){9, .name = "body", .if_cancelled = 6};
    assert_int_equal(run_virtually(cancel_the_group, &team), 6);
    assert_true(team.end == 3);
}

static void a_group_cancelled_while_it_exits_gives_the_bodys_result(void **state)
{
    (void)state;
    struct team team = three_sleepers();
    team.body.result = 6;
    assert_int_equal(run_virtually(cancel_the_group, &team), 6);
    assert_record(&team.record, "a! c! b!");
    assert_true(team.end == 3);
}

static void errors_of_children_of_a_cancelled_group_are_the_result(void **state)
{
    (void)state;
    struct team team = three_sleepers();
    team.children[0].if_cancelled = -EIO;
    assert_int_equal(run_virtually(cancel_the_group, &team), -EIO);
    team.body = (struct job){9, .name = "body"};
    assert_int_equal(run_virtually(cancel_the_group, &team), -EIO);
    team = (struct team){.body = {9, .name = "body", .if_cancelled = -EPROTO}};
    assert_int_equal(run_virtually(cancel_the_group, &team), -EPROTO);
}

static int64_t cancel_the_group_and_the_owner(void *arg)
{
    struct team *team = arg;
    hoop_task *task = hoop_create_task(work_as_a_team, team);
    assert_int_equal(hoop_sleep(1), 0);
    hoop_task_group_cancel(&team->group);
    assert_true(hoop_task_cancel(task));
    return hoop_await(task);
}

static void a_cancelled_owner_of_a_cancelled_group_is_cancelled(void **state)
{
    (void)state;
    struct team team = three_sleepers();
    assert_int_equal(run_virtually(cancel_the_group_and_the_owner, &team), -ECANCELED);
    assert_int_equal(team.requests, 1);
    team.body = (struct job){9, .name = "body"};
    assert_int_equal(run_virtually(cancel_the_group_and_the_owner, &team), -ECANCELED);
    assert_int_equal(team.requests, 1);
    team = (struct team){.body = {9, .name = "body"}};
    assert_int_equal(run_virtually(cancel_the_group_and_the_owner, &team), -ECANCELED);
    assert_int_equal(team.requests, 1);
}

/* ---- by whom ---- */

static int64_t cancel_own_group(void *arg)
{
    struct team *team = arg;
    assert_int_equal(hoop_sleep(1), 0);
    hoop_task_group_cancel(&team->group);
    assert_int_equal(hoop_sleep(1), -ECANCELED); /* it is a child like the others */
    return -ECANCELED;
}

static int64_t have_a_child_cancel(void *arg)
{
    struct team *team = arg;
    assert_int_equal(hoop_task_group_enter(&team->group), 0);
    assert_non_null(hoop_task_group_create_task(&team->group, cancel_own_group, team));
    assert_non_null(hoop_task_group_create_task(&team->group, do_job, &team->children[0]));
    int64_t rc = team->body.name != NULL ? do_job(&team->body) : 0;
    assert_int_equal(hoop_task_group_exit(&team->group, rc), 0);
    assert_int_equal(requests_left(), 0);
    assert_now(1);
    return hoop_sleep(1);
}

static void a_child_may_cancel_the_group(void **state)
{
    (void)state;
    struct team team = three_sleepers();
    team.children[0].record = &team.record;
    assert_int_equal(run_virtually(have_a_child_cancel, &team), 0);
    team.body = (struct job){9, .name = "body"};
    assert_int_equal(run_virtually(have_a_child_cancel, &team), 0);
    assert_record(&team.record, "a! a!");
}

static int64_t cancel_in_the_body(void *arg)
{
    struct team *team = arg;
    bool waits = team->body.name != NULL;
    team->children[0].record = &team->record;
    assert_int_equal(hoop_task_group_enter(&team->group), 0);
    assert_non_null(hoop_task_group_create_task(&team->group, do_job, &team->children[0]));
    hoop_task_group_cancel(&team->group); /* before the child has begun */
    assert_int_equal(requests_left(), 1);
    int64_t rc = waits ? hoop_sleep(9) : -ECANCELED;
    assert_int_equal(hoop_task_group_exit(&team->group, rc), 0);
    assert_record(&team->record, "a!");
    assert_int_equal(requests_left(), 0);
    assert_now(0);
    return hoop_sleep(1);
}

static void the_body_may_cancel_the_group(void **state)
{
    (void)state;
    struct team team = three_sleepers();
    assert_int_equal(run_virtually(cancel_in_the_body, &team), 0);
    team = three_sleepers();
    team.body.name = "waits";
    assert_int_equal(run_virtually(cancel_in_the_body, &team), 0);
}

static int64_t cancel_the_inner_group(void *arg)
{
    struct team *team = arg;
    struct job sleeper = {5, .name = "outer", .record = &team->record};
    hoop_task_group outer;
    assert_int_equal(hoop_task_group_enter(&outer), 0);
    assert_non_null(hoop_task_group_create_task(&outer, do_job, &sleeper));
    assert_int_equal(cancel_in_the_body(team), 0);
    int64_t rc = hoop_task_group_exit(&outer, 0);
    assert_now(5);
    return rc;
}

static void cancelling_an_inner_group_leaves_the_outer_one_alone(void **state)
{
    (void)state;
    struct team team = three_sleepers();
    assert_int_equal(run_virtually(cancel_the_inner_group, &team), 0);
    assert_record(&team.record, "a! outer");
}

static int64_t cancel_the_outer_group(void *arg)
{
    struct team *team = arg;
    struct job sleeper = {9, .name = "outer", .record = &team->record};
    hoop_task_group inner;
    assert_int_equal(hoop_task_group_enter(&team->group), 0);
    assert_non_null(hoop_task_group_create_task(&team->group, do_job, &sleeper));
    assert_int_equal(hoop_task_group_enter(&inner), 0);
    assert_non_null(hoop_task_group_create_task(&inner, cancel_own_group, team));
    int64_t rc = hoop_task_group_exit(&inner, 0);
    assert_int_equal(rc, -ECANCELED);
    rc = hoop_task_group_exit(&team->group, rc);
    assert_now(1);
    assert_int_equal(requests_left(), 0);
    return rc;
}

static void cancelling_an_outer_group_cancels_the_inner_one(void **state)
{
    (void)state;
    struct team team = {.record = {""}};
    assert_int_equal(run_virtually(cancel_the_outer_group, &team), 0);
    assert_record(&team.record, "outer!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_cancelled_owner_cancels_its_children_and_waits_for_their_ends),
        BEHAVIOUR(a_cancelled_owner_without_children_hears_it_in_the_body),
        BEHAVIOUR(errors_of_children_that_are_cancelled_with_their_owner_are_the_result),
        BEHAVIOUR(a_failure_and_a_cancellation_at_the_same_instant_are_the_failure),
        BEHAVIOUR(a_body_that_cleans_up_can_be_cancelled_by_a_failing_child),
        BEHAVIOUR(a_group_cancelled_in_the_body_is_no_failure),
        BEHAVIOUR(a_body_that_finishes_though_its_group_was_cancelled_keeps_its_result),
        BEHAVIOUR(a_group_cancelled_while_it_exits_gives_the_bodys_result),
        BEHAVIOUR(errors_of_children_of_a_cancelled_group_are_the_result),
        BEHAVIOUR(a_cancelled_owner_of_a_cancelled_group_is_cancelled),
        BEHAVIOUR(a_child_may_cancel_the_group),
        BEHAVIOUR(the_body_may_cancel_the_group),
        BEHAVIOUR(cancelling_an_inner_group_leaves_the_outer_one_alone),
        BEHAVIOUR(cancelling_an_outer_group_cancels_the_inner_one),
    };
    return cmocka_run_group_tests_name("group_cancel", tests, NULL, NULL);
}
