/* SPDX-License-Identifier: MIT
 *
 * See file_ring.h. A request lies in the frame of the task that waits for it, and the kernel has
 * its address; so the task goes on only when the kernel has answered, and a loop that is closed
 * waits for all answers before any frame goes. Whether the kernel has a request yet, or it
 * still waits in the queue, follows from its number.
 *
 * What is asked for while a batch runs is handed in together, by one node at the end of what is
 * ready. Cancellations go the same way.
 *
 * To the loop a request is outside work only on the virtual clock: the loop would look out for
 * posts before it sleeps, and a disk does not post.
 */
#include "io/file_ring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/sys_uring.h"
#include "loop/loop.h"
#include "task/wait.h"

#define ENTRIES 64

/* The user_data of what has no request. */
#define NOBODY 0

/* When the loop is closed: how long to wait for answers, in nanoseconds, before asking again. */
#define CLOSE_ROUND 10000000

struct file_ring {
    hoop_local local;
    hoop_loop *loop;
    struct io_uring ring;
    hoop_watch watch;   /* of its descriptor */
    hoop_ready node;    /* queued while there is something to tell the kernel */
    hoop_link requests; /* struct request.link: not answered yet */
    unsigned queued;    /* submissions so far; wraps */
    bool is_usable;     /* else only remembered as missing */
    bool has_cancelled; /* some of the requests wait for cancel_all_asked */
    bool is_closing;
    bool is_virtual; /* the loop's clock must not jump while somebody waits for an answer */
};

struct request {
    struct wait wait;
    hoop_link link;
    struct file_ring *ring;
    struct io_uring_sqe *submission; /* until the kernel has taken it */
    unsigned number;                 /* of its submission */
    bool is_cancelled;
    bool must_cancel; /* the kernel is to be told of that */
};

/* ---- the queue ---- */

/* A free submission; those that are queued go to the kernel if there is none. NULL if it
 * does not take them. */
static struct io_uring_sqe *get_submission(struct file_ring *ring)
{
    struct io_uring_sqe *submission = io_uring_get_sqe(&ring->ring);
    if (submission == NULL && sys_uring_submit(&ring->ring) > 0)
        submission = io_uring_get_sqe(&ring->ring);
    if (submission != NULL)
        ring->queued++;
    return submission;
}

static bool is_taken(const struct request *request)
{
    const struct file_ring *ring = request->ring;
    unsigned taken = ring->queued - io_uring_sq_ready(&ring->ring);
    return (int)(taken - request->number) > 0;
}

static int request_queue(struct request *request, const struct file_call *call)
{
    struct file_ring *ring = request->ring;
    struct io_uring_sqe *submission = get_submission(ring);
    if (submission == NULL)
        return -EAGAIN;
    unsigned size = (unsigned)call->size;
    uint64_t offset = (uint64_t)call->offset; /* the position is -1 here, too */
    if (call->operation == FILE_READ)
        io_uring_prep_read(submission, call->fd, call->buffer, size, offset);
    else
        io_uring_prep_write(submission, call->fd, call->buffer, size, offset);
    submission->user_data = (uintptr_t)request;
    request->submission = submission;
    request->number = ring->queued - 1;
    list_append(&ring->requests, &request->link);
    if (ring->is_virtual)
        hoop_work_begins(ring->loop);
    hoop_ready_push(ring->loop, &ring->node);
    return 0;
}

/* Nothing of REQUEST is in the kernel any more: the task goes on, unless the loop goes. */
static void request_ends(struct request *request, int64_t result)
{
    struct file_ring *ring = request->ring;
    list_remove(&request->link);
    if (ring->is_virtual)
        hoop_work_ends(ring->loop);
    if (!ring->is_closing)
        wait_wake(&request->wait, result);
}

/* The kernel has not taken it, and finds nothing to do in its place. */
static void request_withdraw(struct request *request, int64_t result)
{
    assert(!is_taken(request));
    io_uring_prep_nop(request->submission);
    request->submission->user_data = NOBODY;
    request_ends(request, result);
}

static void withdraw_all(struct file_ring *ring, int64_t result)
{
    for (hoop_link *link = ring->requests.next, *next; link != &ring->requests; link = next) {
        struct request *request = CONTAINER_OF(link, struct request, link);
        next = link->next;
        if (!is_taken(request))
            request_withdraw(request, result);
    }
}

/* Queues what ends the requests that are to be ended. An answer that is on its way comes all the
 * same. In between, no other request can have got the address: its answer is taken later. */
static void cancel_all_asked(struct file_ring *ring)
{
    ring->has_cancelled = false;
    for (hoop_link *link = ring->requests.next; link != &ring->requests; link = link->next) {
        struct request *request = CONTAINER_OF(link, struct request, link);
        if (!request->must_cancel)
            continue;
        struct io_uring_sqe *submission = get_submission(ring);
        if (submission == NULL) {
            ring->has_cancelled = true;
            return; /* next time */
        }
        io_uring_prep_cancel64(submission, (uintptr_t)request, 0);
        submission->user_data = NOBODY;
        request->must_cancel = false;
    }
}

/* ---- answers ---- */

/* How many. */
static unsigned take(struct file_ring *ring)
{
    unsigned head, count = 0;
    struct io_uring_cqe *completion;
    io_uring_for_each_cqe(&ring->ring, head, completion)
    {
        if (completion->user_data != NOBODY)
            request_ends((struct request *)(uintptr_t)completion->user_data, completion->res);
        count++;
    }
    io_uring_cq_advance(&ring->ring, count);
    return count;
}

/* Takes all answers, those too that the kernel keeps for want of room or has yet to work on: 0,
 * or an error if there may be more of these. When a thread ends that has handed something in, the
 * kernel may speak of work for ever. */
static int take_all(struct file_ring *ring)
{
    unsigned count;
    (void)take(ring);
    do {
        if (!sys_uring_has_work(&ring->ring))
            return 0;
        int rc = sys_uring_wait(&ring->ring, 0);
        count = take(ring);
        if (rc < 0)
            return rc;
    } while (count > 0);
    return 0;
}

static int hand_in(struct file_ring *ring)
{
    int rc = 1;
    while (io_uring_sq_ready(&ring->ring) > 0 && rc > 0)
        rc = sys_uring_submit(&ring->ring);
    return rc > 0 ? 0 : rc == 0 ? -EAGAIN : rc;
}

/* What the kernel refuses threads will do. Only cancellations must be tried again. */
static void node_run(hoop_ready *ready)
{
    struct file_ring *ring = CONTAINER_OF(ready, struct file_ring, node);
    cancel_all_asked(ring);
    int rc = hand_in(ring);
    if (rc < 0)
        withdraw_all(ring, -EOPNOTSUPP);
    if (take_all(ring) < 0)
        rc = -EAGAIN;
    if ((rc < 0 || ring->has_cancelled) && !list_is_empty(&ring->requests))
        hoop_ready_push(ring->loop, &ring->node);
}

/* The descriptor's edge comes with each answer, and for what TAKE_ALL leaves there is a turn. */
static void ring_notify(hoop_watch *watch, unsigned events)
{
    struct file_ring *ring = CONTAINER_OF(watch, struct file_ring, watch);
    hoop_watch_clear(watch, events);
    if (take_all(ring) < 0)
        hoop_ready_push(ring->loop, &ring->node);
}

/* ---- opening and closing ---- */

/* All have to be answered, as the buffers go. A cancellation may come too late or too early for
 * a request, so it is repeated. */
static void end_requests(struct file_ring *ring)
{
    withdraw_all(ring, -ECANCELED);
    while (!list_is_empty(&ring->requests)) {
        hoop_link *link = ring->requests.next;
        for (; link != &ring->requests; link = link->next)
            CONTAINER_OF(link, struct request, link)->must_cancel = true;
        cancel_all_asked(ring);
        (void)sys_uring_wait(&ring->ring, CLOSE_ROUND);
        (void)take(ring);
    }
}

static void local_close(hoop_local *base)
{
    struct file_ring *ring = CONTAINER_OF(base, struct file_ring, local);
    if (ring->is_usable) {
        ring->is_closing = true;
        hoop_watch_stop(ring->loop, &ring->watch);
        hoop_ready_remove(&ring->node);
        end_requests(ring);
        sys_uring_close(&ring->ring);
    }
    alloc_free(ring);
}

static bool are_threads_wished(void)
{
    const char *wish = getenv("HOOP_FILES");
    return wish != NULL && strcmp(wish, "threads") == 0;
}

static bool ring_open(struct file_ring *ring)
{
    if (are_threads_wished() || sys_uring_open(&ring->ring, ENTRIES) < 0)
        return false;
    list_init(&ring->requests);
    hoop_ready_init(&ring->node, node_run);
    hoop_watch_init(&ring->watch, ring_notify);
    int rc = hoop_watch_start(ring->loop, &ring->watch, ring->ring.ring_fd);
    if (rc < 0)
        sys_uring_close(&ring->ring);
    return rc == 0;
}

/* LOOP's, opened if it was not tried yet; NULL if there is none. */
static struct file_ring *ring_of(hoop_loop *loop)
{
    static const char key;
    hoop_local *base = hoop_local_find(loop, &key);
    struct file_ring *ring = base != NULL ? CONTAINER_OF(base, struct file_ring, local) : NULL;
    if (ring == NULL) {
        ring = alloc_zeroed(sizeof *ring);
        if (ring == NULL)
            return NULL;
        ring->local = (hoop_local){.key = &key, .close = local_close};
        ring->loop = loop;
        ring->is_virtual = loop->options.clock == HOOP_CLOCK_VIRTUAL;
        ring->is_usable = ring_open(ring);
        hoop_local_add(loop, &ring->local);
        loop->files = ring->is_usable ? "io_uring" : "threads";
    }
    return ring->is_usable ? ring : NULL;
}

/* ---- waiting ---- */

static void request_cancel(struct wait *wait)
{
    struct request *request = CONTAINER_OF(wait, struct request, wait);
    struct file_ring *ring = request->ring;
    request->is_cancelled = true;
    if (!is_taken(request)) {
        request_withdraw(request, -ECANCELED);
        return;
    }
    request->must_cancel = true;
    ring->has_cancelled = true;
    hoop_ready_push(ring->loop, &ring->node);
}

static const struct wait_kind ring_wait = {"waits for a file", request_cancel, NULL, NULL};

/* A request that ends without having been cancelled by its task was so because the thread that
 * handed it in has ended, or was interrupted: -EINTR. */
static int64_t run_once(struct file_ring *ring, const struct file_call *call)
{
    struct request request = {.ring = ring};
    if (request_queue(&request, call) < 0)
        return -EOPNOTSUPP;
    wait_init(&request.wait, &ring_wait);
    int64_t result = wait_park(&request.wait);
    if (result == -ECANCELED || result == -EINTR)
        return request.is_cancelled ? wait_failed(-ECANCELED) : -EINTR;
    if (result > 0 && call->operation == FILE_READ)
        sys_uring_wrote(call->buffer, (size_t)result);
    return result;
}

int64_t file_ring_run(const struct file_call *call)
{
    struct file_ring *ring = ring_of(hoop_running_loop());
    if (ring == NULL)
        return -EOPNOTSUPP;
    if (hoop_task_cancelling(turn.task) > 0) {
        wait_spend();
        return wait_failed(-ECANCELED);
    }
    int64_t result;
    do
        result = run_once(ring, call);
    while (result == -EINTR);
    return result;
}
