/* SPDX-License-Identifier: MIT
 *
 * Callbacks from other threads. They wait in a list under a lock, and the loop takes
 * the whole list at once.
 *
 * Who posts wakes the loop only if it sleeps. `sleeping` is read and written under the
 * same lock as the list, so either the loop sees the post before it sleeps, or the
 * poster sees that it sleeps: no wake-up is lost. The eventfd is edge-triggered and
 * never read; each write is a new edge.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/sys.h"
#include "loop/loop.h"
#include "loop/slow.h"

/* A list that grew beyond this is freed once it is empty. */
#define POSTS_KEPT 4096

static void post_list_done(struct post_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        context_unref(list->items[i].context);
    alloc_free(list->items);
    *list = (struct post_list){0};
}

static int post_list_append(struct post_list *list, struct post post)
{
    if (UNLIKELY(list->count == list->capacity)) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        struct post *items = alloc_array(list->items, capacity, sizeof *items);
        if (items == NULL)
            return -ENOMEM;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = post;
    return 0;
}

/* Gives the lock back, having told the loop if something CAME in. The signal is given under the
 * lock: once the loop has seen what came it may be closed and gone. */
static inline void announce(struct wake *wake, bool came)
{
    bool must_signal = came && wake->sleeping;
    if (came)
        atomic_store_explicit(&wake->pending, true, memory_order_release);
    if (must_signal) {
        wake->sleeping = false;
        sys_eventfd_signal(wake->fd);
    }
    spinlock_give(&wake->lock);
}

int(hoop_call_soon_threadsafe)(hoop_loop *loop, hoop_callback_fn fn, void *arg)
{
    if (loop == NULL || fn == NULL)
        return -EINVAL;
    if (loop == running_loop) { /* our own thread: in order with its other callbacks */
        hoop_handle handle = hoop_call_soon(loop, fn, arg);
        return handle < 0 ? (int)handle : 0;
    }
    struct wake *wake = &loop->wake;
    struct post post = {fn, arg, context_capture()};
    spinlock_take(&wake->lock);
    int rc = wake->closed ? HOOP_ECLOSED : post_list_append(&wake->incoming, post);
    announce(wake, rc == 0);
    if (rc < 0)
        context_unref(post.context);
    return rc;
}

int hoop_post_threadsafe(hoop_loop *loop, hoop_post *post)
{
    struct wake *wake = &loop->wake;
    spinlock_take(&wake->lock);
    bool is_open = !wake->closed;
    if (is_open)
        list_append(&wake->incoming_nodes, &post->link);
    announce(wake, is_open);
    return is_open ? 0 : HOOP_ECLOSED;
}

static void run_nodes(hoop_link *nodes, int status)
{
    for (hoop_link *link; (link = list_pop(nodes)) != NULL;) {
        hoop_post *post = CONTAINER_OF(link, hoop_post, link);
        post->run(post, status);
    }
}

/* Runs what was collected, in the order in which it was posted. */
static void run_posts(hoop_ready *ready)
{
    hoop_loop *loop = CONTAINER_OF(ready, hoop_loop, wake.ready);
    struct post_list *posts = &loop->wake.running;
    for (size_t i = 0; i < posts->count; i++) {
        struct post post = posts->items[i];
        loop_call(loop, post.context, post.fn, post.arg);
    }
    posts->count = 0;
    if (posts->capacity > POSTS_KEPT)
        post_list_done(posts);
    run_nodes(&loop->wake.running_nodes, 0);
}

void wake_return_posts(hoop_loop *loop)
{
    run_nodes(&loop->wake.running_nodes, HOOP_ECLOSED);
    run_nodes(&loop->wake.incoming_nodes, HOOP_ECLOSED);
}

void wake_collect(hoop_loop *loop)
{
    struct wake *wake = &loop->wake;
    if (!wake_is_pending(loop) || hoop_ready_is_queued(&wake->ready))
        return; /* nothing new, or the last lot has not run yet */
    spinlock_take(&wake->lock);
    struct post_list empty = wake->running;
    wake->running = wake->incoming;
    wake->incoming = empty;
    list_splice(&wake->running_nodes, &wake->incoming_nodes);
    atomic_store_explicit(&wake->pending, false, memory_order_relaxed);
    spinlock_give(&wake->lock);
    if (wake->running.count > 0 || !list_is_empty(&wake->running_nodes))
        hoop_ready_push(loop, &wake->ready);
}

bool wake_sleep(hoop_loop *loop)
{
    struct wake *wake = &loop->wake;
    spinlock_take(&wake->lock);
    wake->sleeping = wake->incoming.count == 0 && list_is_empty(&wake->incoming_nodes);
    bool may_sleep = wake->sleeping;
    spinlock_give(&wake->lock);
    return may_sleep;
}

void wake_resume(hoop_loop *loop)
{
    spinlock_take(&loop->wake.lock);
    loop->wake.sleeping = false;
    spinlock_give(&loop->wake.lock);
}

static void wake_notify(hoop_watch *watch, unsigned events)
{
    (void)watch;
    (void)events; /* having woken is all; the loop looks at its posts anyway */
}

/* Makes the descriptor, and watches it. 0 or an error, and wake->fd is -1. */
static int wake_open(hoop_loop *loop)
{
    struct wake *wake = &loop->wake;
    wake->fd = sys_eventfd();
    if (wake->fd < 0)
        return wake->fd;
    /* Not for writing as well, as hoop_watch_start would: that is an event at once. */
    wake->watch = (hoop_watch){
        .fd = wake->fd, .edge = true, .interest = HOOP_READABLE, .notify = wake_notify};
    int rc = loop->poller.ops->add(&loop->poller, &wake->watch);
    if (rc == 0)
        rc = poller_settle(&loop->poller);
    if (rc < 0) {
        sys_close(wake->fd);
        wake->fd = -1;
    }
    return rc;
}

int wake_init(hoop_loop *loop)
{
    struct wake *wake = &loop->wake;
    int rc = wake_open(loop);
    if (rc < 0)
        return rc;
    hoop_ready_init(&wake->ready, run_posts);
    list_init(&wake->incoming_nodes);
    list_init(&wake->running_nodes);
    wake->sleeping = true;
    return 0;
}

int wake_forked(hoop_loop *loop)
{
    atomic_store(&loop->wake.lock.taken, false); /* no other thread is left that could hold it */
    sys_close(loop->wake.fd);
    return wake_open(loop);
}

void wake_close(hoop_loop *loop)
{
    spinlock_take(&loop->wake.lock);
    loop->wake.closed = true;
    spinlock_give(&loop->wake.lock);
}

void wake_drop(hoop_loop *loop)
{
    struct wake *wake = &loop->wake;
    loop->poller.ops->remove(&loop->poller, &wake->watch);
    post_list_done(&wake->incoming);
    post_list_done(&wake->running);
}

void wake_done(hoop_loop *loop)
{
    sys_close(loop->wake.fd);
}
