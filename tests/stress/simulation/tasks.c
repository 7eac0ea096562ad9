/* SPDX-License-Identifier: MIT
 *
 * Deeds with time, tasks and futures.
 */
#include "world.h"

/* What an error means for who awaited: the own cancellation, or nothing to it. */
static int64_t passed_up(const struct actor *self, int64_t rc)
{
    return rc == -ECANCELED && is_cancelled(self) ? rc : 0;
}

int64_t do_sleep(struct actor *self, int nesting)
{
    (void)nesting;
    static const int lengths[] = {0, 0, 1, 1, 2, 5, 10};
    int64_t length = lengths[pick(7)] * INT64_C(1000);
    int64_t begin = now();
    if (length > 0) /* no wait: one that is ready all the time */
        wait_begin(self, (struct wait){FOR_TIME, "time", .deadline = begin + length});
    int rc = hoop_sleep((double)length / 1e9);
    if (length > 0)
        wait_end(self);
    trace(self, "sleep", rc);
    if (length > 0 && is_memory_failure(rc))
        return 0;
    CHECK(rc == 0 || (rc == -ECANCELED && is_cancelled(self)));
    CHECK(length > 0 || (rc < 0) == (hoop_task_cancelling(self->task) > 0));
    CHECK(rc == 0 ? now() == begin + length : now() >= begin && now() <= begin + length);
    return rc;
}

int64_t spawn(struct actor *self, int nesting)
{
    (void)nesting;
    struct actor *actor = actor_new();
    if (actor == NULL)
        return 0;
    actor->is_root = true;
    trace(self, "spawn", actor->id);
    hoop_task *task = actor_start(actor, NULL);
    hoop_task_detach(task);
    return 0;
}

/* ---- one ---- */

/* A child that is looked at until its pin is taken back; NULL if there is none. */
static struct actor *start_child(hoop_task **ret_task)
{
    struct actor *child = actor_new();
    if (child == NULL)
        return NULL;
    child->pins++;
    *ret_task = actor_start(child, NULL);
    if (*ret_task == NULL)
        child->pins--;
    return *ret_task != NULL ? child : NULL;
}

int64_t await_one(struct actor *self, int nesting)
{
    (void)nesting;
    hoop_task *task;
    struct actor *child = self->has_condition ? NULL : start_child(&task);
    if (child == NULL)
        return 0;
    bool shields = one_in(3);
    wait_begin(self, (struct wait){shields ? FOR_ENDS_OR_CANCEL : FOR_ENDS, "child",
                                   .awaited = {child}, .awaited_count = 1});
    int64_t rc = shields ? hoop_shield(task) : hoop_await(task);
    wait_end(self);
    trace(self, "await", rc);
    bool left_early = shields && rc == -ECANCELED && is_cancelled(self);
    if (!left_early)
        actor_heard(child, rc);
    child->pins--;
    return passed_up(self, rc);
}

/* Only a younger one, so that nobody awaits himself in the end. */
int64_t await_another(struct actor *self, int nesting)
{
    (void)nesting;
    struct actor *other = actor_pick();
    if (other == NULL || other->id <= self->id || self->has_condition ||
        (world.is_gentle && other->is_root))
        return 0;
    other->pins++;
    wait_begin(self, (struct wait){FOR_ENDS, "another", .awaited = {other}, .awaited_count = 1});
    int64_t rc = hoop_future_await(hoop_task_future(other->task));
    wait_end(self);
    trace(self, "await another", rc);
    actor_heard(other, rc);
    other->pins--;
    return passed_up(self, rc);
}

/* ---- several ---- */

struct children {
    struct actor *actors[MEMBERS];
    hoop_task *tasks[MEMBERS];
    int count;
};

/* Room is left for others, as each of these may want children of its own. */
static void start_children(struct children *children)
{
    children->count = 0;
    int wanted = one_in(8) ? MEMBERS : 1 + pick(3);
    while (children->count < wanted && world.live < ACTORS - 8) {
        hoop_task *task;
        struct actor *child = start_child(&task);
        if (child == NULL)
            return;
        children->actors[children->count] = child;
        children->tasks[children->count++] = task;
    }
}

static struct wait wait_for_children(const struct children *children, enum wait_kind kind)
{
    struct wait wait = {kind, "children", .awaited_count = children->count};
    memcpy(wait.awaited, children->actors, sizeof wait.awaited);
    return wait;
}

static void unpin(const struct children *children)
{
    for (int i = 0; i < children->count; i++)
        children->actors[i]->pins--;
}

static int count_done(const struct children *children)
{
    int done = 0;
    for (int i = 0; i < children->count; i++)
        done += hoop_task_is_done(children->tasks[i]);
    return done;
}

/* One of those that are done ended with RC. */
static bool has_ended_with(const struct children *children, int64_t rc)
{
    for (int i = 0; i < children->count; i++)
        if (hoop_task_is_done(children->actors[i]->task) &&
            hoop_task_result(children->actors[i]->task) == rc)
            return true;
    return false;
}

int64_t gather_some(struct actor *self, int nesting)
{
    (void)nesting;
    struct children children;
    int64_t results[MEMBERS + 1];
    if (self->has_condition)
        return 0;
    start_children(&children);
    bool wants_all = one_in(2);
    wait_begin(self, wait_for_children(&children, wants_all ? FOR_ENDS : FOR_ALL_OR_ERR));
    results[0] = HOOP_EPENDING;
    int64_t rc = hoop_gather(children.tasks, (size_t)children.count, results,
                             wants_all ? HOOP_RETURN_ERRORS : 0);
    wait_end(self);
    trace(self, "gather", rc);
    for (int i = 0; rc == 0 && i < children.count; i++)
        actor_heard(children.actors[i], results[i]);
    if (rc < 0 && !is_memory_failure(rc)) {
        bool all_are_awaited = wants_all || is_cancelled(self);
        CHECK(has_ended_with(&children, rc) || (rc == -ECANCELED && is_cancelled(self)));
        CHECK(!wants_all || is_cancelled(self));
        CHECK(results[0] == HOOP_EPENDING);
        for (int i = 0; rc == -ECANCELED && all_are_awaited && i < children.count; i++)
            CHECK(hoop_task_is_done(children.actors[i]->task) ||
                  has_ended_with(&children, -ECANCELED));
    }
    unpin(&children);
    return passed_up(self, rc);
}

int64_t wait_for_some(struct actor *self, int nesting)
{
    (void)nesting;
    struct children children;
    start_children(&children);
    if (children.count == 0)
        return 0;
    struct wait wait = wait_for_children(&children, FOR_SOME);
    int64_t length = pick(10) * INT64_C(1000);
    wait.return_when = (hoop_return_when)pick(3);
    wait.deadline = one_in(2) ? now() + length : INT64_MAX;
    double seconds = wait.deadline == INT64_MAX ? (double)INFINITY : (double)length / 1e9;
    wait_begin(self, wait);
    int64_t rc = hoop_wait(children.tasks, (size_t)children.count, wait.return_when, seconds);
    bool is_over = wait_is_over(self);
    wait_end(self);
    trace(self, "wait", rc);
    CHECK(is_over || is_memory_failure(rc));
    CHECK(rc == count_done(&children) || (rc == -ECANCELED && is_cancelled(self)) ||
          is_memory_failure(rc));
    CHECK(now() <= wait.deadline);
    unpin(&children);
    for (int i = 0; i < children.count; i++)
        hoop_task_detach(children.tasks[i]);
    return passed_up(self, rc);
}

/* How many of CHILDREN are done and not yet handed out is known to the wait alone, so it is
 * over as soon as one of those that are not done is. */
static int64_t next_in_order(struct actor *self, hoop_as_completed *iterator,
                             const struct children *children, bool *handed_out)
{
    struct wait wait = {FOR_SOME, "the next", .deadline = INT64_MAX,
                        .return_when = HOOP_FIRST_COMPLETED};
    for (int i = 0; i < children->count; i++)
        if (!handed_out[i])
            wait.awaited[wait.awaited_count++] = children->actors[i];
    hoop_task *task = NULL;
    wait_begin(self, wait);
    int rc = hoop_as_completed_next(iterator, &task);
    wait_end(self);
    trace(self, "next", rc);
    CHECK(rc == (wait.awaited_count > 0) || (rc == -ECANCELED && is_cancelled(self)));
    for (int i = 0; rc == 1 && i < children->count; i++) {
        if (children->tasks[i] != task)
            continue;
        CHECK(!handed_out[i]);
        handed_out[i] = true;
        actor_heard(children->actors[i], hoop_task_result(task));
        return 1;
    }
    CHECK(rc <= 0);
    return rc;
}

int64_t await_in_order(struct actor *self, int nesting)
{
    (void)nesting;
    struct children children;
    bool handed_out[MEMBERS] = {false};
    start_children(&children);
    int64_t rc = 1;
    hoop_as_completed *iterator = hoop_as_completed_new(children.tasks, (size_t)children.count);
    CHECK(iterator != NULL || is_memory_failure(hoop_last_error()));
    for (int n = pick(children.count + 2); iterator != NULL && rc == 1 && n > 0; n--)
        rc = next_in_order(self, iterator, &children, handed_out);
    hoop_as_completed_free(iterator);
    unpin(&children);
    for (int i = 0; i < children.count; i++)
        hoop_task_detach(children.tasks[i]);
    return passed_up(self, rc);
}

/* ---- futures ---- */

int64_t await_future(struct actor *self, int nesting)
{
    (void)nesting;
    hoop_future *future = world.futures[pick(FUTURES)].future;
    if (future == NULL)
        return 0;
    hoop_future_ref(future);
    wait_begin(self, (struct wait){FOR_FUTURE, "future", .future = future});
    int64_t rc = hoop_future_await(future);
    wait_end(self);
    trace(self, "future", rc);
    CHECK(hoop_future_is_done(future) && hoop_future_result(future) == rc);
    hoop_future_unref(future);
    return passed_up(self, rc);
}
