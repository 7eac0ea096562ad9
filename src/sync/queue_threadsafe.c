/* SPDX-License-Identifier: MIT
 *
 * A queue's ends for other threads: a task of the loop does the work, and the thread waits for
 * that. So a queue needs no lock, and threads stand in line with tasks.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/loop.h>
#include <hoop/queue.h>
#include <hoop/threadsafe.h>
#include <math.h>

/* In the frame of the thread that waits. */
struct end {
    hoop_queue *queue;
    const void *item;
    void *ret_item;
};

static int64_t put(void *arg)
{
    struct end *end = arg;
    return hoop_queue_put(end->queue, end->item);
}

static int64_t get(void *arg)
{
    struct end *end = arg;
    return hoop_queue_get(end->queue, end->ret_item);
}

/* Runs WORK in LOOP, SECONDS at most: it is cancelled then, and its end awaited, as it uses our
 * caller's frame. What it has done by then it has done. */
static int run(hoop_loop *loop, hoop_coroutine_fn work, struct end *end, double seconds)
{
    if (isnan(seconds) || seconds < 0)
        return -EINVAL;
    if (loop != NULL && hoop_running_loop() == loop)
        return -EDEADLK;
    hoop_thread_future *future = hoop_run_coroutine_threadsafe_named(loop, work, end, "queue end");
    if (future == NULL)
        return hoop_last_error();
    int64_t rc = hoop_thread_future_result(future, seconds);
    if (rc == -ECANCELED) {
        rc = HOOP_ECLOSED; /* by a runner that closes the loop */
    } else if (rc == HOOP_EPENDING) {
        hoop_thread_future_cancel(future);
        rc = hoop_thread_future_result(future, (double)INFINITY);
        if (rc == -ECANCELED)
            rc = -ETIMEDOUT;
    }
    hoop_thread_future_free(future);
    return (int)rc;
}

int hoop_queue_put_threadsafe(hoop_loop *loop, hoop_queue *queue, const void *item, double seconds)
{
    struct end end = {.queue = queue, .item = item};
    return run(loop, put, &end, seconds);
}

int hoop_queue_get_threadsafe(hoop_loop *loop, hoop_queue *queue, void *ret_item, double seconds)
{
    struct end end = {.queue = queue, .ret_item = ret_item};
    return run(loop, get, &end, seconds);
}
