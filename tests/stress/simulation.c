/* SPDX-License-Identifier: MIT
 *
 * Simulation: all that tasks can do to each other, thrown at the scheduler at random, seed
 * after seed, with the order of the tasks random too, and compared with an exact model of
 * each object (simulation/world.h). Time is virtual, and jumps only when nothing is ready; so
 * at a time that nobody else uses nothing goes on, and who waits then must have a reason:
 * no wake-up is lost.
 *
 *     HOOP_SEED=7 stress_simulation       that seed only, and tells what happens
 *     HOOP_STRESS=100 stress_simulation   so many seeds
 *
 * A quarter of the seeds have allocations that fail. In a fifth nobody cancels but timeouts
 * and groups, and these must take back all that they requested. Some seeds run twice, and
 * must do the same again.
 */
#include <inttypes.h>
#include <time.h>

#include "simulation/world.h"

enum {
    SEEDS = 1000,
    STEPS = 10000, /* a seed, at least */
    TWICE_EVERY = 13,
    SELDOM = 200, /* one allocation in so many fails */
    OFTEN = 8,
    CLOSING_TICKS = 5000, /* by then all must have ended */
};

#define TICK 1000 /* nanoseconds; whatever actors do, they do at multiples of it */

static void fail_allocations(bool on)
{
    unsigned one_in = world.seed % 8 == 0 ? OFTEN : SELDOM;
    if (world.is_failing)
        hoop_testing_fail_randomly(HOOP_FAIL_ALLOCATION, hoop_testing_random(&world.random),
                                   on ? one_in : 0);
}

/* ---- when nothing goes on ---- */

static void check_waits(void)
{
    for (int i = 0; i < ACTORS; i++) {
        const struct actor *actor = &world.actors[i];
        if (!actor->in_use || actor->ended)
            continue;
        CHECK(actor->begun && actor->wait.kind != NO_WAIT);
        if (wait_is_over(actor)) {
            fprintf(stderr, "# actor %d waits for nothing\n", actor->id);
            check_failed("a wake-up was lost", __FILE__, __LINE__);
        }
        if (actor->group != NULL && !actor->was_spared &&
            (actor->group->was_cancelled || actor->group->first_error < 0))
            CHECK(is_cancelled(actor));
        for (int n = 0; n < actor->scope_count; n++)
            CHECK(hoop_timeout_expired(actor->scopes[n].timeout) ==
                  (actor->scopes[n].when <= now()));
    }
}

static int count_timers(void)
{
    int count = callback_timers();
    for (int i = 0; i < ACTORS; i++) {
        const struct actor *actor = &world.actors[i];
        if (!actor->in_use)
            continue;
        count += (actor->wait.kind == FOR_TIME || actor->wait.kind == FOR_SOME) &&
                 actor->wait.deadline != INT64_MAX;
        for (int n = 0; n < actor->scope_count; n++)
            count += actor->scopes[n].when != INT64_MAX && actor->scopes[n].when > now();
    }
    return count;
}

static void look(void)
{
    for (int i = 0; i < ACTORS; i++)
        actor_reap(&world.actors[i]);
    check_waits();
    callbacks_check();
    for (int i = 0; i < LOCKS; i++)
        CHECK(hoop_lock_is_locked(world.locks[i].lock) == (world.locks[i].inside != NULL));
    hoop_info info;
    hoop_loop_info(world.loop, &info);
    CHECK(info.tasks == (size_t)world.live + 1);
    CHECK(info.stacks_in_use == info.tasks);
    CHECK(info.timers == (size_t)count_timers());
}

/* ---- the driver ---- */

static void sleep_surely(int64_t length)
{
    int rc;
    do
        rc = hoop_sleep((double)length / 1e9);
    while (is_memory_failure(rc));
    CHECK(rc == 0);
}

/* Lets a time pass in which the others act, and looks at them when they do not. */
static void tick(void)
{
    int64_t length = (1 + pick(3)) * (int64_t)TICK;
    sleep_surely(length - TICK / 2);
    look();
    sleep_surely(TICK / 2);
}

static uint64_t steps(void)
{
    hoop_info info;
    hoop_loop_info(world.loop, &info);
    return info.steps;
}

/* So that those who wait for each other go on. */
static void disturb(void)
{
    struct actor *actor = actor_pick();
    if (!world.is_gentle && actor != NULL && one_in(2))
        actor_cancel(actor);
}

static void close_world(void)
{
    world.is_closing = true;
    for (int ticks = 0; world.live > 0; ticks++) {
        CHECK(ticks < CLOSING_TICKS);
        for (int i = 0; i < ACTORS && !world.is_gentle; i++)
            if (world.actors[i].in_use && world.actors[i].task != NULL)
                actor_cancel(&world.actors[i]);
        tick();
    }
    sleep_surely(INT64_C(1000000)); /* the last callbacks */
    look();
}

static int64_t drive(void *arg)
{
    (void)arg;
    futures_renew();
    fail_allocations(true);
    while (steps() < STEPS) {
        for (int n = pick(6); n > 0 && world.live < ACTORS / 2; n--)
            (void)spawn(NULL, 0);
        disturb();
        tick();
    }
    close_world();
    fail_allocations(false);
    futures_end();
    return 0;
}

static void on_report(hoop_loop *loop, const hoop_exception *exception, void *arg)
{
    (void)loop;
    (void)arg;
    fprintf(stderr, "# reported: %s\n", exception->message);
    check_failed("there is something to report", __FILE__, __LINE__);
}

/* ---- seeds ---- */

struct outcome {
    uint64_t trace;
    uint64_t steps;
};

static struct outcome run_seed(uint64_t seed, bool is_told)
{
    size_t allocations = hoop_testing_live_allocations();
    world = (struct world){
        .seed = seed,
        .random = seed,
        .is_told = is_told,
        .is_failing = seed % 4 == 0,
        .is_gentle = seed % 5 == 0,
        .timer_time = -1,
    };
    world.loop =
        hoop_new_event_loop_with(&(hoop_loop_options){.clock = HOOP_CLOCK_VIRTUAL, .seed = seed});
    CHECK(world.loop != NULL);
    hoop_set_exception_handler(world.loop, on_report, NULL);
    sync_begin();
    queues_begin();
    CHECK(hoop_run_until_complete(world.loop, drive, NULL) == 0);
    sync_end();
    queues_end();
    struct outcome outcome = {world.trace, steps()};
    CHECK(hoop_close(world.loop) == 0);
    world.loop = NULL;
    CHECK(hoop_testing_live_allocations() == allocations);
    return outcome;
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *value = getenv(variable);
    return value != NULL ? strtoull(value, NULL, 0) : otherwise;
}

/* With commas: 10,123,456. */
static const char *readable(uint64_t number)
{
    static char text[32];
    char *place = text + sizeof text - 1;
    for (int digits = 0; number > 0 || digits == 0; digits++, number /= 10) {
        if (digits > 0 && digits % 3 == 0)
            *--place = ',';
        *--place = (char)('0' + number % 10);
    }
    return place;
}

int main(void)
{
    printf("1..1\n");
    uint64_t only = number_of("HOOP_SEED", 0);
    uint64_t first = only != 0 ? only : 1;
    uint64_t count = only != 0 ? 1 : number_of("HOOP_STRESS", SEEDS);
    uint64_t total = 0, twice = 0;
    clock_t start = clock();
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct outcome outcome = run_seed(seed, only != 0);
        total += outcome.steps;
        if (seed % TWICE_EVERY != 0)
            continue;
        CHECK(run_seed(seed, false).trace == outcome.trace);
        total += outcome.steps;
        twice++;
    }
    printf("# %" PRIu64 " seeds, %s steps, %" PRIu64 " seeds twice, %.1f s\n", count,
           readable(total), twice, (double)(clock() - start) / CLOCKS_PER_SEC);
    printf("ok 1 - what tasks do to each other is what the model says\n");
    return 0;
}
