/* SPDX-License-Identifier: MIT
 *
 * Task groups in which somebody fails: who is cancelled, which error the exit gives, and
 * where the others are found.
 */
#include <string.h>

#include "job.h"

/* A group of jobs, and what came of it. */
struct team {
    struct job jobs[4]; /* those with a name are started */
    struct job body;    /* done by the owner */
    struct record record;
    double end;
    int64_t body_result;
    int64_t result;
    size_t error_count;
    char errors[96]; /* names, codes and messages of all that failed, in order */
    char message[32];
};

static void collect_errors(struct team *team, const hoop_task_group *group)
{
    team->error_count = hoop_task_group_error_count(group);
    team->errors[0] = '\0';
    for (size_t i = 0; i < team->error_count; i++) {
        hoop_task *task = hoop_task_group_error(group, i);
        size_t length = strlen(team->errors);
        snprintf(team->errors + length, sizeof team->errors - length, "%s%s %s",
                 length > 0 ? ", " : "", hoop_error_name(hoop_task_result(task)),
                 hoop_task_error_message(task));
    }
    assert_null(hoop_task_group_error(group, team->error_count));
    assert_null(hoop_task_group_error(group, 1000));
}

static int64_t work_as_a_team(void *arg)
{
    struct team *team = arg;
    team->record = (struct record){""};
    team->body.record = &team->record;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    for (int i = 0; i < 4; i++) {
        team->jobs[i].record = &team->record;
        if (team->jobs[i].name != NULL)
            assert_non_null(hoop_task_group_create_task(&group, do_job, &team->jobs[i]));
    }
    team->body_result = team->body.name != NULL ? do_job(&team->body) : team->body.result;
    team->result = hoop_task_group_join(&group, team->body_result);
    team->end = hoop_time(hoop_running_loop());
    assert_int_equal(hoop_task_group_size(&group), 0);
    collect_errors(team, &group);
    assert_int_equal(hoop_task_group_exit(&group, team->body_result), team->result);
    assert_int_equal(hoop_task_group_error_count(&group), 0);
    snprintf(team->message, sizeof team->message, "%s", hoop_error_message());
    assert_int_equal(requests_left(), 0);
    return hoop_sleep(1); /* which works: nothing is left of the group's cancellation */
}

static void run_team(struct team *team)
{
    assert_int_equal(run_virtually(work_as_a_team, team), 0);
}

/* ---- one fails ---- */

static void a_failing_child_cancels_the_others_and_the_body(void **state)
{
    (void)state;
    struct team team = {
        .jobs = {{9, .name = "a"}, {1, -EIO, .name = "b"}, {9, .name = "c", .cleanup = 2}},
        .body = {9, .name = "body"},
    };
    run_team(&team);
    assert_int_equal(team.result, -EIO);
    assert_int_equal(team.body_result, -ECANCELED);
    assert_record(&team.record, "b body! a! c!");
    assert_true(team.end == 3);
    assert_string_equal(team.errors, "EIO b failed");
    assert_string_equal(team.message, "b failed");
}

static void a_child_may_fail_while_the_owner_is_exiting(void **state)
{
    (void)state;
    struct team team = {
        .jobs = {{9, .name = "a"}, {1, -EIO, .name = "b"}, {9, .name = "c"}},
        .body = {.result = 5},
    };
    run_team(&team);
    assert_int_equal(team.result, -EIO);
    assert_record(&team.record, "b a! c!");
    assert_true(team.end == 1);
    assert_string_equal(team.message, "b failed");
}

static int64_t fail_at_once(void *arg)
{
    (void)arg;
    return hoop_error_set(-EPIPE, "at once");
}

static int64_t record_what_sleep_says(void *arg)
{
    int rc = hoop_sleep(0);
    record_add(arg, rc == -ECANCELED ? "cancelled" : "slept");
    return rc;
}

static int64_t fail_before_the_others_begin(void *arg)
{
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(hoop_task_group_create_task(&group, fail_at_once, NULL));
    assert_non_null(hoop_task_group_create_task(&group, record_what_sleep_says, arg));
    assert_int_equal(hoop_task_group_exit(&group, 0), -EPIPE);
    assert_string_equal(hoop_error_message(), "at once");
    return 0;
}

static void children_that_have_not_begun_still_begin_cancelled(void **state)
{
    (void)state;
    struct record record = {""};
    assert_int_equal(run_virtually(fail_before_the_others_begin, &record), 0);
    assert_record(&record, "cancelled");
}

static int64_t fail_eagerly(void *arg)
{
    (void)arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    hoop_task_options options = {.eager = true};
    (void)!hoop_task_group_create_task_with(&group, fail_at_once, NULL, &options);
    assert_int_equal(requests_left(), 1);
    assert_int_equal(hoop_task_group_exit(&group, hoop_sleep(1)), -EPIPE);
    assert_int_equal(requests_left(), 0);
    assert_now(0);
    return hoop_sleep(1);
}

static void a_child_may_fail_before_its_creation_returns(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(fail_eagerly, NULL), 0);
}

static void an_error_of_the_body_cancels_the_children(void **state)
{
    (void)state;
    struct team team = {
        .jobs = {{9, .name = "a"}, {9, .name = "b", .cleanup = 1}},
        .body = {1, -EPROTO, .name = "body"},
    };
    run_team(&team);
    assert_int_equal(team.result, -EPROTO);
    assert_string_equal(team.message, "body failed");
    assert_int_equal(team.error_count, 0); /* that is of children */
    assert_record(&team.record, "body a! b!");
    assert_true(team.end == 2);
    team = (struct team){.jobs = {{9, .name = "a"}}, .body = {.result = -EPROTO}};
    run_team(&team); /* before they have begun */
    assert_int_equal(team.result, -EPROTO);
    assert_record(&team.record, "a!");
    assert_true(team.end == 0);
}

static void an_error_of_a_body_without_children_is_the_result(void **state)
{
    (void)state;
    struct team team = {.body = {1, -EPROTO, .name = "body"}};
    run_team(&team);
    assert_int_equal(team.result, -EPROTO);
    assert_string_equal(team.message, "body failed");
}

/* ---- several fail ---- */

static void all_errors_are_kept_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    struct team team = {
        .jobs = {{9, .name = "a", .if_cancelled = -EPIPE, .cleanup = 1},
                 {1, -EIO, .name = "b"},
                 {9, .name = "c", .if_cancelled = -EBADF},
                 {1, -ENODEV, .name = "d"}},
    };
    run_team(&team);
    assert_int_equal(team.result, -EIO);
    assert_string_equal(team.message, "b failed");
    assert_int_equal(team.error_count, 4);
    assert_string_equal(team.errors,
                        "EIO b failed, ENODEV d failed, EBADF c failed, EPIPE a failed");
}

static void of_a_childs_and_the_bodys_error_the_first_one_is_the_result(void **state)
{
    (void)state;
    struct team team = {
        .jobs = {{1, -EIO, .name = "child"}},
        .body = {9, .name = "body", .if_cancelled = -EPROTO},
    };
    run_team(&team);
    assert_int_equal(team.result, -EIO);
    assert_string_equal(team.message, "child failed");
    team = (struct team){
        .jobs = {{9, .name = "child", .if_cancelled = -EIO}},
        .body = {1, -EPROTO, .name = "body"},
    };
    run_team(&team);
    assert_int_equal(team.result, -EPROTO);
    assert_string_equal(team.message, "body failed");
    assert_string_equal(team.errors, "EIO child failed");
}

static void the_message_is_that_of_the_first_even_if_the_codes_are_equal(void **state)
{
    (void)state;
    struct team team = {
        .jobs = {{9, .name = "child", .if_cancelled = -EIO}},
        .body = {1, -EIO, .name = "body"},
    };
    run_team(&team);
    assert_string_equal(team.message, "body failed");
    team.jobs[0] = (struct job){1, -EIO, .name = "child"};
    team.body = (struct job){9, .name = "body", .if_cancelled = -EIO};
    run_team(&team);
    assert_string_equal(team.message, "child failed");
}

static int64_t fail_without_words(void *arg)
{
    (void)arg;
    return -EIO;
}

static int64_t fail_after_an_older_error(void *arg)
{
    (void)arg;
    hoop_error_set(-EIO, "an older error");
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    assert_non_null(hoop_task_group_create_task(&group, fail_without_words, NULL));
    assert_int_equal(hoop_task_group_exit(&group, 0), -EIO);
    assert_string_equal(hoop_error_message(), "");
    return 0;
}

static void an_error_without_a_message_has_none(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(fail_after_an_older_error, NULL), 0);
}

/* ---- what is no failure, and what looks like another ---- */

static void a_child_that_ends_with_ecanceled_disturbs_nobody(void **state)
{
    (void)state;
    struct team team = {
        .jobs = {{1, -ECANCELED, .name = "a"}, {2, .name = "b"}},
        .body = {2, 6, .name = "body"},
    };
    run_team(&team);
    assert_int_equal(team.result, 6);
    assert_int_equal(team.error_count, 0);
    assert_record(&team.record, "a body b");
}

static void a_body_that_returns_ecanceled_on_its_own_cancels_the_children(void **state)
{
    (void)state;
    struct team team = {
        .jobs = {{9, .name = "a"}, {9, .name = "b"}},
        .body = {1, -ECANCELED, .name = "body"},
    };
    run_team(&team);
    assert_int_equal(team.result, -ECANCELED);
    assert_record(&team.record, "body a! b!");
    assert_true(team.end == 1);
}

static void a_childs_error_may_have_any_code(void **state)
{
    (void)state;
    struct team team = {.jobs = {{1, HOOP_ENOTASK, .name = "a"}, {9, .name = "b"}}};
    run_team(&team);
    assert_int_equal(team.result, HOOP_ENOTASK);
    assert_string_equal(team.message, "a failed");
}

static int64_t await_a_child_that_fails(void *arg)
{
    struct job job = {1, -EIO, .name = "child"};
    (void)arg;
    hoop_task_group group;
    assert_int_equal(hoop_task_group_enter(&group), 0);
    hoop_task *child = hoop_task_ref(hoop_task_group_create_task(&group, do_job, &job));
    assert_int_equal(hoop_await(child), -EIO); /* it had ended before the owner was cancelled */
    assert_string_equal(hoop_error_message(), "child failed");
    assert_int_equal(hoop_sleep(1), -ECANCELED);
    assert_int_equal(hoop_task_group_exit(&group, 0), -EIO);
    assert_string_equal(hoop_error_message(), "child failed");
    return 0;
}

static void the_owner_may_await_a_child_that_fails(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(await_a_child_that_fails, NULL), 0);
}

/* ---- children of children ---- */

struct hydra {
    hoop_task_group group;
    int heads;
    int refused;
};

static int64_t grow_heads(void *arg)
{
    struct hydra *hydra = arg;
    hydra->heads++;
    (void)!hoop_sleep(1); /* cancelled or not, it tries */
    for (int i = 0; i < 2; i++) {
        if (hoop_task_group_create_task(&hydra->group, grow_heads, hydra) == NULL) {
            assert_int_equal(hoop_last_error(), HOOP_ESHUTDOWN);
            hydra->refused++;
        }
    }
    return 0;
}

static int64_t fail_when_there_are_ten(void *arg)
{
    const struct hydra *hydra = arg;
    while (hydra->heads < 10)
        assert_int_equal(hoop_sleep(1.5), 0);
    return -EOVERFLOW;
}

static int64_t fight_the_hydra(void *arg)
{
    struct hydra *hydra = arg;
    assert_int_equal(hoop_task_group_enter(&hydra->group), 0);
    assert_non_null(hoop_task_group_create_task(&hydra->group, grow_heads, hydra));
    assert_non_null(hoop_task_group_create_task(&hydra->group, fail_when_there_are_ten, hydra));
    return hoop_task_group_exit(&hydra->group, 0);
}

static void after_a_failure_no_more_children_can_be_started(void **state)
{
    (void)state;
    struct hydra hydra = {.heads = 0};
    assert_int_equal(run_virtually(fight_the_hydra, &hydra), -EOVERFLOW);
    assert_int_equal(hydra.heads, 31);
    assert_int_equal(hydra.refused, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_failing_child_cancels_the_others_and_the_body),
        BEHAVIOUR(a_child_may_fail_while_the_owner_is_exiting),
        BEHAVIOUR(children_that_have_not_begun_still_begin_cancelled),
        BEHAVIOUR(a_child_may_fail_before_its_creation_returns),
        BEHAVIOUR(an_error_of_the_body_cancels_the_children),
        BEHAVIOUR(an_error_of_a_body_without_children_is_the_result),
        BEHAVIOUR(all_errors_are_kept_in_the_order_in_which_they_came),
        BEHAVIOUR(of_a_childs_and_the_bodys_error_the_first_one_is_the_result),
        BEHAVIOUR(the_message_is_that_of_the_first_even_if_the_codes_are_equal),
        BEHAVIOUR(an_error_without_a_message_has_none),
        BEHAVIOUR(a_child_that_ends_with_ecanceled_disturbs_nobody),
        BEHAVIOUR(a_body_that_returns_ecanceled_on_its_own_cancels_the_children),
        BEHAVIOUR(a_childs_error_may_have_any_code),
        BEHAVIOUR(the_owner_may_await_a_child_that_fails),
        BEHAVIOUR(after_a_failure_no_more_children_can_be_started),
    };
    return cmocka_run_group_tests_name("group_errors", tests, NULL, NULL);
}
