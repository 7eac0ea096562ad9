/* SPDX-License-Identifier: MIT
 *
 * Plays around locks, events, conditions, semaphores and barriers.
 */
#include "stage.h"

/* ---- a lock: each wants it twice ---- */

static void lock_set_up(struct stage *stage)
{
    stage->lock = hoop_lock_new();
    CHECK(stage->lock != NULL);
}

static int64_t lock_play(struct player *player)
{
    struct stage *stage = player->stage;
    for (int i = 0; i < (player->number == 0 ? 2 : 1); i++) {
        int rc = hoop_lock_acquire(stage->lock);
        check_victim(player, rc);
        if (rc < 0)
            return rc;
        CHECK(++stage->inside == 1);
        give_way();
        CHECK(hoop_lock_is_locked(stage->lock));
        stage->inside--;
        stage->done++;
        CHECK(hoop_lock_release(stage->lock) == 0);
    }
    return 0;
}

static void lock_rest(struct stage *stage)
{
    CHECK(stage->done == stage->scenario->players + 1 || stage->victim >= 0);
    CHECK(!hoop_lock_is_locked(stage->lock));
}

static void lock_tear_down(struct stage *stage)
{
    CHECK(hoop_lock_free(stage->lock) == 0);
}

const struct scenario lock_scenario = {
    "lock", 3, 6, 0, 0, lock_set_up, lock_play, lock_rest, lock_tear_down,
};

/* ---- an event: player 0 sets and clears it, the others wait ---- */

static void event_set_up(struct stage *stage)
{
    stage->event = hoop_event_new();
    CHECK(stage->event != NULL);
}

static int64_t event_play(struct player *player)
{
    struct stage *stage = player->stage;
    if (player->number == 0) {
        give_way();
        hoop_event_set(stage->event);
        stage->done++;
        hoop_event_clear(stage->event);
        give_way();
        hoop_event_set(stage->event);
        stage->done++;
        return 0;
    }
    int seen = stage->done;
    int rc = hoop_event_wait(stage->event);
    check_victim(player, rc);
    CHECK(rc < 0 || stage->done > seen || seen == 2);
    return rc;
}

static void event_rest(struct stage *stage)
{
    CHECK(hoop_event_is_set(stage->event));
}

static void event_tear_down(struct stage *stage)
{
    CHECK(hoop_event_free(stage->event) == 0);
}

const struct scenario event_scenario = {
    "event", 4, 5, 0, 0, event_set_up, event_play, event_rest, event_tear_down,
};

/* ---- a condition: player 0 makes one thing, each of the others wants one ---- */

static void condition_set_up(struct stage *stage)
{
    stage->condition = hoop_condition_new(NULL);
    CHECK(stage->condition != NULL);
}

static void condition_enter(struct stage *stage)
{
    CHECK(++stage->inside == 1);
    CHECK(hoop_lock_is_locked(hoop_condition_lock(stage->condition)));
}

static int64_t take(struct player *player)
{
    struct stage *stage = player->stage;
    int rc = 0;
    while (stage->stock == 0 && rc == 0) {
        player->waits = "condition";
        stage->inside--;
        rc = hoop_condition_wait(stage->condition);
        condition_enter(stage);
        player->waits = NULL;
        check_victim(player, rc);
        stage->woken += rc == 0;
        CHECK(stage->woken <= stage->notified);
    }
    if (rc == 0)
        stage->stock--;
    return rc;
}

static void make(struct stage *stage, int count)
{
    stage->stock += count;
    stage->notified += count;
    CHECK(hoop_condition_notify(stage->condition, (size_t)count) == 0);
}

static int64_t condition_play(struct player *player)
{
    struct stage *stage = player->stage;
    int64_t rc = hoop_condition_acquire(stage->condition);
    check_victim(player, rc);
    if (rc < 0)
        return rc;
    condition_enter(stage);
    if (player->number > 0) {
        rc = take(player);
    } else {
        make(stage, 1);
        give_way(); /* who was notified waits for the lock */
    }
    stage->inside--;
    CHECK(hoop_condition_release(stage->condition) == 0);
    return rc;
}

static void condition_rest(struct stage *stage)
{
    CHECK(stage->inside == 0);
    for (int i = 0; i < stage->scenario->players; i++)
        CHECK(stage->players[i].waits == NULL || stage->stock == 0);
    CHECK(hoop_lock_try_acquire(hoop_condition_lock(stage->condition)));
    make(stage, stage->scenario->players);
    CHECK(hoop_condition_release(stage->condition) == 0);
}

static void condition_tear_down(struct stage *stage)
{
    CHECK(!hoop_lock_is_locked(hoop_condition_lock(stage->condition)));
    CHECK(hoop_condition_free(stage->condition) == 0);
}

const struct scenario condition_scenario = {
    "condition", 4, 6, 0, 0, condition_set_up, condition_play, condition_rest, condition_tear_down,
};

/* ---- a semaphore of 2 ---- */

static void semaphore_set_up(struct stage *stage)
{
    stage->semaphore = hoop_bounded_semaphore_new(stage->scenario->parameter);
    CHECK(stage->semaphore != NULL);
}

static int64_t semaphore_play(struct player *player)
{
    struct stage *stage = player->stage;
    int rc = hoop_semaphore_acquire(stage->semaphore);
    check_victim(player, rc);
    if (rc < 0)
        return rc;
    CHECK(++stage->inside <= stage->scenario->parameter);
    give_way();
    stage->inside--;
    stage->done++;
    CHECK(hoop_semaphore_release(stage->semaphore) == 0);
    return 0;
}

static void semaphore_rest(struct stage *stage)
{
    CHECK(stage->done >= stage->scenario->players - (stage->victim >= 0));
}

static void semaphore_tear_down(struct stage *stage)
{
    for (int i = 0; i < stage->scenario->parameter; i++)
        CHECK(hoop_semaphore_try_acquire(stage->semaphore));
    CHECK(!hoop_semaphore_try_acquire(stage->semaphore));
    CHECK(hoop_semaphore_free(stage->semaphore) == 0);
}

const struct scenario semaphore_scenario = {
    "semaphore", 4, 5, 0, 2, semaphore_set_up, semaphore_play, semaphore_rest, semaphore_tear_down,
};

/* ---- a barrier of 3 for five tasks: two are left, or more if one of the three goes ---- */

static void barrier_set_up(struct stage *stage)
{
    stage->barrier = hoop_barrier_new((unsigned)stage->scenario->parameter);
    CHECK(stage->barrier != NULL);
}

static int64_t barrier_play(struct player *player)
{
    struct stage *stage = player->stage;
    if (player->number == 0)
        give_way();
    player->waits = "barrier";
    int64_t place = hoop_barrier_wait(stage->barrier);
    player->waits = NULL;
    if (place == HOOP_EBROKEN)
        return 0;
    check_victim(player, place < 0 ? place : 0);
    if (place < 0)
        return place;
    CHECK(place < stage->scenario->parameter);
    stage->places[place]++;
    return 0;
}

static void barrier_rest(struct stage *stage)
{
    unsigned waiting = 0;
    for (int i = 0; i < stage->scenario->players; i++)
        waiting += stage->players[i].waits != NULL;
    CHECK(waiting == hoop_barrier_waiting(stage->barrier));
    CHECK(waiting < hoop_barrier_parties(stage->barrier));
    for (int i = 1; i < stage->scenario->parameter; i++)
        CHECK(stage->places[i] == stage->places[0]);
    hoop_barrier_abort(stage->barrier);
}

static void barrier_tear_down(struct stage *stage)
{
    CHECK(hoop_barrier_free(stage->barrier) == 0);
}

const struct scenario barrier_scenario = {
    "barrier", 5, 3, 0, 3, barrier_set_up, barrier_play, barrier_rest, barrier_tear_down,
};
