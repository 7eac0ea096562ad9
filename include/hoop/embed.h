/* SPDX-License-Identifier: MIT
 *
 * For those who build on the loop: another language's binding, a protocol library.
 * Programs do not need this header.
 *
 * These are the loop's own moving parts. They are intrusive: the node lives inside
 * the embedder's struct, nothing is allocated, and the embedder must keep it alive
 * and in place until it is removed. Everything is to be called from the loop's
 * thread. Fields may be read by their embedder, and are written by the loop.
 */
#ifndef HOOP_EMBED_H
#define HOOP_EMBED_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A place in a circular doubly linked list; alone, it points to itself. */
typedef struct hoop_link {
    struct hoop_link *prev, *next;
} hoop_link;

/* ---- work that is ready --------------------------------------------------- */

/* Something to run in the next iteration. Initialise with hoop_ready_init; RUN is
 * called with the node off the queue, so it may queue or free it. */
typedef struct hoop_ready {
    hoop_link link; /* on the loop's queue while it waits to run */
    void (*run)(struct hoop_ready *ready);
} hoop_ready;

HOOP_API void hoop_ready_init(hoop_ready *ready, void (*run)(hoop_ready *ready));
/* Puts it at the end of the queue; nothing happens if it is on it already. */
HOOP_API void hoop_ready_push(hoop_loop *loop, hoop_ready *ready);
/* Takes it off the queue if it is there. */
HOOP_API void hoop_ready_remove(hoop_ready *ready);
HOOP_API bool hoop_ready_is_queued(const hoop_ready *ready);

/* ---- from other threads --------------------------------------------------- */

/* A call into the loop's thread that needs no memory, for those who cannot fail: the result
 * of a job, say. RUN is called once, off the list, so it may free the post: with 0 in the
 * loop's thread, or by hoop_close with HOOP_ECLOSED if the loop is closed before that. */
typedef struct hoop_post {
    hoop_link link; /* under the loop's lock */
    void (*run)(struct hoop_post *post, int status);
} hoop_post;

/* Callable from any thread; wakes the loop. POST must not be posted already. Posts run in the
 * order in which they were made, but unordered with hoop_call_soon_threadsafe. 0, or
 * HOOP_ECLOSED and RUN will not be called. */
HOOP_API HOOP_MUST_CHECK int hoop_post_threadsafe(hoop_loop *loop, hoop_post *post);

/* Other threads work for the loop, and will post to it: while that is so, the virtual clock
 * does not jump, and a loop with nothing to do looks out for posts for some microseconds
 * before it sleeps. Each begin needs its end. */
HOOP_API void hoop_work_begins(hoop_loop *loop);
HOOP_API void hoop_work_ends(hoop_loop *loop);

/* ---- what a library keeps for each loop ----------------------------------- */

/* Something that goes with the loop, found by KEY, an address that only its library has. */
typedef struct hoop_local {
    hoop_link link;
    const void *key;
    /* A runner is about to close the loop: called in a task of it, may suspend. May be NULL. */
    void (*shutdown)(struct hoop_local *local);
    /* The loop is being closed: nothing of it runs any more, posts are refused and those that
     * were made have been returned, but its tasks' frames are still there. Called last added
     * first; must see to it that no other thread uses such a frame or the loop from here on,
     * and free the local. */
    void (*close)(struct hoop_local *local);
} hoop_local;

HOOP_API hoop_local *hoop_local_find(const hoop_loop *loop, const void *key);
/* LOOP must not be closed. */
HOOP_API void hoop_local_add(hoop_loop *loop, hoop_local *local);

/* ---- timers --------------------------------------------------------------- */

/* EXPIRE is called when the deadline has passed, with the timer disarmed, while the
 * loop collects what is ready: it may push ready nodes and start or stop timers, but
 * must not run a program's code. A timer that is started here waits for the next
 * iteration, whatever its deadline. */
typedef struct hoop_timer {
    int64_t deadline;  /* nanoseconds of the loop's clock */
    uint64_t sequence; /* breaks ties: timers with equal deadlines fire as they were set */
    void (*expire)(struct hoop_timer *timer);
    size_t position; /* 1-based place in the heap, 0 while disarmed */
} hoop_timer;

HOOP_API void hoop_timer_init(hoop_timer *timer, void (*expire)(hoop_timer *timer));
/* Arms the timer for DEADLINE (INT64_MAX: never). It must not be armed. 0, -ENOMEM, or
 * HOOP_ECLOSED. */
HOOP_API HOOP_MUST_CHECK int hoop_timer_start(hoop_loop *loop, hoop_timer *timer, int64_t deadline);
/* Disarms it if it is armed. */
HOOP_API void hoop_timer_stop(hoop_loop *loop, hoop_timer *timer);
/* Nanoseconds of the loop's clock. */
HOOP_API int64_t hoop_time_ns(const hoop_loop *loop);

/* ---- readiness of file descriptors ---------------------------------------- */

enum {
    HOOP_READABLE = 1, /* reading will not block: data, end of file, or an error */
    HOOP_WRITABLE = 2, /* writing will not block: room, or an error */
    HOOP_HANGUP = 4,   /* the other end has hung up, or there is an error: comes with the flags
                          above. While it is up a short count does not mean that nothing is left
                          to read: no further event will tell of the end */
};

/* A descriptor that is registered once, edge-triggered, for as long as it is used.
 * READY remembers what the kernel announced: while a flag is up, make the syscall
 * without asking; on EAGAIN, or on a short count while HOOP_HANGUP is down, take the flag
 * down with hoop_watch_clear, and NOTIFY tells when it is up again. NOTIFY is bound by the rule
 * of EXPIRE above. */
typedef struct hoop_watch {
    int fd;            /* -1 while not started */
    unsigned ready;    /* HOOP_READABLE | HOOP_WRITABLE | HOOP_HANGUP */
    bool edge;         /* edge-triggered, as hoop_watch_start makes it */
    unsigned interest; /* what the poller was asked for; for an edge-triggered one both */
    void (*notify)(struct hoop_watch *watch, unsigned events);
} hoop_watch;

HOOP_API void hoop_watch_init(hoop_watch *watch, void (*notify)(hoop_watch *, unsigned events));
/* 0, -EPERM (a regular file), -EBADF, -EEXIST (the loop watches it already), -ENOMEM,
 * -ENOSPC, HOOP_ECLOSED. */
HOOP_API HOOP_MUST_CHECK int hoop_watch_start(hoop_loop *loop, hoop_watch *watch, int fd);
HOOP_API void hoop_watch_clear(hoop_watch *watch, unsigned flags);
/* The same, but level-triggered, for descriptors on which others do the I/O: NOTIFY is called at
 * each poll that finds FD ready for what INTEREST names (HOOP_READABLE | HOOP_WRITABLE), and
 * takes the flags down itself. hoop_watch_change sets another interest; its errors leave the old
 * one in force. */
HOOP_API HOOP_MUST_CHECK int hoop_watch_start_level(hoop_loop *loop, hoop_watch *watch, int fd,
                                                    unsigned interest);
HOOP_API HOOP_MUST_CHECK int hoop_watch_change(hoop_loop *loop, hoop_watch *watch,
                                               unsigned interest);
/* Before the descriptor is closed. Safe at any moment, inside of NOTIFY too. */
HOOP_API void hoop_watch_stop(hoop_loop *loop, hoop_watch *watch);

/* ---- stacks --------------------------------------------------------------- */

/* Calls FN(ARG) now, on the thread's own stack, which is megabytes rather than a task's
 * kilobytes: for libraries with a large appetite. FN must not await (HOOP_ENOTASK); the caller's
 * context variables are in force in it. Callable anywhere; outside of a task it is a plain call.
 * Two switches, some 10 ns. */
HOOP_API void hoop_call_on_thread_stack(void (*fn)(void *arg), void *arg);

/* ---- around the wait ------------------------------------------------------ */

/* BEFORE is called right before the loop blocks, AFTER right after; never around a
 * poll that cannot block. A binding lets its interpreter's lock go in between.
 * NULLs remove them. */
HOOP_API void hoop_set_wait_hooks(hoop_loop *loop, void (*before)(void *arg),
                                  void (*after)(void *arg), void *arg);

/* ---- forks ------------------------------------------------------------------ */

/* To be called in the child of a fork that does not exec, for each loop that it has a copy of: the
 * copy lets go of what it shares with the parent's loop, which is not disturbed by anything that
 * becomes of the copy. No loop runs in the child any more, so that another one can; if the fork was
 * made in a callback, this loop goes on when that returns.
 *
 * What the copy had to do it still has, but for descriptors: nothing is watched there any more, and
 * hoop_watch_stop is all that may be done with a watch of before. Its watchdog, and the threads
 * and processes of its executors, are the parent's alone: a loop that has such must not be closed
 * in the child. No other thread may post to the loop at the moment of the fork: an interpreter's
 * lock keeps them off.
 *
 * 0, or -EMFILE, -ENFILE, -ENOMEM: then the loop cannot run any more, and can be closed. */
HOOP_API HOOP_MUST_CHECK int hoop_loop_forked(hoop_loop *loop);

#ifdef __cplusplus
}
#endif

#endif
