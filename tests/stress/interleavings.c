/* SPDX-License-Identifier: MIT
 *
 * A small model checker: each scenario (interleavings/stage.h) is played again and again,
 * until its tasks have run in every order in which they can: hoop_testing_choose asks us who
 * is next, and we enumerate the answers depth first, replaying those before. This is done
 * without a canceller, and with one for each task and each time at which it may strike.
 *
 * A scenario is over when nothing goes on, which on the virtual clock is when a sleep ends:
 * who waits then would wait for ever.
 *
 *     HOOP_STRESS=100 stress_interleavings    where it is slow: 500 orders a canceller, drawn at
 *                                             random, instead of all
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interleavings/stage.h"

enum {
    DEPTH_MAX = 256, /* choices in one play */
    BOUND = 200000,  /* plays of a scenario with one canceller; all scenarios have fewer */
    DRAWN = 5,       /* plays drawn at random, for each 1 of HOOP_STRESS */
};

static const struct scenario *const scenarios[] = {
    &lock_scenario,
    &event_scenario,
    &condition_scenario,
    &semaphore_scenario,
    &barrier_scenario,
    &fifo_1_scenario,
    &fifo_2_scenario,
    &lifo_scenario,
    &lifo_endless_scenario,
    &priority_scenario,
    &priority_endless_scenario,
    &shutdown_scenario,
    &group_scenario,
    &cancelled_group_scenario,
    &timeout_scenario,
    &gather_scenario,
};

/* ---- the choices of one play ---- */

struct path {
    size_t chosen[DEPTH_MAX];
    size_t count[DEPTH_MAX]; /* out of how many */
    int length;              /* known ones: those to be replayed, and then the new ones */
    int position;
};

static struct path path;
static uint64_t drawn;        /* how many plays to draw at random; 0: all are enumerated */
static uint64_t random_state; /* state of the generator, then */
static struct stage stage;
static hoop_loop *loop;
static int number; /* of the running scenario, from 1 */

_Noreturn void check_failed(const char *what, const char *file, int line)
{
    printf("not ok %d - %s: %s:%d: %s\n# ", number, stage.scenario->name, file, line, what);
    if (stage.victim >= 0)
        printf("player %d cancelled after %d pauses, ", stage.victim, stage.delay);
    printf("order:");
    for (int i = 0; i < path.length; i++)
        printf(" %zu/%zu", path.chosen[i], path.count[i]);
    printf("\n");
    fflush(stdout);
    hoop_print_tasks(loop, stderr);
    abort();
}

size_t choose_one(size_t count)
{
    if (path.position == path.length) {
        CHECK(path.length < DEPTH_MAX);
        path.chosen[path.length] = drawn > 0 ? hoop_testing_random(&random_state) % count : 0;
        path.count[path.length++] = count;
    }
    CHECK(path.count[path.position] == count); /* the same choices lead to the same place */
    return path.chosen[path.position++];
}

static size_t choose(void *arg, size_t count)
{
    (void)arg;
    return choose_one(count);
}

/* Another last choice, or another one before it; false when all were tried. */
static bool next_path(void)
{
    CHECK(path.position == path.length);
    path.position = 0;
    while (path.length > 0 && ++path.chosen[path.length - 1] == path.count[path.length - 1])
        path.length--;
    return path.length > 0;
}

/* ---- one play ---- */

static int64_t play(void *arg)
{
    struct player *player = arg;
    player->rc = stage.scenario->play(player);
    CHECK(player->rc == 0 || (player->rc == -ECANCELED && player->number == stage.victim));
    player->has_ended = true;
    return player->rc;
}

static int64_t strike(void *arg)
{
    (void)arg;
    for (int i = 0; i < stage.delay; i++)
        CHECK(hoop_sleep(stage.scenario->pause) == 0);
    hoop_task_cancel(stage.players[stage.victim].task);
    return 0;
}

static void wait_for_rest(void)
{
    CHECK(hoop_sleep(100) == 0);
}

static int64_t direct(void *arg)
{
    (void)arg;
    const struct scenario *scenario = stage.scenario;
    scenario->set_up(&stage);
    for (int i = 0; i < scenario->players; i++) {
        stage.players[i] = (struct player){.stage = &stage, .number = i};
        stage.players[i].task = hoop_create_task(play, &stage.players[i]);
    }
    hoop_task *canceller = stage.victim >= 0 ? hoop_create_task(strike, NULL) : NULL;
    wait_for_rest();
    scenario->rest(&stage);
    wait_for_rest();
    for (int i = 0; i < scenario->players; i++) {
        CHECK(stage.players[i].has_ended);
        CHECK(hoop_await(stage.players[i].task) == stage.players[i].rc);
    }
    if (canceller != NULL)
        CHECK(hoop_await(canceller) == 0);
    scenario->tear_down(&stage);
    return 0;
}

/* ---- all of them ---- */

/* Returns how many plays it took. */
static uint64_t explore(const struct scenario *scenario, int victim, int delay)
{
    path = (struct path){.length = 0};
    for (uint64_t plays = 1;; plays++) {
        stage = (struct stage){.scenario = scenario, .victim = victim, .delay = delay};
        CHECK(hoop_run_until_complete(loop, direct, NULL) == 0);
        if (drawn > 0 ? plays == drawn : !next_path())
            return plays;
        if (drawn > 0)
            path.length = path.position = 0;
        CHECK(plays < BOUND);
    }
}

static uint64_t explore_scenario(const struct scenario *scenario)
{
    loop = hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL});
    stage.scenario = scenario;
    CHECK(loop != NULL);
    hoop_testing_choose(loop, choose, NULL);
    uint64_t plays = explore(scenario, -1, 0);
    for (int victim = 0; victim < scenario->players; victim++)
        for (int delay = 0; delay < scenario->delays; delay++)
            plays += explore(scenario, victim, delay);
    CHECK(hoop_close(loop) == 0);
    CHECK(hoop_testing_live_allocations() == 0);
    printf("# %s: %" PRIu64 " interleavings, %s\n", scenario->name, plays,
           drawn > 0 ? "drawn at random" : "which is all");
    printf("ok %d - %s\n", number, scenario->name);
    fflush(stdout);
    return plays;
}

int main(void)
{
    const char *stress = getenv("HOOP_STRESS");
    drawn = stress != NULL ? strtoull(stress, NULL, 0) * DRAWN : 0;
    const int count = sizeof scenarios / sizeof scenarios[0];
    uint64_t total = 0;
    clock_t start = clock();
    printf("1..%d\n", count);
    for (number = 1; number <= count; number++)
        total += explore_scenario(scenarios[number - 1]);
    printf("# %" PRIu64 " interleavings, %.1f s\n", total,
           (double)(clock() - start) / CLOCKS_PER_SEC);
    return 0;
}
