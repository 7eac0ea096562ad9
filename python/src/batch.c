/* SPDX-License-Identifier: MIT
 *
 * The queue of what is to be done with the interpreter's lock held.
 */
#include "batch.h"

#include "link.h"
#include "loop.h"
#include "report.h"

enum {
    LOCK_TURN_NS = 5000000, /* the interpreter's own switch interval */
    BATCHES_TO_LOOK = 16,
};

/* ---- single pieces of work ---- */

void work_init(struct work *work, PyObject *owner, int (*run)(struct work *work))
{
    link_init(&work->link);
    work->owner = owner;
    work->run = run;
}

bool work_is_queued(const struct work *work)
{
    return !link_is_alone(&work->link);
}

void work_push(loop_object *loop, struct work *work)
{
    if (work_is_queued(work))
        return;
    Py_INCREF(work->owner);
    link_append(&loop->batch.queued, &work->link);
    hoop_ready_push(loop->core, &loop->batch.ready);
}

void work_remove(struct work *work)
{
    if (!work_is_queued(work))
        return;
    link_remove(&work->link);
    Py_DECREF(work->owner);
}

/* ---- the batch ---- */

void loop_raise(loop_object *loop)
{
    if (loop->batch.raised == NULL)
        loop->batch.raised = PyErr_GetRaisedException();
    else
        PyErr_Clear(); /* the first one counts: the run is ending already */
    hoop_stop(loop->core);
}

/* Debug mode. The caller has a reference to the owner. */
static int work_run_timed(loop_object *loop, struct work *work)
{
    int64_t start = hoop_time_ns(loop->core);
    loop->current = work->owner;
    int rc = work->run(work);
    loop->current = NULL;
    double seconds = (double)(hoop_time_ns(loop->core) - start) / 1e9;
    if (rc == 0 && seconds >= loop->slow_callback_duration)
        rc = report_slow(work->owner, seconds);
    return rc;
}

/* A loop that never waits would keep the lock from other threads as long as its callbacks are
 * not Python code, which gives way by itself. */
static void offer_lock(loop_object *loop)
{
    if (++loop->batches_with_lock % BATCHES_TO_LOOK != 0)
        return;
    int64_t now = hoop_time_ns(loop->core);
    if (now - loop->lock_held_since < LOCK_TURN_NS)
        return;
    PyThreadState *thread = PyEval_SaveThread();
    PyEval_RestoreThread(thread);
    loop->lock_held_since = now;
}

static void batch_run(hoop_ready *ready)
{
    loop_object *loop = loop_of_batch(ready);
    struct batch *batch = &loop->batch;
    if (batch->raised != NULL)
        return; /* the run is ending; the next one pushes this again */
    link_prepend_all(&batch->running, &batch->queued);
    while (!link_is_alone(&batch->running)) {
        struct work *work = work_of(batch->running.next);
        PyObject *owner = work->owner; /* the queue's reference is ours now */
        link_remove(&work->link);
        int rc = loop->debug ? work_run_timed(loop, work) : work->run(work);
        Py_DECREF(owner); /* may run a program's code */
        if (rc < 0) {
            loop_raise(loop);
            break;
        }
    }
    link_prepend_all(&batch->queued, &batch->running);
    batch_resume(loop);
    offer_lock(loop);
}

void batch_resume(loop_object *loop)
{
    if (!link_is_alone(&loop->batch.queued))
        hoop_ready_push(loop->core, &loop->batch.ready);
}

void batch_init(loop_object *loop)
{
    link_init(&loop->batch.queued);
    link_init(&loop->batch.running);
    hoop_ready_init(&loop->batch.ready, batch_run);
}

static int list_traverse(hoop_link *list, visitproc visit, void *arg)
{
    for (hoop_link *link = list->next; link != list; link = link->next)
        Py_VISIT(work_of(link)->owner);
    return 0;
}

int batch_traverse(loop_object *loop, visitproc visit, void *arg)
{
    int rc = list_traverse(&loop->batch.queued, visit, arg);
    if (rc == 0)
        rc = list_traverse(&loop->batch.running, visit, arg);
    Py_VISIT(loop->batch.raised);
    return rc;
}

void batch_clear(loop_object *loop)
{
    hoop_ready_remove(&loop->batch.ready);
    /* The end of an owner may run a program's code, which may queue more or remove the next. */
    while (!link_is_alone(&loop->batch.queued))
        work_remove(work_of(loop->batch.queued.next));
    while (!link_is_alone(&loop->batch.running))
        work_remove(work_of(loop->batch.running.next));
    Py_CLEAR(loop->batch.raised);
}
