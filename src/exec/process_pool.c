/* SPDX-License-Identifier: MIT
 *
 * The process pool: a kind of executor whose workers have a helper process each.
 */
#include <hoop/process_pool.h>

#include <errno.h>
#include <hoop/embed.h>
#include <hoop/error.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/sys.h"
#include "exec/pool_worker.h"

#define MAX_WORKERS_LIMIT FORK_SERVER_HELPERS_MAX
#define FUNCTIONS_MAX 1024

/* ---- the kind ---- */

/* FN's number in the table, or -1. */
static int64_t find_function(const struct job_setup *setup, hoop_job_fn fn)
{
    for (size_t i = 0; i < setup->count; i++)
        if (setup->functions[i] == fn)
            return (int64_t)i;
    return -1;
}

static int64_t run(void *arg, void **worker, hoop_work *work)
{
    struct process_pool *pool = arg;
    if (work->job == NULL)
        return hoop_work_fail(work, -EOPNOTSUPP, "a process pool runs jobs only: hoop_run_job");
    int64_t function = find_function(&pool->setup, work->job->fn);
    if (function < 0)
        return hoop_work_fail(work, -ENOENT, "the job's function is not among the pool's");
    if (*worker == NULL)
        *worker = pool_worker_new(pool);
    return *worker != NULL ? pool_worker_run(*worker, work, (uint32_t)function) : -ENOMEM;
}

static void interrupt(void *arg, hoop_work *work)
{
    struct process_pool *pool = arg;
    spinlock_take(&pool->lock);
    if (work->place != NULL)
        pool_worker_interrupt(work->place);
    spinlock_give(&pool->lock);
}

static void end(void *arg, void *worker)
{
    (void)arg;
    pool_worker_free(worker);
}

static void pool_free(void *arg)
{
    struct process_pool *pool = arg;
    fork_server_end(&pool->server);
    alloc_free(pool->setup.functions);
    alloc_free(pool);
}

static const hoop_executor_kind pool_kind = {run, interrupt, end, pool_free};

/* ---- its life ---- */

static size_t count_functions(const hoop_job_fn *functions)
{
    size_t count = 0;
    while (functions != NULL && count <= FUNCTIONS_MAX && functions[count] != NULL)
        count++;
    return count;
}

struct start {
    struct process_pool *pool;
    int rc;
};

static void start_server(void *arg)
{
    struct start *start = arg;
    start->rc = fork_server_start(&start->pool->server, &start->pool->setup);
}

/* With its server; or NULL, and hoop_last_error. */
static struct process_pool *pool_new(const hoop_process_pool_options *options, const char *name)
{
    size_t count = count_functions(options->functions);
    struct process_pool *pool = alloc_zeroed(sizeof *pool);
    hoop_job_fn *functions = alloc_array(NULL, count, sizeof *functions);
    struct start start = {pool, -ENOMEM};
    if (pool != NULL && functions != NULL) {
        memcpy(functions, options->functions, count * sizeof *functions);
        pool->max_jobs = options->max_jobs;
        pool->setup = (struct job_setup){.functions = functions,
                                         .count = count,
                                         .begin = options->begin,
                                         .arg = options->arg,
                                         .max_memory = options->max_memory};
        snprintf(pool->setup.name, sizeof pool->setup.name, "%s", name);
        hoop_call_on_thread_stack(start_server, &start);
    }
    if (start.rc == 0)
        return pool;
    alloc_free(functions);
    alloc_free(pool);
    return failed(start.rc);
}

hoop_executor *hoop_process_pool_new(const hoop_process_pool_options *options)
{
    size_t count = options != NULL ? count_functions(options->functions) : 0;
    if (count == 0 || count > FUNCTIONS_MAX || options->max_workers > MAX_WORKERS_LIMIT)
        return failed(-EINVAL);
    const char *name = options->name != NULL ? options->name : "hoop-helper";
    struct process_pool *pool = pool_new(options, name);
    if (pool == NULL)
        return NULL;
    unsigned workers = options->max_workers > 0 ? options->max_workers : sys_processor_count();
    hoop_executor *executor = hoop_executor_new_of(
        &pool_kind, pool,
        &(hoop_executor_options){
            .name = name, .max_workers = workers, .max_pending = options->max_pending});
    if (executor == NULL) {
        int rc = hoop_last_error();
        pool_free(pool);
        return failed(rc);
    }
    return executor;
}
