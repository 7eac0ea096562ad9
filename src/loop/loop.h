/* SPDX-License-Identifier: MIT
 *
 * The loop's own struct, and what its files ask of each other. The layers above use
 * this header too, but only the parts that say so.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <hoop/embed.h>
#include <hoop/error.h>
#include <hoop/loop.h>
#include <hoop/testing.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/check.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/lookout.h"
#include "base/spinlock.h"
#include "loop/poller.h"

/* One posted callback (wake.c). */
struct post {
    hoop_callback_fn fn;
    void *arg;
    hoop_context *context; /* a reference, or NULL */
};

struct post_list {
    struct post *items;
    size_t count;
    size_t capacity;
};

#define CACHE_LINE 64

/* What other threads may touch, under the lock alone but for `pending`. It shares no cache
 * line with what the loop touches all the time. */
struct wake {
    char distance_before[CACHE_LINE];
    struct spinlock lock;
    struct post_list incoming; /* newest last */
    hoop_link incoming_nodes;  /* hoop_post.link, newest last */
    bool sleeping;             /* the loop waits, or is not running: the next post signals */
    bool closed;
    atomic_bool pending; /* something came in; a hint that needs no lock */
    int fd;              /* eventfd, edge-triggered, never read */
    char distance_after[CACHE_LINE];
    hoop_watch watch;         /* of fd; the wake-up is all it does */
    struct post_list running; /* the loop thread's: taken from incoming, being run */
    hoop_link running_nodes;
    hoop_ready ready; /* runs them */
};

struct handle; /* ready.c: a scheduled callback */

/* Handles live in chunks that never move; a slot's number and generation make the
 * hoop_handle that names it. */
struct handle_pool {
    struct handle **chunks;
    size_t chunk_count;
    size_t chunk_capacity;
    struct handle *free; /* linked through next_free */
};

struct watchdog; /* watchdog.c */

struct signal_hub; /* signal.c */

struct fd_callbacks; /* watch.c: the reader and writer of one descriptor */

/* What the task layer hangs on a loop; the loop knows no more of it than this. */
struct loop_extension {
    void (*run_begins)(struct loop_extension *extension); /* in the loop's thread */
    void (*close)(struct loop_extension *extension);      /* ends and frees it */
    /* Writes what runs now, "task 'x' #7", or nothing if it knows of nothing. Called in a
     * signal handler, in the loop's thread. */
    void (*describe)(const struct loop_extension *extension, char *buffer, size_t size);
    /* Nodes with this `run` may be run in another order than they came: tasks. */
    void (*reorderable)(hoop_ready *ready);
};

struct hoop_loop {
    /* -- one iteration -- */
    hoop_link queues[2];
    hoop_link *ready; /* the queue of what runs in the next batch */
    hoop_link *batch; /* the other one: what is left of the running batch */
    struct heap timers;
    int64_t now;   /* the clock when it was last read */
    bool stopping; /* leave after this iteration */
    bool single;   /* run one iteration only */
    bool running;
    bool closed;
    bool debug;
    unsigned look_interval;     /* iterations between two looks at the clock while work is ready */
    unsigned looks_skipped;     /* since the last look */
    int64_t last_look;          /* real time then */
    int64_t last_poll;          /* real time of the last poll; 0: the next look polls */
    atomic_uint_fast64_t steps; /* callbacks and steps of tasks so far; the watchdog reads it */
    uint64_t iterations;
    uint64_t polls;

    struct poller poller;
    struct wake wake;
    struct handle_pool handles;
    struct signal_hub *signals;        /* owned; NULL until somebody listens to signals */
    struct fd_callbacks **descriptors; /* by number; NULL where nobody watches */
    size_t descriptor_capacity;

    unsigned outside_work;  /* hoop_work_begins without their end */
    struct lookout lookout; /* for their posts, before sleeping */
    atomic_bool waiting;    /* asleep in the poller, or not running; the watchdog reads it */

    hoop_choose_fn choose; /* a simulation: decides who is next; NULL: first come, first served */
    void *choose_arg;
    uint64_t random; /* the state of a seeded simulation */

    struct loop_extension *extension; /* owned; NULL until the first task */
    const char *files;                /* how io reads them; NULL until that is known */
    hoop_link locals;                 /* hoop_local.link, newest first */
    hoop_loop_options options;        /* as they were given; for the layers above as well */
    int64_t virtual_now;              /* the virtual clock */
    pthread_t thread;                 /* valid while running */
    atomic_int thread_id;             /* the kernel's number of it; the watchdog reads it */
    struct watchdog *watchdog;        /* owned, or NULL */
    double slow_callback_duration;

    hoop_exception_fn exception_handler; /* NULL: the default one */
    void *exception_arg;
    void (*before_wait)(void *arg);
    void (*after_wait)(void *arg);
    void *wait_arg;

    atomic_size_t references;
};

/* The loop that runs in this thread. For the layers above as well. */
extern _Thread_local hoop_loop *running_loop;

/* 0, or the error for using LOOP here and now in FUNCTION, which a program has called:
 * closed, NULL, or in debug mode from the wrong thread. For the layers above as well. */
static inline int loop_check(const hoop_loop *loop, const char *function);
int loop_check_closely(const hoop_loop *loop, const char *function);

static inline int loop_check(const hoop_loop *loop, const char *function)
{
    if (LIKELY(loop != NULL && !loop->closed && !loop->debug))
        return 0;
    return loop_check_closely(loop, function);
}

/* 0, or HOOP_ETHREAD: in debug mode FUNCTION complains if LOOP runs in another thread. For the
 * layers above as well. */
int loop_check_thread_closely(const hoop_loop *loop, const char *function);

static inline int loop_check_thread(const hoop_loop *loop, const char *function)
{
    return LIKELY(!loop->debug) ? 0 : loop_check_thread_closely(loop, function);
}

/* 0, or why FUNCTION cannot run LOOP in this thread now. For the layer above as well. */
int loop_check_run(const hoop_loop *loop, const char *function);

/* The node that is next to run, left on its queue: of this batch, or of the next one if
 * the loop has nothing to collect in between; NULL if it has. For the layer above, which
 * goes from task to task without returning to the loop. */
static inline hoop_ready *loop_next_ready(hoop_loop *loop);
/* Its slower half: begins the next batch if nothing stands against it. */
bool loop_begin_next_batch(hoop_loop *loop);

/* hoop_ready_push for a node that is on no queue. For the layer above as well. */
static inline void loop_push(hoop_loop *loop, hoop_ready *ready)
{
    list_append(loop->ready, &ready->link);
}

static inline hoop_ready *loop_next_ready(hoop_loop *loop)
{
    if (UNLIKELY(loop->debug)) /* each step is timed, in task_run */
        return NULL;
    if (UNLIKELY(list_is_empty(loop->batch)) && !loop_begin_next_batch(loop))
        return NULL;
    return CONTAINER_OF(loop->batch->next, hoop_ready, link);
}

/* While work is ready the kernel is asked only now and then: a poll costs as much as ten
 * task switches. Even the clock is read only every so many iterations, adapted so that the
 * work between two looks takes about this long (docs/decisions/0005-polling.md). */
#define POLL_TARGET_NS 30000
#define LOOK_INTERVAL_MAX 64

/* Makes the next iteration read the clock and ask the kernel. */
static inline void loop_poll_soon(hoop_loop *loop)
{
    loop->looks_skipped = LOOK_INTERVAL_MAX;
    loop->last_poll = 0;
}

/* Hangs EXTENSION on the loop, which has none. For the layer above. */
void loop_extend(hoop_loop *loop, struct loop_extension *extension);

/* The nanosecond deadline for a delay in seconds, with the rules of hoop_call_later; a
 * negative error for a delay that is none. For the layers above as well. */
int64_t loop_deadline(hoop_loop *loop, double delay);

/* Counts a step: something of the program's is about to run. For the layer above as well. */
static inline void loop_count_step(hoop_loop *loop)
{
    uint_fast64_t steps = atomic_load_explicit(&loop->steps, memory_order_relaxed);
    atomic_store_explicit(&loop->steps, steps + 1, memory_order_relaxed);
}

/* ready.c */
void handle_pool_done(hoop_loop *loop);

/* wake.c */
int wake_init(hoop_loop *loop);
/* In the child of a fork: the descriptor was the parent's. Posts stay. 0 or an error. */
int wake_forked(hoop_loop *loop);
/* Refuses posts from now on; drops those that are there; and closes the descriptor, once
 * nobody can be about to signal it. */
void wake_close(hoop_loop *loop);
void wake_drop(hoop_loop *loop);
/* Hands what was posted as hoop_post back to its owners. */
void wake_return_posts(hoop_loop *loop);
void wake_done(hoop_loop *loop);
/* Moves what other threads posted, if anything, to the ready queue. */
void wake_collect(hoop_loop *loop);
/* Says that the loop will not look at its posts until it is woken. False if there are
 * some already: do not wait. */
bool wake_sleep(hoop_loop *loop);
void wake_resume(hoop_loop *loop);

static inline bool wake_is_pending(const hoop_loop *loop)
{
    return atomic_load_explicit(&loop->wake.pending, memory_order_acquire);
}

/* watch.c */
/* Does hoop_add_reader (HOOP_READABLE) or hoop_add_writer (HOOP_WRITABLE) watch FD? For the
 * layers above. */
bool descriptor_is_watched(const hoop_loop *loop, int fd, unsigned direction);
/* hoop_remove_reader or _writer, also while the loop is being closed. For the layers above. */
int descriptor_remove(hoop_loop *loop, int fd, unsigned direction);
void descriptors_done(hoop_loop *loop);

/* simulate.c */
/* Begins a simulation if the options have a seed. */
void simulation_init(hoop_loop *loop);
/* Puts the tasks of the batch into the order that is chosen. */
void simulation_reorder(hoop_loop *loop);
/* How many awaits without suspension a task may make in a step: USUAL, or in a seeded
 * simulation a few. For the layer above. */
unsigned simulation_budget(hoop_loop *loop, unsigned usual);

/* watchdog.c */
/* Is that a time to watch with? */
bool watchdog_accepts(double seconds);
int watchdog_start_from_environment(hoop_loop *loop);
/* In the child of a fork, where its thread does not go on. */
void watchdog_forget(hoop_loop *loop);

/* timer.c */
/* Runs `expire` of each timer that is due at loop->now. */
void timers_expire(hoop_loop *loop);

#endif
