/* SPDX-License-Identifier: MIT
 *
 * What the loop has to do with the interpreter's lock held: a queue of `struct work`, intrusive
 * like hoop_ready, which in addition keeps the owners alive and lets an exception out.
 *
 * The order is asyncio's: a batch is what was queued when it began; what comes meanwhile waits
 * for the next iteration. The whole batch is one hoop_ready of the core's loop. An exception that
 * must not be swallowed (SystemExit, KeyboardInterrupt) ends the run at once; what is left of the
 * batch stays in front, for the next run.
 */
#ifndef BATCH_H
#define BATCH_H

#include <hoop/embed.h>

#include "module.h"

struct loop_object;

/* Something to do, part of its OWNER. Queued at most once. */
struct work {
    hoop_link link;  /* on batch.queued or batch.running while queued */
    PyObject *owner; /* borrowed; the queue holds a reference */
    /* Called off the queue. 0, or -1 with an exception that is to end the run: hand all others to
     * report_exception. Anything may have happened to the owner but its end. */
    int (*run)(struct work *work);
};

static inline struct work *work_of(hoop_link *link)
{
    return (struct work *)(void *)((char *)link - offsetof(struct work, link));
}

struct batch {
    hoop_link queued;  /* work.link */
    hoop_link running; /* the rest of the batch that is being run */
    hoop_ready ready;  /* on the core's queue iff something is queued */
    PyObject *raised;  /* the exception that ends the run, or NULL */
};

void work_init(struct work *work, PyObject *owner, int (*run)(struct work *work));
bool work_is_queued(const struct work *work);
/* Nothing happens if it is queued. From the loop's thread, or while the loop does not run. May be
 * called from hoop_watch.notify and hoop_timer.expire. */
void work_push(struct loop_object *loop, struct work *work);
/* Takes it off the queue; may drop the last reference to the owner. */
void work_remove(struct work *work);

void batch_init(struct loop_object *loop);
int batch_traverse(struct loop_object *loop, visitproc visit, void *arg);
/* Drops all that is queued, unrun. */
void batch_clear(struct loop_object *loop);

/* A run begins: what an exception left over is to be run. */
void batch_resume(struct loop_object *loop);

/* The pending exception is to end the run: it is kept until run.c raises it out of run_forever. */
void loop_raise(struct loop_object *loop);

#endif
