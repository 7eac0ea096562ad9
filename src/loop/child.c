/* SPDX-License-Identifier: MIT
 *
 * See child.h.
 */
#include "loop/child.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "base/sys_process.h"
#include "loop/loop.h"

/* All children of a loop that were not reaped. */
struct children {
    hoop_local local;
    hoop_link list; /* child.link */
};

struct child {
    hoop_loop *loop;
    hoop_link link; /* on children.list until it is reaped */
    child_ended_fn *ended;
    void *owner;
    int pid;
    int pidfd;        /* -1: a thread waits for it */
    int status;       /* HOOP_EPENDING from its beginning until it is reaped */
    bool is_released; /* nobody owns it: it is freed when it is reaped */
    bool is_detached; /* and nobody is to kill it */
    hoop_watch watch; /* of pidfd */

    pthread_t thread; /* without a pidfd: blocks until the end, and then posts */
    hoop_post post;
    bool has_posted;     /* and that came back, as the loop is being closed */
    atomic_bool is_left; /* the loop is gone and the thread runs, or the other way round: who
                            comes second frees the child */
};

static const char key;

/* ---- its end ---- */

static void stop_watching(struct child *child)
{
    if (child->pidfd < 0)
        return;
    hoop_watch_stop(child->loop, &child->watch);
    sys_close(child->pidfd);
    child->pidfd = -1;
}

/* Nobody but its owner needs it any more. */
static void child_settle(struct child *child, int status)
{
    child->status = status;
    list_remove(&child->link);
    stop_watching(child);
    if (child->is_released)
        alloc_free(child);
}

/* Reaps it if it has ended. */
static void child_look(struct child *child)
{
    int status = sys_process_reap(child->pid, child->pidfd, false);
    if (status == -EAGAIN)
        return;
    child_ended_fn *ended = child->is_released ? NULL : child->ended;
    void *owner = child->owner;
    child_settle(child, status);
    if (ended != NULL)
        ended(owner);
}

static void child_notify(hoop_watch *watch, unsigned events)
{
    hoop_watch_clear(watch, events);
    if (events & HOOP_READABLE)
        child_look(CONTAINER_OF(watch, struct child, watch));
}

/* ---- without a pidfd ---- */

/* In the loop's thread. */
static void thread_has_posted(hoop_post *post, int status)
{
    struct child *child = CONTAINER_OF(post, struct child, post);
    child->has_posted = true;
    if (status < 0)
        return; /* children_close does the rest */
    pthread_join(child->thread, NULL);
    child_look(child);
}

/* A child's thread. The loop may go while it waits, if the child is detached. */
static void *wait_for_end(void *arg)
{
    struct child *child = arg;
    hoop_loop *loop = child->loop;
    sys_thread_name("hoop-child");
    sys_process_await(child->pid);
    if (hoop_post_threadsafe(loop, &child->post) < 0 && atomic_exchange(&child->is_left, true))
        alloc_free(child); /* nobody reaps it here who would not have with a pidfd */
    hoop_loop_unref(loop);
    return NULL;
}

static int start_thread(struct child *child)
{
    child->post.run = thread_has_posted;
    hoop_loop_ref(child->loop);
    int rc = sys_thread_start(&child->thread, wait_for_end, child);
    if (rc < 0)
        hoop_loop_unref(child->loop);
    return rc;
}

/* ---- the end of the loop ---- */

static void child_drop(struct child *child)
{
    (void)sys_process_reap(child->pid, child->pidfd, false);
    stop_watching(child);
    alloc_free(child);
}

/* Lets go of a child that may run on. */
static void child_leave(struct child *child)
{
    list_remove(&child->link);
    if (child->pidfd >= 0) {
        child_drop(child);
        return;
    }
    pthread_detach(child->thread);
    if (child->has_posted || atomic_exchange(&child->is_left, true))
        child_drop(child);
}

/* Waits for the end of a child that was killed. */
static void child_bury(struct child *child)
{
    if (child->pidfd < 0)
        pthread_join(child->thread, NULL);
    child_settle(child, sys_process_reap(child->pid, child->pidfd, true));
}

static void children_close(hoop_local *local)
{
    struct children *children = CONTAINER_OF(local, struct children, local);
    hoop_link *list = &children->list;
    for (hoop_link *link = list->next; link != list; link = link->next) {
        const struct child *child = CONTAINER_OF(link, struct child, link);
        if (!child->is_detached)
            sys_process_kill(child->pid, child->pidfd);
    }
    while (!list_is_empty(list)) {
        struct child *child = CONTAINER_OF(list->next, struct child, link);
        if (child->is_detached)
            child_leave(child);
        else
            child_bury(child);
    }
    alloc_free(children);
}

/* ---- the beginning ---- */

static struct children *children_of(hoop_loop *loop)
{
    hoop_local *local = hoop_local_find(loop, &key);
    if (local != NULL)
        return CONTAINER_OF(local, struct children, local);
    struct children *children = alloc_zeroed(sizeof *children);
    if (children == NULL)
        return NULL;
    children->local = (hoop_local){.key = &key, .close = children_close};
    list_init(&children->list);
    hoop_local_add(loop, &children->local);
    return children;
}

struct child *child_new(hoop_loop *loop, child_ended_fn *ended, void *owner)
{
    if (children_of(loop) == NULL)
        return NULL;
    struct child *child = alloc_zeroed(sizeof *child);
    if (child == NULL)
        return NULL;
    child->loop = loop;
    child->ended = ended;
    child->owner = owner;
    child->pid = child->pidfd = -1;
    child->status = -ECHILD;
    list_init(&child->link);
    hoop_watch_init(&child->watch, child_notify);
    return child;
}

/* 0, or an error: there is no pidfd to be had. */
static int start_watching(struct child *child)
{
    int fd = sys_pidfd_open(child->pid);
    int rc = fd < 0 ? fd : hoop_watch_start(child->loop, &child->watch, fd);
    if (rc == 0)
        child->pidfd = fd;
    else if (fd >= 0)
        sys_close(fd);
    return rc;
}

int child_begin(struct child *child, int pid)
{
    child->pid = pid;
    int rc = start_watching(child);
    if (rc == -ESRCH)
        return 0; /* it has ended, and SIGCHLD is ignored: the kernel has reaped it */
    if (rc < 0)
        rc = start_thread(child);
    if (rc < 0) {
        sys_process_kill(pid, -1);
        (void)sys_process_reap(pid, -1, true);
        return rc;
    }
    child->status = HOOP_EPENDING;
    list_append(&children_of(child->loop)->list, &child->link);
    return 0;
}

/* ---- for its owner ---- */

int child_pid(const struct child *child)
{
    return child->pid;
}

int child_status(const struct child *child)
{
    return child->status;
}

int child_signal(const struct child *child, int signal)
{
    if (child->status != HOOP_EPENDING)
        return -ESRCH;
    return sys_process_signal(child->pid, child->pidfd, signal);
}

void child_release(struct child *child, bool kill)
{
    if (child->status != HOOP_EPENDING) {
        alloc_free(child);
        return;
    }
    child->is_released = true;
    child->is_detached = !kill;
    if (kill)
        sys_process_kill(child->pid, child->pidfd);
}
