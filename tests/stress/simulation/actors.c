/* SPDX-License-Identifier: MIT
 *
 * Actors: tasks that do one random thing after another. What they hold they give back on
 * every path, so each comes to an end once it is cancelled, or the world closes.
 */
#include "world.h"

static deed_fn *const deeds[] = {
    do_sleep,        do_sleep,      use_lock,          use_lock,
    use_condition,   use_condition, use_semaphore,     use_semaphore,
    use_event,       use_event,     use_barrier,       use_queue,
    use_queue,       use_queue,     use_queue,         await_one,
    await_another,   gather_some,   wait_for_some,     await_in_order,
    await_future,    spawn,         use_timeout,       use_group,
    cancel_somebody, set_future,    schedule_callback, cancel_callback,
};

struct copied {
    struct actor *actor;
    uint64_t filling[20];
};

/* ---- life ---- */

struct actor *actor_new(void)
{
    if (world.is_closing)
        return NULL;
    for (int i = 0; i < ACTORS; i++) {
        struct actor *actor = &world.actors[i];
        if (actor->in_use)
            continue;
        *actor = (struct actor){.id = ++world.actor_count, .in_use = true};
        world.live++;
        return actor;
    }
    return NULL;
}

static void actor_ended(struct actor *self, int64_t result)
{
    CHECK(!self->ended);
    CHECK(self->scope_count == 0 && self->group_depth == 0 && self->wait.kind == NO_WAIT);
    self->ended = true;
    self->result = result;
    world.live--;
    struct group *group = self->group;
    if (group == NULL)
        return;
    group->live--;
    if (result < 0 && result != -ECANCELED && group->first_error == 0)
        group->first_error = result;
}

/* Goes on as if nothing had been, or gives in. What a scope or a group has requested is
 * theirs to take back. */
static bool gives_in(struct actor *self)
{
    if (world.is_closing || one_in(2))
        return true;
    self->was_spared = true;
    while (hoop_task_uncancel(self->task) > 0)
        ;
    return false;
}

static int64_t run(struct actor *self)
{
    CHECK(!self->begun);
    self->begun = true;
    if (self->task == NULL)
        self->task = hoop_task_ref(hoop_current_task());
    CHECK(self->task == hoop_current_task());
    for (int n = 1 + pick(8); n > 0 && !world.is_closing; n--) {
        int64_t rc = world.is_gentle ? use_timeout(self, 0) : act(self, 0);
        CHECK(rc == 0 || rc == -ECANCELED);
        CHECK(rc == 0 || is_cancelled(self));
        if (world.is_gentle && self->is_root)
            CHECK(rc == 0 && hoop_task_cancelling(self->task) == 0);
        if (rc < 0 && gives_in(self)) {
            actor_ended(self, rc);
            return rc;
        }
    }
    actor_ended(self, one_in(6) ? -EIO - pick(3) : pick(1000));
    trace(self, "ends", self->result);
    return self->result;
}

static int64_t run_borrowed(void *arg)
{
    return run(arg);
}

static int64_t run_copied(void *arg)
{
    const struct copied *copied = arg;
    int64_t result = run(copied->actor);
    for (uint64_t i = 0; i < 20; i++)
        CHECK(copied->filling[i] == i * (uint64_t)copied->actor->id);
    return result;
}

static hoop_task *create(struct actor *actor, hoop_task_group *group)
{
    int kind = pick(4);
    hoop_task_options options = {
        .eager = kind == 2,
        .name = kind == 3 ? "named" : NULL,
        .stack_size = one_in(4) ? 2 * HOOP_STACK_SIZE_DEFAULT : 0, /* not the pool's */
    };
    struct copied copied = {.actor = actor};
    for (uint64_t i = 0; i < 20; i++)
        copied.filling[i] = i * (uint64_t)actor->id;
    if (kind == 0)
        return group != NULL ? hoop_task_group_create_task(group, run_borrowed, actor)
                             : hoop_create_task(run_borrowed, actor);
    if (kind == 1)
        return group != NULL
                   ? hoop_task_group_create_task_copy(group, run_copied, &copied, sizeof copied)
                   : hoop_create_task_copy(run_copied, &copied, sizeof copied);
    return group != NULL ? hoop_task_group_create_task_with(group, run_borrowed, actor, &options)
                         : hoop_create_task_with(run_borrowed, actor, &options);
}

hoop_task *actor_start(struct actor *actor, struct group *group)
{
    actor->group = group;
    if (group != NULL)
        group->live++;
    hoop_task *task = create(actor, group != NULL ? &group->group : NULL);
    if (task == NULL) {
        int error = hoop_last_error();
        CHECK(is_memory_failure(error) || (group != NULL && error == HOOP_ESHUTDOWN));
        CHECK(group == NULL || !group->was_cancelled || error == HOOP_ESHUTDOWN);
        CHECK(!actor->begun);
        actor->in_use = false;
        world.live--;
        if (group != NULL)
            group->live--;
    } else if (actor->task == NULL) {
        actor->task = hoop_task_ref(task);
    }
    return task;
}

/* There may have been no memory for its stack. */
static void settle(struct actor *actor)
{
    CHECK(hoop_task_is_done(actor->task));
    if (!actor->begun && !actor->ended) {
        CHECK(is_memory_failure(hoop_task_result(actor->task)));
        actor_ended(actor, -ENOMEM);
    }
    CHECK(actor->ended);
}

void actor_heard(struct actor *actor, int64_t rc)
{
    settle(actor);
    CHECK(rc == actor->result);
}

void actor_reap(struct actor *actor)
{
    if (!actor->in_use || !hoop_task_is_done(actor->task))
        return;
    actor_heard(actor, hoop_task_result(actor->task));
    CHECK(hoop_task_is_cancelled(actor->task) == (actor->result == -ECANCELED));
    if (actor->pins > 0)
        return;
    hoop_task_unref(actor->task);
    actor->in_use = false;
}

struct actor *actor_pick(void)
{
    struct actor *actor = &world.actors[pick(ACTORS)];
    return actor->in_use && actor->task != NULL ? actor : NULL;
}

/* ---- cancelling ---- */

/* May cancelling FROM reach TO directly? */
static bool is_next(const struct actor *from, const struct actor *to)
{
    if (from->wait.kind == FOR_GROUP && to->group == from->wait.group)
        return true;
    if (from->wait.kind != FOR_ENDS && from->wait.kind != FOR_ALL_OR_ERR)
        return false;
    for (int i = 0; i < from->wait.awaited_count; i++)
        if (from->wait.awaited[i] == to)
            return true;
    return false;
}

/* Those that cancelling ACTOR may reach. */
static void find_reach(const struct actor *actor, bool *ret_reached)
{
    ret_reached[actor - world.actors] = true;
    for (int i = 0; i < ACTORS; i++)
        if (!ret_reached[i] && world.actors[i].in_use && is_next(actor, &world.actors[i]))
            find_reach(&world.actors[i], ret_reached);
}

/* Those that ACTOR awaits to their ends are cancelled with it. It may have been on its way
 * before, with the error of one that it gathers. */
static void check_awaited(const struct actor *actor, const unsigned *before)
{
    if (actor->wait.kind != FOR_ENDS && actor->wait.kind != FOR_ALL_OR_ERR)
        return;
    for (int i = 0; i < actor->wait.awaited_count; i++)
        if (actor->wait.kind == FOR_ALL_OR_ERR && hoop_task_is_done(actor->wait.awaited[i]->task) &&
            hoop_task_result(actor->wait.awaited[i]->task) < 0)
            return;
    for (int i = 0; i < actor->wait.awaited_count; i++) {
        const struct actor *awaited = actor->wait.awaited[i];
        CHECK(hoop_task_is_done(awaited->task) ||
              hoop_task_cancelling(awaited->task) == before[awaited - world.actors] + 1);
    }
}

void actor_cancel(struct actor *actor)
{
    unsigned before[ACTORS] = {0};
    bool reached[ACTORS] = {false};
    bool is_waiting = !wait_is_over(actor);
    for (int i = 0; i < ACTORS; i++)
        if (world.actors[i].in_use && world.actors[i].task != NULL)
            before[i] = hoop_task_cancelling(world.actors[i].task);
    find_reach(actor, reached);
    bool was_done = hoop_task_is_done(actor->task);
    CHECK(hoop_task_cancel(actor->task) == !was_done);
    for (int i = 0; i < ACTORS; i++) {
        const struct actor *other = &world.actors[i];
        if (!other->in_use || other->task == NULL)
            continue;
        unsigned more = hoop_task_cancelling(other->task) - before[i];
        if (other == actor)
            CHECK(more == !was_done);
        else
            CHECK(more == 0 || (more == 1 && reached[i] && !was_done));
    }
    if (is_waiting)
        check_awaited(actor, before);
}

/* ---- deeds ---- */

int64_t act(struct actor *self, int nesting)
{
    int64_t rc = 0;
    for (int n = 1 + pick(2); n > 0 && rc == 0; n--) {
        if (world.is_closing || nesting > NESTING_MAX)
            return 0;
        rc = deeds[pick(sizeof deeds / sizeof deeds[0])](self, nesting);
        CHECK(rc == 0 || rc == -ECANCELED);
        CHECK(rc == 0 || is_cancelled(self));
        CHECK(hoop_current_task() == self->task);
    }
    return rc;
}
