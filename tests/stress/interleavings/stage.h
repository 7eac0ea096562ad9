/* SPDX-License-Identifier: MIT
 *
 * A play of few tasks around one object, short enough that all orders in which these can run
 * are tried (interleavings.c), with one of them cancelled, at each point there is.
 */
#ifndef TESTS_STRESS_INTERLEAVINGS_STAGE_H
#define TESTS_STRESS_INTERLEAVINGS_STAGE_H

#include <errno.h>
#include <hoop.h>
#include <hoop/testing.h>
#include <stdio.h>

enum { PLAYERS_MAX = 5, ITEMS_MAX = 16 };

struct stage;

struct player {
    struct stage *stage;
    int number;
    hoop_task *task;
    int64_t rc; /* how it ended */
    bool has_ended;
    const char *waits; /* for what, as the play needs it; NULL: for nothing */
};

struct scenario {
    const char *name;
    int players;
    int delays;   /* the canceller strikes after 0 to so many pauses less one */
    double pause; /* of that many seconds; 0 gives way */
    int parameter;
    void (*set_up)(struct stage *stage);
    int64_t (*play)(struct player *player);
    /* Nothing goes on any more: who waits must have a reason, and is then let go. */
    void (*rest)(struct stage *stage);
    /* All have ended. */
    void (*tear_down)(struct stage *stage);
};

struct stage {
    const struct scenario *scenario;
    struct player players[PLAYERS_MAX];
    int victim; /* who is cancelled; -1: nobody */
    int delay;

    hoop_lock *lock;
    hoop_event *event;
    hoop_condition *condition;
    hoop_semaphore *semaphore;
    hoop_barrier *barrier;
    hoop_queue *queue;
    int inside; /* how many are where only so many may be */
    int done;   /* how many did what they came for */
    int stock;
    int notified, woken;
    int64_t first_error;
    double struck;           /* when the group was cancelled */
    int places[PLAYERS_MAX]; /* how often each was given */
    int put[ITEMS_MAX], got[ITEMS_MAX];
    int log[ITEMS_MAX];
    int log_count;
    hoop_task_group *group;
};

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
_Noreturn void check_failed(const char *what, const char *file, int line);

/* A number below COUNT, all of which are tried. */
size_t choose_one(size_t count);

/* RC is what a wait returned that may have been cancelled: so it was the victim's. */
static inline void check_victim(const struct player *player, int64_t rc)
{
    CHECK(rc == 0 || (rc == -ECANCELED && player->number == player->stage->victim));
}

static inline void give_way(void)
{
    int rc = hoop_sleep(0);
    (void)rc; /* a request to be cancelled is seen at the wait that follows */
}

extern const struct scenario lock_scenario, event_scenario, condition_scenario, semaphore_scenario,
    barrier_scenario; /* sync.c */
extern const struct scenario fifo_1_scenario, fifo_2_scenario, lifo_scenario, lifo_endless_scenario,
    priority_scenario, priority_endless_scenario, shutdown_scenario; /* queue.c */
extern const struct scenario group_scenario, cancelled_group_scenario, timeout_scenario,
    gather_scenario; /* scopes.c */

#endif
