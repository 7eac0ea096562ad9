/* SPDX-License-Identifier: MIT
 *
 * The event loop as a Python object: hoop._core.Loop, on which the package's Loop is built. Its
 * methods stand in the files of the concepts they belong to; each such file's header lists them
 * in a macro, and loop.c makes the type of these lists.
 *
 * All of it is called with the interpreter's lock held, in the loop's thread, unless it says
 * otherwise.
 */
#ifndef LOOP_H
#define LOOP_H

#include <hoop.h>
#include <hoop/embed.h>
#include <pthread.h>

#include "batch.h"
#include "module.h"
#include "signals.h"

typedef struct loop_object {
    PyObject_HEAD
    struct core_state *state; /* of the module; borrowed, the type keeps it */
    hoop_loop *core;          /* a reference (hoop_loop_ref), valid until the object ends */
    struct batch batch;       /* what is to be done */
    hoop_link timers;         /* timer_handle_object.pending: armed ones */
    bool closed;
    bool running;
    bool debug;
    double slow_callback_duration; /* seconds */
    PyObject *current;             /* debug mode: the owner of what runs now; borrowed */
    unsigned long thread;          /* that runs it; 0 while it does not run */
    PyThreadState *waiting;        /* this thread's, while the loop waits without the lock */
    int64_t lock_held_since;       /* nanoseconds: when the lock was taken the last time */
    unsigned batches_with_lock;    /* a count, to look at the clock now and then */
    PyObject *task_factory;        /* owned, or NULL */
    struct signals signals;

    /* The transports by descriptor: descriptors.c. */
    PyObject **transports; /* owned, with a reference to each; NULL where there is none */
    int transport_capacity;

    /* Coroutines of libhoop that Python awaits: spawn.c. */
    hoop_link spawned; /* spawned_object.running */
    hoop_local local;  /* how the core's loop knows this one */

    /* What the program does the I/O on, by descriptor: readers.c. */
    struct readers_entry **readers; /* owned; NULL where nothing was ever watched */
    int reader_capacity;

    /* What other threads scheduled: threadsafe.c. */
    pthread_mutex_t incoming_lock;
    hoop_link incoming;        /* work.link; under the lock */
    hoop_post post;            /* brings it in; under the lock */
    bool is_posted;            /* under the lock */
    pthread_cond_t call_ended; /* with the lock: thread_safe_handle_object.runner is 0 again */
} loop_object;

extern PyType_Spec loop_spec;

static inline loop_object *loop_of_batch(hoop_ready *ready)
{
    return (loop_object *)(void *)((char *)ready - offsetof(loop_object, batch.ready));
}

/* 0, or -1 with RuntimeError("Event loop is closed"). */
int loop_check_closed(loop_object *loop);
/* 0, or -1 with asyncio's RuntimeError: debug mode only, the loop runs in another thread. */
int loop_check_thread(loop_object *loop);
/* CALLBACK may be scheduled by METHOD: debug mode only. -1 with asyncio's TypeError for a coroutine, a
 * coroutine function, or what cannot be called. */
int loop_check_callback(PyObject *callback, const char *method);

/* An exception for the error code RC of libhoop: OSError for an errno, MemoryError, RuntimeError.
 * Returns NULL. */
PyObject *raise_result(int64_t rc);

#endif
