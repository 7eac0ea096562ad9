/* SPDX-License-Identifier: MIT
 *
 * Random work for threads: the tasks of several loops, each in a thread of its own, await and
 * submit functions to an executor that they share and to their default ones, with cancellations,
 * time limits and shutdowns, while another thread asks the loops for coroutines; and the loops
 * are closed, with whatever is under way, and opened anew.
 *
 *     executor [OPERATIONS]
 *
 * HOOP_SEED in the environment is the seed, though threads make each run a different one. What
 * must hold: a function is called once if its await gave its result, never if that was
 * cancelled or refused, and at most once in any case; an awaited one has ended when its loop is
 * closed; nothing is left at the end. A hang is a failure too.
 */
#include <dirent.h>
#include <errno.h>
#include <hoop.h>
#include <hoop/testing.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "job.h"

enum { LOOPERS = 3, LIVES = 6, TASKS = 12, STEPS = 8, KEPT = 512, GATHERED = 3 };

/* A loop from its opening to its closing. */
struct life {
    uint64_t random;
    struct looper *looper;
    hoop_loop *loop;
    hoop_executor *shared;
    hoop_task *tasks[TASKS]; /* references, NULL before the task was made */
    struct worker {
        struct life *life;
        uint64_t random;
    } workers[TASKS];
    hoop_future *futures[KEPT]; /* references; here, as frames may go with the loop */
    struct job *futures_jobs[KEPT];
    int future_count;
    struct job *jobs; /* until the end of all */
    struct life *next;
};

/* A thread that runs loops, one after another. */
struct looper {
    pthread_t thread;
    uint64_t random;
    hoop_executor *shared;
    pthread_mutex_t lock;
    hoop_loop *open; /* a reference for others to take, under the lock; or NULL */
    struct life *lives;
};

static struct looper loopers[LOOPERS];
uint64_t stress_seed = 20240607;

/* ---- in the loops' threads ---- */

static hoop_executor *choose_executor(struct worker *self)
{
    return pick(&self->random, 3) == 0 ? NULL : self->life->shared;
}

static int64_t await_one(void *arg)
{
    struct worker *self = arg;
    struct frame frame = {job_new(&self->life->jobs, &self->random, true), self->life->loop, 0};
    hoop_executor *executor = choose_executor(self);
    int64_t rc;
    if (pick(&self->random, 4) > 0) {
        rc = hoop_run_in_executor(executor, job_run_awaited, &frame);
    } else {
        job_set_variable();
        rc = hoop_to_thread(job_run_awaited, &frame);
    }
    if (rc == -ECANCELED || rc == HOOP_ESHUTDOWN) {
        job_forbid(frame.job);
        CHECK(frame.visits == 0);
        return rc == -ECANCELED ? rc : 0;
    }
    CHECK(rc == frame.job->result && frame.visits == 2);
    CHECK(atomic_load(&frame.job->calls) == 1 && atomic_load(&frame.job->ends) == 1);
    return 0;
}

static int64_t await_with_limit(struct worker *self)
{
    int64_t rc = hoop_wait_for(await_one, self, pick(&self->random, 200) * 1e-6);
    CHECK(rc == 0 || rc == -ECANCELED || rc == -ETIMEDOUT);
    return rc == -ETIMEDOUT ? 0 : rc;
}

/* A future and its number among those that are kept; NULL if there is none. */
static hoop_future *submit(struct worker *self, int *ret_number)
{
    struct life *life = self->life;
    if (life->future_count == KEPT)
        return NULL;
    struct job *job = job_new(&life->jobs, &self->random, false);
    hoop_future *future = hoop_executor_submit(choose_executor(self), job_run_submitted, job);
    if (future == NULL) {
        CHECK(hoop_last_error() == HOOP_ESHUTDOWN);
        job_forbid(job);
        return NULL;
    }
    *ret_number = life->future_count;
    life->futures[life->future_count] = future;
    life->futures_jobs[life->future_count++] = job;
    return future;
}

static void future_check(struct life *life, int number)
{
    int64_t rc = hoop_future_result(life->futures[number]);
    const struct job *job = life->futures_jobs[number];
    if (rc == job->result)
        CHECK(atomic_load(&job->calls) == 1 && atomic_load(&job->ends) == 1);
    else
        CHECK(rc == -ECANCELED || rc == HOOP_EPENDING);
}

static int64_t submit_and_await(struct worker *self)
{
    int number;
    hoop_future *future = submit(self, &number);
    if (future == NULL)
        return hoop_sleep(0);
    int64_t rc = hoop_future_await(future);
    future_check(self->life, number);
    return rc == -ECANCELED ? rc : 0;
}

static int64_t submit_and_cancel(struct worker *self)
{
    int number;
    hoop_future *future = submit(self, &number);
    if (future == NULL)
        return 0;
    job_spin(pick(&self->random, 3000));
    if (pick(&self->random, 2) == 0)
        (void)!hoop_sleep(0);
    hoop_future_cancel(future);
    CHECK(hoop_future_is_done(future));
    future_check(self->life, number);
    return 0;
}

static int64_t submit_and_forget(struct worker *self)
{
    int number;
    (void)submit(self, &number);
    return 0;
}

static int64_t submit_and_gather(struct worker *self)
{
    hoop_future *futures[GATHERED];
    int numbers[GATHERED], count = 0;
    int64_t results[GATHERED];
    while (count < GATHERED && (futures[count] = submit(self, &numbers[count])) != NULL)
        count++;
    int64_t rc = hoop_gather_futures(futures, (size_t)count, results, HOOP_RETURN_ERRORS);
    CHECK(rc == 0 || rc == -ECANCELED);
    for (int i = 0; i < count; i++) {
        future_check(self->life, numbers[i]);
        CHECK(rc < 0 || results[i] == hoop_future_result(futures[i]));
    }
    return rc;
}

static int64_t cancel_somebody(struct worker *self)
{
    hoop_task *task = self->life->tasks[pick(&self->random, TASKS)];
    if (task != NULL)
        hoop_task_cancel(task);
    return 0;
}

static int64_t take_a_break(struct worker *self)
{
    return hoop_sleep(pick(&self->random, 2) * 1e-6 * pick(&self->random, 300));
}

static int64_t change_default(struct worker *self)
{
    if (pick(&self->random, 8) == 0) {
        int rc = hoop_shutdown_default_executor(pick(&self->random, 200) * 1e-6);
        CHECK(rc == 0 || rc == -ETIMEDOUT || rc == -ECANCELED);
        return rc == -ECANCELED ? rc : 0;
    }
    hoop_executor_options options = {.max_workers = 1 + (unsigned)pick(&self->random, 3)};
    hoop_executor *executor = hoop_executor_new(&options);
    CHECK(executor != NULL && hoop_set_default_executor(self->life->loop, executor) == 0);
    return 0;
}

static int64_t await_plainly(struct worker *self)
{
    return await_one(self);
}

static int64_t (*const deeds[])(struct worker *self) = {
    await_plainly,    await_plainly,    await_plainly,     await_with_limit,  await_with_limit,
    submit_and_await, submit_and_await, submit_and_cancel, submit_and_forget, submit_and_gather,
    cancel_somebody,  take_a_break,     change_default,
};

static int64_t work(void *arg)
{
    struct worker *self = arg;
    for (int i = pick(&self->random, STEPS); i >= 0; i--) {
        int deed = pick(&self->random, sizeof deeds / sizeof deeds[0]);
        int64_t rc = deeds[deed](self);
        CHECK(rc == 0 || rc == -ECANCELED);
        if (rc == -ECANCELED && pick(&self->random, 3) == 0)
            return 0;
        while (pick(&self->random, 2) == 0 && hoop_task_uncancel(hoop_current_task()) > 0)
            ;
    }
    return 0;
}

static void report(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)arg; /* destroyed tasks, errors that nobody asked for */
    CHECK(exception->error == 0 || exception->error == -EIO || exception->error == -ECANCELED);
}

static void looper_show(struct looper *looper, hoop_loop *loop)
{
    pthread_mutex_lock(&looper->lock);
    hoop_loop *old = looper->open;
    looper->open = loop != NULL ? hoop_loop_ref(loop) : NULL;
    pthread_mutex_unlock(&looper->lock);
    hoop_loop_unref(old);
}

/* The life's own task: starts the others and may wait for them. */
static int64_t live(void *arg)
{
    struct life *life = arg;
    life->loop = hoop_running_loop();
    hoop_set_exception_handler(life->loop, report, NULL);
    looper_show(life->looper, life->loop);
    for (int i = 0; i < TASKS; i++) {
        life->workers[i] = (struct worker){life, next_random(&life->random) | 1};
        life->tasks[i] = hoop_create_task(work, &life->workers[i]);
        CHECK(life->tasks[i] != NULL);
    }
    for (int i = pick(&life->random, 2) * TASKS; i < TASKS; i++)
        if (hoop_future_await(hoop_task_future(life->tasks[i])) == -ECANCELED)
            break;
    return 0;
}

static void stop(void *loop)
{
    hoop_stop(loop);
}

/* Runs the loop for a while, or to the end, and closes it with whatever is left. */
static void run_in_steps(struct life *life)
{
    hoop_loop *loop = hoop_new_event_loop();
    CHECK(loop != NULL);
    if (pick(&life->random, 3) == 0) {
        CHECK(hoop_call_later(loop, pick(&life->random, 2000) * 1e-6, stop, loop) > 0);
    }
    int64_t rc = hoop_run_until_complete(loop, live, life);
    CHECK(rc == 0 || rc == HOOP_ESTOPPED);
    for (int i = pick(&life->random, 30); i > 0; i--) {
        CHECK(hoop_run_once(loop, pick(&life->random, 100) * 1e-6) == 0);
        if (life->tasks[i % TASKS] != NULL && pick(&life->random, 8) == 0)
            hoop_task_cancel(life->tasks[i % TASKS]); /* while it does not run */
    }
    CHECK(hoop_close(loop) == 0);
}

static void life_close(struct life *life)
{
    for (int i = 0; i < life->future_count; i++) {
        future_check(life, i);
        hoop_future_unref(life->futures[i]);
    }
    for (int i = 0; i < TASKS; i++)
        hoop_task_unref(life->tasks[i]);
    for (const struct job *job = life->jobs; job != NULL; job = job->next)
        if (job->is_awaited)
            CHECK(atomic_load(&job->calls) == atomic_load(&job->ends));
}

static void *looper_main(void *arg)
{
    struct looper *looper = arg;
    for (int i = 0; i < LIVES; i++) {
        struct life *life = calloc(1, sizeof *life);
        CHECK(life != NULL);
        life->random = next_random(&looper->random) | 1;
        life->looper = looper;
        life->shared = looper->shared;
        life->next = looper->lives;
        looper->lives = life;
        if (pick(&life->random, 3) == 0)
            CHECK(hoop_run(live, life) == 0);
        else
            run_in_steps(life);
        life_close(life);
    }
    looper_show(looper, NULL);
    return NULL;
}

/* ---- the main thread ---- */

static void pester(uint64_t *random)
{
    struct looper *looper = &loopers[pick(random, LOOPERS)];
    pthread_mutex_lock(&looper->lock);
    hoop_loop *loop = looper->open != NULL ? hoop_loop_ref(looper->open) : NULL;
    pthread_mutex_unlock(&looper->lock);
    if (loop != NULL)
        job_ask(loop, random);
    hoop_loop_unref(loop);
}

static void end_executor(hoop_executor *executor, uint64_t *random)
{
    int way = pick(random, 3);
    int rc = way == 0 ? 0 : hoop_executor_shutdown(executor, way == 1 ? INFINITY : 1e-5);
    CHECK(rc == 0 || (rc == -ETIMEDOUT && way == 2));
    CHECK(way != 1 || hoop_executor_workers(executor) == 0);
    hoop_executor_free(executor);
}

/* An executor, and some loops that use it. */
static void epoch(uint64_t *random)
{
    hoop_executor_options options = {.max_workers = 1 + (unsigned)pick(random, 4)};
    hoop_executor *shared = hoop_executor_new(&options);
    CHECK(shared != NULL);
    for (int i = 0; i < LOOPERS; i++) {
        loopers[i].random = next_random(random) | 1;
        loopers[i].shared = shared;
        CHECK(pthread_create(&loopers[i].thread, NULL, looper_main, &loopers[i]) == 0);
    }
    for (int i = pick(random, 60); i > 0; i--)
        pester(random);
    if (pick(random, 4) == 0)
        (void)!hoop_executor_shutdown(shared, pick(random, 200) * 1e-6);
    for (int i = 0; i < LOOPERS; i++)
        pthread_join(loopers[i].thread, NULL);
    end_executor(shared, random);
}

static int thread_count(void)
{
    int count = -2; /* . and .. */
    DIR *directory = opendir("/proc/self/task");
    CHECK(directory != NULL);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void *start_first(void *arg)
{
    return arg;
}

int main(int argc, char **argv)
{
    int wanted = argc > 1 ? atoi(argv[1]) : 100000;
    const char *given = getenv("HOOP_SEED");
    if (given != NULL)
        stress_seed = strtoull(given, NULL, 0);
    pthread_t first; /* a sanitizer may start a thread of its own with it */
    CHECK(pthread_create(&first, NULL, start_first, NULL) == 0);
    pthread_join(first, NULL);
    int threads = thread_count();
    uint64_t random = stress_seed * 2 + 1;
    for (int i = 0; i < LOOPERS; i++)
        pthread_mutex_init(&loopers[i].lock, NULL);
    int epochs = 0;
    for (; job_count() < wanted; epochs++)
        epoch(&random);
    while (thread_count() > threads)
        usleep(1000); /* executors that were freed end by themselves */
    for (int i = 0; i < LOOPERS; i++) {
        for (struct life *life = loopers[i].lives, *next; life != NULL; life = next) {
            next = life->next;
            jobs_end(life->jobs);
            free(life);
        }
        pthread_mutex_destroy(&loopers[i].lock);
    }
    CHECK(hoop_testing_live_allocations() == 0);
    job_check_variables();
    printf("seed %llu: %d functions in %d executors\n", (unsigned long long)stress_seed,
           job_count(), epochs);
    return 0;
}
