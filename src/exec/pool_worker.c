/* SPDX-License-Identifier: MIT
 *
 * See pool_worker.h. A helper that does not answer is never used again: it is killed, and another
 * one forked for the next job.
 *
 * When the channel ends, did the job begin? The kernel says so: a helper that went before it had
 * received the request leaves an error (ECONNRESET), else there is the end of the channel.
 */
#include "exec/pool_worker.h"

#include <errno.h>
#include <hoop/error.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "base/sys_fork.h"
#include "exec/shared.h"

/* A carrier that is larger goes after its job. */
#define CARRIER_KEPT_MAX ((size_t)4 << 20)

/* ---- the helper ---- */

static void set_channel(struct pool_worker *worker, int channel)
{
    spinlock_take(&worker->pool->lock);
    worker->channel = channel;
    spinlock_give(&worker->pool->lock);
}

/* 0 and its status as of waitpid, or why that is not known. */
static int helper_end(struct pool_worker *worker, int *ret_status)
{
    int channel = worker->channel;
    set_channel(worker, -1);
    sys_close(channel);
    return fork_server_reap(&worker->pool->server, worker->pid, ret_status);
}

/* So that there is one, which may take another job. */
static int helper_ready(struct pool_worker *worker)
{
    const struct process_pool *pool = worker->pool;
    int channel, status;
    if (worker->channel >= 0 && (pool->max_jobs == 0 || worker->jobs < pool->max_jobs))
        return 0;
    if (worker->channel >= 0)
        (void)helper_end(worker, &status);
    int pid = fork_server_fork(&worker->pool->server, &channel);
    if (pid < 0)
        return pid;
    worker->pid = pid;
    worker->jobs = 0;
    set_channel(worker, channel);
    return 0;
}

static int64_t fail_to_fork(hoop_work *work, int rc)
{
    if (rc == HOOP_EHELPER)
        return hoop_work_fail(work, rc, "the process that forks the helpers has died");
    return hoop_work_fail(work, rc, "no helper can be forked: %s", hoop_strerror(rc));
}

/* Ends the helper, and tells how it died. */
static int64_t fail_with_helper(struct pool_worker *worker, hoop_work *work)
{
    int status;
    if (helper_end(worker, &status) < 0)
        return hoop_work_fail(work, HOOP_EHELPER, "the helper has died; how is not known");
    if (WIFEXITED(status))
        return hoop_work_fail(work, HOOP_EHELPER, "the helper has exited with status %d",
                              WEXITSTATUS(status));
    const char *text = sys_signal_text(WTERMSIG(status));
    return hoop_work_fail(work, HOOP_EHELPER, "the helper was killed by signal %d (%s)",
                          WTERMSIG(status), text != NULL ? text : "unknown");
}

/* ---- a job's bytes ---- */

static void carrier_drop(struct carrier *carrier)
{
    hoop_shared_free(carrier->data);
    *carrier = (struct carrier){0};
}

/* Finds room for SIZE bytes, and where that is. */
static int carrier_take(struct carrier *carrier, size_t size, struct shared_place *ret_place)
{
    if (carrier->size < size) {
        carrier_drop(carrier);
        carrier->data = hoop_shared_new(size);
        if (carrier->data == NULL)
            return hoop_last_error();
        carrier->size = size;
    }
    (void)!shared_find(carrier->data, size, ret_place);
    return 0;
}

static void carrier_give(struct carrier *carrier)
{
    if (carrier->size > CARRIER_KEPT_MAX)
        carrier_drop(carrier);
}

/* A job on its way to the helper, and back. */
struct errand {
    const hoop_job *job;
    struct job_request request;
    struct job_reply reply;
    bool output_is_carried;
    int fds[SYS_CHANNEL_FDS_MAX];
    size_t fd_count;
};

enum way {
    SENT,    /* in the message */
    SHARED,  /* in place, as it is in a shared buffer */
    CARRIED, /* in a carrier, as it is large */
};

/* The enum way, and the place of what is not sent. */
static int place_bytes(struct carrier *carrier, const void *data, size_t size,
                       struct shared_place *ret_place)
{
    if (size == 0)
        return SENT;
    if (shared_find(data, size, ret_place))
        return SHARED;
    if (size <= JOB_MESSAGE_MAX)
        return SENT;
    int rc = carrier_take(carrier, size, ret_place);
    return rc < 0 ? rc : CARRIED;
}

static int errand_init(struct errand *errand, struct pool_worker *worker, const hoop_job *job,
                       uint32_t function)
{
    struct shared_place input = {0}, output = {0};
    int input_way = place_bytes(&worker->input, job->input, job->input_size, &input);
    int output_way = place_bytes(&worker->output, job->output, job->room, &output);
    if (input_way < 0 || output_way < 0)
        return input_way < 0 ? input_way : output_way;
    *errand = (struct errand){
        .job = job,
        .request = {.function = function,
                    .input_is_shared = input_way != SENT,
                    .output_is_shared = output_way != SENT,
                    .input_size = job->input_size,
                    .input_offset = input.offset,
                    .room = job->room,
                    .output_offset = output.offset},
        .output_is_carried = output_way == CARRIED,
    };
    if (input_way != SENT)
        errand->fds[errand->fd_count++] = input.fd;
    if (output_way != SENT)
        errand->fds[errand->fd_count++] = output.fd;
    if (input_way == CARRIED)
        memcpy(worker->input.data, job->input, job->input_size);
    return 0;
}

/* ---- the exchange ---- */

/* Is the message of SIZE bytes one that a helper in its right mind sends? */
static bool is_sound(const struct errand *errand, size_t size)
{
    const struct job_reply *reply = &errand->reply;
    size_t room = errand->job->room;
    if (size < sizeof *reply || reply->end > JOB_REFUSED ||
        (reply->end == JOB_REFUSED && reply->result >= 0))
        return false;
    if (reply->end != JOB_DONE || room == 0 || reply->result <= 0)
        return size == sizeof *reply;
    size_t sent = errand->request.output_is_shared ? 0 : (size_t)reply->result;
    return (uint64_t)reply->result <= room && size == sizeof *reply + sent;
}

/* 0; -ECONNRESET: the helper was dead before it could begin; -EPIPE: it has died, or lost its mind;
 * or another error, and the job did not begin. */
static int exchange(struct pool_worker *worker, struct errand *errand)
{
    const hoop_job *job = errand->job;
    const struct job_request *request = &errand->request;
    const struct iovec question[] = {
        {&errand->request, sizeof *request},
        {(void *)job->input, request->input_is_shared ? 0 : job->input_size},
    };
    const struct iovec answer[] = {
        {&errand->reply, sizeof errand->reply},
        {job->output, request->output_is_shared ? 0 : job->room},
    };
    int rc = sys_channel_send(worker->channel, question, 2, errand->fds, errand->fd_count);
    if (rc < 0)
        return rc == -EPIPE ? -ECONNRESET : rc;
    int64_t size = sys_channel_receive(worker->channel, answer, 2, NULL, NULL);
    if (size == -ECONNRESET)
        return -ECONNRESET;
    return size > 0 && is_sound(errand, (size_t)size) ? 0 : -EPIPE;
}

static int64_t errand_result(const struct errand *errand, const struct pool_worker *worker,
                             hoop_work *work)
{
    int64_t result = errand->reply.result;
    switch ((enum job_end)errand->reply.end) {
    case JOB_DONE:
        if (errand->output_is_carried && result > 0)
            memcpy(errand->job->output, worker->output.data, (size_t)result);
        return result;
    case JOB_TOO_MUCH:
        return hoop_work_fail(work, -EOVERFLOW,
                              "the function has written %lld bytes, with room for %zu",
                              (long long)result, errand->job->room);
    case JOB_REFUSED:
        break;
    }
    return hoop_work_fail(work, result, "the helper cannot begin: %s", hoop_strerror(result));
}

/* From here on, interrupt finds the channel. */
static bool was_interrupted(const struct pool_worker *worker, const hoop_work *work)
{
    spinlock_take(&worker->pool->lock);
    bool is_cancelled = hoop_work_is_cancelled(work);
    spinlock_give(&worker->pool->lock);
    return is_cancelled;
}

/* A helper that has died while it was idle is no reason to fail; a new one that dies at once is. */
static int64_t errand_run(struct errand *errand, struct pool_worker *worker, hoop_work *work)
{
    for (;;) {
        int status;
        int rc = helper_ready(worker);
        if (rc < 0)
            return fail_to_fork(work, rc);
        bool is_new = worker->jobs++ == 0;
        rc = was_interrupted(worker, work) ? -EPIPE : exchange(worker, errand);
        if (rc == 0)
            return errand_result(errand, worker, work);
        if (was_interrupted(worker, work)) {
            (void)helper_end(worker, &status);
            return -ECANCELED;
        }
        if (rc != -EPIPE && rc != -ECONNRESET)
            return rc;
        if (rc == -EPIPE || is_new)
            return fail_with_helper(worker, work);
        (void)helper_end(worker, &status);
    }
}

int64_t pool_worker_run(struct pool_worker *worker, hoop_work *work, uint32_t function)
{
    struct errand errand;
    int64_t result = errand_init(&errand, worker, work->job, function);
    if (result == 0) {
        spinlock_take(&worker->pool->lock);
        work->place = worker;
        spinlock_give(&worker->pool->lock);
        result = errand_run(&errand, worker, work);
        spinlock_take(&worker->pool->lock);
        work->place = NULL;
        spinlock_give(&worker->pool->lock);
    }
    carrier_give(&worker->input);
    carrier_give(&worker->output);
    return result;
}

void pool_worker_interrupt(const struct pool_worker *worker)
{
    if (worker->channel >= 0)
        sys_channel_hang_up(worker->channel);
}

/* ---- its life ---- */

struct pool_worker *pool_worker_new(struct process_pool *pool)
{
    struct pool_worker *worker = alloc_zeroed(sizeof *worker);
    if (worker != NULL) {
        worker->pool = pool;
        worker->channel = -1;
    }
    return worker;
}

void pool_worker_free(struct pool_worker *worker)
{
    int status;
    if (worker->channel >= 0)
        (void)helper_end(worker, &status);
    carrier_drop(&worker->input);
    carrier_drop(&worker->output);
    alloc_free(worker);
}
