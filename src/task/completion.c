/* SPDX-License-Identifier: MIT
 *
 * Waiting for some of many futures (hoop_wait), and for one after another
 * (hoop_as_completed). Neither takes part in its futures' lives: they cancel nothing, and
 * retrieve nothing.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/gather.h>

#include "base/clock.h"
#include "task/member.h"

/* ---- some ---- */

struct several {
    struct wait wait;
    hoop_timer timer;
    hoop_return_when when;
    size_t count;
    size_t pending; /* members that are not done */
    bool is_over;   /* WHEN is fulfilled */
    struct member *members;
    struct member place[MEMBERS_INLINE];
};

/* FUTURE, one of them, is done. */
static void several_look_at(struct several *several, const hoop_future *future)
{
    assert(future != NULL);
    bool failed = future->result < 0 && future->result != -ECANCELED;
    if (several->when == HOOP_FIRST_COMPLETED || (several->when == HOOP_FIRST_ERROR && failed))
        several->is_over = true;
}

static void several_notify(struct observer *observer)
{
    struct member *member = CONTAINER_OF(observer, struct member, observer);
    struct several *several = member->owner;
    several->pending--;
    several_look_at(several, member->future);
    if (several->is_over || several->pending == 0)
        wait_wake(&several->wait, 0);
}

static void several_expire(hoop_timer *timer)
{
    wait_wake(&CONTAINER_OF(timer, struct several, timer)->wait, 0);
}

static void several_done(struct several *several)
{
    for (size_t i = 0; i < several->count; i++)
        list_remove(&several->members[i].observer.link);
    members_give(several->place, several->members);
}

static void several_abandon(struct wait *wait)
{
    several_done(CONTAINER_OF(wait, struct several, wait));
}

static const struct wait_kind several_wait = {"waits for several", wait_cancel, NULL,
                                              several_abandon};

/* 0, or why this is no proper call; the running task exists. */
static int check_arguments(member_at *at, const void *array, size_t count, hoop_return_when when)
{
    if (count == 0 ||
        (when != HOOP_ALL_COMPLETED && when != HOOP_FIRST_COMPLETED && when != HOOP_FIRST_ERROR))
        return -EINVAL;
    for (size_t i = 0; i < count; i++)
        if (at(array, i) == NULL)
            return -EINVAL;
    return 0;
}

/* Until it is over, or DEADLINE. */
static int several_park(struct several *several, int64_t deadline)
{
    hoop_loop *loop = running_loop;
    wait_init(&several->wait, &several_wait);
    hoop_timer_init(&several->timer, several_expire);
    int rc = deadline == CLOCK_NEVER ? 0 : hoop_timer_start(loop, &several->timer, deadline);
    if (rc < 0)
        return wait_failed(rc);
    rc = (int)wait_park(&several->wait);
    hoop_timer_stop(loop, &several->timer);
    return rc;
}

static int64_t wait_for_several(member_at *at, const void *array, size_t count,
                                hoop_return_when when, double seconds, const char *function)
{
    int rc = members_check(at, array, count, function);
    if (rc < 0)
        return rc;
    int64_t deadline = loop_deadline(running_loop, seconds);
    rc = deadline < 0 ? (int)deadline : check_arguments(at, array, count, when);
    if (rc < 0)
        return wait_failed(misuse(running_loop->debug, rc, function));
    struct several several = {.count = count, .when = when};
    several.members = members_take(several.place, count);
    if (several.members == NULL)
        return wait_failed(-ENOMEM);
    for (size_t i = 0; i < count; i++) {
        if (member_watch(&several.members[i], at(array, i), &several, several_notify))
            several.pending++;
        else
            several_look_at(&several, several.members[i].future);
    }
    bool must_wait = !several.is_over && several.pending > 0;
    if (must_wait)
        rc = several_park(&several, deadline);
    int64_t done = (int64_t)(count - several.pending);
    several_done(&several);
    if (!must_wait)
        wait_spend(); /* last: if the loop is closed meanwhile, nothing is lost */
    return rc < 0 ? rc : done;
}

int64_t hoop_wait(hoop_task *const *tasks, size_t count, hoop_return_when when, double seconds)
{
    return wait_for_several(member_task_at, tasks, count, when, seconds, __func__);
}

int64_t hoop_wait_futures(hoop_future *const *futures, size_t count, hoop_return_when when,
                          double seconds)
{
    return wait_for_several(member_future_at, futures, count, when, seconds, __func__);
}

/* ---- one after another ---- */

struct hoop_as_completed {
    hoop_link finished;  /* members that are done and were not handed out, in that order */
    struct wait *waiter; /* who waits for the next one, or NULL */
    hoop_loop *loop;     /* a reference */
    size_t left;         /* members that were not handed out */
    bool has_tasks;      /* not plain futures */
    size_t count;
    struct member members[];
};

static void hand_in(struct observer *observer)
{
    struct member *member = CONTAINER_OF(observer, struct member, observer);
    hoop_as_completed *iterator = member->owner;
    list_append(&iterator->finished, &observer->link);
    if (iterator->waiter != NULL)
        wait_wake(iterator->waiter, 0);
}

/* 0, or why these cannot be watched. */
static int check_watched(member_at *at, const void *array, size_t count, const char *function)
{
    int rc = loop_check(running_loop, function);
    for (size_t i = 0; i < count && rc == 0; i++) {
        const hoop_future *future = at(array, i);
        if (future == NULL)
            rc = misuse(running_loop->debug, -EINVAL, function);
        else if (future->loop != running_loop && !future->done)
            rc = misuse(running_loop->debug, future->loop == NULL ? HOOP_ECLOSED : HOOP_EOTHERLOOP,
                        function);
    }
    return rc;
}

static hoop_as_completed *as_completed_new(member_at *at, const void *array, size_t count,
                                           const char *function)
{
    int rc = check_watched(at, array, count, function);
    if (rc < 0)
        return failed(rc);
    hoop_as_completed *iterator = NULL;
    if (count <= (SIZE_MAX - sizeof *iterator) / sizeof iterator->members[0])
        iterator = alloc_zeroed(sizeof *iterator + count * sizeof iterator->members[0]);
    if (iterator == NULL)
        return failed(-ENOMEM);
    list_init(&iterator->finished);
    iterator->left = iterator->count = count;
    iterator->loop = hoop_loop_ref(running_loop);
    for (size_t i = 0; i < count; i++) {
        hoop_future *future = hoop_future_ref(at(array, i));
        if (!member_watch(&iterator->members[i], future, iterator, hand_in))
            hand_in(&iterator->members[i].observer);
    }
    return iterator;
}

hoop_as_completed *hoop_as_completed_new(hoop_task *const *tasks, size_t count)
{
    hoop_as_completed *iterator = as_completed_new(member_task_at, tasks, count, __func__);
    if (iterator != NULL)
        iterator->has_tasks = true;
    return iterator;
}

hoop_as_completed *hoop_as_completed_new_futures(hoop_future *const *futures, size_t count)
{
    return as_completed_new(member_future_at, futures, count, __func__);
}

static const struct wait_kind next_wait = {"waits for the next to complete", wait_cancel, NULL,
                                           NULL};

static int wait_for_next(hoop_as_completed *iterator)
{
    struct wait wait;
    wait_init(&wait, &next_wait);
    iterator->waiter = &wait;
    int rc = (int)wait_park(&wait);
    iterator->waiter = NULL;
    return rc;
}

/* 0, or why FUNCTION cannot be called here. */
static int check_next(const hoop_as_completed *iterator, bool wants_task, const char *function)
{
    if (task_running() == NULL)
        return wait_without_task(function);
    int rc = iterator->waiter != NULL            ? -EBUSY
             : iterator->loop != running_loop    ? HOOP_EOTHERLOOP
             : iterator->has_tasks != wants_task ? -EINVAL
                                                 : 0;
    return rc < 0 ? wait_failed(misuse(running_loop->debug, rc, function)) : 0;
}

/* 1 and the next one that is done, or as hoop_as_completed_next. */
static int next(hoop_as_completed *iterator, hoop_future **ret_future)
{
    if (iterator->left == 0)
        return 0;
    bool is_there = !list_is_empty(&iterator->finished);
    int rc = is_there ? 0 : wait_for_next(iterator);
    if (rc < 0)
        return rc;
    struct observer *first = CONTAINER_OF(list_pop(&iterator->finished), struct observer, link);
    *ret_future = CONTAINER_OF(first, struct member, observer)->future;
    iterator->left--;
    if (is_there)
        wait_spend(); /* last: others may run here */
    return 1;
}

int hoop_as_completed_next(hoop_as_completed *iterator, hoop_task **ret_task)
{
    hoop_future *future = NULL;
    int rc = check_next(iterator, true, __func__);
    if (rc == 0)
        rc = next(iterator, &future);
    if (rc > 0)
        *ret_task = CONTAINER_OF(future, hoop_task, future);
    return rc;
}

int hoop_as_completed_next_future(hoop_as_completed *iterator, hoop_future **ret_future)
{
    int rc = check_next(iterator, false, __func__);
    return rc < 0 ? rc : next(iterator, ret_future);
}

void hoop_as_completed_free(hoop_as_completed *iterator)
{
    if (iterator == NULL)
        return;
    for (size_t i = 0; i < iterator->count; i++) {
        list_remove(&iterator->members[i].observer.link);
        hoop_future_unref(iterator->members[i].future);
    }
    hoop_loop_unref(iterator->loop);
    alloc_free(iterator);
}
