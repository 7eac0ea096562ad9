/* SPDX-License-Identifier: MIT
 *
 * The world of the simulation: the objects that its actors use, each with a model of it.
 *
 * The model is exact. It is brought up to date before each call into hoop, so whenever an
 * actor goes on it knows what the call must have returned. Only cancelling reaches waits
 * without the model's knowledge, so whether a wait was cancelled is asked of the task: who has
 * a request pending waits for nothing any more.
 */
#ifndef TESTS_STRESS_SIMULATION_WORLD_H
#define TESTS_STRESS_SIMULATION_WORLD_H

#include <errno.h>
#include <hoop.h>
#include <hoop/embed.h>
#include <hoop/testing.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACTORS = 48,
    LOCKS = 3,
    CONDITIONS = 2,
    SEMAPHORES = 2,
    EVENTS = 2,
    BARRIERS = 2,
    QUEUES = 4,
    FUTURES = 4,
    CALLBACKS = 16,
    ITEMS = 64,      /* in one queue, as far as the model goes */
    SCOPES = 6,      /* open ones of one actor */
    NESTING_MAX = 4, /* of what an actor does within a lock, a scope, a group */
    MEMBERS = 10,    /* awaited at once; more than hoop has room for in a frame */
};

struct actor;

/* Who waits for an object, first come first. Those whose tasks are being cancelled have left
 * in truth, and here they leave when they go on. */
struct line {
    struct actor *actors[ACTORS];
    int count;
};

/* ---- objects ---- */

struct lock {
    hoop_lock *lock;
    struct line line;
    bool is_locked;
    const struct actor *inside; /* who went on with it and has not released it */
};

/* When a wait is cancelled its place in the lock's line is that of the moment, so this lock
 * is known by its owner alone. */
struct condition {
    hoop_condition *condition;
    struct line line; /* not notified */
    const struct actor *inside;
    int level; /* for predicates */
};

struct semaphore {
    hoop_semaphore *semaphore;
    struct line line;
    int left, limit;
    int inside;
    bool is_bounded;
};

struct event {
    hoop_event *event;
    struct line line;
    bool is_set;
};

struct barrier {
    hoop_barrier *barrier;
    struct line line;
    int parties;
    bool is_broken;
};

enum queue_kind { FIFO, LIFO, PRIORITY };

struct queue {
    hoop_queue *queue;
    struct line getters, putters, joiners;
    uint64_t items[ITEMS]; /* in the order in which they were put */
    int count, limit;      /* a limit of 0 is none */
    int unfinished;
    enum queue_kind kind;
    bool is_shut_down;
};

struct future {
    hoop_future *future; /* NULL: there was no memory for one */
    int64_t value;       /* what it was set to, HOOP_EPENDING before */
};

struct callback {
    hoop_handle handle;
    int64_t when; /* when it is due; -1: it is to be called soon */
    uint64_t sequence;
    bool is_pending;
};

/* A task group, in the frame of its owner. */
struct group {
    hoop_task_group group;
    int live;            /* children that have not ended */
    int64_t first_error; /* 0: none yet */
    bool was_cancelled;
};

/* ---- actors ---- */

enum wait_kind {
    NO_WAIT,
    IN_LINE,        /* served, or cancelled */
    FOR_CONDITION,  /* the same, but it goes on only with the lock */
    FOR_LOCK_OF,    /* acquires a condition's lock */
    FOR_TIME,       /* deadline */
    FOR_ENDS,       /* of all awaited, and cannot be cancelled */
    FOR_ALL_OR_ERR, /* of all awaited, or that one fails; cannot be cancelled */
    FOR_ENDS_OR_CANCEL,
    FOR_SOME, /* return_when, deadline */
    FOR_FUTURE,
    FOR_GROUP,
};

struct wait {
    enum wait_kind kind;
    const char *name;
    struct line *line;
    bool was_served;
    int64_t outcome; /* with which it was served */
    uint64_t item;   /* that it puts, or was given */
    struct condition *condition;
    int64_t deadline; /* INT64_MAX: none */
    struct actor *awaited[MEMBERS];
    int awaited_count;
    hoop_return_when return_when;
    const hoop_future *future;
    const struct group *group;
};

struct scope {
    const hoop_timeout *timeout;
    int64_t when;
};

struct actor {
    int id;
    hoop_task *task; /* a reference, from its beginning until it is reaped */
    int pins;        /* who looks at it: it is not reaped before that is over */
    bool in_use;     /* the slot is */
    bool is_root;    /* nobody awaits it, so nobody's cancelling reaches it */
    bool begun, ended;
    int64_t result;     /* once it has ended */
    bool was_cancelled; /* in this wait, and another took the request back */
    bool was_spared;    /* a request was taken back, by itself or by another */
    struct wait wait;
    struct scope scopes[SCOPES];
    int scope_count;     /* of timeouts, innermost last */
    int group_depth;     /* groups that it owns */
    bool has_condition;  /* and so waits for nothing that cannot be cancelled: a ring would stay */
    struct group *group; /* whose child it is */
};

struct world {
    uint64_t seed;
    uint64_t random;
    uint64_t trace; /* hash of all that happened */
    hoop_loop *loop;
    bool is_gentle;  /* nobody cancels but scopes and groups */
    bool is_failing; /* some allocations fail */
    bool is_closing; /* actors are to come to an end */
    bool is_told;    /* the trace is printed */
    int actor_count; /* so far */
    int live;        /* actors that have not ended */
    uint64_t sequence, soon_run, timer_run;
    int64_t timer_time;
    struct actor actors[ACTORS];
    struct lock locks[LOCKS];
    struct condition conditions[CONDITIONS];
    struct semaphore semaphores[SEMAPHORES];
    struct event events[EVENTS];
    struct barrier barriers[BARRIERS];
    struct queue queues[QUEUES];
    struct future futures[FUTURES];
    struct callback callbacks[CALLBACKS];
};

extern struct world world;

/* ---- world.c ---- */

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
_Noreturn void check_failed(const char *what, const char *file, int line);

/* Below COUNT. */
int pick(int count);
static inline bool one_in(int count)
{
    return pick(count) == 0;
}
int64_t now(void);
/* SELF is NULL in callbacks. */
void trace(const struct actor *self, const char *what, int64_t number);

bool is_cancelled(const struct actor *actor);
/* CODE is -ENOMEM, and such is this world. */
bool is_memory_failure(int64_t code);

/* The fields of WAIT hold until wait_end; KIND and NAME must be set. */
void wait_begin(struct actor *self, struct wait wait);
void wait_end(struct actor *self);
/* Should who waits so have gone on, now that nothing else happens? */
bool wait_is_over(const struct actor *actor);

void line_join(struct actor *self, struct line *line, struct wait wait);
/* The call with which SELF waited has returned RC. */
void line_left(struct actor *self, int64_t rc);
/* Serves the first one that still waits, and returns it, or NULL. */
struct actor *line_serve(struct line *line, int64_t outcome);
int line_length(const struct line *line);

/* ---- actors.c ---- */

/* What an actor may do, within NESTING other deeds. Returns 0 or -ECANCELED. */
typedef int64_t deed_fn(struct actor *self, int nesting);

struct actor *actor_new(void);
/* Starts it. A NULL tells that there was no memory, and the actor is gone. */
hoop_task *actor_start(struct actor *actor, struct group *group);
/* Its task is done with RC. */
void actor_heard(struct actor *actor, int64_t rc);
void actor_reap(struct actor *actor);
struct actor *actor_pick(void);
void actor_cancel(struct actor *actor);
int64_t act(struct actor *self, int nesting);

/* ---- deeds ---- */

deed_fn use_lock, use_condition, use_semaphore, use_event, use_barrier; /* sync.c */
deed_fn use_queue;                                                      /* queue.c */
deed_fn do_sleep, await_one, await_another, gather_some, wait_for_some, await_in_order,
    await_future, spawn;                                /* tasks.c */
deed_fn use_timeout, use_group, cancel_somebody;        /* scopes.c */
deed_fn set_future, schedule_callback, cancel_callback; /* callbacks.c */

/* In a callback: without waiting. */
void touch_sync(void);
void touch_queue(void);
int callback_timers(void);
void callbacks_check(void);

void sync_begin(void);
void sync_end(void);
void queues_begin(void);
void queues_end(void);
void futures_renew(void);
void futures_end(void);

#endif
