/* SPDX-License-Identifier: MIT
 *
 * Plays around queues: even players put, odd ones get, two items each; or, if the queue has no
 * limit, only the last one gets, and the rest is left. Item 4 * n + i is the Ith of player N.
 */
#include "stage.h"

enum { EACH = 2, FIFO = 0, LIFO = 16, PRIORITY = 32 }; /* + the capacity: the parameter */

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void set_up(struct stage *stage)
{
    size_t maxsize = (size_t)stage->scenario->parameter % LIFO;
    int kind = stage->scenario->parameter & ~(LIFO - 1);
    stage->queue = kind == FIFO   ? hoop_queue_new(sizeof(int), maxsize)
                   : kind == LIFO ? hoop_lifo_queue_new(sizeof(int), maxsize)
                                  : hoop_priority_queue_new(sizeof(int), maxsize, compare);
    CHECK(stage->queue != NULL);
}

static bool is_unlimited(const struct stage *stage)
{
    return stage->scenario->parameter % LIFO == 0;
}

static bool is_putter(const struct player *player)
{
    return is_unlimited(player->stage) ? player->number < 3 : player->number % 2 == 0;
}

static int64_t put_items(struct player *player)
{
    struct stage *stage = player->stage;
    for (int i = 0; i < EACH; i++) {
        int item = 4 * player->number + i;
        stage->log[item] = ++stage->log_count; /* if it need not wait, the order of puts */
        player->waits = "to put";
        int rc = hoop_queue_put(stage->queue, &item);
        player->waits = NULL;
        if (rc == HOOP_ESHUTDOWN)
            return 0;
        check_victim(player, rc);
        if (rc < 0)
            return rc;
        stage->put[item]++;
        CHECK(is_unlimited(stage) ||
              hoop_queue_size(stage->queue) <= hoop_queue_maxsize(stage->queue));
    }
    return 0;
}

static int64_t get_items(struct player *player)
{
    struct stage *stage = player->stage;
    int last[PLAYERS_MAX] = {0};
    for (int i = 0; i < EACH; i++) {
        int item = -1;
        player->waits = "to get";
        int rc = hoop_queue_get(stage->queue, &item);
        player->waits = NULL;
        CHECK((rc == 0) == (item >= 0));
        if (rc == HOOP_ESHUTDOWN)
            return 0;
        check_victim(player, rc);
        if (rc < 0)
            return rc;
        CHECK(item < ITEMS_MAX && ++stage->got[item] == 1);
        if (stage->scenario->parameter < LIFO) /* first in, first out */
            CHECK(item >= last[item / 4]);
        last[item / 4] = item;
    }
    return 0;
}

static int64_t play(struct player *player)
{
    return is_putter(player) ? put_items(player) : get_items(player);
}

/* What is left is there once; in the order of its kind. */
static void drain(struct stage *stage)
{
    int kind = stage->scenario->parameter & ~(LIFO - 1);
    int item, last = -1;
    while (hoop_queue_get_nowait(stage->queue, &item) == 0) {
        CHECK(item >= 0 && item < ITEMS_MAX && ++stage->got[item] == 1);
        CHECK(last < 0 || kind != PRIORITY || item > last);
        CHECK(last < 0 || !is_unlimited(stage) || kind != LIFO ||
              stage->log[item] < stage->log[last]);
        last = item;
    }
}

static void check_waiting(const struct stage *stage)
{
    for (int i = 0; i < stage->scenario->players; i++) {
        if (stage->players[i].waits == NULL)
            continue;
        if (is_putter(&stage->players[i]))
            CHECK(hoop_queue_is_full(stage->queue));
        else
            CHECK(hoop_queue_is_empty(stage->queue));
    }
}

static void rest(struct stage *stage)
{
    check_waiting(stage);
    hoop_queue_shutdown(stage->queue, false);
}

static void tear_down(struct stage *stage)
{
    drain(stage);
    for (int i = 0; i < ITEMS_MAX; i++)
        CHECK(stage->put[i] == stage->got[i]);
    CHECK(hoop_queue_free(stage->queue) == 0);
}

const struct scenario fifo_1_scenario = {
    "FIFO queue of 1", 4, 5, 0, FIFO + 1, set_up, play, rest, tear_down,
};
const struct scenario fifo_2_scenario = {
    "FIFO queue of 2", 4, 5, 0, FIFO + 2, set_up, play, rest, tear_down,
};
const struct scenario lifo_scenario = {
    "LIFO queue of 1", 4, 5, 0, LIFO + 1, set_up, play, rest, tear_down,
};
const struct scenario lifo_endless_scenario = {
    "LIFO queue without a limit", 4, 4, 0, LIFO, set_up, play, rest, tear_down,
};
const struct scenario priority_endless_scenario = {
    "priority queue without a limit", 4, 4, 0, PRIORITY, set_up, play, rest, tear_down,
};
const struct scenario priority_scenario = {
    "priority queue of 2", 4, 5, 0, PRIORITY + 2, set_up, play, rest, tear_down,
};

/* ---- shut down in the middle, and joined by two ---- */

static int64_t shutdown_play(struct player *player)
{
    struct stage *stage = player->stage;
    if (player->number < 2)
        return play(player);
    if (player->number == 2) {
        give_way();
        hoop_queue_shutdown(stage->queue, false);
    }
    int rc = hoop_queue_join(stage->queue);
    check_victim(player, rc);
    return rc;
}

static void shutdown_rest(struct stage *stage)
{
    CHECK(stage->players[0].has_ended && stage->players[1].has_ended);
    while (hoop_queue_task_done(stage->queue) == 0)
        ;
}

const struct scenario shutdown_scenario = {
    "queue that is shut down", 4, 5, 0, FIFO + 1, set_up, shutdown_play, shutdown_rest, tear_down,
};
