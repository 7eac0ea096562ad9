/* SPDX-License-Identifier: MIT
 *
 * Work from other threads. The list has a lock of its own, so that it does not depend on the
 * interpreter's; one post a time is under way, however long the list.
 */
#include "threadsafe.h"

#include "link.h"

static loop_object *loop_of_post(hoop_post *post)
{
    return (loop_object *)(void *)((char *)post - offsetof(loop_object, post));
}

/* Takes all that has come: the list's references are the caller's. */
static void take_incoming(loop_object *loop, hoop_link *taken)
{
    link_init(taken);
    pthread_mutex_lock(&loop->incoming_lock);
    link_prepend_all(taken, &loop->incoming);
    pthread_mutex_unlock(&loop->incoming_lock);
}

void threadsafe_take(loop_object *loop)
{
    hoop_link taken;
    take_incoming(loop, &taken);
    while (!link_is_alone(&taken)) {
        struct work *work = work_of(taken.next);
        link_remove(&work->link);
        work_push(loop, work);
        Py_DECREF(work->owner); /* the queue has its own */
    }
}

/* STATUS is an error when the loop is being closed: threadsafe_clear drops what came. */
static void post_run(hoop_post *post, int status)
{
    loop_object *loop = loop_of_post(post);
    pthread_mutex_lock(&loop->incoming_lock);
    loop->is_posted = false;
    pthread_mutex_unlock(&loop->incoming_lock);
    if (status == 0)
        threadsafe_take(loop);
}

int threadsafe_init(loop_object *loop)
{
    link_init(&loop->incoming);
    link_init(&loop->post.link);
    loop->post.run = post_run;
    int rc = pthread_mutex_init(&loop->incoming_lock, NULL);
    if (rc == 0 && (rc = pthread_cond_init(&loop->call_ended, NULL)) != 0)
        pthread_mutex_destroy(&loop->incoming_lock);
    if (rc != 0)
        (void)raise_result(-rc);
    return rc == 0 ? 0 : -1;
}

int threadsafe_push(loop_object *loop, struct work *work)
{
    /* From the loop's own thread the order is that of call_soon. */
    if (loop->thread == PyThread_get_thread_ident()) {
        work_push(loop, work);
        return 0;
    }
    Py_INCREF(work->owner);
    pthread_mutex_lock(&loop->incoming_lock);
    link_append(&loop->incoming, &work->link);
    int rc = loop->is_posted ? 0 : hoop_post_threadsafe(loop->core, &loop->post);
    if (rc == 0)
        loop->is_posted = true;
    else
        link_remove(&work->link);
    pthread_mutex_unlock(&loop->incoming_lock);
    if (rc == 0)
        return 0;
    Py_DECREF(work->owner);
    PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
    return -1;
}

int threadsafe_traverse(loop_object *loop, visitproc visit, void *arg)
{
    for (hoop_link *link = loop->incoming.next; link != &loop->incoming; link = link->next)
        Py_VISIT(work_of(link)->owner);
    return 0;
}

void threadsafe_clear(loop_object *loop)
{
    hoop_link taken;
    take_incoming(loop, &taken);
    while (!link_is_alone(&taken))
        work_remove(work_of(taken.next));
}

void threadsafe_done(loop_object *loop)
{
    pthread_cond_destroy(&loop->call_ended);
    pthread_mutex_destroy(&loop->incoming_lock);
}
