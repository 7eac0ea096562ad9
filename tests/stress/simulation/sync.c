/* SPDX-License-Identifier: MIT
 *
 * Deeds with locks, conditions, semaphores, events and barriers.
 */
#include "world.h"

/* ---- locks ---- */

static int lock_acquire(struct actor *self, struct lock *lock)
{
    bool must_wait = lock->is_locked;
    CHECK(hoop_lock_is_locked(lock->lock) == lock->is_locked);
    lock->is_locked = true;
    if (must_wait)
        line_join(self, &lock->line, (struct wait){.name = "lock"});
    int rc = hoop_lock_acquire(lock->lock);
    if (must_wait)
        line_left(self, rc);
    else
        CHECK(rc == 0);
    return rc;
}

static bool lock_try(struct lock *lock)
{
    bool was_free = !lock->is_locked;
    lock->is_locked = true;
    CHECK(hoop_lock_try_acquire(lock->lock) == was_free);
    return was_free;
}

static void lock_release(struct lock *lock)
{
    lock->is_locked = line_serve(&lock->line, 0) != NULL;
    CHECK(hoop_lock_release(lock->lock) == 0);
    CHECK(hoop_lock_is_locked(lock->lock) == lock->is_locked);
}

int64_t use_lock(struct actor *self, int nesting)
{
    struct lock *lock = &world.locks[pick(LOCKS)];
    if (lock->inside == self)
        return 0;
    int64_t rc = 0;
    if (one_in(4)) {
        if (!lock_try(lock))
            return 0;
    } else {
        rc = lock_acquire(self, lock);
        trace(self, "lock", rc);
        if (rc < 0)
            return rc;
    }
    CHECK(lock->inside == NULL);
    lock->inside = self;
    rc = act(self, nesting + 1);
    CHECK(lock->inside == self);
    lock->inside = NULL;
    lock_release(lock);
    return rc;
}

/* ---- conditions ---- */

static int condition_acquire(struct actor *self, struct condition *condition)
{
    wait_begin(self, (struct wait){FOR_LOCK_OF, "condition's lock", .condition = condition});
    int rc = hoop_condition_acquire(condition->condition);
    wait_end(self);
    CHECK(rc == 0 || (rc == -ECANCELED && is_cancelled(self)));
    if (rc == 0) {
        CHECK(condition->inside == NULL);
        condition->inside = self;
    }
    return rc;
}

static void before_wait(struct actor *self, struct condition *condition)
{
    CHECK(condition->inside == self);
    condition->inside = NULL;
    line_join(self, &condition->line,
              (struct wait){FOR_CONDITION, "condition", .condition = condition});
}

static void after_wait(struct actor *self, struct condition *condition, int rc)
{
    line_left(self, rc);
    CHECK(condition->inside == NULL);
    CHECK(hoop_lock_is_locked(hoop_condition_lock(condition->condition)));
    condition->inside = self;
}

struct predicate {
    struct actor *self;
    struct condition *condition;
    int level;
};

/* Called before each wait, and after each that was not cancelled. */
static bool has_level(void *arg)
{
    const struct predicate *predicate = arg;
    if (predicate->self->wait.kind != NO_WAIT)
        after_wait(predicate->self, predicate->condition, 0);
    if (predicate->condition->level >= predicate->level)
        return true;
    before_wait(predicate->self, predicate->condition);
    return false;
}

static int condition_wait(struct actor *self, struct condition *condition)
{
    if (one_in(2)) {
        before_wait(self, condition);
        int rc = hoop_condition_wait(condition->condition);
        after_wait(self, condition, rc);
        return rc;
    }
    struct predicate predicate = {self, condition, condition->level + 1 + pick(2)};
    int rc = hoop_condition_wait_for(condition->condition, has_level, &predicate);
    if (rc < 0)
        after_wait(self, condition, rc);
    CHECK(self->wait.kind == NO_WAIT);
    return rc;
}

static void condition_notify(struct condition *condition)
{
    condition->level++;
    int count = 1 + pick(3);
    bool is_for_all = one_in(3);
    for (int i = 0; (i < count || is_for_all) && line_serve(&condition->line, 0) != NULL; i++)
        ;
    int rc = is_for_all ? hoop_condition_notify_all(condition->condition)
                        : hoop_condition_notify(condition->condition, (size_t)count);
    CHECK(rc == 0);
}

int64_t use_condition(struct actor *self, int nesting)
{
    struct condition *condition = &world.conditions[pick(CONDITIONS)];
    if (self->has_condition)
        return 0;
    int64_t rc = condition_acquire(self, condition);
    trace(self, "acquire", rc);
    if (rc < 0)
        return rc;
    if (one_in(2))
        rc = condition_wait(self, condition);
    else
        condition_notify(condition);
    trace(self, "condition", rc);
    self->has_condition = true;
    if (rc == 0 && one_in(4))
        rc = act(self, nesting + 1);
    self->has_condition = false;
    CHECK(condition->inside == self);
    condition->inside = NULL;
    CHECK(hoop_condition_release(condition->condition) == 0);
    return rc;
}

/* ---- semaphores ---- */

static int semaphore_acquire(struct actor *self, struct semaphore *semaphore)
{
    bool must_wait = semaphore->left == 0;
    CHECK(hoop_semaphore_is_locked(semaphore->semaphore) == must_wait);
    if (must_wait)
        line_join(self, &semaphore->line, (struct wait){.name = "semaphore"});
    else
        semaphore->left--;
    int rc = hoop_semaphore_acquire(semaphore->semaphore);
    if (must_wait)
        line_left(self, rc);
    else
        CHECK(rc == 0);
    return rc;
}

static void semaphore_release(struct semaphore *semaphore)
{
    if (line_serve(&semaphore->line, 0) == NULL)
        semaphore->left++;
    CHECK(hoop_semaphore_release(semaphore->semaphore) == 0);
    if (semaphore->is_bounded && semaphore->left == semaphore->limit)
        CHECK(hoop_semaphore_release(semaphore->semaphore) == -EOVERFLOW);
}

int64_t use_semaphore(struct actor *self, int nesting)
{
    struct semaphore *semaphore = &world.semaphores[pick(SEMAPHORES)];
    int64_t rc = 0;
    if (one_in(4)) {
        bool was_left = semaphore->left > 0;
        semaphore->left -= was_left;
        CHECK(hoop_semaphore_try_acquire(semaphore->semaphore) == was_left);
        if (!was_left)
            return 0;
    } else {
        rc = semaphore_acquire(self, semaphore);
        trace(self, "semaphore", rc);
        if (rc < 0)
            return rc;
    }
    CHECK(++semaphore->inside <= semaphore->limit);
    rc = act(self, nesting + 1);
    semaphore->inside--;
    semaphore_release(semaphore);
    return rc;
}

/* ---- events ---- */

static void event_change(struct event *event)
{
    if (one_in(2)) {
        event->is_set = false;
        hoop_event_clear(event->event);
        return;
    }
    event->is_set = true;
    while (line_serve(&event->line, 0) != NULL)
        ;
    hoop_event_set(event->event);
}

int64_t use_event(struct actor *self, int nesting)
{
    (void)nesting;
    struct event *event = &world.events[pick(EVENTS)];
    CHECK(hoop_event_is_set(event->event) == event->is_set);
    if (one_in(2)) {
        event_change(event);
        return 0;
    }
    bool must_wait = !event->is_set;
    if (must_wait)
        line_join(self, &event->line, (struct wait){.name = "event"});
    int rc = hoop_event_wait(event->event);
    trace(self, "event", rc);
    if (must_wait)
        line_left(self, rc);
    else
        CHECK(rc == 0);
    return rc;
}

/* ---- barriers ---- */

static void barrier_send_away(struct barrier *barrier, bool is_abort)
{
    while (line_serve(&barrier->line, HOOP_EBROKEN) != NULL)
        ;
    barrier->is_broken = is_abort;
    if (is_abort)
        hoop_barrier_abort(barrier->barrier);
    else
        hoop_barrier_reset(barrier->barrier);
    CHECK(hoop_barrier_is_broken(barrier->barrier) == is_abort);
    CHECK(hoop_barrier_waiting(barrier->barrier) == 0);
}

static int64_t barrier_wait(struct actor *self, struct barrier *barrier)
{
    int waiting = line_length(&barrier->line);
    CHECK(hoop_barrier_waiting(barrier->barrier) == (unsigned)waiting);
    if (barrier->is_broken) {
        CHECK(hoop_barrier_wait(barrier->barrier) == HOOP_EBROKEN);
        return 0;
    }
    if (waiting < barrier->parties - 1) {
        line_join(self, &barrier->line, (struct wait){.name = "barrier"});
        int64_t rc = hoop_barrier_wait(barrier->barrier);
        line_left(self, rc);
        return rc == -ECANCELED ? rc : 0;
    }
    int place = 0;
    while (line_serve(&barrier->line, place) != NULL)
        place++;
    CHECK(hoop_barrier_wait(barrier->barrier) == place);
    return 0;
}

int64_t use_barrier(struct actor *self, int nesting)
{
    (void)nesting;
    struct barrier *barrier = &world.barriers[pick(BARRIERS)];
    if (one_in(6) || (barrier->is_broken && one_in(2))) {
        barrier_send_away(barrier, !barrier->is_broken && one_in(3));
        return 0;
    }
    int64_t rc = barrier_wait(self, barrier);
    trace(self, "barrier", rc);
    return rc;
}

/* ---- in a callback ---- */

void touch_sync(void)
{
    switch (pick(4)) {
    case 0: {
        struct lock *lock = &world.locks[pick(LOCKS)];
        if (lock_try(lock))
            lock_release(lock);
        break;
    }
    case 1: {
        struct semaphore *semaphore = &world.semaphores[pick(SEMAPHORES)];
        if (semaphore->left > 0) {
            semaphore->left--;
            CHECK(hoop_semaphore_try_acquire(semaphore->semaphore));
            semaphore_release(semaphore);
        }
        CHECK(hoop_semaphore_acquire(semaphore->semaphore) == HOOP_ENOTASK);
        break;
    }
    case 2:
        event_change(&world.events[pick(EVENTS)]);
        break;
    default:
        barrier_send_away(&world.barriers[pick(BARRIERS)], false);
        break;
    }
}

/* ---- life ---- */

void sync_begin(void)
{
    for (int i = 0; i < LOCKS; i++)
        CHECK((world.locks[i].lock = hoop_lock_new()) != NULL);
    for (int i = 0; i < CONDITIONS; i++)
        CHECK((world.conditions[i].condition = hoop_condition_new(NULL)) != NULL);
    for (int i = 0; i < SEMAPHORES; i++) {
        struct semaphore *semaphore = &world.semaphores[i];
        semaphore->left = semaphore->limit = 1 + pick(3);
        semaphore->is_bounded = i > 0;
        semaphore->semaphore = i > 0 ? hoop_bounded_semaphore_new(semaphore->left)
                                     : hoop_semaphore_new(semaphore->left);
        CHECK(semaphore->semaphore != NULL);
    }
    for (int i = 0; i < EVENTS; i++)
        CHECK((world.events[i].event = hoop_event_new()) != NULL);
    for (int i = 0; i < BARRIERS; i++) {
        world.barriers[i].parties = 1 + i + pick(3);
        world.barriers[i].barrier = hoop_barrier_new((unsigned)world.barriers[i].parties);
        CHECK(world.barriers[i].barrier != NULL);
    }
}

/* All are as they were, and nobody waits. */
void sync_end(void)
{
    for (int i = 0; i < LOCKS; i++) {
        CHECK(!hoop_lock_is_locked(world.locks[i].lock));
        CHECK(hoop_lock_free(world.locks[i].lock) == 0);
    }
    for (int i = 0; i < CONDITIONS; i++) {
        hoop_condition *condition = world.conditions[i].condition;
        CHECK(!hoop_lock_is_locked(hoop_condition_lock(condition)));
        CHECK(hoop_condition_free(condition) == 0);
    }
    for (int i = 0; i < SEMAPHORES; i++) {
        struct semaphore *semaphore = &world.semaphores[i];
        CHECK(semaphore->left == semaphore->limit);
        for (int n = semaphore->limit; n > 0; n--)
            CHECK(hoop_semaphore_try_acquire(semaphore->semaphore));
        CHECK(!hoop_semaphore_try_acquire(semaphore->semaphore));
        CHECK(hoop_semaphore_free(semaphore->semaphore) == 0);
    }
    for (int i = 0; i < EVENTS; i++)
        CHECK(hoop_event_free(world.events[i].event) == 0);
    for (int i = 0; i < BARRIERS; i++)
        CHECK(hoop_barrier_free(world.barriers[i].barrier) == 0);
}
