/* SPDX-License-Identifier: MIT
 *
 * Deeds with timeouts, groups and cancelling.
 */
#include <math.h>

#include "world.h"

/* ---- timeouts ---- */

static int64_t end_scope(struct actor *self, hoop_timeout *timeout, int64_t rc, unsigned entry)
{
    int64_t when = self->scopes[--self->scope_count].when;
    bool expired = hoop_timeout_expired(timeout);
    unsigned before = hoop_task_cancelling(self->task);
    CHECK(expired ? now() >= when : now() <= when);
    CHECK(!expired || before > entry);
    int64_t result = hoop_timeout_exit(timeout, rc);
    unsigned after = hoop_task_cancelling(self->task);
    CHECK(after == before - expired);
    bool is_own = rc == -ECANCELED && expired && after <= entry;
    CHECK(result == (is_own ? -ETIMEDOUT : rc));
    trace(self, "scope ends", result);
    return is_own ? 0 : result;
}

static void reschedule(struct actor *self, hoop_timeout *timeout)
{
    struct scope *scope = &self->scopes[self->scope_count - 1];
    int64_t when = now() + pick(20) * INT64_C(1000);
    int rc = hoop_timeout_reschedule(timeout, (double)when / 1e9);
    if (is_memory_failure(rc) || rc == -ETIMEDOUT)
        CHECK(rc != -ETIMEDOUT || hoop_timeout_expired(timeout));
    else
        scope->when = when;
    CHECK(rc == 0 || rc == -ETIMEDOUT || is_memory_failure(rc));
}

int64_t use_timeout(struct actor *self, int nesting)
{
    if (self->scope_count == SCOPES)
        return 0;
    hoop_timeout timeout;
    int64_t length = (pick(30) - 1) * INT64_C(1000);
    bool is_endless = !world.is_gentle && one_in(16);
    unsigned entry = hoop_task_cancelling(self->task);
    int rc = hoop_timeout_enter(&timeout, is_endless ? (double)INFINITY : (double)length / 1e9);
    if (is_memory_failure(rc))
        return 0;
    CHECK(rc == 0 && hoop_timeout_expired(&timeout) == (!is_endless && length <= 0));
    int64_t when = is_endless ? INT64_MAX : now() + (length > 0 ? length : 0);
    self->scopes[self->scope_count++] = (struct scope){&timeout, when};
    int64_t body = act(self, nesting + 1);
    if (body == 0 && one_in(4)) {
        reschedule(self, &timeout);
        body = act(self, nesting + 1);
    }
    return end_scope(self, &timeout, body, entry);
}

/* ---- groups ---- */

/* A NULL is no failure: the group is being cancelled, or there was no memory. */
static void start_in(struct actor *self, struct group *group)
{
    struct actor *child = world.live < ACTORS - 4 ? actor_new() : NULL;
    if (child != NULL) {
        trace(self, "child", child->id);
        hoop_task *task = actor_start(child, group);
        (void)task;
    }
}

static void cancel_group(struct group *group)
{
    group->was_cancelled = true;
    hoop_task_group_cancel(&group->group);
}

/* Some children of one group did not get as far as to tell of it. */
static void settle_children(const struct group *group)
{
    for (int i = 0; i < ACTORS; i++)
        if (world.actors[i].in_use && world.actors[i].group == group)
            actor_reap(&world.actors[i]);
}

static int64_t end_group(struct actor *self, struct group *group, int64_t rc)
{
    wait_begin(self, (struct wait){FOR_GROUP, "group", .group = group});
    int64_t result = hoop_task_group_exit(&group->group, rc);
    wait_end(self);
    self->group_depth--;
    settle_children(group);
    trace(self, "group ends", result);
    CHECK(group->live == 0 && hoop_task_group_size(&group->group) == 0);
    for (int i = 0; i < ACTORS; i++)
        if (world.actors[i].group == group)
            world.actors[i].group = NULL;
    CHECK(result != -ECANCELED || is_cancelled(self));
    if (group->first_error < 0 && !world.is_failing)
        CHECK(result == group->first_error);
    else if (group->first_error < 0)
        CHECK(result < 0 && result != -ECANCELED);
    else
        CHECK(result == rc || (result == -ECANCELED && is_cancelled(self)) ||
              (result == 0 && rc == -ECANCELED && group->was_cancelled));
    return result;
}

int64_t use_group(struct actor *self, int nesting)
{
    if (self->has_condition)
        return 0;
    struct group group = {.live = 0};
    CHECK(hoop_task_group_enter(&group.group) == 0);
    self->group_depth++;
    for (int n = pick(4); n > 0; n--)
        start_in(self, &group);
    int64_t rc = act(self, nesting + 1);
    if (rc == 0 && one_in(8))
        cancel_group(&group);
    if (rc == 0 && one_in(8)) {
        rc = -EPIPE;
        group.first_error = group.first_error != 0 ? group.first_error : rc;
    }
    int64_t result = end_group(self, &group, rc);
    return result == -ECANCELED && is_cancelled(self) ? result : 0;
}

/* ---- cancelling ---- */

/* In the group that it is a child of. */
static void meddle_with_group(struct actor *self)
{
    if (one_in(4))
        cancel_group(self->group);
    else
        start_in(self, self->group);
}

int64_t cancel_somebody(struct actor *self, int nesting)
{
    (void)nesting;
    if (self->group != NULL && one_in(2)) {
        meddle_with_group(self);
        return 0;
    }
    struct actor *actor = one_in(8) ? self : actor_pick();
    if (world.is_gentle || actor == NULL)
        return 0;
    trace(self, "cancel", actor->id);
    bool is_free = actor->scope_count == 0 && actor->group_depth == 0 && !actor->ended;
    if (is_free && actor != self && one_in(4)) {
        unsigned before = hoop_task_cancelling(actor->task);
        actor->was_cancelled |= before > 0;
        actor->was_spared = true;
        CHECK(hoop_task_uncancel(actor->task) == (before > 0 ? before - 1 : 0));
        return 0;
    }
    actor_cancel(actor);
    if (one_in(4))
        actor_cancel(actor);
    return 0;
}
