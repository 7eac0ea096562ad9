/* SPDX-License-Identifier: MIT
 *
 * Futures that are watched together: one member each, on its future's list of observers
 * until that is done. gather, wait and as_completed differ in what they do then.
 */
#ifndef TASK_MEMBER_H
#define TASK_MEMBER_H

#include "base/alloc.h"
#include "task/scheduler.h"

/* So many members need no allocation. */
#define MEMBERS_INLINE 8

struct member {
    struct observer observer;
    hoop_future *future; /* NULL for a task that could not be created */
    void *owner;
};

/* The INDEXth of an array of tasks or of futures, as a future; NULL where NULL stands. */
typedef hoop_future *member_at(const void *array, size_t index);

static inline hoop_future *member_task_at(const void *array, size_t index)
{
    hoop_task *task = ((hoop_task *const *)array)[index];
    return task != NULL ? &task->future : NULL;
}

static inline hoop_future *member_future_at(const void *array, size_t index)
{
    return ((hoop_future *const *)array)[index];
}

/* COUNT members, in PLACE (of MEMBERS_INLINE) if there is room; NULL without memory. */
static inline struct member *members_take(struct member *place, size_t count)
{
    return count <= MEMBERS_INLINE ? place : alloc_array(NULL, count, sizeof *place);
}

static inline void members_give(struct member *place, struct member *members)
{
    if (members != place)
        alloc_free(members);
}

/* Watches FUTURE for OWNER unless it is done; returns whether it has to. */
static inline bool member_watch(struct member *member, hoop_future *future, void *owner,
                                void (*notify)(struct observer *observer))
{
    *member = (struct member){.observer.notify = notify, .future = future, .owner = owner};
    list_init(&member->observer.link);
    bool is_pending = future != NULL && !future->done;
    if (is_pending)
        list_append(&future->observers, &member->observer.link);
    return is_pending;
}

/* 0, or why the running task may not wait for all of these; NULLs are allowed. */
static inline int members_check(member_at *at, const void *array, size_t count,
                                const char *function)
{
    if (UNLIKELY(task_running() == NULL))
        return wait_without_task(function);
    for (size_t i = 0; i < count; i++) {
        const hoop_future *future = at(array, i);
        int rc = future != NULL ? future_check_wait(future, function) : 0;
        if (UNLIKELY(rc < 0))
            return rc;
    }
    return 0;
}

#endif
