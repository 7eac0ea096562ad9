/* SPDX-License-Identifier: MIT
 *
 * A loop in the child of a fork. The descriptors of the poller and of the wake-up are shared with
 * the parent: whatever is told to the kernel through them is told to the parent's loop. So the copy
 * gets its own ones before it does anything.
 */
#include "base/sys.h"
#include "loop/loop.h"

/* The batch in which the fork was made goes back on the queue, so that the loop begins an iteration,
 * and so to run, when the callback returns. */
static void give_batch_back(hoop_loop *loop)
{
    list_splice(loop->batch, loop->ready);
    list_splice(loop->ready, loop->batch);
    loop_poll_soon(loop);
}

/* All that is asked of it from here on is -EBADF. */
static const struct poller no_poller = {.ops = &poller_epoll, .fd = -1};

static int poller_forked(struct poller *poller)
{
    if (poller->ops->abandon != NULL)
        poller->ops->abandon(poller);
    else
        poller->ops->close(poller);
    int rc = poller->ops->open(poller);
    if (rc < 0)
        *poller = no_poller;
    return rc;
}

int hoop_loop_forked(hoop_loop *loop)
{
    running_loop = NULL;
    if (loop->closed)
        return 0;
    if (loop->running && !pthread_equal(loop->thread, pthread_self()))
        loop->running = false; /* its thread is not there any more */
    if (loop->running) {
        atomic_store_explicit(&loop->thread_id, sys_thread_id(), memory_order_relaxed);
        give_batch_back(loop);
    }
    watchdog_forget(loop);
    struct poller *poller = &loop->poller;
    int rc = poller_forked(poller);
    int woken = wake_forked(loop);
    if (rc < 0)
        return rc;
    if (woken < 0) {
        poller->ops->close(poller);
        *poller = no_poller;
    }
    return woken;
}
