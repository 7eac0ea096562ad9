/* SPDX-License-Identifier: MIT
 *
 * See job.h.
 */
#include "job.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

static atomic_int operations;
static atomic_int values_set, values_released;

static void release_value(void *value)
{
    (void)value;
    atomic_fetch_add(&values_released, 1);
}

static const hoop_context_var variable = {.name = "variable", .release = release_value};

void job_set_variable(void)
{
    CHECK(hoop_context_set(&variable, &values_set) == 0);
    atomic_fetch_add(&values_set, 1);
}

static int64_t give_way(void *arg)
{
    (void)arg;
    int rc = hoop_sleep(0);
    return rc < 0 ? rc : 7;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

void job_ask(hoop_loop *loop, uint64_t *random)
{
    hoop_thread_future *future = hoop_run_coroutine_threadsafe(loop, give_way, NULL);
    if (future == NULL) {
        CHECK(hoop_last_error() == HOOP_ECLOSED);
        return;
    }
    if (pick(random, 4) == 0)
        hoop_thread_future_cancel(future);
    bool is_patient = pick(random, 2) == 0;
    int64_t rc = hoop_thread_future_result(future, is_patient ? INFINITY : 0.0001);
    CHECK(rc == 7 || rc == -ECANCELED || rc == HOOP_ECLOSED ||
          (rc == HOOP_EPENDING && !is_patient));
    hoop_thread_future_free(future);
}

void job_spin(int rounds)
{
    for (volatile int i = 0; i < rounds; i++)
        ;
}

/* LOOP is there for an awaited job only. */
static int64_t job_run(struct job *job, hoop_loop *loop)
{
    CHECK(!atomic_load(&job->is_forbidden));
    CHECK(atomic_fetch_add(&job->calls, 1) == 0);
    switch (pick(&job->random, loop != NULL ? 8 : 6)) {
    case 0:
        job_spin(pick(&job->random, 2000));
        break;
    case 1:
        usleep((useconds_t)pick(&job->random, 100));
        break;
    case 2:
        job_set_variable();
        break;
    case 6: {
        int rc = hoop_call_soon_threadsafe(loop, do_nothing, NULL);
        CHECK(rc == 0 || rc == HOOP_ECLOSED);
        break;
    }
    case 7:
        job_ask(loop, &job->random);
        break;
    default:
        break;
    }
    int64_t result = job->result;
    atomic_fetch_add(&job->ends, 1);
    return result;
}

int64_t job_run_submitted(void *arg)
{
    return job_run(arg, NULL);
}

int64_t job_run_awaited(void *arg)
{
    struct frame *frame = arg;
    frame->visits++;
    int64_t result = job_run(frame->job, frame->loop);
    frame->visits++;
    return result;
}

struct job *job_new(struct job **jobs, uint64_t *random, bool is_awaited)
{
    struct job *job = calloc(1, sizeof *job);
    CHECK(job != NULL);
    job->random = next_random(random) | 1;
    job->result = pick(random, 8) == 0 ? -EIO : pick(random, 1000);
    job->is_awaited = is_awaited;
    job->next = *jobs;
    *jobs = job;
    atomic_fetch_add(&operations, 1);
    return job;
}

void job_forbid(struct job *job)
{
    atomic_store(&job->is_forbidden, true);
    CHECK(atomic_load(&job->calls) == 0);
}

int job_count(void)
{
    return atomic_load(&operations);
}

void jobs_end(struct job *jobs)
{
    for (struct job *job = jobs, *next; job != NULL; job = next) {
        next = job->next;
        int calls = atomic_load(&job->calls);
        CHECK(calls <= 1 && calls == atomic_load(&job->ends));
        CHECK(calls == 0 || !atomic_load(&job->is_forbidden));
        free(job);
    }
}

void job_check_variables(void)
{
    CHECK(atomic_load(&values_set) == atomic_load(&values_released));
}
