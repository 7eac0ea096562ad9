/* SPDX-License-Identifier: MIT
 *
 * Plays around task groups, timeouts and gathering.
 */
#include "stage.h"

static void event_set_up(struct stage *stage)
{
    stage->event = hoop_event_new();
    stage->lock = hoop_lock_new();
    CHECK(stage->event != NULL && stage->lock != NULL);
}

static void event_tear_down(struct stage *stage)
{
    CHECK(hoop_event_free(stage->event) == 0);
    CHECK(hoop_lock_free(stage->lock) == 0);
}

/* ---- a group of two: one waits for an event, the other fails, or another cancels it ---- */

enum { WITH_FAILURE = 1, CANCELLED = 2 };

struct child {
    struct stage *stage;
    bool fails;
};

static int64_t child_fails(struct stage *stage, int64_t error)
{
    if (stage->first_error == 0)
        stage->first_error = error;
    return error;
}

/* Being cancelled, the one that waits fails too: that is not the first error. */
static int64_t child_play(void *arg)
{
    const struct child *child = arg;
    struct stage *stage = child->stage;
    stage->inside++;
    int rc = child->fails ? hoop_sleep(0) : hoop_event_wait(stage->event);
    give_way();
    stage->inside--;
    if (rc < 0)
        return stage->scenario->parameter == WITH_FAILURE ? child_fails(stage, -EPIPE) : rc;
    return child->fails ? child_fails(stage, -EIO) : 0;
}

/* The body gives way, or takes its time: then it is to be cancelled with the others. */
static int64_t group_body(void)
{
    return choose_one(2) == 0 ? hoop_sleep(0) : hoop_sleep(50);
}

static int64_t group_own(struct player *player)
{
    struct stage *stage = player->stage;
    bool with_failure = stage->scenario->parameter == WITH_FAILURE;
    struct child children[] = {{stage, false}, {stage, with_failure}};
    hoop_task_group group;
    CHECK(hoop_task_group_enter(&group) == 0);
    stage->group = &group;
    for (int i = 0; i < 2; i++)
        CHECK(hoop_task_group_create_task(&group, child_play, &children[i]) != NULL);
    double start = hoop_time(hoop_running_loop());
    int64_t body = group_body();
    int64_t rc = hoop_task_group_exit(&group, body);
    stage->group = NULL;
    CHECK(stage->inside == 0 && hoop_task_group_size(&group) == 0);
    double end = stage->done > 0 ? stage->struck : start;
    CHECK(!(with_failure || stage->done > 0) || hoop_time(hoop_running_loop()) == end);
    bool was_victim = hoop_task_cancelling(hoop_current_task()) > 0;
    CHECK(!was_victim || player->number == stage->victim);
    if (stage->first_error < 0)
        CHECK(rc == stage->first_error);
    else
        CHECK(!with_failure && (was_victim ? rc == 0 || rc == -ECANCELED : rc == 0));
    return rc == -ECANCELED ? rc : 0;
}

static int64_t group_play(struct player *player)
{
    struct stage *stage = player->stage;
    if (player->number == 0)
        return group_own(player);
    int rc = hoop_sleep(choose_one(2) == 0 ? 0 : 50);
    if (stage->scenario->parameter == CANCELLED && stage->group != NULL) {
        stage->done++;
        stage->struck = hoop_time(hoop_running_loop());
        hoop_task_group_cancel(stage->group);
    } else {
        hoop_event_set(stage->event);
    }
    return rc;
}

static void nothing_left(struct stage *stage)
{
    (void)stage;
}

const struct scenario group_scenario = {
    "group with a failure", 2, 6, 0, WITH_FAILURE, event_set_up, group_play, nothing_left,
    event_tear_down,
};
const struct scenario cancelled_group_scenario = {
    "group that is cancelled", 2, 6, 0, CANCELLED, event_set_up, group_play, nothing_left,
    event_tear_down,
};

/* ---- timeouts: two scopes of equal length around a lock that comes free at that time ---- */

static int64_t wait_for_lock(struct player *player)
{
    struct stage *stage = player->stage;
    int rc = hoop_lock_acquire(stage->lock);
    if (rc < 0)
        return rc;
    CHECK(++stage->inside == 1);
    stage->inside--;
    stage->done++;
    CHECK(hoop_lock_release(stage->lock) == 0);
    return 0;
}

static int64_t hold_lock(struct player *player)
{
    struct stage *stage = player->stage;
    int rc = hoop_lock_acquire(stage->lock);
    check_victim(player, rc);
    if (rc < 0)
        return rc;
    CHECK(++stage->inside == 1);
    rc = hoop_sleep(2);
    stage->inside--;
    CHECK(hoop_lock_release(stage->lock) == 0);
    return rc;
}

static int64_t timeout_play(struct player *player)
{
    if (player->number == 0)
        return hold_lock(player);
    hoop_task *self = hoop_current_task();
    double start = hoop_time(hoop_running_loop());
    hoop_timeout outer, inner;
    CHECK(hoop_timeout_enter(&outer, 2) == 0);
    CHECK(hoop_timeout_enter(&inner, player->number == 1 ? 2 : 1) == 0);
    if (player->number == 3)
        CHECK(hoop_timeout_reschedule(&inner, start + 3) == 0);
    int64_t body = wait_for_lock(player);
    int64_t middle = hoop_timeout_exit(&inner, body);
    if (body == -ECANCELED)
        CHECK((middle == -ECANCELED) == (hoop_task_cancelling(self) > 0));
    CHECK(player->number != 3 || !hoop_timeout_expired(&inner));
    int64_t rc = hoop_timeout_exit(&outer, middle);
    double end = hoop_time(hoop_running_loop());
    CHECK(end <= start + 2);
    CHECK(!hoop_timeout_expired(&inner) || end >= start + (player->number == 1 ? 2 : 1));
    bool was_cancelled = hoop_task_cancelling(self) > 0;
    CHECK(!was_cancelled || player->stage->victim == player->number);
    if (body < 0)
        CHECK(was_cancelled ? rc == -ECANCELED || rc == -ETIMEDOUT : rc == -ETIMEDOUT);
    else
        CHECK(rc == 0);
    return rc == -ECANCELED ? rc : 0;
}

static void timeout_rest(struct stage *stage)
{
    CHECK(!hoop_lock_is_locked(stage->lock));
}

const struct scenario timeout_scenario = {
    "timeouts", 4, 4, 1, 0, event_set_up, timeout_play, timeout_rest, event_tear_down,
};

/* ---- gathering children that wait for what another does ---- */

static int64_t gather_child(void *arg)
{
    struct stage *stage = arg;
    stage->inside++;
    int64_t rc = hoop_event_wait(stage->event);
    stage->inside--;
    stage->done += rc == 0;
    return rc;
}

static int64_t gather_play(struct player *player)
{
    struct stage *stage = player->stage;
    if (player->number == 1) {
        int rc = hoop_sleep(choose_one(2) == 0 ? 0 : 50);
        hoop_event_set(stage->event);
        return rc;
    }
    double start = hoop_time(hoop_running_loop());
    hoop_task *tasks[3];
    int64_t results[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = hoop_create_task(gather_child, stage);
    int64_t rc = hoop_gather(tasks, 3, results, 0);
    check_victim(player, rc);
    CHECK(stage->inside == 0 && (rc < 0 || stage->done == 3));
    CHECK(rc == 0 || hoop_time(hoop_running_loop()) == start); /* all were cancelled with us */
    return rc;
}

const struct scenario gather_scenario = {
    "gather", 2, 6, 0, 0, event_set_up, gather_play, nothing_left, event_tear_down,
};
