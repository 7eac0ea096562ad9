/* SPDX-License-Identifier: MIT
 *
 * Executors of a kind of their own: what the functions of a kind are called with, and when.
 */
#include "gate.h"
#include "reports.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* Work of this kind waits until its "other end" answers, or it is interrupted. */
struct elsewhere {
    pthread_mutex_t lock;
    sem_t answers;
    sem_t arrived;       /* given by each run */
    int interrupts;      /* calls of interrupt, */
    int hits;            /* that found their work in place */
    int workers, ended;  /* what run has made for a worker, and end has seen */
    atomic_bool is_free; /* free was called */
    bool is_late;        /* run lets itself be interrupted before it says where it is */
};

static int64_t answer(void *arg, void **worker, hoop_work *work)
{
    struct elsewhere *elsewhere = arg;
    if (*worker == NULL) {
        *worker = elsewhere;
        elsewhere->workers++;
    }
    sem_post(&elsewhere->arrived);
    if (elsewhere->is_late)
        sem_take(&elsewhere->answers);
    pthread_mutex_lock(&elsewhere->lock);
    work->place = &elsewhere->answers;
    bool is_cancelled = hoop_work_is_cancelled(work);
    pthread_mutex_unlock(&elsewhere->lock);
    if (!is_cancelled && !elsewhere->is_late)
        sem_take(&elsewhere->answers);
    pthread_mutex_lock(&elsewhere->lock);
    work->place = NULL;
    is_cancelled = hoop_work_is_cancelled(work);
    pthread_mutex_unlock(&elsewhere->lock);
    if (is_cancelled)
        return -ECANCELED;
    return work->fn != NULL ? hoop_work_fail(work, -EHOSTUNREACH, "no way to %s", "100% functions")
                            : (int64_t)work->job->input_size;
}

static void interrupt(void *arg, hoop_work *work)
{
    struct elsewhere *elsewhere = arg;
    pthread_mutex_lock(&elsewhere->lock);
    elsewhere->interrupts++;
    if (work->place != NULL) {
        elsewhere->hits++;
        sem_post(work->place);
    }
    pthread_mutex_unlock(&elsewhere->lock);
}

static void end(void *arg, void *worker)
{
    struct elsewhere *elsewhere = arg;
    elsewhere->ended += worker == elsewhere;
}

static void note_free(void *arg)
{
    atomic_store(&((struct elsewhere *)arg)->is_free, true);
}

static const hoop_executor_kind kind = {answer, interrupt, end, note_free};

struct world {
    struct elsewhere elsewhere;
    hoop_executor *executor;
};

static void world_init(struct world *world, size_t max_pending)
{
    *world = (struct world){0};
    pthread_mutex_init(&world->elsewhere.lock, NULL);
    sem_init(&world->elsewhere.answers, 0, 0);
    sem_init(&world->elsewhere.arrived, 0, 0);
    world->executor = hoop_executor_new_of(
        &kind, &world->elsewhere,
        &(hoop_executor_options){.max_workers = 1, .max_pending = max_pending});
    assert_non_null(world->executor);
}

static void world_end(struct world *world)
{
    executor_end(world->executor);
    while (!atomic_load(&world->elsewhere.is_free))
        sched_yield(); /* by the worker, or when its loop went */
    assert_int_equal(world->elsewhere.ended, world->elsewhere.workers);
    sem_destroy(&world->elsewhere.answers);
    sem_destroy(&world->elsewhere.arrived);
    pthread_mutex_destroy(&world->elsewhere.lock);
}

static void in_a_world(hoop_coroutine_fn fn)
{
    struct world world;
    world_init(&world, 1);
    assert_int_equal(run_really(fn, &world), 0);
    world_end(&world);
}

static int64_t never_called(const void *input, size_t size, void *output, size_t room)
{
    (void)input, (void)size, (void)output, (void)room;
    abort();
}

static const hoop_job five_bytes = {.fn = never_called, .input = "bytes", .input_size = 5};

static int64_t await_job(void *arg)
{
    return hoop_run_job(((struct world *)arg)->executor, &five_bytes);
}

static int64_t await_function(void *arg)
{
    return hoop_run_in_executor(((struct world *)arg)->executor, count_call, NULL);
}

/* ---- results ---- */

static int64_t run_two(void *arg)
{
    struct world *world = arg;
    sem_post(&world->elsewhere.answers);
    assert_int_equal(await_job(world), 5);
    sem_post(&world->elsewhere.answers);
    assert_int_equal(await_job(world), 5);
    assert_int_equal(world->elsewhere.workers, 1);
    return 0;
}

static void a_worker_keeps_what_its_kind_has_made_for_it(void **state)
{
    (void)state;
    in_a_world(run_two);
}

static int64_t find_message(void *arg)
{
    struct world *world = arg;
    sem_post(&world->elsewhere.answers);
    assert_int_equal(await_function(world), -EHOSTUNREACH);
    assert_string_equal(hoop_error_message(), "no way to 100% functions");
    sem_post(&world->elsewhere.answers);
    hoop_future *future = hoop_executor_submit(world->executor, count_call, NULL);
    assert_int_equal(hoop_future_await(future), -EHOSTUNREACH);
    assert_string_equal(hoop_error_message(), "no way to 100% functions");
    hoop_future_unref(future);
    return 0;
}

static void an_error_brings_its_message(void **state)
{
    (void)state;
    in_a_world(find_message);
}

/* ---- interrupting ---- */

static int64_t cancel_running(void *arg)
{
    struct world *world = arg;
    hoop_task *task = hoop_create_task(await_job, world);
    assert_int_equal(hoop_sleep(0), 0);
    sem_take(&world->elsewhere.arrived);
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_await(task), -ECANCELED);
    assert_int_equal(world->elsewhere.interrupts, 1);
    return 0;
}

static void cancelling_the_task_interrupts_the_work(void **state)
{
    (void)state;
    in_a_world(cancel_running);
}

static int64_t cancel_submitted(void *arg)
{
    struct world *world = arg;
    hoop_future *future = hoop_submit_job(world->executor, &five_bytes);
    sem_take(&world->elsewhere.arrived);
    assert_true(hoop_future_cancel(future));
    hoop_future_unref(future);
    return hoop_executor_shutdown(world->executor, INFINITY); /* the worker is through */
}

static void cancelling_the_future_interrupts_the_work(void **state)
{
    (void)state;
    in_a_world(cancel_submitted);
}

static int64_t cancel_before_place(void *arg)
{
    struct world *world = arg;
    world->elsewhere.is_late = true;
    hoop_task *task = hoop_create_task(await_job, world);
    assert_int_equal(hoop_sleep(0), 0);
    sem_take(&world->elsewhere.arrived);
    assert_true(hoop_task_cancel(task));
    assert_int_equal(hoop_sleep(0), 0);
    assert_int_equal(world->elsewhere.interrupts, 1);
    assert_int_equal(world->elsewhere.hits, 0);
    sem_post(&world->elsewhere.answers);
    assert_int_equal(hoop_await(task), -ECANCELED);
    return 0;
}

static void an_interrupt_that_comes_too_early_is_seen_all_the_same(void **state)
{
    (void)state;
    in_a_world(cancel_before_place);
}

static int64_t leave_one_running(void *arg)
{
    struct world *world = arg;
    hoop_task_detach(hoop_create_task(await_job, world));
    assert_int_equal(hoop_sleep(0), 0);
    sem_take(&world->elsewhere.arrived);
    return 0;
}

static void closing_the_loop_interrupts_what_runs(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 0);
    struct reports reports = {0};
    hoop_loop *loop = reporting_loop(&reports);
    assert_int_equal(hoop_run_until_complete(loop, leave_one_running, &world), 0);
    assert_int_equal(hoop_close(loop), 0);
    assert_int_equal(world.elsewhere.interrupts, 1);
    assert_int_equal(reports.count, 1); /* the task was destroyed */
    world_end(&world);
}

/* ---- the limit ---- */

static int64_t fill(void *arg)
{
    struct world *world = arg;
    hoop_future *first = hoop_submit_job(world->executor, &five_bytes);
    sem_take(&world->elsewhere.arrived);
    hoop_future *second = hoop_submit_job(world->executor, &five_bytes);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(hoop_submit_job(world->executor, &five_bytes));
    assert_int_equal(hoop_last_error(), -ENOBUFS);
    assert_int_equal(await_job(world), -ENOBUFS);
    sem_post(&world->elsewhere.answers);
    assert_int_equal(hoop_future_await(first), 5);
    sem_post(&world->elsewhere.answers);
    assert_int_equal(hoop_future_await(second), 5);
    hoop_future_unref(first);
    hoop_future_unref(second);
    return 0;
}

static void what_is_too_much_to_wait_is_refused(void **state)
{
    (void)state;
    in_a_world(fill);
}

static void a_kind_needs_a_run(void **state)
{
    (void)state;
    assert_null(hoop_executor_new_of(NULL, NULL, NULL));
    assert_int_equal(hoop_last_error(), -EINVAL);
    assert_null(hoop_executor_new_of(&(hoop_executor_kind){.end = end}, NULL, NULL));
    assert_int_equal(hoop_last_error(), -EINVAL);
}

/* ---- jobs in threads ---- */

static int64_t reverse(const void *input, size_t size, void *output, size_t room)
{
    if (size > room)
        return room > 0 ? (int64_t)size : -ENOBUFS;
    for (size_t i = 0; i < size; i++)
        ((char *)output)[i] = ((const char *)input)[size - 1 - i];
    return (int64_t)size;
}

static int64_t run_jobs(void *arg)
{
    (void)arg;
    char output[6] = "";
    hoop_job job = {reverse, "abcde", 5, output, 5};
    assert_int_equal(hoop_run_job(NULL, &job), 5);
    assert_string_equal(output, "edcba");
    job.room = 4;
    assert_int_equal(hoop_run_job(NULL, &job), -EOVERFLOW);
    job.room = 0;
    assert_int_equal(hoop_run_job(NULL, &job), -ENOBUFS);
    job = (hoop_job){reverse, "xyz", 3, output, 5};
    hoop_future *future = hoop_submit_job(NULL, &job);
    memset(&job, 0, sizeof job); /* it was copied */
    assert_int_equal(hoop_future_await(future), 3);
    hoop_future_unref(future);
    assert_string_equal(output, "zyxba");
    assert_int_equal(hoop_run_job(NULL, &job), -EINVAL);
    assert_null(hoop_submit_job(NULL, NULL));
    assert_int_equal(hoop_last_error(), -EINVAL);
    return 0;
}

static void a_job_runs_in_a_thread_in_place(void **state)
{
    (void)state;
    assert_int_equal(run_really(run_jobs, NULL), 0);
}

static void a_job_needs_a_task(void **state)
{
    (void)state;
    assert_int_equal(hoop_run_job(NULL, &five_bytes), HOOP_ENOTASK);
    assert_null(hoop_submit_job(NULL, &five_bytes));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
}

/* ---- executors of libraries ---- */

static int64_t ask_for_library_executors(void *arg)
{
    static const char ours, theirs;
    (void)arg;
    hoop_executor *executor = hoop_library_executor(&ours, NULL);
    assert_non_null(executor);
    assert_ptr_equal(hoop_library_executor(&ours, NULL), executor);
    assert_ptr_not_equal(hoop_library_executor(&theirs, NULL), executor);
    atomic_int calls = 0;
    assert_int_equal(hoop_run_in_executor(executor, count_call, &calls), 1);
    return 0;
}

static void a_library_has_an_executor_for_each_loop(void **state)
{
    (void)state;
    static const char key;
    assert_null(hoop_library_executor(&key, NULL));
    assert_int_equal(hoop_last_error(), HOOP_ENOLOOP);
    assert_int_equal(run_really(ask_for_library_executors, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_worker_keeps_what_its_kind_has_made_for_it),
        BEHAVIOUR(an_error_brings_its_message),
        BEHAVIOUR(cancelling_the_task_interrupts_the_work),
        BEHAVIOUR(cancelling_the_future_interrupts_the_work),
        BEHAVIOUR(an_interrupt_that_comes_too_early_is_seen_all_the_same),
        BEHAVIOUR(closing_the_loop_interrupts_what_runs),
        BEHAVIOUR(what_is_too_much_to_wait_is_refused),
        BEHAVIOUR(a_kind_needs_a_run),
        BEHAVIOUR(a_job_runs_in_a_thread_in_place),
        BEHAVIOUR(a_job_needs_a_task),
        BEHAVIOUR(a_library_has_an_executor_for_each_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
