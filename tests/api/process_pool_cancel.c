/* SPDX-License-Identifier: MIT
 *
 * Jobs that nobody wants any more, queued and running; the ends of loops and pools meanwhile.
 */
#include "pool.h"
#include "reports.h"

#include <sched.h>

struct errand {
    hoop_executor *pool;
    hoop_job job;
};

static int64_t run_errand(void *arg)
{
    const struct errand *errand = arg;
    return hoop_run_job(errand->pool, &errand->job);
}

static hoop_task *task_at(struct errand *errand, struct shared_gate *gate)
{
    hoop_task *task = hoop_create_task(run_errand, errand);
    assert_int_equal(hoop_sleep(0), 0);
    if (gate != NULL)
        sem_take(&gate->begun);
    return task;
}

/* ---- cancellation ---- */

WITH_A_POOL(1, a_queued_job_that_is_cancelled_never_begins)
{
    struct shared_gate *gate = shared_gate_new(), *other = shared_gate_new();
    struct errand first = {pool, job_at(wait_at_gate, gate)};
    struct errand second = {pool, job_at(wait_at_gate, other)};
    hoop_task *task = task_at(&first, gate), *queued = task_at(&second, NULL);
    assert_int_equal(hoop_executor_pending(pool), 1);
    hoop_task_cancel(queued);
    assert_int_equal(hoop_await(queued), -ECANCELED);
    assert_int_equal(hoop_executor_pending(pool), 0);
    sem_post(&gate->open);
    assert_int_equal(hoop_await(task), 1);
    assert_int_equal(other->pid, 0);
    assert_int_equal(helper_pid(pool), gate->pid); /* it was not harmed */
    shared_gate_free(gate);
    shared_gate_free(other);
}

WITH_A_POOL(1, a_running_job_that_is_cancelled_ends_with_its_helper)
{
    struct shared_gate *gate = shared_gate_new();
    struct errand endless = {pool, job_at(hang, gate)};
    hoop_task *task = task_at(&endless, gate);
    hoop_task_cancel(task);
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_int_equal(kill(gate->pid, 0), -1); /* it was reaped, too */
    int next = helper_pid(pool);
    assert_true(next > 0);
    assert_int_not_equal(next, gate->pid);
    shared_gate_free(gate);
}

WITH_A_POOL(1, a_job_in_a_time_limit_ends_when_that_passes)
{
    struct shared_gate *gate = shared_gate_new();
    struct errand endless = {pool, job_at(hang, gate)};
    assert_int_equal(hoop_wait_for(run_errand, &endless, 0.05), -ETIMEDOUT);
    assert_true(helper_pid(pool) > 0);
    shared_gate_free(gate);
}

WITH_A_POOL(1, a_running_job_whose_future_is_cancelled_frees_its_worker)
{
    struct shared_gate *gate = shared_gate_new();
    hoop_job job = job_at(hang, gate);
    hoop_future *future = hoop_submit_job(pool, &job);
    sem_take(&gate->begun);
    assert_true(hoop_future_cancel(future));
    hoop_future_unref(future);
    int next = helper_pid(pool);
    assert_true(next > 0);
    assert_int_not_equal(next, gate->pid);
    shared_gate_free(gate);
}

/* Whenever that is: before it has a worker, before it has a helper, before it begins, in it. */
WITH_A_POOL(2, a_job_can_be_cancelled_at_any_time)
{
    struct shared_gate *gate = shared_gate_new();
    struct errand endless = {pool, job_at(hang, gate)};
    for (unsigned i = 0; i < 60; i++) {
        hoop_task *task = task_at(&endless, NULL);
        for (volatile unsigned spin = 0; spin < i * i * 100;)
            spin++;
        hoop_task_cancel(task);
        assert_int_equal(hoop_await(task), -ECANCELED);
    }
    assert_true(helper_pid(pool) > 0);
    shared_gate_free(gate);
}

/* ---- limits ---- */

static int64_t fill_queue(void *pool)
{
    struct shared_gate *gate = shared_gate_new();
    struct errand first = {pool, job_at(wait_at_gate, gate)};
    hoop_task *task = task_at(&first, gate);
    hoop_future *queued = hoop_submit_job(pool, &(hoop_job){.fn = tell_pid});
    assert_non_null(queued);
    assert_int_equal(helper_pid(pool), -ENOBUFS);
    sem_post(&gate->open);
    assert_int_equal(hoop_await(task), 1);
    assert_int_equal(hoop_future_await(queued), gate->pid);
    hoop_future_unref(queued);
    shared_gate_free(gate);
    return 0;
}

static void what_is_too_much_to_wait_is_refused(void **state)
{
    (void)state;
    run_with(pool_with((hoop_process_pool_options){.max_workers = 1, .max_pending = 1}),
             fill_queue);
}

/* ---- the end of a pool ---- */

WITH_A_POOL(1, shutting_down_waits_for_the_jobs)
{
    struct shared_gate *gate = shared_gate_new();
    struct errand first = {pool, job_at(wait_at_gate, gate)};
    hoop_task *task = task_at(&first, gate);
    assert_int_equal(hoop_executor_shutdown(pool, 0.01), -ETIMEDOUT);
    assert_int_equal(helper_pid(pool), HOOP_ESHUTDOWN);
    sem_post(&gate->open);
    assert_int_equal(hoop_executor_shutdown(pool, INFINITY), 0);
    assert_int_equal(hoop_await(task), 1);
    assert_int_equal(hoop_executor_workers(pool), 0);
    assert_int_equal(kill(gate->pid, 0), -1); /* the helper ended with its worker */
    shared_gate_free(gate);
}

static int64_t free_while_it_works(void *arg)
{
    (void)arg;
    hoop_executor *pool = pool_of(1);
    struct shared_gate *gate = shared_gate_new();
    struct errand first = {pool, job_at(wait_at_gate, gate)};
    hoop_task *task = task_at(&first, gate);
    hoop_executor_free(pool);
    sem_post(&gate->open);
    assert_int_equal(hoop_await(task), 1);
    shared_gate_free(gate);
    return 0;
}

static void a_pool_that_is_freed_ends_its_jobs_first(void **state)
{
    (void)state;
    assert_int_equal(run_really(free_while_it_works, NULL), 0);
    no_child_is_left();
}

static void a_pool_that_was_never_used_goes(void **state)
{
    (void)state;
    hoop_executor_free(pool_of(1));
    no_child_is_left();
}

/* ---- the end of a loop ---- */

struct leaving {
    struct errand errand;
    struct shared_gate *gate;
    bool is_submitted;
};

static int64_t leave_it_running(void *arg)
{
    struct leaving *leaving = arg;
    if (leaving->is_submitted)
        hoop_future_unref(hoop_submit_job(leaving->errand.pool, &leaving->errand.job));
    else
        hoop_task_detach(hoop_create_task(run_errand, &leaving->errand));
    assert_int_equal(hoop_sleep(0), 0);
    sem_take(&leaving->gate->begun);
    return 0;
}

static void close_with_an_endless_job(bool is_submitted)
{
    hoop_executor *pool = pool_of(1);
    struct shared_gate *gate = shared_gate_new();
    struct leaving leaving = {{pool, job_at(hang, gate)}, gate, is_submitted};
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, leave_it_running, &leaving), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(reports.count, !is_submitted); /* the task was destroyed */
    pool_end(pool);
    assert_int_equal(kill(gate->pid, 0), -1);
    shared_gate_free(gate);
}

static void closing_a_loop_ends_a_job_that_is_awaited(void **state)
{
    (void)state;
    close_with_an_endless_job(false);
}

static void closing_a_loop_ends_a_job_that_was_submitted(void **state)
{
    (void)state;
    close_with_an_endless_job(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_queued_job_that_is_cancelled_never_begins),
        BEHAVIOUR(a_running_job_that_is_cancelled_ends_with_its_helper),
        BEHAVIOUR(a_job_in_a_time_limit_ends_when_that_passes),
        BEHAVIOUR(a_running_job_whose_future_is_cancelled_frees_its_worker),
        BEHAVIOUR(a_job_can_be_cancelled_at_any_time),
        BEHAVIOUR(what_is_too_much_to_wait_is_refused),
        BEHAVIOUR(shutting_down_waits_for_the_jobs),
        BEHAVIOUR(a_pool_that_is_freed_ends_its_jobs_first),
        BEHAVIOUR(a_pool_that_was_never_used_goes),
        BEHAVIOUR(closing_a_loop_ends_a_job_that_is_awaited),
        BEHAVIOUR(closing_a_loop_ends_a_job_that_was_submitted),
    };
    return cmocka_run_group_tests_name("process_pool_cancel", tests, NULL, NULL);
}
