/* SPDX-License-Identifier: MIT
 *
 * Deeds with callbacks, and what these do: they touch what tasks wait for, without waiting.
 */
#include "world.h"

/* ---- futures ---- */

static void renew(struct future *future)
{
    hoop_future_unref(future->future);
    future->future = hoop_future_new(world.loop);
    future->value = HOOP_EPENDING;
    CHECK(future->future != NULL || is_memory_failure(hoop_last_error()));
}

static void check_future(const struct future *future)
{
    int64_t result = hoop_future_result(future->future);
    CHECK(result == future->value ||
          (future->value == HOOP_EPENDING && hoop_future_is_cancelled(future->future)));
}

static void touch_future(void)
{
    struct future *future = &world.futures[pick(FUTURES)];
    if (future->future == NULL) {
        renew(future);
        return;
    }
    check_future(future);
    bool was_done = hoop_future_is_done(future->future);
    if (was_done && one_in(2)) {
        renew(future);
        return;
    }
    int64_t value = pick(3) - 1;
    int rc = value < 0 ? hoop_future_set_error(future->future, value, "error %d", (int)value)
                       : hoop_future_set_result(future->future, value);
    CHECK(rc == (was_done ? HOOP_EDONE : 0));
    if (!was_done)
        future->value = value;
    check_future(future);
}

int64_t set_future(struct actor *self, int nesting)
{
    (void)nesting;
    trace(self, "set", 0);
    touch_future();
    return 0;
}

void futures_renew(void)
{
    for (int i = 0; i < FUTURES; i++)
        renew(&world.futures[i]);
}

void futures_end(void)
{
    for (int i = 0; i < FUTURES; i++)
        hoop_future_unref(world.futures[i].future);
}

/* ---- callbacks ---- */

static void called(void *arg)
{
    struct callback *callback = arg;
    bool is_soon = callback->when < 0;
    CHECK(callback->is_pending && hoop_current_task() == NULL);
    CHECK(!hoop_handle_is_pending(world.loop, callback->handle));
    callback->is_pending = false;
    trace(NULL, is_soon ? "soon" : "timer", (int64_t)callback->sequence);
    if (is_soon) {
        CHECK(callback->sequence > world.soon_run);
        world.soon_run = callback->sequence;
    } else {
        CHECK(now() == callback->when);
        CHECK(callback->when > world.timer_time || callback->sequence > world.timer_run);
        world.timer_time = callback->when;
        world.timer_run = callback->sequence;
    }
    struct actor *actor = actor_pick();
    switch (pick(4)) {
    case 0:
        touch_sync();
        break;
    case 1:
        touch_future();
        break;
    case 2:
        if (actor != NULL && !world.is_gentle)
            actor_cancel(actor);
        break;
    default:
        touch_queue();
        break;
    }
}

static hoop_handle schedule(struct callback *callback, int kind, int64_t length)
{
    double when = (double)callback->when / 1e9;
    return kind == 0   ? hoop_call_soon(world.loop, called, callback)
           : kind == 1 ? hoop_call_later(world.loop, (double)length / 1e9, called, callback)
                       : hoop_call_at(world.loop, when, called, callback);
}

int64_t schedule_callback(struct actor *self, int nesting)
{
    (void)nesting;
    struct callback *callback = &world.callbacks[pick(CALLBACKS)];
    if (callback->is_pending)
        return 0;
    int kind = pick(3);
    int64_t length = pick(10) * INT64_C(1000);
    *callback = (struct callback){
        .when = kind == 0 ? -1 : now() + length, .sequence = ++world.sequence, .is_pending = true};
    callback->handle = schedule(callback, kind, length);
    trace(self, "schedule", (int64_t)callback->sequence);
    CHECK(callback->handle > 0 || is_memory_failure(callback->handle));
    callback->is_pending = callback->handle > 0;
    return 0;
}

int64_t cancel_callback(struct actor *self, int nesting)
{
    (void)nesting;
    struct callback *callback = &world.callbacks[pick(CALLBACKS)];
    trace(self, "cancel callback", callback->is_pending);
    CHECK(hoop_handle_is_pending(world.loop, callback->handle) == callback->is_pending);
    CHECK(hoop_handle_cancel(world.loop, callback->handle) == callback->is_pending);
    callback->is_pending = false;
    return 0;
}

int callback_timers(void)
{
    int count = 0;
    for (int i = 0; i < CALLBACKS; i++)
        count += world.callbacks[i].is_pending;
    return count;
}

/* Nothing is ready: those that are left wait for their time. */
void callbacks_check(void)
{
    for (int i = 0; i < CALLBACKS; i++) {
        const struct callback *callback = &world.callbacks[i];
        CHECK(hoop_handle_is_pending(world.loop, callback->handle) == callback->is_pending);
        CHECK(!callback->is_pending || callback->when > now());
    }
}
