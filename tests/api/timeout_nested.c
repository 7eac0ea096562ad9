/* SPDX-License-Identifier: MIT
 *
 * Timeout scopes in scopes, and beside a cancellation that came before: each scope takes
 * back its own request only, so each expiry surfaces at its own scope.
 */
#include "job.h"

struct nest {
    double outer, inner; /* limits */
    double work;
    int64_t inner_result, outer_result;
    double inner_end, outer_end;
};

static int64_t sleep_in_two_scopes(void *arg)
{
    struct nest *nest = arg;
    hoop_timeout outer, inner;
    assert_int_equal(hoop_timeout_enter(&outer, nest->outer), 0);
    assert_int_equal(hoop_timeout_enter(&inner, nest->inner), 0);
    nest->inner_result = hoop_timeout_exit(&inner, hoop_sleep(nest->work));
    nest->inner_end = hoop_time(hoop_running_loop());
    int64_t rc = nest->inner_result == -ETIMEDOUT ? hoop_sleep(nest->work) : nest->inner_result;
    nest->outer_result = hoop_timeout_exit(&outer, rc);
    nest->outer_end = hoop_time(hoop_running_loop());
    assert_int_equal(requests_left(), 0);
    return hoop_sleep(1);
}

static struct nest run_nest(double outer, double inner, double work)
{
    struct nest nest = {.outer = outer, .inner = inner, .work = work};
    assert_int_equal(run_virtually(sleep_in_two_scopes, &nest), 0);
    return nest;
}

static void the_inner_limit_ends_the_inner_scope_and_the_outer_one_goes_on(void **state)
{
    (void)state;
    struct nest nest = run_nest(10, 2, 5);
    assert_int_equal(nest.inner_result, -ETIMEDOUT);
    assert_int_equal(nest.outer_result, 0);
    assert_true(nest.inner_end == 2 && nest.outer_end == 7);
    nest = run_nest(10, 2, 50);
    assert_int_equal(nest.inner_result, -ETIMEDOUT);
    assert_int_equal(nest.outer_result, -ETIMEDOUT);
    assert_true(nest.inner_end == 2 && nest.outer_end == 10);
}

static void the_outer_limit_passes_through_the_inner_scope_as_a_cancellation(void **state)
{
    (void)state;
    struct nest nest = run_nest(2, 10, 50);
    assert_int_equal(nest.inner_result, -ECANCELED);
    assert_int_equal(nest.outer_result, -ETIMEDOUT);
    assert_true(nest.inner_end == 2 && nest.outer_end == 2);
}

static void limits_that_pass_at_the_same_instant_are_the_outer_scopes(void **state)
{
    (void)state;
    struct nest nest = run_nest(2, 2, 50);
    assert_int_equal(nest.inner_result, -ECANCELED);
    assert_int_equal(nest.outer_result, -ETIMEDOUT);
}

/* A limit that has passed expires when its scope is entered: first the outer one's, then the
 * inner one's. */
static void limits_that_have_passed_already_are_told_by_each_scope(void **state)
{
    (void)state;
    for (int seconds = 0; seconds >= -1; seconds--) {
        struct nest nest = run_nest(seconds, seconds, 50);
        assert_int_equal(nest.inner_result, -ETIMEDOUT);
        assert_int_equal(nest.outer_result, -ETIMEDOUT);
    }
}

static int64_t expire_in_the_opposite_order(void *arg)
{
    (void)arg;
    hoop_timeout outer, inner;
    assert_int_equal(hoop_timeout_enter(&outer, NEVER), 0);
    assert_int_equal(hoop_timeout_enter(&inner, 1), 0);
    assert_int_equal(hoop_timeout_reschedule(&outer, 1), 0); /* its timer is the younger one */
    assert_int_equal(hoop_timeout_exit(&inner, hoop_sleep(10)), -ECANCELED);
    assert_true(hoop_timeout_expired(&inner));
    assert_int_equal(hoop_timeout_exit(&outer, -ECANCELED), -ETIMEDOUT);
    assert_int_equal(requests_left(), 0);
    return hoop_sleep(1);
}

static void that_does_not_depend_on_which_timer_is_older(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(expire_in_the_opposite_order, NULL), 0);
}

enum { DEPTH = 50 };

static int64_t expire_in_the_middle_of_many(void *arg)
{
    (void)arg;
    hoop_timeout timeouts[DEPTH];
    for (int i = 0; i < DEPTH; i++)
        assert_int_equal(hoop_timeout_enter(&timeouts[i], i == DEPTH / 2 ? 3 : 1000), 0);
    int64_t rc = hoop_sleep(NEVER);
    for (int i = DEPTH - 1; i >= 0; i--) {
        rc = hoop_timeout_exit(&timeouts[i], rc);
        assert_int_equal(rc, i > DEPTH / 2 ? -ECANCELED : -ETIMEDOUT);
    }
    assert_now(3);
    assert_int_equal(requests_left(), 0);
    return hoop_sleep(1);
}

static void of_many_scopes_the_one_whose_time_is_up_tells(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(expire_in_the_middle_of_many, NULL), 0);
}

/* ---- after a cancellation ---- */

static int64_t clean_up_in_a_scope(void *arg)
{
    (void)arg;
    hoop_task *self = hoop_current_task();
    assert_true(hoop_task_cancel(self));
    assert_int_equal(hoop_sleep(1), -ECANCELED); /* the work; the cleaning up has a limit: */
    hoop_timeout timeout;
    assert_int_equal(hoop_timeout_enter(&timeout, 0), 0);
    assert_int_equal(hoop_timeout_exit(&timeout, hoop_sleep(1)), -ETIMEDOUT);
    assert_int_equal(hoop_task_cancelling(self), 1);
    assert_int_equal(hoop_timeout_enter(&timeout, 1), 0);
    assert_int_equal(hoop_timeout_exit(&timeout, hoop_sleep(2)), -ECANCELED); /* it lasts */
    assert_int_equal(hoop_task_uncancel(self), 0);
    assert_int_equal(hoop_timeout_enter(&timeout, 1), 0);
    assert_true(hoop_task_cancel(self));
    assert_int_equal(hoop_timeout_exit(&timeout, hoop_sleep(2)), -ECANCELED);
    assert_int_equal(hoop_task_uncancel(self), 0);
    assert_int_equal(hoop_timeout_enter(&timeout, 1), 0);
    assert_int_equal(hoop_timeout_exit(&timeout, hoop_sleep(2)), -ETIMEDOUT);
    return 0;
}

static void a_scope_of_a_task_that_was_cancelled_before_knows_its_own_request(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(clean_up_in_a_scope, NULL), 0);
}

static int64_t clean_up_within_the_scope_that_expired(void *arg)
{
    (void)arg;
    hoop_timeout outer, inner;
    assert_int_equal(hoop_timeout_enter(&outer, 1), 0);
    assert_int_equal(hoop_sleep(10), -ECANCELED);
    assert_int_equal(hoop_timeout_enter(&inner, -1), 0);
    assert_int_equal(hoop_timeout_exit(&inner, hoop_sleep(10)), -ETIMEDOUT);
    assert_int_equal(hoop_sleep(10), -ECANCELED); /* the outer one's request is still there */
    assert_int_equal(hoop_timeout_exit(&outer, -ECANCELED), -ETIMEDOUT);
    assert_int_equal(requests_left(), 0);
    assert_now(1);
    return 0;
}

static void a_scope_within_one_that_expired_knows_its_own_request(void **state)
{
    (void)state;
    assert_int_equal(run_virtually(clean_up_within_the_scope_that_expired, NULL), 0);
}

/* ---- many at once ---- */

enum { MANY = 1000 };

static int64_t sleep_with_a_limit(void *arg)
{
    double *limit = arg;
    int64_t rc = hoop_wait_for(do_job, &(struct job){.seconds = 500, .result = 1}, *limit);
    assert_int_equal(rc, *limit <= 500 ? -ETIMEDOUT : 1);
    assert_now(*limit <= 500 ? *limit : 500);
    return 0;
}

static int64_t have_many_scopes(void *arg)
{
    double *limits = arg;
    static hoop_task *tasks[MANY];
    for (int i = 0; i < MANY; i++) {
        limits[i] = (i * 37) % MANY + 1;
        tasks[i] = hoop_create_task(sleep_with_a_limit, &limits[i]);
    }
    return hoop_gather(tasks, MANY, NULL, 0);
}

static void a_thousand_tasks_have_a_limit_each(void **state)
{
    (void)state;
    static double limits[MANY];
    assert_int_equal(run_virtually(have_many_scopes, limits), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_inner_limit_ends_the_inner_scope_and_the_outer_one_goes_on),
        BEHAVIOUR(the_outer_limit_passes_through_the_inner_scope_as_a_cancellation),
        BEHAVIOUR(limits_that_pass_at_the_same_instant_are_the_outer_scopes),
        BEHAVIOUR(limits_that_have_passed_already_are_told_by_each_scope),
        BEHAVIOUR(that_does_not_depend_on_which_timer_is_older),
        BEHAVIOUR(of_many_scopes_the_one_whose_time_is_up_tells),
        BEHAVIOUR(a_scope_of_a_task_that_was_cancelled_before_knows_its_own_request),
        BEHAVIOUR(a_scope_within_one_that_expired_knows_its_own_request),
        BEHAVIOUR(a_thousand_tasks_have_a_limit_each),
    };
    return cmocka_run_group_tests_name("timeout_nested", tests, NULL, NULL);
}
