/* SPDX-License-Identifier: MIT
 *
 * See world.h: what all deeds need, and when a wait is over.
 */
#include "world.h"

struct world world;

static void print_actor(const struct actor *actor)
{
    if (!actor->in_use)
        return;
    fprintf(stderr, "# actor %d: %s%s%s, result %lld, %s%s\n", actor->id,
            actor->begun ? "begun" : "new", actor->ended ? ", ended" : "",
            actor->task != NULL && is_cancelled(actor) ? ", cancelled" : "",
            (long long)actor->result, actor->wait.kind != NO_WAIT ? "waits: " : "",
            actor->wait.kind != NO_WAIT ? actor->wait.name : "does not wait");
}

void check_failed(const char *what, const char *file, int line)
{
    unsigned long long seed = world.seed;
    printf("not ok 1 - %s:%d: %s\n", file, line, what);
    printf("# seed %llu; to run only it: HOOP_SEED=%llu tests/stress/stress_simulation\n", seed,
           seed);
    fflush(stdout);
    for (int i = 0; i < ACTORS; i++)
        print_actor(&world.actors[i]);
    if (world.loop != NULL)
        hoop_print_tasks(world.loop, stderr);
    abort();
}

int pick(int count)
{
    return (int)(hoop_testing_random(&world.random) % (uint64_t)count);
}

int64_t now(void)
{
    return hoop_time_ns(world.loop);
}

static void mix(uint64_t value)
{
    world.trace = (world.trace ^ value) * UINT64_C(0x100000001b3);
    world.trace ^= world.trace >> 29;
}

void trace(const struct actor *self, const char *what, int64_t number)
{
    int id = self != NULL ? self->id : 0;
    if (world.is_told)
        printf("# %lld actor %d: %s %lld\n", (long long)now(), id, what, (long long)number);
    for (const char *c = what; *c != '\0'; c++)
        mix((unsigned char)*c);
    mix((uint64_t)id);
    mix((uint64_t)number);
    mix((uint64_t)now());
}

bool is_cancelled(const struct actor *actor)
{
    return actor->was_cancelled || hoop_task_cancelling(actor->task) > 0;
}

bool is_memory_failure(int64_t code)
{
    return code == -ENOMEM && world.is_failing;
}

/* ---- waits ---- */

void wait_begin(struct actor *self, struct wait wait)
{
    CHECK(self->wait.kind == NO_WAIT);
    self->wait = wait;
    self->was_cancelled = false;
}

void wait_end(struct actor *self)
{
    CHECK(self->wait.kind != NO_WAIT);
    self->wait.kind = NO_WAIT;
}

static int count_done(const struct wait *wait, int *ret_errors, int *ret_failures)
{
    int done = 0;
    *ret_errors = *ret_failures = 0;
    for (int i = 0; i < wait->awaited_count; i++) {
        const struct actor *actor = wait->awaited[i];
        if (!hoop_task_is_done(actor->task))
            continue;
        int64_t result = hoop_task_result(actor->task); /* it may not have had a stack */
        done++;
        *ret_errors += result < 0;
        *ret_failures += result < 0 && result != -ECANCELED;
    }
    return done;
}

static bool is_some_over(const struct wait *wait)
{
    int errors, failures;
    int done = count_done(wait, &errors, &failures);
    return done == wait->awaited_count || now() >= wait->deadline ||
           (wait->return_when == HOOP_FIRST_COMPLETED && done > 0) ||
           (wait->return_when == HOOP_FIRST_ERROR && failures > 0);
}

bool wait_is_over(const struct actor *actor)
{
    const struct wait *wait = &actor->wait;
    if (wait->kind == NO_WAIT)
        return true;
    bool is_released = is_cancelled(actor);
    int errors, failures;
    int done = count_done(wait, &errors, &failures);
    switch (wait->kind) {
    case IN_LINE:
        return wait->was_served || is_released;
    case FOR_CONDITION:
        return (wait->was_served || is_released) && wait->condition->inside == NULL;
    case FOR_LOCK_OF:
        return wait->condition->inside == NULL || is_released;
    case FOR_TIME:
        return now() >= wait->deadline || is_released;
    case FOR_ENDS:
        return done == wait->awaited_count;
    case FOR_ALL_OR_ERR:
        return done == wait->awaited_count || (errors > 0 && !is_released);
    case FOR_ENDS_OR_CANCEL:
        return done == wait->awaited_count || is_released;
    case FOR_SOME:
        return is_released || is_some_over(wait);
    case FOR_FUTURE:
        return is_released || hoop_future_is_done(wait->future);
    case FOR_GROUP:
        return wait->group->live == 0;
    case NO_WAIT:
        break;
    }
    return true;
}

/* ---- lines ---- */

static void line_remove(struct line *line, const struct actor *actor)
{
    int kept = 0;
    for (int i = 0; i < line->count; i++)
        if (line->actors[i] != actor)
            line->actors[kept++] = line->actors[i];
    CHECK(kept == line->count - 1);
    line->count = kept;
}

void line_join(struct actor *self, struct line *line, struct wait wait)
{
    wait.line = line;
    wait.was_served = false;
    if (wait.kind == NO_WAIT)
        wait.kind = IN_LINE;
    wait_begin(self, wait);
    line->actors[line->count++] = self;
}

void line_left(struct actor *self, int64_t rc)
{
    const struct wait *wait = &self->wait;
    if (wait->was_served) {
        CHECK(rc == wait->outcome);
    } else {
        CHECK(rc == -ECANCELED);
        CHECK(is_cancelled(self));
        line_remove(wait->line, self);
    }
    wait_end(self);
}

struct actor *line_serve(struct line *line, int64_t outcome)
{
    for (int i = 0; i < line->count; i++) {
        struct actor *actor = line->actors[i];
        if (is_cancelled(actor))
            continue;
        line_remove(line, actor);
        actor->wait.was_served = true;
        actor->wait.outcome = outcome;
        return actor;
    }
    return NULL;
}

int line_length(const struct line *line)
{
    int length = 0;
    for (int i = 0; i < line->count; i++)
        length += !is_cancelled(line->actors[i]);
    return length;
}
