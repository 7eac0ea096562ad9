/* SPDX-License-Identifier: MIT
 *
 * Gathering: one task waits for many futures. The members hold a reference to each future,
 * for tasks the caller's; nothing is written to the caller before all is over.
 */
#include <errno.h>
#include <hoop/error.h>
#include <hoop/gather.h>

#include "task/member.h"

struct gather {
    struct wait wait;
    size_t count;
    size_t pending;        /* members that are not done */
    bool wants_all;        /* errors are results */
    bool cancelled;        /* with the waiting task: all ends are awaited */
    int64_t missing;       /* the result of a member that is NULL */
    struct member *failed; /* the first one; NULL if none, or if it does not matter */
    struct member *members;
    struct member place[MEMBERS_INLINE];
};

static int64_t member_result(const struct gather *gather, const struct member *member)
{
    return member->future != NULL ? member->future->result : gather->missing;
}

/* MEMBER is done. */
static void look_at(struct gather *gather, struct member *member)
{
    if (UNLIKELY(member_result(gather, member) < 0) && gather->failed == NULL)
        gather->failed = member;
}

/* Is there nothing more to wait for? */
static bool is_over(const struct gather *gather)
{
    return gather->pending == 0 ||
           (gather->failed != NULL && !gather->wants_all && !gather->cancelled);
}

static void member_done(struct observer *observer)
{
    struct member *member = CONTAINER_OF(observer, struct member, observer);
    struct gather *gather = member->owner;
    gather->pending--;
    look_at(gather, member);
    if (is_over(gather))
        wait_wake(&gather->wait, 0);
}

/* ---- the wait ---- */

static void gather_cancel(struct wait *wait)
{
    struct gather *gather = CONTAINER_OF(wait, struct gather, wait);
    struct scheduler *scheduler = scheduler_of(wait->task->future.loop);
    gather->cancelled = true;
    bool is_outermost = cancel_begin(scheduler);
    for (size_t i = 0; i < gather->count; i++)
        if (list_is_linked(&gather->members[i].observer.link))
            hoop_future_cancel(gather->members[i].future); /* the last one may wake us */
    if (is_outermost)
        cancel_end(scheduler);
}

/* Lets go of all members. */
static void gather_done(struct gather *gather)
{
    for (size_t i = 0; i < gather->count; i++) {
        list_remove(&gather->members[i].observer.link);
        hoop_future_unref(gather->members[i].future);
    }
    members_give(gather->place, gather->members);
}

static void gather_abandon(struct wait *wait)
{
    gather_done(CONTAINER_OF(wait, struct gather, wait));
}

static const struct wait_kind gather_wait = {"gathers", gather_cancel, NULL, gather_abandon};

/* ---- the outcome ---- */

static void retrieve_all(struct gather *gather, int64_t *ret_results)
{
    for (size_t i = 0; i < gather->count; i++) {
        const struct member *member = &gather->members[i];
        if (member->future != NULL)
            member->future->retrieved = true;
        if (ret_results != NULL)
            ret_results[i] = member_result(gather, member);
    }
}

static int64_t fail(struct gather *gather)
{
    hoop_future *future = gather->failed->future;
    if (future == NULL)
        return wait_failed((int)gather->missing);
    future->retrieved = true;
    future_pass_message(task_running(), future);
    return future->result;
}

static int64_t gather_outcome(struct gather *gather, int64_t *ret_results)
{
    if (gather->cancelled && gather->failed != NULL) {
        retrieve_all(gather, NULL);
        return wait_failed(-ECANCELED);
    }
    if (gather->failed != NULL && !gather->wants_all)
        return fail(gather);
    retrieve_all(gather, ret_results);
    return 0;
}

static int64_t gather(member_at *at, const void *array, size_t count, int64_t *ret_results,
                      unsigned flags, bool borrows, const char *function)
{
    struct gather gather = {
        .count = count, .wants_all = flags & HOOP_RETURN_ERRORS, .missing = hoop_last_error()};
    int rc = members_check(at, array, count, function);
    if (rc == 0 && (flags & ~(unsigned)HOOP_RETURN_ERRORS) != 0)
        rc = misuse(running_loop->debug, -EINVAL, function);
    if (rc < 0)
        return rc;
    gather.members = members_take(gather.place, count);
    if (gather.members == NULL) {
        for (size_t i = 0; i < count && !borrows; i++)
            hoop_future_unref(at(array, i));
        return wait_failed(-ENOMEM);
    }
    wait_init(&gather.wait, &gather_wait);
    for (size_t i = 0; i < count; i++) {
        hoop_future *future = at(array, i);
        if (borrows && future != NULL)
            hoop_future_ref(future);
        if (member_watch(&gather.members[i], future, &gather, member_done))
            gather.pending++;
        else
            look_at(&gather, &gather.members[i]);
    }
    bool must_wait = !is_over(&gather);
    if (must_wait)
        (void)wait_park(&gather.wait);
    int64_t result = gather_outcome(&gather, ret_results);
    gather_done(&gather);
    if (!must_wait)
        wait_spend(); /* last: if the loop is closed meanwhile, nothing is lost */
    return result;
}

int64_t hoop_gather(hoop_task *const *tasks, size_t count, int64_t *ret_results, unsigned flags)
{
    return gather(member_task_at, tasks, count, ret_results, flags, false, __func__);
}

int64_t hoop_gather_futures(hoop_future *const *futures, size_t count, int64_t *ret_results,
                            unsigned flags)
{
    return gather(member_future_at, futures, count, ret_results, flags, true, __func__);
}
